"""Guards before HTTP/2 streams, WebSockets and RFC 8441 tunnels: the same verdicts as for HTTP/1.1 (SPEC section 8)."""

import h2_frames as h2
from auth import BCRYPT_SLOW, add_provider, add_users, basic, bearer, echo_tunnel
from both_clients import from_both
from counting import read_stats
from h2 import connect
from harness import case, contains, equal, expect, lacks, named

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@from_both("credentials are wanted, judged, and stop at the guard")
def judged(t, make):
    origin = t.origin(named("inside"), authProvider=add_users(t.proxy, "ann"))
    client = make(t)
    answer = client.fetch(origin.host)
    equal(answer.status, 401, "status without credentials")
    contains(answer.fields.need("WWW-Authenticate").decode(), "Basic realm=", "the challenge")
    equal(client.fetch(origin.host, "/", basic("ann", "open")).status, 401, "status with a wrong password")
    equal(len(origin.connections), 0, "connections at the origin")
    for _ in range(3):
        equal(client.fetch(origin.host, "/", basic("ann")).status, 200, "status with the right one")
    lacks(origin.received.lower(), b"authorization", "what the origin was sent")


@from_both("two Authorization fields are 400")
def twice(t, make):
    origin = t.origin(named("inside"), authProvider=add_users(t.proxy, "ann"))
    equal(make(t).fetch(origin.host, "/", basic("ann"), basic("eve")).status, 400, "status")
    equal(len(origin.connections), 0, "connections at the origin")


@case("a WebSocket's upgrade is guarded: 401 and nothing upstream, or 101 and a tunnel")
def web_socket(t):
    provider = add_provider(t.proxy, "bearer", tokens=[{"name": "a", "token": "open-sesame"}])
    origin = t.origin(echo_tunnel, authProvider=provider)
    upgrade = ("Connection: Upgrade, Authorization", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
               f"Sec-WebSocket-Key: {KEY}")
    for lines in ((), (bearer("nope"),)):
        answer = t.client().fetch(origin.host, "/", *upgrade, *lines)
        equal(answer.status, 401, "status")
    equal(len(origin.connections), 0, "connections at the origin")
    client = t.client()
    equal(client.fetch(origin.host, "/", *upgrade, bearer("open-sesame")).status, 101, "status")
    client.send(b"ping")
    equal(client.read_exactly(4), b"ping", "the echo")
    lacks(origin.received.lower(), b"open-sesame", "what the origin was sent")


@case("an extended CONNECT is guarded: 401 and nothing upstream, or 200 and a tunnel")
def extended_connect(t):
    origin = t.origin(echo_tunnel, authProvider=add_users(t.proxy, "ann"))
    client = connect(t)

    def ask(*lines):
        pseudo = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/"),
                  (":authority", origin.host)]
        return client.headers(h2.pairs_of([*pseudo, "sec-websocket-version: 13", *lines]), end=False)

    for lines in ((), (basic("ann", "open"),)):
        equal(ask(*lines).wait_head().status, 401, "status")
    equal(len(origin.connections), 0, "connections at the origin")
    stream = ask(basic("ann"))
    equal(stream.wait_head().status, 200, "status")
    stream.send(b"ping")
    stream.wait_body(4)
    equal(bytes(stream.body[:4]), b"ping", "the echo")


@case("streams that wait for their passwords hold up no other, and are forgotten when they are reset", deadline=60)
def streams_wait(t):
    proxy = t.start()
    origin = t.origin(named("inside"), proxy=proxy, authProvider=add_users(proxy, "ann", hash=BCRYPT_SLOW))
    free = t.origin(named("free"), proxy=proxy)
    client = connect(t, proxy)
    waiting = [client.request(origin.host, "/", basic("ann", f"wrong {number}")) for number in range(20)]
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["queuedForAuth"] > 10, "streams that wait")
    equal(client.fetch(free.host).status, 200, "status of another stream")
    for stream in waiting:
        stream.reset()
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["queued"] == 0, "nobody waits")
    equal(client.fetch(origin.host, "/", basic("ann")).status, 200, "status of one more")
    counts = read_stats(proxy, origin.host)["requests"]
    expect(counts["aborted"] >= 10, f"those that were reset were aborted ({counts})")
