/** What a screen reader says of messages that arrive in the conversation that is shown. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { t } from "../common/i18n.js";
import { said } from "../elements/said.js";
import { isolated } from "../elements/times.js";

/** @import { Model } from "../core/model.js" */
/** @import { Message } from "../common/types.js" */

/** Messages are gathered for this long, in ms; of more than so many only the number is said, and of each only its beginning. */
const GATHER = 500;
const MOST_READ = 3;
const MOST_LETTERS = 300;

/**
 * A region that can't be seen and says what others write here, and nothing that was there before.
 * @param {{ model: Model, conv: string }} props
 */
export function LiveRegion({ model, conv }) {
    const [words, setWords] = useState("");
    useEffect(() => {
        /** @type {Message[]} */
        let gathered = [];
        let timer = 0;
        const say = () => {
            setWords(inWords(gathered));
            gathered = [];
            timer = 0;
        };
        const end = model.onMessage((message) => {
            if (message.conv === conv && !message.mine && !message.event) {
                gathered.push(message);
                timer ||= setTimeout(say, GATHER);
            }
        });
        return () => {
            end();
            clearTimeout(timer);
        };
    }, [model, conv]);
    return html`<div class="visually-hidden" role="status">${words}</div>`;
}

/**
 * @param {Message[]} messages
 * @returns {string}
 */
function inWords(messages) {
    if (messages.length > MOST_READ) {
        return t("list.announceMany", { n: messages.length });
    }
    const sentences = messages.map((message) =>
        t("list.announce", { name: isolated(message.from), text: isolated(said(message).slice(0, MOST_LETTERS)) }));
    return sentences.join(" ");
}
