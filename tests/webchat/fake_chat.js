// Shows a conversation of the chat page with messages that are made up here instead of coming from a server. Tests evaluate it in a
// page of the server, so that its rules (CSP, Trusted Types) hold, and then use `window.chat`.
async ({ count, seqRead, focus, conv, language }) => {
    const [{ html, render }, { Conversation }, { Timeline }, { Observable }, { setLanguage }] = await Promise.all(
        ["vendor/preact", "conversation/conversation", "core/timeline", "common/observable", "common/i18n"].map((name) => import(`/still/${name}.js`)),
    );
    await setLanguage(language);
    await Promise.all(["style", "conversation"].map((name) => new Promise((resolve) => {
        const link = document.createElement("link");
        Object.assign(link, { rel: "stylesheet", href: `/still/${name}.css`, onload: resolve });
        document.head.append(link);
    })));

    const START = Date.UTC(2026, 10, 1);
    const NAMES = ["ann", "bob", "eve"];
    const messageOf = (seq, more = {}) => ({
        key: `e1.${seq}`, id: `e1.${seq}`, seq, conv, from: NAMES[Math.floor(seq / 3) % 3], text: `number ${seq} ${"of the log ".repeat(seq % 7)}`,
        time: START + seq * 60_000, kind: "", bot: false, re: seq % 10 === 9 ? `e1.${seq - 4}` : "", mine: false, edited: 0,
        withdrawn: false, reactions: seq % 8 === 0 ? [["👍", ["ann", "bob"]]] : [], mentionsMe: false, state: "sent", error: "",
        snippet: "", file: null, event: null, ...more,
    });
    const log = Array.from({ length: count }, (_, n) => messageOf(n + 1));
    const later = () => new Promise((resolve) => setTimeout(resolve, 20));
    const source = {
        async page(_conv, { before, after, around, limit }) {
            await later();
            const at = log.findIndex(({ id }) => id === around);
            if (around !== undefined && at < 0) {
                throw new Error("no such message");
            }
            const from = after !== undefined ? after : around !== undefined ? Math.max(0, at - limit / 2)
                : Math.max(0, (before ?? log.length + 1) - 1 - limit);
            const upto = before !== undefined ? before - 1 : from + limit;
            const messages = log.slice(from, upto);
            const more = after !== undefined ? upto < log.length : from > 0;
            return { messages, more, before: (after !== undefined ? messages.at(-1) : messages[0])?.seq ?? 0 };
        },
        hasPages: () => true,
        cached: () => undefined,
        excerpt: async (id) => later().then(() => log.find((message) => message.id === id) ?? null),
    };

    class FakeModel extends Observable {
        me = { name: "me", account: true, away: "", role: "user" };
        people = new Map(NAMES.map((name) => [name, { name, online: true, away: false }]));
        commands = [["/me", "/me TEXT"], ["/members", "/members ROOM"]].map(([name, usage]) => ({ name, usage, help: "" }));
        unread = 0;
        typers = [];
        /** What was asked of the model. */
        asked = [];
        heard = new Set();
        #timeline = new Timeline(conv, source);

        timeline() {
            return this.#timeline;
        }
        find() {
            return { conv, kind: "room", topic: "", rank: "", unread: this.unread };
        }
        typing() {
            return this.typers;
        }
        sendTyping() {
            this.asked.push(["typing"]);
        }
        markRead() {
            this.unread = 0;
        }
        onMessage(fn) {
            this.heard.add(fn);
            return () => this.heard.delete(fn);
        }
        async send(_conv, text, { re }) {
            this.asked.push(["send", text, re]);
            const row = messageOf(0, { key: `own ${this.asked.length}`, id: "", from: "me", mine: true, text, re, state: "sending" });
            this.timeline().addUnsent(row);
            await later();
            if (text === "fail") {
                this.timeline().changeUnsent(row.key, { state: "failed", error: "You are muted." });
            } else {
                this.timeline().confirm({ ...this.append({ ...row, state: "sent" }), key: row.key });
            }
        }
        append(more) {
            const seq = log.length + 1;
            log.push(messageOf(seq, { ...more, seq, id: `e1.${seq}`, key: `e1.${seq}`, time: START + seq * 60_000 }));
            return log.at(-1);
        }
        /** A message by somebody else. */
        say(text, more = {}) {
            const message = this.append({ text, re: "", reactions: [], from: "bob", ...more });
            this.timeline().add(message);
            this.unread++;
            this.heard.forEach((fn) => fn(message));
            this.changed();
        }
        async renewLinks({ id, file }) {
            this.asked.push(["link", id]);
            const renewed = (url) => url.replace("e=1&", "e=9999999999&");
            const next = { ...file, url: renewed(file.url), thumb: renewed(file.thumb) };
            this.timeline().apply({ op: "file", id, from: "", text: "", time: 0, file: next });
            return next;
        }
        async resend(message) {
            this.timeline().discard(message.key);
            await this.send(conv, "second try", { re: "" });
        }
        discard(message) {
            this.timeline().discard(message.key);
        }
        #change(op, message, text) {
            this.asked.push([op, message.id, text]);
            this.timeline().apply({ op, id: message.id, from: "me", text, time: Date.now() });
        }
        async edit(message, text) {
            this.#change("edit", message, text);
        }
        async withdraw(message) {
            this.#change("withdraw", message, "");
        }
        async react(message, text) {
            this.#change("react", message, text);
        }
        async command(line) {
            this.asked.push(["command", line]);
            return { text: `Done: ${line}` };
        }
    }

    const model = new FakeModel();
    model.timeline().newSince = seqRead;
    model.unread = seqRead ? count - seqRead : 0;
    document.body.replaceChildren();
    const show = (id) => render(html`<${Conversation} key=${conv} model=${model} conv=${conv} focus=${id} onMenu=${() => {}}
        onInfo=${() => {}} />`, document.body);
    show(focus);
    await model.timeline().load();

    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const feed = document.querySelector("[role=feed]");
    /** The rows that are visible, and how far below the top of the list each is. */
    const visible = () => {
        const { top, bottom } = feed.getBoundingClientRect();
        const boxes = [...feed.querySelectorAll("article")].map((row) => [Number(row.dataset.seq), row.getBoundingClientRect()]);
        return new Map(boxes.filter(([, box]) => box.bottom > top && box.top < bottom).map(([seq, box]) => [seq, box.top - top]));
    };

    /**
     * Scrolls by `step` px a picture until nothing more comes. Tells which rows were seen, the most rows there were, and the rows
     * that did not move as the others did, or against the way of the reader, by more than a px.
     */
    const scroll = async (step) => {
        const seen = new Set();
        const jumps = [];
        let most = 0;
        let before = visible();
        before.forEach((_at, seq) => seen.add(seq));
        for (let still = 0; still < 30;) {
            const top = feed.scrollTop;
            feed.scrollTop += step;
            await frame();
            const now = visible();
            const moves = [...now].filter(([seq]) => before.has(seq)).map(([seq, at]) => at - before.get(seq));
            const steady = moves.every((move) => Math.abs(move - moves[0]) <= 1 && move * Math.sign(step) <= 1);
            if (moves.length === 0 || !steady) {
                jumps.push({ from: [...before.keys()], to: [...now.keys()], moves });
            }
            now.forEach((_at, seq) => seen.add(seq));
            most = Math.max(most, feed.querySelectorAll("article").length);
            const rests = model.timeline().loading === "" && moves.every((move) => Math.abs(move) < 1) && Math.abs(feed.scrollTop - top) < 1;
            still = rests ? still + 1 : 0;
            before = now;
        }
        return { seen: [...seen].sort((a, b) => a - b), jumps, most, visible: [...before.keys()] };
    };
    /** Resolves when nothing is loading, and all that changed is drawn. */
    const settle = async () => {
        for (let still = 0; still < 4; still = model.timeline().loading === "" ? still + 1 : 0) {
            await frame();
        }
    };
    window.chat = { model, show, settle, frame, visible, scroll, feed };
}
