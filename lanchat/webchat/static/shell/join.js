/** The button that enters a room. */
import { html, useState } from "../vendor/preact.js";
import { Field, Form } from "../elements/form.js";
import { t } from "../common/i18n.js";

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../elements/form.js").Values} Values
 */

/**
 * A button to enter a room. If the server refuses, what it says is shown, with a field for the key that the room may ask for.
 * @param {{ model: Model, conv: string, onJoined?: () => void, primary?: boolean }} props
 */
export function Join({ model, conv, onJoined = () => {}, primary = false }) {
    const [refused, setRefused] = useState(false);
    const join = async (/** @type {Values} */ { key = "" }) => {
        try {
            await model.join(conv, key.trim());
        } catch (error) {
            setRefused(/** @type {any} */ (error).code === "FORBIDDEN");
            throw error;
        }
        onJoined();
    };
    return html`<${Form} class="join" onSubmit=${join}>
        ${refused && html`<${Field} label=${t("rooms.key")} name="key" autofocus />`}
        <button class=${primary ? "primary" : ""} aria-label=${t("rooms.joinRoom", { conv })}>${t("rooms.join")}</button>
    <//>`;
}
