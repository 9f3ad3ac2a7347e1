/*
 * A life of a timeline. Its server is a log in memory, whose pages are read at one moment and arrive at another, or not at all,
 * while what is said and changed arrives in its order. Meanwhile the reader scrolls, jumps and writes.
 *
 * The value is "" if at every look all that the timeline shows is what is in the log between its first row and its last;
 * otherwise the first difference.
 */
async (seed) => {
    const { Timeline } = await import("/core/timeline.js");
    const { ownMessage, messageOf } = await import("/core/messages.js");
    let state = seed * 2654435761 % 2**32;
    const chance = (n) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor(state / 2**32 * n);
    };
    const log = [], changes = [], live = [];
    let seq = 0;
    const packet = ({ from, text, seq: n }) =>
        ({ from, to: "#r", msg: text, x: { id: `e1.${n}`, seq: n, conv: "#r", ts: "2026-11-30T00:00:00Z" } });
    const say = (from, text) => {
        const entry = { seq: ++seq, from, text, gone: false };
        log.push(entry);
        return entry;
    };
    const read = ({ before = Infinity, after, around, limit }) => {
        const there = log.filter((entry) => !entry.gone);
        let found, more;
        if (after !== undefined) {
            found = there.filter((entry) => entry.seq > after);
            more = found.length > limit;
            found = found.slice(0, limit);
        } else if (around !== undefined) {
            const earlier = there.filter((entry) => entry.seq < around), later = there.filter((entry) => entry.seq >= around);
            more = earlier.length > limit / 2;
            found = [...earlier.slice(-limit / 2), ...later.slice(0, limit / 2)];
        } else {
            found = there.filter((entry) => entry.seq < before);
            more = found.length > limit;
            found = found.slice(-limit);
        }
        const edge = after === undefined ? found[0]?.seq : found.at(-1)?.seq;
        return { messages: found.map((entry) => messageOf(packet(entry), "me")), more, before: edge ?? 0 };
    };
    const asked = [];  // requests, in their order: not read, read, arrived
    const source = {
        page: (conv, place) => new Promise((resolve, reject) => asked.push({ place, resolve, reject, page: null })),
        hasPages: () => true, cached: () => undefined, excerpt: async () => null,
    };
    const timeline = new Timeline("#r", source);
    for (let n = 0, most = chance(1500); n < most; n++) {
        say("ann", `text ${n}`);
    }
    const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
    const change = () => {
        const entry = log[log.length - 1 - chance(Math.min(log.length, 250))];
        if (entry !== undefined && !entry.gone) {
            const op = chance(4) === 0 ? "withdraw" : "edit";
            entry.gone = op === "withdraw";
            entry.text = op === "edit" ? `changed ${++seq}` : entry.text;
            live.push({ op, id: `e1.${entry.seq}`, from: entry.from, text: entry.text, time: 0 });
        }
    };
    const own = () => {
        const key = `own ${seq}`;
        timeline.addUnsent(ownMessage(key, "#r", "me", key, { re: "", kind: "" }));
        if (!timeline.atEnd && timeline.loaded) {
            void timeline.jumpToEnd();
        }
        const entry = say("me", key);
        live.push({ ...messageOf(packet(entry), "me"), key, own: true });
    };
    const deliver = () => {
        const one = live.shift();
        if (one?.op !== undefined) {
            timeline.apply(one);
        } else if (one?.own) {
            const { own: _, ...message } = one;
            timeline.confirm(message);
        } else if (one !== undefined) {
            timeline.add(one);
        }
    };
    const arrive = (fails) => {
        const one = asked.shift();
        if (one !== undefined && one.page === null && fails) {
            one.reject(new Error("cut"));
        } else {
            one?.resolve(one.page ?? read(one.place));
        }
    };
    const rarely = (often, act) => () => {
        if (chance(often) === 0) {
            void act();
        }
    };
    const acts = [
        () => live.push(messageOf(packet(say("ann", `new ${seq}`)), "me")), change, rarely(12, own), deliver, deliver, deliver,
        () => asked.filter((one) => one.page === null).slice(0, 1).forEach((one) => { one.page = read(one.place); }),
        () => arrive(false), () => arrive(chance(4) === 0),
        () => void timeline.load(), () => void timeline.loadOlder(), () => void timeline.loadOlder(),
        () => void timeline.loadNewer(), rarely(15, () => timeline.jumpTo(1 + chance(seq + 1))),
        rarely(15, () => timeline.jumpToEnd()), rarely(15, () => timeline.refresh()), rarely(60, () => timeline.clear()),
    ];
    const wrong = async (moment) => {
        while (live.length > 0) {
            deliver();
        }
        for (let n = 0; n < 40 && asked.length > 0; n++) {
            arrive(false);
            await settle();
        }
        if (!timeline.loaded) {
            return "";
        }
        const shown = timeline.rows.filter((row) => !row.withdrawn).map((row) => `${row.seq} ${row.text} ${row.state}`);
        const first = timeline.rows[0]?.seq ?? 0, last = timeline.rows.at(-1)?.seq ?? 0;
        const from = timeline.atStart ? 0 : first, to = timeline.atEnd ? Infinity : last;
        const real = log.filter((entry) => !entry.gone && entry.seq >= from && entry.seq <= to)
            .map((entry) => `${entry.seq} ${entry.text} sent`);
        if (timeline.rows.length > 400 || new Set(timeline.rows.map((row) => row.key)).size !== timeline.rows.length) {
            return `${moment}: ${timeline.rows.length} rows`;
        }
        const at = shown.findIndex((row, n) => row !== real[n]);
        return at < 0 && shown.length === real.length ? ""
            : `${moment}: row ${at} of ${shown.length} is ${shown[at]}, of ${real.length} in the log ${real[at]}`;
    };
    for (let moment = 0; moment < 2000; moment++) {
        acts[chance(acts.length)]();
        if (chance(3) === 0) {
            await Promise.resolve();
            await Promise.resolve();
        }
        if (moment % 200 === 199) {
            const found = await wrong(moment);
            if (found !== "") {
                return found;
            }
        }
    }
    return "";
}
