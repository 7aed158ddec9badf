"""WebSockets with the clients and servers that others use: Python's `websockets` and npm's `ws`, in all pairs."""

import asyncio
import json
import queue
import sys
import tempfile
import threading
import time

import pki
from counting import read_stats
from harness import (PATIENCE, at_least, case, cases, contains, equal, expect, free_port, one_of)
from npm import node
from secured import context

# Where Debian keeps it, for a python3 that is not Debian's own. Behind this folder: no module here may be called so.
sys.path.append("/usr/lib/python3/dist-packages")

import websockets  # noqa: E402

LIMIT = 64 << 20
WAIT = 20 * PATIENCE
DIRECT = {"proxy": None} if int(websockets.__version__.split(".")[0]) >= 15 else {}


# Servers: each echoes, and does what test/npm/ws_server.js says of itself.

class PythonServer:
    """Python's websockets, on an event loop of its own thread."""

    def __init__(self, t):
        self.port = free_port()
        self.closes = queue.Queue()
        self.open = 0
        self.loop = asyncio.new_event_loop()
        self.started = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        expect(self.started.wait(WAIT), "the server has started")

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())

    async def _serve(self):
        self.stopping = asyncio.Event()
        async with websockets.serve(self._handle, "127.0.0.1", self.port, max_size=LIMIT, ping_interval=None,
                                    subprotocols=["chat"]):
            self.started.set()
            await self.stopping.wait()

    async def _handle(self, socket, _path=None):
        self.open += 1
        try:
            async for message in socket:
                await self._answer(socket, message)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.open -= 1
            self.closes.put((socket.close_code, socket.close_reason))

    @staticmethod
    async def _answer(socket, message):
        if message == "fragments please":
            await socket.send(["one ", "two ", "three"])
        elif message == "ping please":
            await (await socket.ping(b"are you there"))
            await socket.send("pong are you there")
        elif message == "close please":
            await socket.close(4321, "as you wish")
        elif message == "die please":
            socket.transport.abort()
        else:
            await socket.send(message)

    def closed(self):
        """How the next of its connections ended: (code, reason)."""
        return self.closes.get(timeout=WAIT)

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopping.set)


class NodeServer:
    """npm's ws."""

    def __init__(self, t):
        self.process = node("ws_server.js", needs="ws")
        self.port = int(self.process.stdout.readline())

    def closed(self):
        word, code, *reason = self.process.stdout.readline().split(maxsplit=2)
        equal(word, "closed", "what the server says")
        return int(code), "".join(reason).strip()

    def stop(self):
        self.process.kill()
        self.process.communicate()


SERVERS = [("Python's server", PythonServer), ("ws's server", NodeServer)]


class Route:
    """A route to such a server, plain or under TLS as well, in a process of its own where the case needs that."""

    def __init__(self, t, server, secured=False, own=False, **fields):
        self.t = t
        self.port = free_port()
        flags = ["--https", f"127.0.0.1:{self.port}"] if secured else []
        self.proxy = t.start(*flags) if secured or own else t.proxy
        self.server = server(t)
        self.host = t.unique_host(self.server.port)
        self.proxy.add_route(self.host, {"hostname": "127.0.0.1", "port": self.server.port}, **fields)
        self.pair = None
        if secured:
            self.pair = pki.make(self.host)
            answer = self.proxy.api("POST", "/api/v1/certificates", {"domain": self.host, "cert": self.pair.cert, "key": self.pair.key})
            equal(answer.status, 201, "status of the upload")
        else:
            self.port = self.proxy.port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def connect(self, **more):
        """A client of Python's, through the proxy."""
        more = {"max_size": LIMIT, "ping_interval": None, "compression": None, "open_timeout": WAIT} | DIRECT | more
        if self.pair:
            more |= {"ssl": context(self.pair), "server_hostname": self.host}
        return websockets.connect(f"{'wss' if self.pair else 'ws'}://{self.host}/chat", host="127.0.0.1", port=self.port, **more)


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 3 * WAIT))


def refusal(error):
    """The status of an opening handshake that was refused, by either generation of the library."""
    return getattr(error, "status_code", None) or error.response.status_code


# Python's client.

MESSAGES = ["", "hello", "ünïcödé", b"\0\x01\xff", bytes(125), bytes(126), bytes(65_535), b"x" * 65_536, b"y" * (1 << 20)]
PAIRS = [(f"{kind}, {name}", secured, server) for kind, secured in (("ws", False), ("wss", True)) for name, server in SERVERS]


@cases([(f"Python's client: messages, fragments, pings and closes: {name}", *rest) for name, *rest in PAIRS], deadline=60)
def python_client(t, secured, server):
    async def talk(route):
        async with route.connect() as socket:
            for message in MESSAGES:
                await socket.send(message)
                equal(await socket.recv(), message, "the echo")
            await socket.send(["a ", "b ", "c"])
            equal(await socket.recv(), "a b c", "the echo of fragments")
            await socket.send("fragments please")
            equal(await socket.recv(), "one two three", "the server's fragments")
            await asyncio.wait_for(await socket.ping(b"still there"), WAIT)
            await socket.send("ping please")
            equal(await socket.recv(), "pong are you there", "what came of the server's ping")
            await socket.close(4000, "enough")
        equal(route.server.closed(), (4000, "enough"), "the close at the server")
        async with route.connect(compression="deflate") as socket:
            await socket.send("z" * (1 << 20))
            equal(await socket.recv(), "z" * (1 << 20), "the echo under permessage-deflate")
            await socket.send("close please")
            await socket.wait_closed()
            equal((socket.close_code, socket.close_reason), (4321, "as you wish"), "the close at the client")
    with Route(t, server, secured) as route:
        run(talk(route))


@cases([(f"ws's client: messages, fragments, pings and closes: {name}", *rest) for name, *rest in PAIRS], deadline=60)
def node_client(t, secured, server):
    with Route(t, server, secured) as route, tempfile.NamedTemporaryFile("w") as ca:
        more = []
        if route.pair:
            ca.write(route.pair.cert)
            ca.flush()
            more = [ca.name]
        process = node("ws_client.js", f"{'wss' if secured else 'ws'}://127.0.0.1:{route.port}/chat", route.host, *more, needs="ws")
        out, err = process.communicate(timeout=2 * WAIT)
        equal((process.returncode, err), (0, ""), "the client's exit code and complaints")
        seen = json.loads(out)
        contains(seen.pop("deflate"), "permessage-deflate", "the extension")
        equal(seen, {"echoes": [True] * 9, "fragments_up": "a b c", "fragments_down": "one two three", "pong": "still there",
                     "ping": "pong are you there", "own_close": [4000, "enough"], "deflated": True,
                     "their_close": [4321, "as you wish"]}, "what the client saw")
        equal(route.server.closed(), (4000, "enough"), "the first close at the server")


@cases([(f"a subprotocol is agreed on: {name}", server) for name, server in SERVERS[:1]])
def subprotocol(t, server):
    async def talk(route):
        async with route.connect(subprotocols=["superchat", "chat"]) as socket:
            equal(socket.subprotocol, "chat", "the subprotocol")
    with Route(t, server) as route:
        run(talk(route))


@cases([(f"a server that dies is a close without a code (1006): {name}", server) for name, server in SERVERS])
def server_dies(t, server):
    async def talk(route):
        async with route.connect() as socket:
            await socket.send("die please")
            await asyncio.wait_for(socket.wait_closed(), WAIT)
            equal(socket.close_code, 1006, "the close code at the client")
    with Route(t, server) as route:
        run(talk(route))


@cases([(f"a client that dies is a close without a code (1006) at the server: {name}", server) for name, server in SERVERS])
def client_dies(t, server):
    async def talk(route):
        socket = await route.connect()
        await socket.send("hello")
        await socket.recv()
        socket.transport.abort()
    with Route(t, server) as route:
        run(talk(route))
        equal(route.server.closed()[0], 1006, "the close code at the server")


@case("tunnelIdle ends a connection that nobody uses, pings keep one")
def idle(t):
    async def talk(route):
        async with route.connect() as used, route.connect() as unused:
            began = time.monotonic()
            while time.monotonic() - began < 2.5:
                await (await used.ping())
                await asyncio.sleep(0.1)
            await asyncio.wait_for(unused.wait_closed(), WAIT)
            equal(unused.close_code, 1006, "the close code of the one that was not used")
            await used.send("still here")
            equal(await used.recv(), "still here", "the echo")
    with Route(t, PythonServer, tunnelIdle="1s") as route:
        run(talk(route))


@case("a route's admission holds for tunnels: while they last, the next one is 503, and then it has its turn")
def admission(t):
    async def talk(route):
        first, second = await route.connect(), await route.connect()
        for _ in range(3):
            try:
                await route.connect()
            except Exception as error:  # of a class that differs between the library's generations
                equal(refusal(error), 503, "status of the third")
            else:
                expect(False, "the third was let in")
        await first.close()
        equal(route.server.closed()[0], 1000, "the first one's close")
        third = await open_soon(route)
        await third.send("my turn")
        equal(await third.recv(), "my turn", "the echo")
        await third.close()
        await second.close()
    with Route(t, PythonServer, reqActiveLength=2, reqQueueLength=0) as route:
        run(talk(route))


async def open_soon(route):
    """The slot is free once the proxy has seen both ends of the tunnel."""
    ends = time.monotonic() + WAIT
    while True:
        try:
            return await route.connect()
        except Exception as error:  # as above
            one_of(refusal(error), [503], "status")
            expect(time.monotonic() < ends, "the slot became free")
            await asyncio.sleep(0.02)


@case("1,000 tunnels at once, each with its own echo, and /stats knows them", alone=True, deadline=120)
def many(t):
    count = t.scaled(1000, 50)

    async def talk(route):
        sockets = []
        for _ in range(0, count, 50):
            sockets += await asyncio.gather(*(route.connect() for _ in range(min(50, count - len(sockets)))))
        equal(read_stats(route.proxy, route.host)["requests"]["active"], count, "active requests in /stats")
        for turn in range(3):
            await asyncio.gather(*(socket.send(f"{turn} {number}") for number, socket in enumerate(sockets)))
            for number, socket in enumerate(sockets):
                equal(await socket.recv(), f"{turn} {number}", "the echo")
        at_least(route.server.open, count, "tunnels at the server")
        await asyncio.gather(*(socket.close() for socket in sockets))
    with Route(t, PythonServer, own=True) as route:
        run(talk(route))
        t.eventually(lambda: read_stats(route.proxy, route.host)["requests"]["active"] == 0, "an end of all tunnels in /stats")
        numbers = read_stats(route.proxy, route.host)
        equal(numbers["requests"]["received"], count, "requests in /stats")
        at_least(numbers["bytes"]["out"], count * 3 * 4, "bytes out in /stats")
