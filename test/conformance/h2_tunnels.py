"""WebSocket over HTTP/2: extended CONNECT (RFC 8441) is an HTTP/1.1 upgrade for the backend."""

import base64
import hashlib
import os
import signal
import threading

import h2_frames as h2
from h2 import connect
from harness import (PATIENCE, Cut, answers, at_most, case, cases, equal, expect, in_threads, one_of, response)

MIB = 1 << 20
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def switch(request, *lines):
    """The 101 that a WebSocket server gives to this request."""
    accept = base64.b64encode(hashlib.sha1(request.fields.need("Sec-WebSocket-Key") + GUID).digest())
    more = b"".join(line.encode() + b"\r\n" for line in lines)
    return (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
            + accept + b"\r\n" + more + b"\r\n")


def echo_tunnel(backend):
    """Switches, then gives back what comes until the client's end, and ends."""
    backend.send(switch(backend.read_request()))
    while piece := backend.read_some():
        backend.send(piece)
    backend.finish_sending()


def fields(host, *lines, protocol="websocket", target="/chat", scheme="http"):
    pseudo = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", scheme), (":path", target), (":authority", host)]
    return h2.pairs_of([pair for pair in pseudo if pair[1] is not None] + ["sec-websocket-version: 13", *lines])


def ask(client, host, *lines, **more):
    """A stream that asks for a tunnel."""
    return client.headers(fields(host, *lines, **more), end=False)


def opened(t, script, *lines, client=None, proxy=None, **route):
    origin = t.origin(script, proxy=proxy, **route)
    client = client or connect(t, proxy)
    stream = ask(client, origin.host, *lines)
    equal(stream.wait_head().status, 200, "status")
    return origin, client, stream


def take(stream, count):
    """The next bytes of the tunnel."""
    stream.wait_body(count)
    data = bytes(stream.body[:count])
    del stream.body[:count]
    stream.count -= count
    return data


def settled(stream):
    """Until the proxy has ended the stream."""
    stream.client.wait(lambda: stream.over, f"the end of stream {stream.number}")


@case("the backend sees an HTTP/1.1 upgrade with a key of ours; the client gets 200")
def handshake(t):
    def script(backend):
        request = backend.read_request()
        backend.send(switch(request, "Sec-WebSocket-Protocol: chat", "X-A: 1"))
        backend.wait_end()
    origin, _, stream = opened(t, script, "sec-websocket-protocol: chat, superchat", "origin: http://a.test", "cookie: a=1")
    received = origin.requests[0]
    equal((received.method, received.target, received.version), (b"GET", b"/chat", b"1.1"), "the request upstream")
    equal(received.fields.all("host"), [origin.host.encode()], "Host upstream")
    equal((received.fields.get("Upgrade"), received.fields.tokens("Connection")), (b"websocket", [b"upgrade"]), "the upgrade upstream")
    equal(len(base64.b64decode(received.fields.need("Sec-WebSocket-Key"), validate=True)), 16, "bytes of the key")
    equal(received.fields.get("Sec-WebSocket-Version"), b"13", "Sec-WebSocket-Version upstream")
    equal(received.fields.get("Sec-WebSocket-Protocol"), b"chat, superchat", "Sec-WebSocket-Protocol upstream")
    equal((received.fields.get("Origin"), received.fields.get("Cookie")), (b"http://a.test", b"a=1"), "Origin and Cookie upstream")
    equal(received.framing, "none", "framing upstream")
    expect(not any(name.startswith(b":") for name, _ in received.fields), "no pseudo-field goes upstream")
    answer = stream.head
    equal((answer.fields.get("sec-websocket-protocol"), answer.fields.get("x-a")), (b"chat", b"1"), "the backend's fields")
    for name in ("connection", "upgrade", "sec-websocket-accept", "content-length", "transfer-encoding"):
        equal(answer.fields.has(name), False, name)


@case("each tunnel has a key of its own")
def keys(t):
    origin, client, _ = opened(t, echo_tunnel)
    for _ in range(4):
        equal(ask(client, origin.host).wait_head().status, 200, "status")
    equal(len({one.fields.need("Sec-WebSocket-Key") for one in origin.requests}), 5, "keys")


@case("the tunnel carries any bytes both ways")
def tunnel(t):
    _, client, stream = opened(t, echo_tunnel)
    for piece in (b"hello", bytes(range(256)), b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n\r\n\0"):
        stream.send(piece)
        equal(take(stream, len(piece)), piece, "the echo")
    stream.send(b"", end=True)
    settled(stream)
    expect(stream.ended, "a clean end")
    client.must_stay_open_for(t.origin().host)


@case("4 MiB through the tunnel, both ways at once", deadline=60)
def big_tunnel(t):
    _, _, stream = opened(t, echo_tunnel)
    data = os.urandom(MIB)
    total = t.scaled(4)
    in_threads(lambda: [stream.send(data) for _ in range(total)] and stream.send(b"", end=True), lambda: settled(stream))
    expect(stream.ended and bytes(stream.body) == data * total, "the echo is what was sent")


@case("two tunnels and requests share a connection")
def shared(t):
    _, client, first = opened(t, echo_tunnel)
    _, _, second = opened(t, echo_tunnel, client=client)
    origin = t.origin()
    for number in range(10):
        first.send(b"first %d" % number)
        second.send(b"second %d" % number)
        equal(client.fetch(origin.host).status, 200, "status of a request between")
        equal(take(second, 8), b"second %d" % number, "the second's echo")
        equal(take(first, 7), b"first %d" % number, "the first's echo")


@case("DATA before the answer goes up after the 101 only")
def early_data(t):
    def script(backend):
        request = backend.read_request()
        expect(backend.quiet_for(0.3), f"bytes came before the 101: {bytes(backend.buffer)!r}")
        backend.send(switch(request))
        equal(backend.read_exactly(11), b"first frame", "the early data")
        backend.send(b"got it")
        backend.wait_end()
    origin = t.origin(script)
    stream = ask(connect(t), origin.host)
    stream.send(b"first frame")
    equal(stream.wait_head().status, 200, "status")
    equal(take(stream, 6), b"got it", "the answer in the tunnel")


@case("what is glued to the 101 comes down")
def glued(t):
    def script(backend):
        backend.send(switch(backend.read_request()) + b"first frame")
        backend.wait_end()
    _, _, stream = opened(t, script)
    equal(take(stream, 11), b"first frame", "the glued data")


# Ends.

@case("the client's END_STREAM is a FIN upstream, and the backend may still speak")
def client_half_close(t):
    def script(backend):
        backend.send(switch(backend.read_request()))
        equal(backend.wait_end(), b"last words", "what came before the FIN")
        backend.send(b"and mine")
    _, _, stream = opened(t, script)
    stream.send(b"last words", end=True)
    settled(stream)
    equal((stream.ended, bytes(stream.body)), (True, b"and mine"), "what came after the FIN")


@case("the backend's FIN is END_STREAM, and the client may still speak")
def backend_half_close(t):
    heard = []
    done = threading.Event()

    def script(backend):
        backend.send(switch(backend.read_request()) + b"last words")
        backend.finish_sending()
        heard.append(backend.wait_end())
        done.set()
    _, client, stream = opened(t, script)
    client.wait(lambda: stream.ended, "END_STREAM")
    equal(bytes(stream.body), b"last words", "what came before it")
    stream.send(b"and mine", end=True)
    expect(done.wait(10), "the backend saw the end")
    equal(heard, [b"and mine"], "what the backend heard after its FIN")
    client.must_stay_open_for(t.origin().host)


def switches_and_waits(backend):
    backend.send(switch(backend.read_request()))
    backend.wait_end()


@cases([("a reset closes the backend's side", lambda client, stream: stream.reset()),
        ("the connection's end closes the backend's side", lambda client, stream: client.reset())])
def client_leaves(t, leave):
    origin, client, stream = opened(t, switches_and_waits)
    leave(client, stream)
    origin.wait_ended(0)


@case("a reset before the answer closes the backend's side")
def leaves_early(t):
    def script(backend):
        backend.read_request()
        backend.wait_end()
    origin = t.origin(script)
    client = connect(t)
    stream = ask(client, origin.host)
    origin.wait_requests(1)
    stream.reset()
    origin.wait_ended(0)
    client.must_stay_open_for(t.origin().host)


@case("the backend's RST is RST_STREAM, and the connection goes on")
def backend_reset(t):
    def script(backend):
        backend.send(switch(backend.read_request()))
        backend.read_exactly(2)
        backend.reset()
    _, client, stream = opened(t, script)
    stream.send(b"go")
    stream.must_reset(h2.INTERNAL_ERROR, h2.CONNECT_ERROR, h2.CANCEL)
    client.must_stay_open_for(t.origin().host)


@case("an idle tunnel is ended after tunnelIdle, both sides; the connection goes on")
def idle_tunnel(t):
    origin, client, stream = opened(t, switches_and_waits, tunnelIdle="500ms")
    settled(stream)
    origin.wait_ended(0)
    client.must_stay_open_for(t.origin().host)


@case("a tunnel outlives the other timeouts", flags=["--idle-timeout", "500ms", "--header-timeout", "500ms",
                                                      "--body-timeout", "500ms", "--response-timeout", "500ms"])
def long_tunnel(t):
    _, client, stream = opened(t, echo_tunnel)
    client.listen(1.5)
    stream.send(b"still here")
    equal(take(stream, 10), b"still here", "the echo")


@case("--drain-timeout ends a tunnel; until then it carries on")
def drained(t):
    proxy = t.start("--drain-timeout", "1500ms")
    _, client, stream = opened(t, echo_tunnel, proxy=proxy)
    proxy.signal(signal.SIGTERM)
    client.wait(lambda: client.goaways, "GOAWAY")
    stream.send(b"still here")
    equal(take(stream, 10), b"still here", "the echo")
    client.wait_closed()
    proxy.wait_exit(5 * PATIENCE)
    proxy.judge()


# No tunnel.

@cases([(f"a backend's {status} is the answer, with its body", status)
        for status in ("403 Forbidden", "404 Not Found", "503 Service Unavailable")])
def refused(t, status):
    origin = t.origin(answers(response(status, b"no")), retries=0)
    other = t.origin()
    client = connect(t)
    stream = ask(client, origin.host)
    settled(stream)
    equal((stream.head.status, bytes(stream.body)), (int(status[:3]), b"no"), "the answer")
    client.must_stay_open_for(other.host)


@case("a backend that answers 200 has not switched: no 2xx for the client")
def ignored(t):
    origin = t.origin(answers(response("200 OK", b"plain")))
    client = connect(t)
    stream = ask(client, origin.host)
    client.wait(lambda: stream.head or stream.over, "the answer")
    if stream.head:
        expect(stream.head.status >= 400, f"status: {stream.head.status}")
    client.must_stay_open_for(t.origin().host)


@cases([("a backend that dies before its 101 is 502", b""),
        ("a 101 to something else is 502", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: irc\r\n\r\n"),
        ("a broken 101 is 502", b"HTTP/1.1 101\x00\r\n\r\n")])
def broken_switch(t, raw):
    def script(backend):
        backend.read_request()
        backend.send(raw)
        if raw:
            backend.wait_end()
    origin = t.origin(script, retries=0)
    client = connect(t)
    stream = ask(client, origin.host)
    equal(stream.wait_head().status, 502, "status")
    client.must_stay_open_for(t.origin().host)


@cases([("a route whose `upgrades` lack websocket refuses", {"upgrades": []}, "websocket"),
        ("a protocol that the route does not allow is refused", {}, "irc"),
        ("an empty :protocol is refused", {}, "")])
def not_allowed(t, route, protocol):
    origin = t.origin(answers(response("200 OK", b"plain")), **route)
    client = connect(t)
    stream = ask(client, origin.host, protocol=protocol)
    client.wait(lambda: stream.head or stream.over, "the answer or the reset")
    if stream.head:
        one_of(stream.head.status, [400, 403, 405, 501], "status")
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "requests upstream")


@cases([("extended CONNECT without :path", {"target": None}), ("extended CONNECT without :scheme", {"scheme": None}),
        ("extended CONNECT without :authority", {"host": None}), ("extended CONNECT with userinfo", {"host": "user@@host@"}),
        ("extended CONNECT with a :path without a slash", {"target": "chat"})])
def malformed(t, changed):
    origin = t.origin()
    client = connect(t)
    changed = dict(changed)
    host = changed.pop("host", "@host@")
    stream = ask(client, host and host.replace("@host@", origin.host), **changed)
    stream.must_reset(h2.PROTOCOL_ERROR)
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "requests upstream")


@case("extended CONNECT that ends its stream at once is an upgrade whose client has said all, or refused")
def ended_at_once(t):
    origin = t.origin(echo_tunnel)
    client = connect(t)
    stream = client.headers(fields(origin.host), end=True)
    settled(stream)
    client.must_stay_open_for(t.origin().host)
    if stream.head and stream.head.status == 200:
        origin.wait_ended(0)


# Flow control.

@case("a client that gives no window stops the backend's side", alone=True, deadline=60)
def back_pressure(t):
    taken = []
    stalled = threading.Event()

    def script(backend):
        backend.send(switch(backend.read_request()))
        taken.append(backend.send_until_stalled(bytes(MIB), 256 * MIB))
        stalled.set()
        backend.wait_end()
    origin = t.origin(script, sockets={"send_buffer": 128 * 1024})
    client = connect(t)
    client.refill = False
    stream = ask(client, origin.host)
    stream.wait_body(h2.WINDOW)
    expect(stalled.wait(30), "the origin was stopped")
    at_most(taken[0], 16 * MIB, "bytes taken from the origin while the client gave no window")
    stream.reset()
    origin.wait_ended(0)


@case("a backend that does not read stops the client, and its neighbours go on")
def stuck_backend(t):
    go_on = threading.Event()

    def script(backend):
        backend.send(switch(backend.read_request()))
        go_on.wait(60)
        while backend.read_some():
            pass
    other = t.origin()
    origin = t.origin(script, sockets={"receive_buffer": 64 * 1024})
    client = connect(t)
    stream = ask(client, origin.host)
    equal(stream.wait_head().status, 200, "status")
    taken = 0
    while taken < 64 * MIB:
        room = min(client.window, stream.window, h2.FRAME_SIZE)
        if room <= 0 and client.quiet_for(0.7):
            break
        if room <= 0:
            client.ping()
            continue
        stream.send(bytes(room))
        taken += room
    at_most(taken, 16 * MIB, "bytes taken for a backend that does not read")
    equal(client.fetch(other.host, "/", method="POST", body=b"y" * 200_000).status, 200, "status of a neighbour")
    go_on.set()
    try:
        stream.send(b"", end=True)
        settled(stream)
    except Cut as cut:
        expect(False, f"the tunnel was cut: {cut}")
