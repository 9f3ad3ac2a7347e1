/** Thumbnails of pictures that are sent, made by the browser: the server decodes nothing that strangers send. */

/** The longest side of a thumbnail in pixels, and how many bytes it has at most (docs/protocol.md, "Files"). */
const SIDE = 480;
const MOST_BYTES = 65_536;
/** A picture of so many bytes is sent without a small one, if it is no larger than that: it is small itself. */
const SMALL_BYTES = 32_768;
/** What is larger, in bytes, is not decoded: that would take too much memory. */
const MOST_DECODED = 100_000_000;
/** How the thumbnail is made, the first way that is short enough: its longest side, and its quality. */
const WAYS = [[SIDE, 0.8], [SIDE, 0.5], [SIDE / 2, 0.5]];

/**
 * The size of a picture in pixels, and a small one of it, or null if it needs none.
 * @typedef {{ w: number, h: number, thumb: Blob|null }} Picture
 */

/**
 * What can be said of a file that is a picture; null if the browser can't show it as one.
 * @param {Blob} file
 * @returns {Promise<Picture|null>}
 */
export async function pictureOf(file) {
    if (!file.type.startsWith("image/") || file.size > MOST_DECODED) {
        return null;
    }
    let bitmap = null;
    try {
        bitmap = await createImageBitmap(file);
        const { width: w, height: h } = bitmap;
        const isSmall = file.size <= SMALL_BYTES && Math.max(w, h) <= SIDE;
        return { w, h, thumb: isSmall ? null : await smaller(bitmap) };
    } catch {
        return null;  // no picture, one of an unknown kind, or one that is too large for the memory
    } finally {
        bitmap?.close();
    }
}

/**
 * @param {ImageBitmap} bitmap
 * @returns {Promise<Blob|null>}
 */
async function smaller(bitmap) {
    for (const [side, quality] of WAYS) {
        const canvas = drawn(bitmap, side);
        // (Safari does not write WebP, and says so by another type)
        let blob = await encoded(canvas, "image/webp", quality);
        blob = blob?.type === "image/webp" ? blob : await encoded(canvas, "image/jpeg", quality);
        if (blob !== null && blob.size <= MOST_BYTES) {
            return blob;
        }
    }
    return null;
}

/**
 * @param {ImageBitmap} bitmap
 * @param {number} side The longest side.
 * @returns {HTMLCanvasElement}
 */
function drawn(bitmap, side) {
    const { width, height } = bitmap, scale = Math.min(1, side / Math.max(width, height));
    const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    if (context !== null) {
        context.fillStyle = "#fff";  // JPEG has no transparency
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.imageSmoothingQuality = "high";
        context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    }
    return canvas;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} type
 * @param {number} quality
 * @returns {Promise<Blob|null>}
 */
function encoded(canvas, type, quality) {
    return new Promise((resolve) => canvas.toBlob(resolve, type, quality));
}
