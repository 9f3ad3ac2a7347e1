/**
 * Runs in the chat page before its own scripts, and measures what a person would see: when what was typed or came is painted,
 * and whether the list stays whole and in its place while it is scrolled. All times are in ms, all lengths in CSS pixels.
 */
(() => {
    /** How far a row may be from where it should be: half pixels are rounded. */
    const TOLERANCE = 2;
    /** Frames without a movement after which a list has come to rest. */
    const REST = 4;
    /** How long a list may take to follow the wheel. */
    const PATIENCE = 30_000;

    // (Chromium would fetch a dictionary from its maker.)
    addEventListener("DOMContentLoaded", () => (document.documentElement.spellcheck = false));

    const now = () => performance.now();
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const list = () => document.querySelector("[role=feed]");
    const rows = () => [...list().querySelectorAll("article[data-seq]")];

    /** Resolves behind everything that the frame at hand does. */
    const behindFrame = () =>
        new Promise((resolve) => {
            const channel = new MessageChannel();
            channel.port1.onmessage = resolve;
            channel.port2.postMessage(null);
        });

    /** Whether a frame is being made, which will paint what changes now. */
    let isInFrame = false;

    /** When what is in the document now has been painted. */
    async function painted() {
        if (!isInFrame) await frame();
        await behindFrame();
        return now();
    }

    /** From each key to the paint after it. */
    const keys = [];
    addEventListener("keydown", ({ timeStamp }) => void painted().then((at) => keys.push(at - timeStamp)), true);

    /** When each message came that says "append N", by N, as the browser stamped it. */
    const arrivals = new Map();
    window.WebSocket = class extends WebSocket {
        constructor(...words) {
            super(...words);
            this.addEventListener("message", ({ data, timeStamp }) => {
                const found = /append (\d+)/.exec(data);
                if (found) arrivals.set(Number(found[1]), timeStamp);
            });
        }
    };

    /** Resolves with the time from the arrival of the message "append N" to the paint of its row. */
    function appended(number) {
        const isThere = () => rows().at(-1)?.textContent.includes(`append ${number}.`);
        return new Promise((resolve) => {
            const look = () => {
                if (!isThere()) return;
                observer.disconnect();
                void painted().then((at) => resolve(at - arrivals.get(number)));
            };
            const observer = new MutationObserver(look);
            observer.observe(document.body, { childList: true, subtree: true, characterData: true });
            look();
        });
    }

    /** What was seen since the beginning of `watch`. */
    let seen = new Set();
    let most = 0;
    const faults = [];
    /** What the wheel asked for, and how far the rows went; both positive towards older messages. */
    let wheeled = 0;
    let moved = 0;
    let still = 0;
    let places = new Map();
    addEventListener("wheel", ({ deltaY }) => (wheeled -= deltaY), { capture: true, passive: true });

    /** In each frame: which rows there are, which of them are visible, and how far they went since the last frame. */
    function look() {
        const box = list().getBoundingClientRect();
        const all = rows();
        most = Math.max(most, all.length);
        all.forEach((row, i) => {
            const gap = i > 0 && Number(row.dataset.seq) - Number(all[i - 1].dataset.seq) - 1;
            if (gap) faults.push(`${gap} messages are missing before ${row.dataset.seq}`);
        });
        const visible = new Map();
        for (const row of all) {
            const { top, bottom } = row.getBoundingClientRect();
            if (bottom > box.top && top < box.bottom) visible.set(Number(row.dataset.seq), top);
        }
        const steps = [...visible].filter(([seq]) => places.has(seq)).map(([seq, top]) => top - places.get(seq));
        const step = steps[0] ?? 0;
        if (places.size && !steps.length) faults.push("no row stayed on the screen from one frame to the next");
        if (steps.some((other) => Math.abs(other - step) > TOLERANCE)) faults.push("rows moved apart");
        moved += step;
        still = Math.abs(step) < 0.01 && wheeled ? still + 1 : 0;
        for (const seq of visible.keys()) seen.add(seq);
        places = visible;
    }

    async function watch() {
        for (;;) {
            await frame();
            isInFrame = true;
            void behindFrame().then(() => (isInFrame = false));
            if (list()) look();
        }
    }

    /** Resolves when a turn of the wheel has been followed, with what is left of it and whether the list is at its first row. */
    async function followed(wanted) {
        const end = now() + PATIENCE;
        for (still = 0; wheeled !== wanted || still < REST; ) {
            await frame();
            if (now() > end) throw new Error("the list did not follow the wheel");
        }
        const left = wheeled - moved;
        wheeled = moved = 0;
        return { left, top: list().scrollTop, first: Number(rows()[0].dataset.seq), last: Number(rows().at(-1).dataset.seq) };
    }

    /** What was found; it is forgotten here. */
    function found() {
        const result = { seen: seen.size, most, faults: faults.splice(0), keys: keys.splice(0) };
        seen = new Set();
        most = wheeled = moved = 0;
        return result;
    }

    window.probe = { appended, followed, found, watch };
})();
