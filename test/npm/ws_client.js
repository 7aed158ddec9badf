// Does with a WebSocket server, through the proxy, what a test wants to see, and prints it as JSON.
//   node ws_client.js URL HOST [CA-FILE]
'use strict';
const { once } = require('events');
const fs = require('fs');
const WebSocket = require('ws');

const [url, host, ca] = process.argv.slice(2);
const options = { headers: { Host: host }, perMessageDeflate: false };
if (ca) {
    options.ca = fs.readFileSync(ca);
    options.servername = host;
}

function connect(more = {}) {
    return new Promise((resolve, reject) => {
        const socket = new WebSocket(url, more.protocols || [], { ...options, ...more });
        socket.once('open', () => resolve(socket));
        socket.once('error', reject);
    });
}

// The values of the next event of this kind; an error rejects.
const next = (socket, event = 'message') => once(socket, event);

async function echo(socket, data) {
    const answer = next(socket);
    socket.send(data);
    const [got, isBinary] = await answer;
    return isBinary === Buffer.isBuffer(data) && Buffer.compare(got, Buffer.from(data)) === 0;
}

async function main() {
    const seen = {};
    const socket = await connect();
    seen.echoes = [];
    for (const data of ['', 'hello', 'ünïcödé', Buffer.from([0, 1, 255]), Buffer.alloc(125), Buffer.alloc(126),
        Buffer.alloc(65535), Buffer.alloc(65536, 'x'), Buffer.alloc(1 << 20, 'y')]) {
        seen.echoes.push(await echo(socket, data));
    }

    let answer = next(socket);
    for (const [piece, fin] of [['a ', false], ['b ', false], ['c', true]]) socket.send(piece, { fin });
    seen.fragments_up = (await answer)[0].toString();
    answer = next(socket);
    socket.send('fragments please');
    seen.fragments_down = (await answer)[0].toString();

    const pong = next(socket, 'pong');
    socket.ping('still there');
    seen.pong = (await pong)[0].toString();
    answer = next(socket);
    socket.send('ping please');
    seen.ping = (await answer)[0].toString();

    let closed = next(socket, 'close');
    socket.close(4000, 'enough');
    let [code, reason] = await closed;
    seen.own_close = [code, reason.toString()];

    const second = await connect({ perMessageDeflate: true });
    seen.deflate = second.extensions;
    seen.deflated = await echo(second, 'z'.repeat(1 << 20));
    closed = next(second, 'close');
    second.send('close please');
    [code, reason] = await closed;
    seen.their_close = [code, reason.toString()];
    console.log(JSON.stringify(seen));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
