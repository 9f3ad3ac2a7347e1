/** What somebody said, in words only: where a message is read out, or told of outside of the page. */
import { t } from "../common/i18n.js";

/**
 * The text of a message; of one with a file, that it was sent, too.
 * @param {import("../common/types.js").Message} message
 * @returns {string}
 */
export function said({ text, file }) {
    return file ? [t("notify.file", { name: file.name }), text === file.name ? "" : text].filter(Boolean).join("\n") : text;
}
