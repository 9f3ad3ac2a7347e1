/** The dialog with all rooms: to find and enter one, or to make one. */
import { html, useEffect, useState } from "../vendor/preact.js";
import { Dialog } from "../elements/dialog.js";
import { ErrorText, Field, Form, useTask } from "../elements/form.js";
import { moveFocus } from "../elements/move_focus.js";
import { Checkbox, withValue } from "../elements/fields.js";
import { Icon } from "../elements/icons.js";
import { Join } from "./join.js";
import { hrefOf } from "../elements/routes.js";
import { t } from "../common/i18n.js";
import { Said } from "./sidebar.js";

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../common/types.js").Room} Room
 */

/** @param {{ model: Model, onClose: () => void }} props */
export function Rooms({ model, onClose }) {
    const [rooms, setRooms] = useState(/** @type {Room[] | null} */ (null));
    const [typed, setTyped] = useState("");
    const loading = useTask();
    useEffect(() => void loading.run(async () => setRooms(await model.rooms())), []);
    const wanted = typed.trim().replace(/^#/, "");
    const found = (rooms ?? []).filter((room) => room.name.toLowerCase().includes(wanted.toLowerCase()));
    const exact = found.some((room) => bare(room.name).toLowerCase() === wanted.toLowerCase());
    const show = (/** @type {string} */ conv) => {
        onClose();
        location.hash = hrefOf(conv);
    };
    return html`<${Dialog} title=${t("rooms.title")} onClose=${onClose}>
        <${Field} label=${t("rooms.filter")} autofocus maxlength="64" dir="auto" value=${typed}
            onInput=${withValue(setTyped)} />
        <${ErrorText} text=${loading.error} />
        <ul class="rooms" onKeyDown=${moveFocus} aria-busy=${rooms === null}>
            ${found.map((room) => html`<${RoomRow} key=${room.name} room=${room} model=${model} onShow=${show} />`)}
        </ul>
        ${rooms && wanted && found.length === 0 && html`<p class="hint">${t("rooms.none")}</p>`}
        ${rooms && wanted && !exact && html`<${NewRoom} name=${wanted} model=${model} onShow=${show} />`}
    <//>`;
}

/** @param {string} name */
function bare(name) {
    return name.replace(/^#/, "");
}

/** @param {{ room: Room, model: Model, onShow: (conv: string) => void }} props */
function RoomRow({ room, model, onShow }) {
    const conv = "#" + bare(room.name);
    const joined = model.find(conv)?.joined ?? false;
    return html`<li class="room">
        <div class="about">
            <b dir="auto">${conv}</b>
            ${room.private && html` <${Icon} name="lock" /><${Said} text=${t("nav.private")} />`}
            <small>${t("rooms.online", { n: room.online })}</small>
            ${room.topic && html`<p dir="auto">${room.topic}</p>`}
        </div>
        ${joined
            ? html`<a class="button" href=${hrefOf(conv)} aria-label=${t("rooms.openRoom", { conv })}
                onClick=${() => onShow(conv)}>${t("rooms.open")}</a>`
            : html`<${Join} model=${model} conv=${conv} onJoined=${() => onShow(conv)} />`}
    </li>`;
}

/** @param {{ name: string, model: Model, onShow: (conv: string) => void }} props */
function NewRoom({ name, model, onShow }) {
    const [isPrivate, setPrivate] = useState(false);
    const make = async () => {
        await model.create("#" + name, isPrivate);
        onShow("#" + name);
    };
    return html`<${Form} onSubmit=${make}>
        <${Checkbox} label=${t("rooms.private")} checked=${isPrivate} onChange=${setPrivate} />
        <button dir="auto">${t("rooms.make", { name })}</button>
    <//>`;
}
