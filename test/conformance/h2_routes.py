"""What a route does, for HTTP/2's streams as for any other request: admission, retries, limits, its fields, its redirects."""

import h2_frames as h2
import pki
from counting import read_stats
from gate import Held, refused
from h2 import connect
from harness import (OK, answers, case, cases, chunked, equal, expect, named, never_answers, response)


# Admission.

def queued(t, proxy, host, count):
    t.eventually(lambda: read_stats(proxy, host)["requests"]["queued"] == count, f"{count} requests in the queue")


@case("admission: streams of one connection wait for their turn, in order; past the queue 503")
def in_order(t):
    held = Held()
    proxy = t.start()
    origin = t.origin(held, proxy=proxy, reqActiveLength=1, reqQueueLength=3)
    client = connect(t, proxy)
    streams = [client.request(origin.host, "/0")]
    held.wait_now(1)
    for number in range(1, 4):
        streams.append(client.request(origin.host, f"/{number}"))
        queued(t, proxy, origin.host, number)
    for _ in range(3):
        refused(client.fetch(origin.host, "/refused"))
    held.let_all_go()
    for stream in streams:
        equal(stream.response().status, 200, "status of one that had its turn")
    equal((held.targets, held.peak), (["/0", "/1", "/2", "/3"], 1), "the order at the origin, and most at once")


@case("admission: a stream that is reset leaves the queue, and frees its place; an active one its slot")
def reset_in_queue(t):
    proxy = t.start()
    origin = t.origin(never_answers, proxy=proxy, reqActiveLength=1, reqQueueLength=2)
    client = connect(t, proxy)
    active = client.request(origin.host, "/active")
    origin.wait_requests(1)
    waiting = []
    for number in range(2):
        waiting.append(client.request(origin.host, f"/waiting-{number}"))
        queued(t, proxy, origin.host, number + 1)
    waiting[0].reset()
    queued(t, proxy, origin.host, 1)
    client.request(origin.host, "/new")
    queued(t, proxy, origin.host, 2)
    active.reset()
    origin.wait_requests(2)
    equal(origin.targets, [b"/active", b"/waiting-1"], "who was at the origin")
    client.reset()
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["queued"] == 0, "an empty queue when the connection has gone")
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["active"] == 0, "no active request either")


@case("admission: a wait in vain is 503")
def waits_in_vain(t):
    held = Held()
    origin = t.origin(held, reqActiveLength=1, reqQueueLength=1, queueTimeout="200ms")
    client = connect(t)
    first = client.request(origin.host)
    held.wait_now(1)
    equal(client.fetch(origin.host, "/late").status, 503, "status")
    held.let_all_go()
    equal(first.response().status, 200, "status of the first")


# Backends.

def two_backends(t, script, **route):
    """A route whose first backend runs `script`."""
    bad, good = t.bare_origin(script), t.bare_origin(named("good"))
    host = t.unique_host(bad.port)
    t.proxy.add_route(host, bad.backend, good.backend, circuit=None, **route)
    return host, bad


def resets(backend):
    backend.read_request()
    backend.reset()


@case("a GET whose backend fails is tried on another")
def retried(t):
    host, _ = two_backends(t, resets)
    client = connect(t)
    for _ in range(4):
        equal(client.fetch(host).text, "good", "the answer")


@case("a POST that a backend has had is not sent twice: 502, and not REFUSED_STREAM")
def not_repeated(t):
    host, bad = two_backends(t, resets, retries=3)
    client = connect(t)
    seen = [client.fetch(host, f"/{number}", method="POST", body=b"once").status for number in range(4)]
    equal(len(bad.requests), seen.count(502), "requests at the failing backend, and answers of 502")
    expect(set(seen) <= {200, 502} and 502 in seen, f"statuses: {seen}")


@case("a GET is sent anew where an idle backend connection was closed")
def stale(t):
    def script(backend):
        backend.read_request()
        backend.send(OK)
        backend.read_request_head()
        backend.reset()
    origin = t.origin(script, retries=0)
    client = connect(t)
    for _ in range(4):
        equal(client.fetch(origin.host).status, 200, "status")
    equal(len(origin.connections), 4, "connections upstream")


@cases([("a backend connection that the end of another's stream left in the pool serves the next: after a reset", "stream"),
        ("a backend connection that the end of another's stream left in the pool serves the next: after an RST", "reset"),
        ("a backend connection that the end of another's stream left in the pool serves the next: after a FIN", "close")], deadline=60)
def left_in_pool(t, leave):
    """Its answer had been read to the end, or it may not be there; the next request on it is a POST, sent but once."""
    proxy = t.start()
    raw = response("200 OK", None, "Transfer-Encoding: chunked") + chunked(b"y" * 3000, trailers=b"X-Sum: 1\r\n")
    origin = t.origin(answers(raw), proxy=proxy, circuit=None, retries=0)
    bystander = connect(t, proxy)
    for turn in range(t.scaled(60, 20)):
        client = connect(t, proxy, settings={h2.INITIAL_WINDOW_SIZE: 10})
        client.refill = False
        streams = [client.request(origin.host) for _ in range(3)]
        if turn % 3:
            streams[turn % 3].wait_head()
        if leave == "stream":
            client.try_frames(*(h2.frame(h2.RST_STREAM, 0, stream.number, h2.uint32(h2.CANCEL)) for stream in streams))
        else:
            getattr(client, leave)()
        answer = bystander.fetch(origin.host, "/", method="POST", body=b"once")
        equal((answer.status, answer.fields.get("proxy-status")), (200, None), f"the bystander's answer in turn {turn}")


@case("the whole request's `timeout` ends a stream in the middle of its answer, and not its neighbours")
def whole_timeout(t):
    def script(backend):
        backend.read_request()
        backend.send(response("200 OK", b"x" * 100)[:-40])
        backend.wait_end()
    origin = t.origin(script, timeout="700ms", circuit=None)
    client = connect(t)
    stream = client.request(origin.host)
    stream.wait_body(60)
    client.wait(lambda: stream.over, "the reset")
    expect(stream.reset_code is not None, "no clean end")
    origin.wait_ended(0)
    client.must_stay_open_for(t.origin().host)


# Fields.

@case("a route's `headers` and `responseHeaders` are set")
def route_fields(t):
    origin = t.origin(answers(response("200 OK", b"ok", "X-Gone: 1")), headers={"x-up": "${vhost}", "x-away": None},
                      responseHeaders={"X-Down": "${request.id}", "X-Gone": None})
    answer = connect(t).fetch(origin.host, "/", "x-away: 1")
    received = origin.requests[0].fields
    equal((received.get("x-up"), received.has("x-away")), (origin.host.encode(), False), "the request's fields")
    equal(answer.fields.get("x-down"), received.get("X-Request-ID"), "the answer's field")
    equal(answer.fields.has("x-gone"), False, "the field that was removed")


@case("autoHttps: 308 over HTTP/2 without TLS")
def auto_https(t):
    proxy = t.start("--https", "127.0.0.1:0", "--https-public-port", "443")
    t.origin(named("behind"), proxy=proxy, host="a.test", autoHttps=True)
    pair = pki.make("a.test")
    answer = proxy.api("POST", "/api/v1/certificates", {"domain": "a.test", "cert": pair.cert, "key": pair.key})
    equal(answer.status, 201, "status of the upload")
    answer = connect(t, proxy).fetch("a.test", "/path?x=1")
    equal((answer.status, answer.fields.get("location")), (308, b"https://a.test/path?x=1"), "the redirect")


@cases([("a trusted proxy's X-Forwarded-* are kept, and the peer appended", ["--trusted-proxy", "127.0.0.0/8"], None),
        ("a PROXY header in front of the preface tells the client's address",
         ["--trusted-proxy", "127.0.0.0/8", "--proxy-protocol"], b"PROXY TCP4 192.0.2.9 192.0.2.1 4242 80\r\n")])
def forwarded(t, flags, header):
    proxy = t.start(*flags)
    origin = t.origin(proxy=proxy)
    client = connect(t, proxy, shake=False)
    client.send(header or b"")
    client.shake()
    answer = client.fetch(origin.host, "/", *([] if header else ["x-forwarded-for: 192.0.2.9", "x-forwarded-proto: https"]))
    equal(answer.status, 200, "status")
    received = origin.requests[0].fields
    expect(received.members("X-Forwarded-For")[0] == b"192.0.2.9", f"X-Forwarded-For: {received.all('X-Forwarded-For')}")
    equal(received.get("X-Forwarded-Proto"), b"http" if header else b"https", "X-Forwarded-Proto")


# Statistics.

@case("/stats counts streams as requests: bodies, resets, refusals")
def counted(t):
    proxy = t.start()
    origin = t.origin(lambda backend: [backend.send(response("200 OK", b"12345")) for _ in backend], proxy=proxy)
    stuck = t.origin(never_answers, proxy=proxy)
    client = connect(t, proxy)
    for _ in range(10):
        equal(client.fetch(origin.host, "/", method="POST", body=b"123").status, 200, "status")
    for count in range(1, 4):
        stream = client.request(stuck.host)
        stuck.wait_requests(count)
        stream.reset()
    t.eventually(lambda: read_stats(proxy, stuck.host)["requests"]["aborted"] == 3, "three aborted requests")
    numbers = read_stats(proxy, origin.host)
    equal((numbers["requests"]["received"], numbers["requests"]["completed"]), (10, 10), "requests")
    equal((numbers["bytes"]["in"], numbers["bytes"]["out"]), (30, 50), "bytes in and out")
    equal(read_stats(proxy)["connections"]["active"], 1, "connections")
