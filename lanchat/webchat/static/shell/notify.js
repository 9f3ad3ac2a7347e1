/** What draws attention to a page that is not looked at: title, icon, badge, sound, and notifications of the browser. */
import { hrefOf } from "../elements/routes.js";
import { said } from "../elements/said.js";
import { t } from "../common/i18n.js";

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("./preferences.js").Preferences} Preferences
 * @typedef {import("../common/types.js").Message} Message
 * @typedef {import("../common/types.js").Conversation} Conversation
 */

/** @type {AudioContext | null} */
let audio = null;

/**
 * Whether the browser shows notifications of this page.
 * @returns {boolean}
 */
export function mayNotify() {
    return isSecureContext && "Notification" in window && Notification.permission === "granted";
}

/**
 * Asks the person for it, which browsers allow only after a click.
 * @returns {Promise<boolean>}
 */
export async function askToNotify() {
    return isSecureContext && "Notification" in window && (await Notification.requestPermission()) === "granted";
}

/** Makes a short sound; nothing is heard before the person has touched the page, as browsers have it. */
export function playSound() {
    if (!audio || audio.state !== "running") {
        return;
    }
    const [oscillator, gain, now] = [audio.createOscillator(), audio.createGain(), audio.currentTime];
    oscillator.frequency.setValueAtTime(660, now);
    oscillator.frequency.setValueAtTime(880, now + 0.09);
    gain.gain.setValueAtTime(0.0001, now);
    gain.gain.exponentialRampToValueAtTime(0.12, now + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, now + 0.3);
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start(now);
    oscillator.stop(now + 0.32);
}

/**
 * Draws attention to messages that come, and to what is unread, from now on.
 * @param {Model} model
 * @param {Preferences} preferences
 */
export function drawAttention(model, preferences) {
    const unlock = () => {
        if (preferences.sound && "AudioContext" in window) {
            audio ??= new AudioContext();
            void audio.resume().catch(() => {});
        }
    };
    ["pointerup", "keydown"].forEach((gesture) => addEventListener(gesture, unlock, { capture: true }));
    model.subscribe(() => showCount(model));
    model.onMessage((message, conversation) => {
        if (!concerns(message, conversation, preferences) || isSeen(model, message.conv)) {
            return;
        }
        if (preferences.sound) {
            playSound();
        }
        if (preferences.notifications && mayNotify()) {
            notify(message);
        }
    });
}

/**
 * Whether a message is one that the person wants to be told of.
 * @param {Message} message
 * @param {Conversation} conversation
 * @param {{ scope: string }} preferences
 * @returns {boolean}
 */
export function concerns(message, conversation, { scope }) {
    if (message.mine || message.event || conversation.muted) {
        return false;
    }
    return scope === "all" || conversation.kind === "person" || message.mentionsMe;
}

/**
 * @param {Model} model
 * @param {string} conv
 */
function isSeen(model, conv) {
    return model.current === conv && document.visibilityState === "visible" && document.hasFocus();
}

/**
 * Who says something, and where: `ann in #ops`.
 * @param {Message} message
 * @returns {string}
 */
export function whoAndWhere({ from: name, conv }) {
    return { "#": t("notify.room", { name, conv }), "@": name }[conv[0]] ?? t("notify.everyone", { name });
}

/** @param {Message} message */
function notify(message) {
    const { conv } = message;
    try {
        const shown = new Notification(whoAndWhere(message), {
            body: said(message).slice(0, 200), tag: conv, icon: "./icon.svg",
        });
        shown.onclick = () => {
            window.focus();
            location.hash = hrefOf(conv);
            shown.close();
        };
    } catch {
        // Chrome on Android has Notification, but only for service workers
    }
}

let shownCount = 0;

/**
 * Shows how much is unread in the title, as a dot in the icon, and as a badge where there are badges.
 * @param {Model} model
 */
function showCount(model) {
    const count = model.conversations.reduce((sum, item) => (item.muted ? sum : sum + item.unread), 0);
    document.title = count ? `(${count}) lanchat` : "lanchat";
    if (Boolean(count) !== Boolean(shownCount)) {
        document.querySelector("link[rel=icon]")?.setAttribute("href", count ? "./icon-unread.svg" : "./icon.svg");
    }
    if (count !== shownCount && "setAppBadge" in navigator) {
        void navigator.setAppBadge(count).catch(() => {});
    }
    shownCount = count;
}
