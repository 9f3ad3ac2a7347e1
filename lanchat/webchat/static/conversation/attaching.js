/** How files come to a conversation: chosen, pasted or dropped. What becomes of them is loaded with the first one. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { t } from "../common/i18n.js";
import { EVERYONE } from "../common/names.js";
import { IconButton } from "../elements/button.js";
import { Later, withStyle } from "../elements/later.js";

/** @import { Model } from "../core/model.js" */

const importUploads = () => import("./upload_list.js");
const loadUploads = () => withStyle(importUploads, "./files.css");

/**
 * @typedef {object} Attaching
 * @property {boolean} allowed   whether files can be sent here
 * @property {number} chosen     how many files go with the next message
 * @property {any} list          the files that are not sent yet
 * @property {any} target        where files are dropped, while some are dragged over the conversation
 * @property {Record<string, (event: any) => void>} dragged   handlers of the conversation
 * @property {(event: any) => void} pasted                    handler of the field
 * @property {(files: FileList | File[]) => void} attach      chooses files
 */

/**
 * The files that are chosen for a conversation, and how others are.
 * @param {Model} model
 * @param {string} conv
 * @param {boolean} on   whether the server takes files of the reader
 * @param {(text: string) => void} onNotice   is told in words what is impossible
 * @returns {Attaching}
 */
export function useAttaching(model, conv, on, onNotice) {
    const [shown, setShown] = useState(() => Boolean(model.uploads?.of(conv).length));
    const [chosen, setChosen] = useState(0);
    const [over, setOver] = useState(false);
    const allowed = on && conv !== EVERYONE;
    useEffect(dropNowhere, []);
    const attach = async (/** @type {FileList | File[]} */ files) => {
        const taken = [...files];  // (the list of a field is emptied)
        try {
            const { uploadsOf } = await loadUploads();
            uploadsOf(model).add(conv, taken);
            setShown(true);
        } catch {
            onNotice(t("error.unknown"));
        }
    };
    const take = (/** @type {Event} */ event, /** @type {DataTransfer | null} */ data) => {
        if (allowed && data?.files.length) {
            event.preventDefault();
            void attach(data.files);
        }
    };
    const list = shown && html`<${Later} load=${loadUploads} name="UploadList" model=${model} conv=${conv}
        onChosen=${setChosen} onClose=${() => setShown(false)} />`;
    return {
        allowed, chosen, list, attach,
        // What spreadsheets and text processors copy is a picture, too: the text is what is meant.
        pasted: (event) => event.clipboardData.types.includes("text/plain") || take(event, event.clipboardData),
        dragged: {
            onDragEnter: (event) => hasFiles(event) && setOver(allowed),
            onDrop: (event) => {
                setOver(false);
                take(event, event.dataTransfer);
            },
        },
        target: over && html`<div class="drop-target" onDragLeave=${() => setOver(false)}>${t("composer.drop")}</div>`,
    };
}

/**
 * Lets the user choose files; phones offer their camera, too.
 * @param {{ attach: (files: FileList) => void }} props
 */
export function AttachButton({ attach }) {
    const field = useRef(/** @type {HTMLInputElement | null} */ (null));
    const changed = (/** @type {any} */ { currentTarget }) => {
        attach(currentTarget.files);
        currentTarget.value = "";  // (so that the same file can be chosen again)
    };
    return html`<input ref=${field} type="file" multiple hidden onChange=${changed} />
        <${IconButton} icon="attach" label=${t("composer.attach")} onClick=${() => field.current?.click()} />`;
}

/** @param {DragEvent} event */
function hasFiles(event) {
    return event.dataTransfer?.types.includes("Files") ?? false;
}

/** Files that are dropped elsewhere don't take the place of the page, as browsers would have it. */
function dropNowhere() {
    const ignore = (/** @type {DragEvent} */ event) => hasFiles(event) && event.preventDefault();
    const ends = ["dragover", "drop"].map((name) => {
        addEventListener(name, /** @type {any} */ (ignore));
        return () => removeEventListener(name, /** @type {any} */ (ignore));
    });
    return () => ends.forEach((end) => end());
}
