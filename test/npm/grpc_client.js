// Makes gRPC calls through the proxy, one scenario a run, and prints what came of them as JSON.
//   node grpc_client.js SCENARIO ADDRESS HOST [CA-FILE]
'use strict';
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const Echo = require('./echo');

const [scenario, address, host, ca] = process.argv.slice(2);
const options = { 'grpc.default_authority': host, 'grpc.enable_http_proxy': 0, 'grpc.max_receive_message_length': 64 << 20 };
let credentials = grpc.credentials.createInsecure();
if (ca) {
    credentials = grpc.credentials.createSsl(fs.readFileSync(ca));
    options['grpc.ssl_target_name_override'] = host;
}
const client = new Echo(address, credentials, options);
const soon = () => ({ deadline: Date.now() + 30000 });

function status(error) {
    return { code: error.code, details: error.details, reason: error.metadata.get('x-reason') };
}

function unary(question, more = soon(), metadata = new grpc.Metadata()) {
    return new Promise((resolve) => {
        const seen = {};
        const call = client.Say(question, metadata, more, (error, answer) => {
            seen.answer = answer;
            seen.error = error && status(error);
        });
        call.on('metadata', (head) => { seen.head = head; });
        call.on('status', (end) => {
            seen.trailer = end.metadata;
            setImmediate(() => resolve(seen));
        });
    });
}

// The messages of a stream and how it ended.
function drain(call, each = () => {}) {
    return new Promise((resolve) => {
        const seen = { messages: 0, bytes: 0, order: true };
        call.on('data', (answer) => {
            seen.messages += 1;
            seen.bytes += answer.data.length;
            seen.order = seen.order && answer.count === seen.messages;
            each(answer, seen);
        });
        call.on('error', (error) => { seen.error = status(error); });
        call.on('status', (end) => {
            seen.code = end.code;
            setImmediate(() => resolve(seen));
        });
    });
}

async function write(call, message) {
    if (!call.write(message)) await new Promise((resolve) => call.once('drain', resolve));
}

const scenarios = {
    async unary() {
        const seen = await unary({ text: 'hello' });
        return { text: seen.answer.text, trailer: seen.trailer.get('x-trailer') };
    },
    async large() {
        const data = Buffer.alloc(3 << 20, 'x');
        const seen = await unary({ data });
        return { same: Buffer.compare(seen.answer.data, data) === 0 };
    },
    async metadata() {
        const metadata = new grpc.Metadata();
        metadata.add('x-word', 'one');
        metadata.add('x-word', 'two');
        metadata.add('x-word-bin', Buffer.from([0, 1, 254, 255]));
        const seen = await unary({ text: 'hello' }, soon(), metadata);
        return { word: seen.head.get('x-word').join(', '), binary: [...seen.head.get('x-word-bin')[0]] };
    },
    async error() {
        const seen = await unary({ text: 'ünïcödé', code: 5 });
        return seen.error;
    },
    async deadline() {
        const began = Date.now();
        const seen = await unary({ text: 'late', delay_ms: 20000 }, { deadline: Date.now() + 500 });
        return { code: seen.error.code, soon: Date.now() - began < 10000 };
    },
    async client_stream() {
        return new Promise((resolve) => {
            const call = client.Collect(new grpc.Metadata(), soon(),
                (error, answer) => resolve({ error, count: answer.count, total: answer.total }));
            (async () => {
                for (let number = 0; number < 100; number++) await write(call, { data: Buffer.alloc(20000) });
                call.end();
            })();
        });
    },
    async client_stream_refused() {
        return new Promise((resolve) => {
            const call = client.Collect(new grpc.Metadata(), soon(), (error) => resolve(status(error)));
            call.on('error', () => {});
            call.write({ text: 'enough', code: 8 });
        });
    },
    async server_stream() {
        return drain(client.Repeat({ count: 1000, size: 10 }, soon()));
    },
    async large_server_stream() {
        return drain(client.Repeat({ count: 100, size: 65536 }, soon()));
    },
    async broken_server_stream() {
        return drain(client.Repeat({ text: 'half way', count: 3, size: 1, code: 14 }, soon()));
    },
    async cancelled_server_stream() {
        const call = client.Repeat({ count: 1000000, size: 1000 }, soon());
        return drain(call, (answer, seen) => { if (seen.messages === 10) call.cancel(); })
            .then((seen) => ({ code: seen.code, some: seen.messages >= 10 }));
    },
    async chat() {
        const call = client.Chat(new grpc.Metadata(), soon());
        const ended = drain(call, (answer, seen) => {
            if (seen.messages === 200) call.end();
            else call.write({ text: 'and then' });
        });
        call.write({ text: 'first' });
        return ended;
    },
    async broken_chat() {
        const call = client.Chat(new grpc.Metadata(), soon());
        const ended = drain(call, () => call.write({ text: 'stop', code: 10 }));
        call.write({ text: 'first' });
        return ended;
    },
    async many() {
        const calls = [];
        for (let number = 0; number < 300; number++) calls.push(unary({ text: `${number}` }));
        const all = await Promise.all(calls);
        return { right: all.filter((seen, number) => seen.answer && seen.answer.text === `${number}`).length };
    },
};

scenarios[scenario]().then((seen) => {
    console.log(JSON.stringify(seen));
    client.close();
}).catch((error) => {
    console.error(error);
    process.exit(1);
});
