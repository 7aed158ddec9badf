// A gRPC server that gives back what it is told, in all four kinds of calls. Prints its port, then each call that was
// cancelled under its hands.
'use strict';
const grpc = require('@grpc/grpc-js');
const Echo = require('./echo');

function failure(question) {
    const metadata = new grpc.Metadata();
    metadata.set('x-reason', 'asked for');
    return { code: question.code, details: `no: ${question.text}`, metadata };
}

function watch(call, name) {
    call.on('cancelled', () => console.log(`cancelled ${name}`));
}

const methods = {
    Say(call, done) {
        watch(call, 'Say');
        const question = call.request;
        const head = new grpc.Metadata();
        for (const name of ['x-word', 'x-word-bin']) {
            for (const value of call.metadata.get(name)) head.add(name, value);
        }
        const trailer = new grpc.Metadata();
        trailer.set('x-trailer', 'at the end');
        setTimeout(() => {
            if (question.code) return done(failure(question));
            call.sendMetadata(head);
            done(null, { text: question.text, data: question.data, count: 1 }, trailer);
        }, question.delay_ms);
    },
    Collect(call, done) {
        watch(call, 'Collect');
        let count = 0;
        let total = 0;
        call.on('data', (question) => {
            count += 1;
            total += question.data.length;
            if (question.code) done(failure(question));
        });
        call.on('end', () => done(null, { count, total }));
    },
    async Repeat(call) {
        watch(call, 'Repeat');
        const { count, size, code, text } = call.request;
        for (let number = 1; number <= count && !call.cancelled; number++) {
            if (!call.write({ text, count: number, data: Buffer.alloc(size, number) })) {
                await new Promise((resolve) => {
                    call.once('drain', resolve);
                    call.once('cancelled', resolve);
                });
            }
        }
        if (code) call.emit('error', failure(call.request));
        else call.end();
    },
    Chat(call) {
        watch(call, 'Chat');
        let count = 0;
        call.on('data', (question) => {
            count += 1;
            if (question.code) call.emit('error', failure(question));
            else call.write({ text: question.text, count });
        });
        call.on('end', () => call.end());
        call.on('error', () => {});
    },
};

const server = new grpc.Server({ 'grpc.max_receive_message_length': 64 << 20 });
server.addService(Echo.service, methods);
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    console.log(port);
});
