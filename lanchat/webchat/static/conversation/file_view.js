/** The file that goes with a message: a picture, something to play, or a line to download it. Loaded with the first one. */

import { html, useState } from "../vendor/preact.js";
import { t } from "../common/i18n.js";
import { Icon } from "../elements/icons.js";
import { sizeInWords } from "../common/sizes.js";

/** @import { Message, SharedFile } from "../common/types.js" */

/** How large pictures are shown at most, in px; and how large one without a small one may be to be shown, in bytes. */
const WIDTH = 360;
const HEIGHT = 270;
const MOST_SHOWN = 1_000_000;

/**
 * @typedef {object} FileProps
 * @property {Message} message
 * @property {SharedFile} file
 * @property {(message: Message) => Promise<SharedFile | null>} onRenew   asks for new links
 */

/**
 * The file of a message.
 * @param {FileProps} props
 */
export function FileView(props) {
    const { message, file, onRenew } = props;
    const [failed, setFailed] = useState("");
    const [kind] = file.type.split("/");
    const shown = file.thumb || (file.size <= MOST_SHOWN ? file.url : "");
    // A link that has ended is replaced, once; what then can't be shown either can still be downloaded.
    const onError = async () => {
        setFailed(failed === "" ? "once" : "twice");
        const renewed = failed === "" ? await onRenew(message).catch(() => null) : null;
        if (renewed === null || renewed.url === file.url) {
            setFailed("twice");
        }
    };
    if (file.url !== "" && failed !== "twice" && kind === "image" && shown !== "") {
        return html`<${Picture} ...${props} shown=${shown} onError=${onError} />`;
    }
    const isPlayed = file.url !== "" && failed !== "twice" && (kind === "video" || kind === "audio");
    return html`${isPlayed && html`<${kind} class="player" controls preload=${kind === "video" ? "metadata" : "none"}
            src=${file.url} aria-label=${file.name} onError=${onError} />`}
        <${Download} ...${props} />`;
}

/**
 * A picture, which takes its place before it is loaded. A click shows all of it in another tab.
 * @param {FileProps & { shown: string, onError: () => void }} props
 */
function Picture({ message, file, shown, onRenew, onError }) {
    const { name, w, h } = file;
    const scale = Math.min(1, WIDTH / w, HEIGHT / h);
    const size = w && h ? { width: Math.max(1, Math.round(w * scale)), height: Math.max(1, Math.round(h * scale)) }
        : { width: WIDTH / 2, height: HEIGHT / 2 };
    const about = `${name}, ${sizeInWords(file.size)}`;
    return html`<a class="picture" href=${file.url} target="_blank" rel="noopener noreferrer" title=${about}
            onClick=${opener(message, file, onRenew)}>
        <img src=${shown} alt=${name} ...${size} loading="lazy" decoding="async" onError=${onError} />
    </a>`;
}

/**
 * A line with the name and the size of a file, which downloads it.
 * @param {FileProps} props
 */
function Download({ message, file, onRenew }) {
    const { name, url } = file;
    const words = html`<${Icon} name="file" /><bdi class="file-name">${name}</bdi> <small>${sizeInWords(file.size)}</small>`;
    return url === "" ? html`<p class="file">${words}</p>`
        : html`<a class="file" href=${url} download=${name} title=${t("message.download", { name })}
            onClick=${opener(message, file, onRenew)}>${words}</a>`;
}

/**
 * Makes what happens at a click on a link: one that has ended is replaced by a new one first.
 * @param {Message} message
 * @param {SharedFile} file
 * @param {FileProps["onRenew"]} onRenew
 * @returns {(event: any) => void}
 */
function opener(message, file, onRenew) {
    return (event) => {
        const link = event.currentTarget;
        if (hasEnded(file.url)) {
            event.preventDefault();
            void onRenew(message).then((renewed) => {
                const copy = link.cloneNode();  // (which asks no more, as a clock may be wrong)
                copy.href = renewed?.url ?? file.url;
                copy.click();
            }, () => undefined);
        }
    };
}

/**
 * Whether a link has ended: it says until when it lasts, in seconds since 1970.
 * @param {string} url
 * @returns {boolean}
 */
function hasEnded(url) {
    const end = Number(new URLSearchParams(url.split("?")[1]).get("e"));
    return end > 0 && end * 1000 <= Date.now();
}
