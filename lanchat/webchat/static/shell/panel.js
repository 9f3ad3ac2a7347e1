/** The panel about the conversation that is shown: beside it in a wide window, over it in a narrow one. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { EveryonePanel, PersonPanel } from "./person.js";
import { IconButton } from "../elements/button.js";
import { RoomPanel } from "./room.js";
import { t } from "../common/i18n.js";
import { useObservable } from "../common/observable_hook.js";

/** From this width on the panel stands beside the conversation. */
const WIDE = "(min-width: 64rem)";

/** @param {{ model: Model, conv: string, onClose: () => void }} props */
export function Panel({ model, conv, onClose }) {
    useObservable(model);
    const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
    const wide = useMatches(WIDE);
    const conversation = model.find(conv);
    useLayoutEffect(() => {
        const panel = ref.current;
        if (wide) {
            panel?.show();
        } else {
            panel?.showModal();
        }
        return () => panel?.close();
    }, [wide]);
    useEffect(() => (conversation ? undefined : onClose()), [conversation]);
    const escape = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && wide && onClose();
    const beside = (/** @type {MouseEvent} */ event) => !wide && event.target === ref.current && onClose();
    return html`<dialog class="panel" ref=${ref} aria-labelledby="panel-title" onKeyDown=${escape} onCancel=${onClose}
            onMouseDown=${beside}>
        <div class="dialog-body">
            <header>
                <h2 id="panel-title" dir="auto">${conv === "Everyone" ? t("list.everyone") : conv}</h2>
                <${IconButton} icon="close" label=${t("dialog.close")} onClick=${onClose} />
            </header>
            ${conversation?.kind === "room" && html`<${RoomPanel} model=${model} room=${conversation} onClose=${onClose} />`}
            ${conversation?.kind === "person" && html`<${PersonPanel} key=${conversation.conv} model=${model}
                conversation=${conversation} />`}
            ${conversation?.kind === "everyone" && html`<${EveryonePanel} model=${model} conversation=${conversation} />`}
        </div>
    </dialog>`;
}

/** @typedef {import("../core/model.js").Model} Model */

/**
 * Whether a media query matches, now and whenever that changes.
 * @param {string} query
 * @returns {boolean}
 */
function useMatches(query) {
    const [matches, setMatches] = useState(() => matchMedia(query).matches);
    useEffect(() => {
        const media = matchMedia(query);
        const follow = () => setMatches(media.matches);
        media.addEventListener("change", follow);
        return () => media.removeEventListener("change", follow);
    }, [query]);
    return matches;
}
