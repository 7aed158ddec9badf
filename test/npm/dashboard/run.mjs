// Reads lines of JSON, {"scenario", "admin", …}, plays each in a page of its own, and says how it went: {"ok"} or
// {"error"}. The first line it writes says that the browser is there.

import readline from 'node:readline';
import { Board, start, stop } from './browser.mjs';
import * as access from './access.mjs';
import * as editing from './editing.mjs';
import * as looks from './looks.mjs';
import * as watching from './watching.mjs';

const scenarios = { ...access, ...editing, ...looks, ...watching };

async function play({ scenario, options, ...job }) {
    const board = new Board(job, options);
    try {
        await scenarios[scenario](board);
        await board.close();
        return { ok: true };
    } catch (error) {
        await board.shot(`failed-${scenario}`).catch(() => {});
        await board.context?.close().catch(() => {});
        return { error: [error.stack, ...board.faults].join('\n') };
    }
}

await start(process.argv[2]);
console.log('ready');
for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await play(JSON.parse(line))));
}
await stop();
