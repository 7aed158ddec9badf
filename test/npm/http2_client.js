// Node's own HTTP/2 client: makes requests through the proxy, and prints what came of them as JSON.
//   node http2_client.js ORIGIN HOST [CA-FILE]
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http2 = require('http2');

const [origin, host, ca] = process.argv.slice(2);
const options = ca ? { ca: fs.readFileSync(ca), servername: host } : {};
const session = http2.connect(origin, options);
const hash = (data) => crypto.createHash('sha256').update(data).digest('hex');

// A request and its whole answer; `write` sends its body.
function ask(headers, write = (stream) => stream.end(), more = {}) {
    return new Promise((resolve, reject) => {
        const stream = session.request({ ':authority': host, ...headers }, more);
        const seen = { interim: [], body: [] };
        stream.on('headers', (fields) => seen.interim.push(fields[':status']));
        stream.on('response', (fields) => { seen.status = fields[':status']; seen.fields = fields; });
        stream.on('trailers', (fields) => { seen.trailers = fields; });
        stream.on('data', (piece) => seen.body.push(piece));
        stream.on('error', reject);
        stream.on('close', () => resolve({ ...seen, body: Buffer.concat(seen.body), code: stream.rstCode }));
        write(stream);
    });
}

async function main() {
    const seen = {};
    await new Promise((resolve, reject) => {
        session.once('remoteSettings', resolve);
        session.once('error', reject);
    });
    seen.connect_protocol = session.remoteSettings.enableConnectProtocol;

    const many = await Promise.all(Array.from({ length: 300 }, (_, number) => ask({ ':path': `/name/${number}` })));
    seen.many = many.filter((answer, number) => answer.status === 200 && answer.body.toString() === `/name/${number}`).length;

    const body = crypto.randomBytes(8 << 20);
    const echo = await ask({ ':path': '/echo', ':method': 'POST' }, (stream) => stream.end(body));
    seen.upload = hash(echo.body) === hash(body);

    const trailed = await ask({ ':path': '/trailers', ':method': 'POST', te: 'trailers' }, (stream) => {
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': 'abc' }));
        stream.end('hello');
    }, { waitForTrailers: true });
    seen.trailers = [trailed.body.toString(), trailed.trailers['x-sum']];

    const head = await ask({ ':path': '/echo', ':method': 'HEAD' });
    seen.head = [head.status, head.body.length];
    seen.hints = (await ask({ ':path': '/hints' })).interim;

    const endless = await ask({ ':path': '/endless' }, (stream) => {
        stream.end();
        stream.once('data', () => stream.close(http2.constants.NGHTTP2_CANCEL));
    });
    seen.cancelled = endless.code;

    const tunnel = await ask({ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/tunnel' }, (stream) => {
        stream.once('response', () => stream.end('through the tunnel'));
    });
    seen.tunnel = [tunnel.status, tunnel.body.toString()];
    await new Promise((resolve) => session.ping(resolve));
    console.log(JSON.stringify(seen));
    session.close();
}

session.on('error', (error) => {
    console.error(error);
    process.exit(1);
});
main().catch((error) => {
    console.error(error);
    process.exit(1);
});
