"""A backend that dies, at each stage of an answer, and pooled connections that turn out to be dead."""

import socket
import threading

from harness import (OK, answers, answers_then_closes, case, cases, chunk, chunked, contains, equal, expect,
                     never_answers, one_of, request, response)


def gateway_error(answer, status, *errors):
    equal(answer.status, status, "status")
    given = answer.fields.get("Proxy-Status") or b""
    expect(any(b"error=" + error.encode() in given for error in errors), f"Proxy-Status {given} names {' or '.join(errors)}")


@case("a backend that refuses connections is 502 connection_refused")
def refused(t):
    origin = t.origin()
    origin.stop_listening()
    client = t.client()
    gateway_error(client.fetch(origin.host), 502, "connection_refused")
    one_of(client.fetch(origin.host).status, [502, 503], "status of the next request on the connection")


@case("a backend that refuses a POST: its body is drained, the next request is served")
def refused_post(t):
    origin, good = t.origin(), t.origin()
    origin.stop_listening()
    client = t.client()
    client.send(request(origin.host, "/", method="POST", body=b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n" * 20))
    gateway_error(client.read_response(), 502, "connection_refused")
    client.must_stay_open_for(good.host)


def closes_before_head(backend):
    backend.read_request()
    backend.finish_sending()
    backend.wait_end()


def resets_before_head(backend):
    backend.read_request()
    backend.reset()


def closes_in_head(backend):
    backend.read_request()
    backend.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    backend.finish_sending()
    backend.wait_end()


def resets_in_head(backend):
    backend.read_request()
    backend.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    backend.reset()


def closes_after_interim(backend):
    backend.read_request()
    backend.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    backend.finish_sending()
    backend.wait_end()


@cases([
    ("a backend that closes before its head is 502", closes_before_head),
    ("a backend that resets before its head is 502", resets_before_head),
    ("a backend that closes in its head is 502", closes_in_head),
    ("a backend that resets in its head is 502", resets_in_head),
    ("a backend that closes after a 103 is 502", closes_after_interim),
])
def dies_before_head(t, script):
    origin = t.origin(script)
    client = t.client()
    gateway_error(client.fetch(origin.host), 502, "connection_terminated", "http_response_incomplete",
                  "connection_read_timeout", "http_protocol_error", "destination_unavailable")
    expect(not client.ended, "the client's connection stays")
    client.must_stay_open_for(t.origin().host)


@cases([(f"a POST to a backend that {how} before its head went up once: 502", script)
        for how, script in [("closes", closes_before_head), ("resets", resets_before_head)]])
def post_is_not_repeated(t, script):
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", method="POST", body=b"pay once"))
    equal(client.read_response().status, 502, "status")
    equal([one.body for one in origin.requests], [b"pay once"], "requests at the origin")


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@cases([(f"a backend that {how} {where}: the client sees the cut", raw, how)
        for where, raw in [("in a body under Content-Length", LENGTH + b"x" * 500),
                           ("one byte before its Content-Length", LENGTH + b"x" * 999),
                           ("between head and body", LENGTH),
                           ("between two chunks", CHUNKED + chunk(b"hello")),
                           ("inside a chunk", CHUNKED + b"a\r\nhel"),
                           ("inside a chunk's size", CHUNKED + chunk(b"hello") + b"1"),
                           ("inside its last chunk", CHUNKED + chunk(b"hello") + b"0\r\n"),
                           ("inside its trailers", CHUNKED + chunk(b"hello") + b"0\r\nX-T: 1\r\n")]
        for how in ("closes", "resets")])
def dies_in_body(t, raw, how):
    def script(backend):
        backend.read_request()
        backend.send(raw)
        seen.wait(10)
        if how == "resets":
            backend.reset()
        else:
            backend.finish_sending()
            backend.wait_end()
    seen = threading.Event()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/"))
    contains(client.read_until(b"\r\n\r\n"), b" 200 ", "the head")
    head = bytes(client.received).partition(b"\r\n\r\n")[0]
    seen.set()
    rest = client.wait_end()
    if b"chunked" in head.lower():
        expect(not rest.endswith(b"0\r\n\r\n") and b"\r\n0\r\n" not in rest, f"there is no last chunk in {rest!r}")
    else:
        expect(len(rest) < 1000, "the body is short of its length")
    equal(len(origin.requests), 1, "requests at the origin: nothing is repeated")


@case("a backend that dies while a pipelined request waits: that one is never answered with the rest of the first")
def dies_with_pipelined(t):
    def script(backend):
        backend.read_request()
        backend.send(LENGTH + b"x" * 10)
        backend.finish_sending()
        backend.wait_end()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/1") + request(origin.host, "/2"))
    client.must_abort()
    equal(origin.targets, [b"/1"], "targets at the origin")


@case("a backend that closes after its last chunk has answered whole")
def closes_after_last_chunk(t):
    origin = t.origin(answers_then_closes(CHUNKED + chunked(b"hello")))
    client = t.client()
    for _ in range(3):
        equal(client.fetch(origin.host).body, b"hello", "body")
    equal(len(origin.connections), 3, "connections at the origin")


@case("a backend that resets after its last chunk has answered whole")
def resets_after_last_chunk(t):
    def script(backend):
        backend.read_request()
        backend.send(CHUNKED + chunked(b"hello"))
        seen.wait(10)
        backend.reset()
    seen = threading.Event()
    origin = t.origin(script)
    client = t.client()
    equal(client.fetch(origin.host).body, b"hello", "body")
    seen.set()
    equal(client.fetch(origin.host).body, b"hello", "body of the next")


# Pooled connections.

def dies_on_second_request(how, body=OK):
    """The first connection answers once and dies when it is used again; later ones answer."""
    def script(backend):
        for number, _ in enumerate(backend):
            if backend.index == 0 and number == 1:
                if how == "resets":
                    backend.reset()
                return
            backend.send(body)
    return script


@cases([(f"a pooled connection that {how} when used again: a {method} is repeated unseen", how, method)
        for how in ("closes", "resets") for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")])
def stale_connection(t, how, method):
    origin = t.origin(dies_on_second_request(how, OK if method != "HEAD" else b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\n"))
    client = t.client()
    equal(client.ask(request(origin.host, "/1", method=method), method).status, 200, "status of the first")
    equal(client.ask(request(origin.host, "/2", method=method), method).status, 200, "status of the second")
    equal(origin.targets, [b"/1", b"/2", b"/2"], "targets at the origin")


@cases([("a pooled connection that dies when used again: a PUT with a small body is repeated whole", "PUT", 200),
        ("a pooled connection that dies when used again: a POST is not repeated", "POST", 502)])
def stale_connection_with_body(t, method, status):
    origin = t.origin(dies_on_second_request("closes"))
    client = t.client()
    equal(client.fetch(origin.host, "/1").status, 200, "status of the first")
    answer = client.ask(request(origin.host, "/2", method=method, body=b"hello"))
    equal(answer.status, status, "status of the second")
    bodies = [one.body for one in origin.requests[1:]]
    equal(bodies, [b"hello"] * (2 if status == 200 else 1), "bodies at the origin")


@case("a pooled connection that dies is repeated once, on a fresh one, not on another of the pool")
def several_stale_connections(t):
    gate = threading.Barrier(4)

    def script(backend):
        for number, one in enumerate(backend):
            if one.target == b"/fill":
                gate.wait(10)  # all four are under way at once, so that the pool holds four
            elif backend.index < 4:
                return
            backend.send(OK)
    origin = t.origin(script)
    clients = [t.client() for _ in range(4)]
    for client in clients:
        client.send(request(origin.host, "/fill"))
    for client in clients:
        equal(client.read_response().status, 200, "status while the pool fills")
    equal(clients[0].fetch(origin.host, "/again").status, 200, "status")
    equal(origin.targets.count(b"/again"), 2, "times that the repeated request was seen")


@case("a pooled connection that the backend has closed is given up: a POST is served on a new one")
def closed_while_idle(t):
    def script(backend):
        backend.read_request()
        backend.send(OK)
        if backend.index == 0:
            backend.finish_sending()
            backend.wait_end()  # the proxy has seen it, and has closed its side
            given_up.set()
        for _ in backend:
            backend.send(OK)
    given_up = threading.Event()
    origin = t.origin(script)
    client = t.client()
    equal(client.fetch(origin.host, "/1").status, 200, "status of the first")
    expect(given_up.wait(10), "the proxy gave the closed connection up")
    equal(client.ask(request(origin.host, "/2", method="POST", body=b"hello")).status, 200, "status of the POST")
    equal([len(one.requests) for one in origin.connections], [1, 1], "requests on each connection")


@case("an answer read before its request was wholly sent: that connection is not used again")
def early_answer_poisons(t):
    def script(backend):
        head = backend.read_request_head()
        backend.send(response("200 OK", b"early %d" % backend.index))
        if head.method == b"POST":
            backend.wait_end()
        for _ in backend:
            backend.send(OK)
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", "Content-Length: 100", method="POST") + b"only a part")
    equal(client.read_response().body, b"early 0", "the early answer")
    client.reset()
    origin.wait_ended(0)
    equal(t.client().fetch(origin.host).body, b"early 1", "the next, on a new connection")


# Timeouts of the backend.

def full_listener():
    """A listener whose queue is full: the kernel drops further SYNs. Gives it and what fills it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    return listener, fillers


@case("a backend that does not take the connection is 504 connection_timeout")
def connect_timeout(t):
    listener, fillers = full_listener()
    host = t.unique_host()
    t.proxy.add_route(host, {"hostname": "127.0.0.1", "port": listener.getsockname()[1]}, connectTimeout="300ms")
    gateway_error(t.client().fetch(host), 504, "connection_timeout")
    for one in [listener, *fillers]:
        one.close()


@case("a backend that does not answer in responseTimeout is 504, and its connection is closed")
def response_timeout(t):
    origin = t.origin(never_answers, responseTimeout="300ms")
    client = t.client()
    gateway_error(client.fetch(origin.host), 504, "http_response_timeout", "connection_read_timeout")
    origin.wait_ended(0)
    client.must_stay_open_for(t.origin().host)


@case("a head that stops half-way is 504 after responseTimeout")
def half_a_head(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\nContent-")
        backend.wait_end()
    origin = t.origin(script, responseTimeout="300ms")
    equal(t.client().fetch(origin.host).status, 504, "status")
    origin.wait_ended(0)


@case("a head that stops half-way is 504 after responseTimeout, though the request's body came after its head")
def half_a_head_after_a_body(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\nContent-")
        backend.wait_end()
    origin = t.origin(script, responseTimeout="300ms")
    client = t.client()
    client.send(request(origin.host, "/", "Content-Length: 4", method="POST"))
    origin.wait_connections(1)
    client.send(b"late")
    equal(client.read_response().status, 504, "status")
    origin.wait_ended(0)


@case("the route's timeout bounds the whole request: 504 before the head")
def whole_timeout(t):
    origin = t.origin(never_answers, timeout="300ms")
    equal(t.client().fetch(origin.host).status, 504, "status")
    origin.wait_ended(0)


@case("the route's timeout bounds the whole request: a visible abort after the head")
def whole_timeout_in_body(t):
    def script(backend):
        backend.read_request()
        backend.send(LENGTH)
        while backend.try_send(b"x"):
            backend.quiet_for(0.05)
    origin = t.origin(script, timeout="400ms")
    client = t.client()
    client.send(request(origin.host))
    equal(client.must_abort().status, 200, "the head came before")


@case("a backend's answer of 60 KiB a head and 1 MiB a body survives a slow start")
def slow_answer(t):
    def script(backend):
        for _ in backend:
            head = response("200 OK", None, ("X-A", "x" * 60_000), f"Content-Length: {1 << 20}")
            for at in range(0, len(head), 9000):
                backend.send(head[at:at + 9000])
            backend.send(b"y" * (1 << 20))
    origin = t.origin(script)
    answer = t.client().fetch(origin.host)
    equal((len(answer.fields.need("X-A")), len(answer.body)), (60_000, 1 << 20), "sizes")
