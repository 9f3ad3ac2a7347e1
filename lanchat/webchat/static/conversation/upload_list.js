/** The files that are chosen, on their way or not sent, above the field where one writes. Loaded with the first of them. */

import { html, useEffect } from "../vendor/preact.js";
import { IconButton } from "../elements/button.js";
import { t } from "../common/i18n.js";
import { useObservable } from "../common/observable_hook.js";
import { sizeInWords } from "../common/sizes.js";
import { Uploads } from "../core/uploads.js";

/** @import { Model } from "../core/model.js" */
/** @import { UploadRow } from "../core/uploads.js" */

/**
 * The files that one sends, which are made with the first.
 * @param {Model} model
 * @returns {Uploads}
 */
export function uploadsOf(model) {
    model.uploads ??= new Uploads(model);
    return model.uploads;
}

/**
 * The files of a conversation that are not there yet.
 * @param {{ model: Model, conv: string, onChosen: (n: number) => void }} props   `onChosen` is told how many go with the next
 *     message.
 */
export function UploadList({ model, conv, onChosen }) {
    const uploads = useObservable(uploadsOf(model));
    const rows = uploads.of(conv);
    const chosen = rows.filter((row) => row.state === "chosen").length;
    useEffect(() => {
        onChosen(chosen);
        return () => onChosen(0);
    }, [chosen]);
    return rows.length > 0 && html`<ul class="uploads" aria-label=${t("upload.list")}>
        ${rows.map((row) => html`<${Row} key=${row.key} uploads=${uploads} row=${row} />`)}
    </ul>`;
}

/** @param {{ uploads: Uploads, row: UploadRow }} props */
function Row({ uploads, row }) {
    const { file: { name, size }, state, part, error, isFinal } = row;
    const isUnderWay = state === "waiting" || state === "sending";
    return html`<li data-state=${state}>
        <bdi class="file-name">${name}</bdi> <small>${sizeInWords(size)}</small>
        ${isUnderWay && html`<progress max="1" value=${part} aria-label=${t("upload.progress", { name })} />`}
        ${error && html`<span class="error" role="alert" dir="auto">${error}</span>`}
        ${state === "failed" && !isFinal && html`<button type="button" onClick=${() => uploads.retry(row)}>
            ${t("message.resend")}
        </button>`}
        <${IconButton} icon="close" label=${t(isUnderWay ? "upload.cancel" : "upload.remove", { name })}
            onClick=${() => uploads.remove(row)} />
    </li>`;
}
