// A bot made with irc-framework: it does what each line of its input says ({"do": "say", "args": ["#lobby", "hello"]}), and prints
// each thing that happens as a line ({"name": "privmsg", "event": {"nick": "ann", ...}}).
"use strict";

const readline = require("node:readline");
const { Client } = require("irc-framework");

const bot = new Client();
bot.use((client, raw, parsed) => {
    parsed.use((name, event, _, next) => {
        console.log(JSON.stringify({ name, event }));
        next();
    });
});
bot.connect(JSON.parse(process.argv[2]));
readline.createInterface({ input: process.stdin }).on("line", (line) => {
    const { do: method, args } = JSON.parse(line);
    bot[method](...args);
});
bot.on("close", () => process.exit());
