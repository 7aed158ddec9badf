// A WebSocket server that gives back what it gets, and does what a few words ask of it. Prints its port.
'use strict';
const { WebSocketServer } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 64 << 20, perMessageDeflate: true });
server.on('listening', () => console.log(server.address().port));

server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
        const word = isBinary ? '' : data.toString();
        if (word === 'fragments please') {
            socket.send('one ', { fin: false });
            socket.send('two ', { fin: false });
            socket.send('three', { fin: true });
        } else if (word === 'ping please') {
            socket.once('pong', (payload) => socket.send(`pong ${payload}`));
            socket.ping('are you there');
        } else if (word === 'close please') {
            socket.close(4321, 'as you wish');
        } else if (word === 'die please') {
            socket.terminate();
        } else {
            socket.send(data, { binary: isBinary });
        }
    });
    socket.on('close', (code, reason) => console.log(`closed ${code} ${reason}`));
    socket.on('error', () => {});
});
