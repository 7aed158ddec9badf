"""Upgrade (RFC 9110 section 7.8): after a 101 both ways are a tunnel; refused or not allowed, it is plain HTTP."""

import os
import threading

from harness import answers, case, cases, contains, equal, expect, in_threads, lacks, request, response

ASK = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
       "Sec-WebSocket-Version: 13")
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


def echo_tunnel(backend):
    """Switches, then gives back what comes until the client's FIN, and ends."""
    backend.read_request()
    backend.send(SWITCH)
    while piece := backend.read_some():
        backend.send(piece)
    backend.finish_sending()


def opened(t, script, *glued, **route):
    origin = t.origin(script, **route)
    client = t.client()
    client.send(request(origin.host, "/chat", *ASK) + b"".join(glued))
    head = client.read_head()
    equal(head.status, 101, "status")
    return origin, client, head


@case("a WebSocket's handshake passes whole, both ways")
def handshake(t):
    origin, _, head = opened(t, echo_tunnel)
    equal((head.fields.get("Upgrade"), head.fields.tokens("Connection")), (b"websocket", [b"upgrade"]), "101 at the client")
    equal(head.fields.get("Sec-WebSocket-Accept"), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Accept")
    received = origin.requests[0].fields
    equal((received.get("Upgrade"), received.tokens("Connection")), (b"websocket", [b"upgrade"]), "upgrade at the origin")
    equal(received.get("Sec-WebSocket-Key"), b"dGhlIHNhbXBsZSBub25jZQ==", "key at the origin")
    expect(not head.fields.has("Transfer-Encoding") and not head.fields.has("Content-Length"), "a 101 has no framing")


@case("the tunnel carries any bytes both ways")
def tunnel(t):
    _, client, _ = opened(t, echo_tunnel)
    for piece in (b"hello", bytes(range(256)), b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n\r\n\x00"):
        client.send(piece)
        equal(client.read_exactly(len(piece)), piece, "the echo")
    client.finish_sending()
    client.must_close()


@case("8 MiB through the tunnel, both ways at once", deadline=60)
def big_tunnel(t):
    _, client, _ = opened(t, echo_tunnel)
    data = os.urandom(1 << 20)
    total = t.scaled(8)

    def read():
        for _ in range(total):
            expect(client.read_exactly(len(data)) == data, "the echo is what was sent")
    in_threads(lambda: [client.send(data) for _ in range(total)], read)
    client.finish_sending()
    client.must_close()


@case("data glued to the request goes up after the 101 only")
def glued_to_request(t):
    def script(backend):
        backend.read_request()
        expect(backend.quiet_for(0.3), f"bytes came before the 101: {bytes(backend.buffer)!r}")
        backend.send(SWITCH)
        equal(backend.read_exactly(11), b"first frame", "the glued data")
        backend.send(b"got it")
        backend.wait_end()
    _, client, _ = opened(t, script, b"first frame")
    equal(client.read_exactly(6), b"got it", "the answer in the tunnel")


@case("data glued to the 101 comes down")
def glued_to_101(t):
    def script(backend):
        backend.read_request()
        backend.send(SWITCH + b"first frame")
        backend.wait_end()
    _, client, _ = opened(t, script)
    equal(client.read_exactly(11), b"first frame", "the glued data")


@case("the client's FIN passes, and the backend may still speak")
def client_half_close(t):
    def script(backend):
        backend.read_request()
        backend.send(SWITCH)
        equal(backend.wait_end(), b"last words", "what came before the FIN")
        backend.send(b"and mine")
    _, client, _ = opened(t, script)
    client.send(b"last words")
    client.finish_sending()
    equal(client.wait_end(), b"and mine", "what came after the FIN")
    equal(client.ended, "eof", "how it ended")


@case("the backend's FIN passes, and the client may still speak")
def backend_half_close(t):
    heard = []

    def script(backend):
        backend.read_request()
        backend.send(SWITCH + b"last words")
        backend.finish_sending()
        heard.append(backend.wait_end())
        done.set()
    done = threading.Event()
    _, client, _ = opened(t, script)
    equal(client.wait_end(), b"last words", "what came before the FIN")
    client.send(b"and mine")
    client.finish_sending()
    expect(done.wait(10), "the backend saw the end")
    equal(heard, [b"and mine"], "what the backend heard after its FIN")


@case("the client's RST ends the backend's side")
def client_reset(t):
    def script(backend):
        backend.read_request()
        backend.send(SWITCH)
        backend.wait_end()
    origin, client, _ = opened(t, script)
    client.reset()
    origin.wait_ended(0)


@case("the backend's RST ends the client's side")
def backend_reset(t):
    def script(backend):
        backend.read_request()
        backend.send(SWITCH)
        backend.read_exactly(2)
        backend.reset()
    _, client, _ = opened(t, script)
    client.send(b"go")
    client.must_close("the tunnel")


@case("a refused upgrade is an ordinary answer, and the connection goes on")
def refused(t):
    origin = t.origin(answers(response("403 Forbidden", b"no"), response()))
    client = t.client()
    answer = client.fetch(origin.host, "/", *ASK)
    equal((answer.status, answer.body), (403, b"no"), "the answer")
    client.must_stay_open_for(origin.host)


@case("an ignored upgrade is an ordinary answer, and the connection goes on")
def ignored(t):
    origin = t.origin(answers(response("200 OK", b"plain")))
    client = t.client()
    equal(client.fetch(origin.host, "/", *ASK).body, b"plain", "the answer")
    client.must_stay_open_for(origin.host)


@case("426 keeps its Upgrade field or not, but is delivered")
def upgrade_required(t):
    required = response("426 Upgrade Required", b"", "Connection: Upgrade", "Upgrade: websocket")
    origin = t.origin(answers(required, response()))
    client = t.client()
    equal(client.fetch(origin.host).status, 426, "status")
    client.must_stay_open_for(origin.host)


@cases([
    ("an upgrade that the route's `upgrades` lacks is dropped", {"upgrades": []}, ASK),
    ("an upgrade in HTTP/1.0 is ignored", {}, ASK),
    ("an Upgrade that Connection does not name is ignored", {}, ASK[1:]),
    ("an upgrade to something else is dropped", {}, ("Connection: Upgrade", "Upgrade: irc")),
])
def not_allowed(t, route, lines):
    origin = t.origin(answers(response("200 OK", b"plain")), **route)
    version = "1.0" if not route and lines is ASK else "1.1"
    answer = t.client().fetch(origin.host, "/", *lines, version=version)
    equal(answer.body, b"plain", "the answer")
    received = origin.requests[0].fields
    equal(received.has("Upgrade"), False, "Upgrade at the origin")
    lacks(received.tokens("Connection"), b"upgrade", "Connection at the origin")


@case("of several offered protocols only the allowed one goes up")
def several_offers(t):
    origin = t.origin(answers(response("200 OK", b"plain")))
    t.client().fetch(origin.host, "/", "Connection: Upgrade", "Upgrade: h2c, websocket")
    lacks(origin.requests[0].fields.tokens("Upgrade"), b"h2c", "Upgrade at the origin")


@case("another protocol that the route allows is tunnelled")
def other_protocol(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x-lines\r\n\r\nhi\n")
        equal(backend.read_exactly(4), b"you\n", "the client's line")
        backend.finish_sending()
        backend.wait_end()
    origin = t.origin(script, upgrades=["x-lines"])
    client = t.client()
    client.send(request(origin.host, "/", "Connection: Upgrade", "Upgrade: x-lines"))
    contains(client.read_until(b"\r\n\r\n"), b" 101 ", "the head")
    equal(client.read_exactly(3), b"hi\n", "the backend's line")
    client.send(b"you\n")
    client.finish_sending()
    client.must_close()


@case("an idle tunnel is closed after tunnelIdle, both sides")
def idle_tunnel(t):
    def script(backend):
        backend.read_request()
        backend.send(SWITCH)
        backend.wait_end()
    origin, client, _ = opened(t, script, tunnelIdle="500ms")
    expect(client.quiet_for(0.2), "it stays for a while")
    client.must_close("the idle tunnel")
    origin.wait_ended(0)


@case("a tunnel outlives the other timeouts", flags=["--idle-timeout", "500ms", "--header-timeout", "500ms",
                                                      "--body-timeout", "500ms", "--response-timeout", "500ms"])
def long_tunnel(t):
    _, client, _ = opened(t, echo_tunnel)
    expect(client.quiet_for(1.5), "the tunnel stays open and quiet")
    client.send(b"still here")
    equal(client.read_exactly(10), b"still here", "the echo")
