/** Parts of the page that are loaded when they are needed first, so that there is less to load at the beginning. */

import { html, useLayoutEffect, useState } from "../vendor/preact.js";
import { loadLaterTexts, t } from "../common/i18n.js";
import { note } from "./status.js";

/**
 * A component of a module that is loaded first. If that can't be loaded, or Esc is pressed meanwhile, `onClose` is called.
 * @param {{ load: () => Promise<{ [name: string]: any }>, name: string, onClose: () => void, [prop: string]: any }} props
 */
export function Later({ load, name, ...props }) {
    const [loaded, setLoaded] = useState(/** @type {{ [name: string]: any } | null} */ (null));
    useLayoutEffect(() => {
        if (loaded) {
            return undefined;
        }
        let isWanted = true;
        const escape = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && props.onClose();
        addEventListener("keydown", escape);
        load().then((module) => isWanted && setLoaded(module), () => {
            note(t("error.unknown"));
            props.onClose();
        });
        return () => {
            isWanted = false;
            removeEventListener("keydown", escape);
        };
    }, [loaded]);
    return loaded && html`<${loaded[name]} ...${props} />`;
}

/** The styles that are there or on their way. @type {Map<string, Promise<void>>} */
const styles = new Map();

/**
 * Loads a module, with its texts and the style that belongs to it.
 * @template T
 * @param {() => Promise<T>} load
 * @param {string} href   of the style
 * @returns {Promise<T>}
 */
export async function withStyle(load, href) {
    const style = styles.get(href) ?? addStyle(href);
    styles.set(href, style);
    style.catch(() => styles.delete(href));
    const [module] = await Promise.all([load(), style, loadLaterTexts()]);
    return module;
}

const importDialogs = () => import("../shell/dialogs.js");

/** Loads the dialogs (dialogs.js). */
export const loadDialogs = () => withStyle(importDialogs, "./dialogs.css");

/**
 * @param {string} href
 * @returns {Promise<void>}
 */
function addStyle(href) {
    return new Promise((resolve, reject) => {
        const link = document.createElement("link");
        link.rel = "stylesheet";
        link.href = href;
        link.onload = () => resolve();
        link.onerror = () => {
            link.remove();
            reject(new Error(`${href} can't be loaded`));
        };
        document.head.append(link);
    });
}
