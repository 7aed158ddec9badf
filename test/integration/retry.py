"""Retries (SPEC section 6): on other backends, safe by method and by what was sent and received, within a budget."""

import threading

from harness import (OK, Cut, at_least, at_most, case, cases, chunk, equal, expect, named, never_answers, request,
                     response)

NEVER_DEAD = {"maxFails": 0}


def route_to(t, *scripts, proxy=None, **fields):
    """A route whose n-th backend follows the n-th script (None: refuses connections), and these origins."""
    origins = [t.bare_origin(script or named("nobody")) for script in scripts]
    for origin, script in zip(origins, scripts):
        if script is None:
            origin.stop_listening()
    host = t.unique_host(origins[0].port)
    (proxy or t.proxy).add_route(host, *[origin.backend for origin in origins], **fields)
    return host, origins


def closes(backend):
    """Takes the whole request and closes without an answer."""
    backend.read_request()
    backend.finish_sending()
    backend.wait_end()


def resets(backend):
    backend.read_request()
    backend.reset()


def resets_after_head(backend):
    backend.read_request_head()
    backend.reset()


def says(raw):
    """Takes the whole request, says `raw` and resets."""
    def script(backend):
        backend.read_request()
        backend.send(raw)
        backend.reset()
    return script


def error_of(answer):
    return (answer.fields.get("Proxy-Status") or b"").partition(b"error=")[2].partition(b";")[0]


@cases([(f"a {method} that a backend refuses to connect for goes to the next one", method)
        for method in ("GET", "POST", "PATCH", "PUT")])
def refused_is_not_sent(t, method):
    host, (_, good) = route_to(t, None, named("good"))
    body = None if method == "GET" else b"once"
    answer = t.client().fetch(host, "/x", method=method, body=body)
    equal((answer.status, answer.text), (200, "good"), "the answer")
    equal([(one.target, one.body) for one in good.requests], [(b"/x", body or b"")], "requests at the other backend")


@cases([(f"a {method} whose backend {how} before any answer is sent to another", method, script)
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
        for how, script in (("closes", closes), ("resets", resets))])
def repeated_where_idempotent(t, method, script):
    host, (bad, good) = route_to(t, script, named("good"))
    body = b"the same again" if method == "PUT" else None
    answer = t.client().fetch(host, "/x", method=method, body=body)
    equal(answer.status, 200, "status")
    equal([one.body for one in good.requests], [body or b""], "bodies at the other backend")
    equal(len(bad.requests), 1, "requests at the one that failed")


@cases([(f"a {method} whose backend {how} is not sent again: 502", method, script)
        for method in ("POST", "PATCH", "LOCK")
        for how, script in (("closes", closes), ("resets", resets))])
def never_twice(t, method, script):
    host, (bad, good) = route_to(t, script, named("good"))
    answer = t.client().fetch(host, "/pay", method=method, body=b"once")
    equal(answer.status, 502, "status")
    equal((len(bad.requests), len(good.requests)), (1, 0), "requests at the two backends")


@cases([
    ("after an interim response nothing is repeated", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ("after a part of a head nothing is repeated", b"HTTP/1.1 200 OK\r\nContent-Le"),
    ("after a single byte nothing is repeated", b"H"),
    ("a malformed answer is not a reason to ask another backend", b"HTTP/1.1 abc\r\n\r\n"),
])
def something_came(t, raw):
    host, (_, good) = route_to(t, says(raw), named("good"))
    equal(t.client().fetch(host).status, 502, "status")
    equal(len(good.requests), 0, "requests at the other backend")


@case("a response that breaks off in its body is not repeated: the client sees the cut")
def broken_body(t):
    host, (_, good) = route_to(t, says(response("200 OK", b"x" * 100)[:-50]), named("good"))
    client = t.client()
    client.send(request(host, "/"))
    client.must_abort()
    equal(len(good.requests), 0, "requests at the other backend")


@case("an error status is an answer, not a failure")
def status_is_an_answer(t):
    def unavailable(backend):
        for _ in backend:
            backend.send(response("503 Service Unavailable", b"mine"))
    host, (_, good) = route_to(t, unavailable, named("good"))
    answer = t.client().fetch(host)
    equal((answer.status, answer.text), (503, "mine"), "the answer")
    equal(len(good.requests), 0, "requests at the other backend")


@cases([(f"a PUT of {size} bytes that comes in pieces is {what}", size, status)
        for size, what, status in ((30_000, "kept and repeated", 200), (65_536, "kept and repeated", 200),
                                   (65_537, "too much to keep: 502", 502), (300_000, "too much to keep: 502", 502))])
def pieces(t, size, status):
    seen = threading.Event()

    def swallows(backend):
        backend.read_request()
        seen.set()
        backend.reset()
    host, (bad, good) = route_to(t, swallows, named("good"))
    body = bytes(range(256)) * (size // 256) + b"r" * (size % 256)
    client = t.client()
    client.send(request(host, "/", f"Content-Length: {size}", method="PUT"))
    bad.wait_connections(1)
    for at in range(0, size, 10_000):
        client.send(body[at:at + 10_000])
    answer = client.read_response()
    equal(answer.status, status, "status")
    expect(seen.is_set(), "the first backend had the whole body")
    equal([one.body == body for one in good.requests], [True] if status == 200 else [], "bodies at the other backend")


@case("a chunked PUT is repeated with its trailers")
def chunked_pieces(t):
    host, (bad, good) = route_to(t, resets, named("good"))
    client = t.client()
    client.send(request(host, "/", "Transfer-Encoding: chunked", "Trailer: X-Sum", method="PUT"))
    bad.wait_connections(1)
    for piece in (b"alpha", b"beta", b"gamma"):
        client.send(chunk(piece))
    client.send(b"0\r\nX-Sum: 3\r\n\r\n")
    equal(client.read_response().status, 200, "status")
    equal([(one.body, one.trailers) for one in good.requests], [(b"alphabetagamma", [(b"X-Sum", b"3")])],
          "what the other backend got")


@case("a backend that dies while the body still comes: the rest goes to the other one")
def dies_while_sending(t):
    host, (bad, good) = route_to(t, resets_after_head, named("good"))
    client = t.client()
    client.send(request(host, "/", "Content-Length: 10", method="PUT") + b"01234")
    good.wait_connections(1)
    client.send(b"56789")
    equal(client.read_response().status, 200, "status")
    equal([one.body for one in good.requests], [b"0123456789"], "the body at the other backend")
    client.must_stay_open_for(host)


@cases([(f"a backend that dies before the first byte of a PUT's body {how}: the other one gets it", fields, body)
        for how, fields, body in (("with a length", ["Content-Length: 4"], b"body"),
                                  ("that waits for 100", ["Content-Length: 4", "Expect: 100-continue"], b"body"),
                                  ("in chunks", ["Transfer-Encoding: chunked"], chunk(b"body") + b"0\r\n\r\n"))])
def dies_before_the_body(t, fields, body):
    host, (bad, good) = route_to(t, resets_after_head, named("good"))
    client = t.client()
    client.send(request(host, "/", *fields, method="PUT"))
    good.wait_connections(1)
    client.send(body)
    equal(client.read_response().status, 200, "status")
    equal([one.body for one in good.requests], [b"body"], "the body at the other backend")
    client.must_stay_open_for(host)


@case("an empty body in chunks is repeated")
def empty_chunked(t):
    host, (bad, good) = route_to(t, resets, named("good"))
    client = t.client()
    client.send(request(host, "/", "Transfer-Encoding: chunked", method="PUT"))
    bad.wait_connections(1)
    client.send(b"0\r\n\r\n")
    equal(client.read_response().status, 200, "status")
    equal([one.body for one in good.requests], [b""], "the body at the other backend")


@case("a backend that dies while a POST's body still comes is 502 at once, and the connection serves on")
def dies_while_posting(t):
    host, (bad, good) = route_to(t, resets_after_head, named("good"))
    client = t.client()
    client.send(request(host, "/", "Content-Length: 10", method="POST") + b"01234")
    answer = client.read_response()
    equal(answer.status, 502, "status, before the body has come")
    client.send(b"56789")
    client.must_stay_open_for(host)
    equal([one.target for one in good.requests], [b"/still-open"], "requests at the other backend")


@cases([(f"retries: {allowed}, {failing} backends that fail: {status}", allowed, failing, status)
        for allowed, failing, status in ((0, 1, 502), (1, 1, 200), (1, 2, 502), (2, 2, 200), (3, 4, 502), (10, 9, 200))])
def how_often(t, allowed, failing, status):
    host, origins = route_to(t, *[closes] * failing, named("good"), retries=allowed)
    equal(t.client().fetch(host).status, status, "status")
    tried = [len(origin.requests) for origin in origins]
    equal(tried, [1] * min(allowed + 1, failing) + [0] * (failing - allowed - 1) + [int(status == 200)],
          "requests at each backend")


@case("where all backends fail each is asked once, and the last failure is told")
def all_fail(t):
    host, origins = route_to(t, None, closes, None, retries=5)
    answer = t.client().fetch(host)
    equal((answer.status, error_of(answer)), (502, b"connection_refused"), "the answer")
    equal(len(origins[1].requests), 1, "requests at the one that takes them")


@case("no answer in time is repeated, and 504 where it is the last", flags=("--response-timeout", "300ms"))
def timed_out(t):
    host, (slow, good) = route_to(t, never_answers, named("good"))
    equal(t.client().fetch(host).status, 200, "status")
    equal((len(slow.requests), len(good.requests)), (1, 1), "requests at the two backends")
    host, (slow, other) = route_to(t, never_answers, never_answers)
    equal(t.client().fetch(host).status, 504, "status where both are silent")
    host, (slow, good) = route_to(t, never_answers, named("good"))
    equal(t.client().fetch(host, method="POST", body=b"once").status, 504, "status of a POST")
    equal(len(good.requests), 0, "POSTs at the other backend")


@case("the route's timeout ends the retries too")
def whole_timeout(t):
    host, (_, second, third) = route_to(t, never_answers, never_answers, named("late"), responseTimeout="300ms",
                                        timeout="450ms")
    answer = t.client().fetch(host)
    equal(answer.status, 504, "status")
    equal((len(second.requests), len(third.requests)), (1, 0), "requests at the second and third backend")


@case("a kept connection that the backend has closed costs no retry", workers=1)
def stale_is_no_retry(t):
    def one_each(backend):
        backend.read_request()
        backend.send(OK)
        gate.wait(10)
        backend.read_request_head()
        backend.reset()
    gate = threading.Event()
    host, (origin, ) = route_to(t, one_each, retries=0)
    client = t.client()
    equal(client.fetch(host).status, 200, "first status")
    gate.set()
    equal(client.fetch(host).status, 200, "status after the kept connection died")
    at_least(len(origin.connections), 2, "connections at the origin")


@case("a storm of failures is not multiplied: 10 retries a second, or 20% of the requests", workers=2)
def budget(t):
    host, (bad, good) = route_to(t, closes, closes, retries=1, health=NEVER_DEAD, circuit=None)
    client = t.client()
    requests = 0
    for _ in range(300):
        requests += 1
        equal(client.fetch(host).status, 502, "status")
    sent = len(bad.requests) + len(good.requests)
    at_least(sent, requests + 90, "attempts: a hundred retries in ten seconds are allowed")
    at_most(sent, requests + 100 + requests // 5 + 60, "attempts")


@case("a client that leaves is nobody's failure: nothing is repeated")
def client_leaves(t):
    host, (silent, good) = route_to(t, never_answers, named("good"))
    client = t.client()
    client.send(request(host, "/"))
    silent.wait_requests(1)
    client.reset()
    silent.wait_ended()
    equal(t.client().fetch(host).text, "good", "who answers the next request, in its turn")
    equal(len(good.requests), 1, "requests at the other backend")


@case("what one attempt left does not reach the next client", workers=1)
def nothing_leaks(t):
    def half_then_reset(backend):
        backend.read_request()
        backend.send(b"")
        backend.reset()
    host, (bad, good) = route_to(t, half_then_reset, named("good"))
    client = t.client()
    client.send(request(host, "/1") + request(host, "/2") + request(host, "/3"))
    for _ in range(3):
        equal(client.read_response().text, "good", "the answer")
    equal([one.target for one in good.requests if one.target != b"/x"], [b"/1", b"/2", b"/3"], "order at the other backend")
    try:
        expect(client.quiet_for(0.1), "nothing more comes")
    except Cut:
        pass
