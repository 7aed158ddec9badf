"""HTTP/2 to clients: requests and answers as the other side sees them (RFC 9113 section 8)."""

import re

import h2_frames as h2
from h2 import connect
from harness import (OK, answers, case, cases, chunked, contains, echoes, equal, expect, in_threads, lacks, one_of,
                     response)


def upstream(t, *lines, host=None, target="/", **more):
    """A request as the origin saw it."""
    origin = t.origin()
    answer = connect(t).fetch(host or origin.host, target, *lines, **more)
    equal(answer.status, 200, "status")
    received = origin.requests[0]
    received.host = origin.host.encode()
    return received


# Requests.

@case("GET: answered, and several on one connection")
def get(t):
    origin = t.origin(answers(response("200 OK", b"hello", "X-A: 1")))
    client = connect(t)
    for number in range(5):
        answer = client.fetch(origin.host, f"/path/{number}?q=%20a")
        equal((answer.status, answer.text, answer.fields.get("x-a")), (200, "hello", b"1"), "the answer")
        equal(answer.fields.get("content-length"), b"5", "content-length")
    equal([one.target for one in origin.requests], [b"/path/%d?q=%%20a" % number for number in range(5)], "targets")
    first = origin.requests[0]
    equal((first.method, first.version, first.framing), (b"GET", b"1.1", "none"), "method, version and framing upstream")
    equal(first.fields.all("host"), [origin.host.encode()], "Host upstream")
    expect(not any(name.startswith(b":") for name, _ in first.fields), "no pseudo-field goes upstream")


@case("POST under content-length goes up as it is")
def post(t):
    origin = t.origin(echoes)
    answer = connect(t).fetch(origin.host, "/", method="POST", body=b"some body")
    equal(answer.text, "some body", "the echo")
    received = origin.requests[0]
    equal((received.framing, received.fields.all("content-length")), ("length", [b"9"]), "framing upstream")


@case("POST without content-length goes up chunked")
def post_unframed(t):
    origin = t.origin(echoes)
    stream = connect(t).request(origin.host, "/", method="POST", end=False)
    stream.send(b"some ").send(b"body", end=True)
    equal(stream.response().text, "some body", "the echo")
    equal(origin.requests[0].framing, "chunked", "framing upstream")


@case("POST without content-length, ended by an empty DATA frame")
def post_empty_end(t):
    origin = t.origin(echoes)
    stream = connect(t).request(origin.host, "/", method="POST", end=False)
    stream.send(b"all").send(b"", end=True)
    equal(stream.response().text, "all", "the echo")


@cases([("POST with END_STREAM and no length has no body", ()),
        ("POST with END_STREAM and content-length: 0 has no body", ("content-length: 0",))])
def post_without_body(t, lines):
    received = upstream(t, *lines, method="POST")
    equal(received.body, b"", "body upstream")
    one_of(received.framing, ["none", "length"], "framing upstream")


@cases([(f"{method} passes as it is", method) for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND")])
def methods(t, method):
    equal(upstream(t, method=method).method, method.encode(), "method upstream")


@case("OPTIONS * is forwarded as such")
def options_asterisk(t):
    received = upstream(t, method="OPTIONS", target="*")
    equal((received.method, received.target), (b"OPTIONS", b"*"), "the request upstream")


@case("TRACE is 405, and nothing goes upstream")
def trace(t):
    origin = t.origin()
    client = connect(t)
    equal(client.fetch(origin.host, "/", method="TRACE").status, 405, "status")
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "targets upstream")


@case("an unknown host is 404 or what HTTP/1.1 says of it")
def unknown_host(t):
    origin = t.origin()
    plain = t.client().fetch("nobody.test", "/").status
    client = connect(t)
    equal(client.fetch("nobody.test").status, plain, "status")
    client.must_stay_open_for(origin.host)


@case("path and query bytes are never rewritten")
def target_bytes(t):
    target = "/a/../b//c;p=1/%2e%2E/%7e?x=%00&y=a+b&&z?/?"
    equal(upstream(t, target=target).target, target.encode(), "target upstream")


@case("a path longer than --max-uri is 414")
def long_uri(t):
    origin = t.origin()
    client = connect(t)
    equal(client.fetch(origin.host, "/" + "a" * 9000).status, 414, "status")
    client.must_stay_open_for(origin.host)


@case("cookie crumbs are one Cookie upstream, joined by \"; \"")
def crumbs(t):
    received = upstream(t, "cookie: a=1", "x-between: 1", "cookie: b=2", "cookie: c=3; d=4")
    equal(received.fields.all("cookie"), [b"a=1; b=2; c=3; d=4"], "Cookie upstream")


@case("fields keep their order and their number")
def repeated_fields(t):
    received = upstream(t, "x-a: 1", "x-b: 2", "x-a: 3", "x-a: ")
    equal(received.fields.all("x-a"), [b"1", b"3", b""], "x-a upstream")


@cases([("a Host that is the authority's twin passes", lambda host: [(":authority", host), ("host", host)]),
        ("a Host alone stands for the authority", lambda host: [("host", host)])])
def host_field(t, names):
    origin = t.origin()
    pseudo = [(":method", "GET"), (":scheme", "http"), (":path", "/")]
    given = names(origin.host)
    fields = pseudo + [pair for pair in given if pair[0] == ":authority"] + [pair for pair in given if pair[0] == "host"]
    stream = connect(t).headers(h2.pairs_of(fields))
    equal(stream.response().status, 200, "status")
    equal(origin.requests[0].fields.all("host"), [origin.host.encode()], "Host upstream")


@case("the authority's port goes up in Host, its case does not matter")
def authority_port(t):
    origin = t.origin()
    answer = connect(t).fetch(origin.host.upper() + ":8080")
    equal(answer.status, 200, "status")
    equal(origin.requests[0].fields.need("host").lower(), origin.host.encode() + b":8080", "Host upstream")


@case("a request gets X-Forwarded-*, X-Request-ID, and Via with the version it came by")
def added_upstream(t):
    received = upstream(t)
    fields = received.fields
    equal(fields.get("X-Forwarded-For"), b"127.0.0.1", "X-Forwarded-For")
    equal(fields.get("X-Real-IP"), b"127.0.0.1", "X-Real-IP")
    equal(fields.get("X-Forwarded-Proto"), b"http", "X-Forwarded-Proto")
    equal(fields.get("X-Forwarded-Host"), received.host, "X-Forwarded-Host")
    expect(fields.get("X-Request-ID"), "X-Request-ID")
    expect(re.fullmatch(rb"2(\.0)? \S+", fields.need("Via")), f"Via upstream: {fields.get('Via')}")


@case("X-Forwarded-Proto comes from the listener, not from :scheme")
def scheme_is_not_believed(t):
    origin = t.origin()
    client = connect(t)
    client.scheme = "https"
    equal(client.fetch(origin.host).status, 200, "status")
    equal(origin.requests[0].fields.get("X-Forwarded-Proto"), b"http", "X-Forwarded-Proto")


@case("te: trailers is no fault; at most that goes up")
def te_trailers(t):
    received = upstream(t, "te: trailers")
    one_of(received.fields.tokens("te"), [[], [b"trailers"]], "TE upstream")


@case("a request whose via bears our name is a loop: 508")
def loop(t):
    origin = t.origin()
    client = connect(t)
    name = client.fetch(origin.host).fields.need("via").split()[1].decode()
    answer = client.fetch(origin.host, "/", f"via: 2 {name}")
    equal(answer.status, 508, "status")


@case("Max-Forwards: 0 of OPTIONS is answered here")
def max_forwards(t):
    origin = t.origin()
    connect(t).fetch(origin.host, "/", "max-forwards: 0", method="OPTIONS")
    equal(origin.targets, [], "requests upstream")


@case("the proxy field (httpoxy) is dropped")
def httpoxy(t):
    equal(upstream(t, "proxy: evil.test").fields.has("proxy"), False, "Proxy upstream")


# Answers.

@case("names come lower-cased, :status first, Via and Date are there")
def answer_fields(t):
    origin = t.origin(answers(response("200 OK", b"ok", "X-MiXed: Value", "Set-Cookie: a=1", "Set-Cookie: b=2")))
    answer = connect(t).fetch(origin.host)
    equal([value for name, value in answer.fields if name == b"x-mixed"], [b"Value"], "x-mixed")
    equal(answer.fields.all("set-cookie"), [b"a=1", b"b=2"], "set-cookie")
    expect(re.fullmatch(rb"1\.1 \S+", answer.fields.need("via")), f"via: {answer.fields.get('via')}")
    expect(answer.fields.need("date"), "date")


@case("the backend's hop-by-hop fields end here")
def hop_by_hop(t):
    origin = t.origin(answers(response("200 OK", b"ok", "Connection: keep-alive, X-Hop", "Keep-Alive: timeout=5",
                                       "Proxy-Connection: keep-alive", "Upgrade: h2c", "X-Hop: 1", "X-Stays: 1")))
    answer = connect(t).fetch(origin.host)
    equal(answer.status, 200, "status")
    for name in ("connection", "keep-alive", "proxy-connection", "upgrade", "x-hop", "transfer-encoding"):
        equal(answer.fields.has(name), False, name)
    equal(answer.fields.get("x-stays"), b"1", "what is nobody's hop")


@case("any byte that a value may have passes both ways")
def odd_bytes(t):
    value = bytes([9, *range(0x20, 0x7f), *range(0x80, 0x100)]).strip()
    origin = t.origin(answers(response("200 OK", b"ok", b"X-Odd: " + value, "X-Padded:  \t v \t ", "X-Empty: ")))
    answer = connect(t).fetch(origin.host, "/", ("x-odd", value))
    equal(origin.requests[0].fields.get("x-odd"), value, "the value upstream")
    equal([answer.fields.get(name) for name in ("x-odd", "x-padded", "x-empty")], [value, b"v", b""], "the answer's values")


@case("a chunked answer comes as DATA, without transfer-encoding")
def chunked_answer(t):
    origin = t.origin(answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"one", b"two")))
    client = connect(t)
    for _ in range(2):
        answer = client.fetch(origin.host)
        equal((answer.text, answer.fields.has("content-length")), ("onetwo", False), "body and length")


@case("an answer that ends with its connection ends with END_STREAM")
def close_delimited(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\n\r\nto the end")
        backend.finish_sending()
        backend.wait_end()
    origin = t.origin(script)
    equal(connect(t).fetch(origin.host).text, "to the end", "body")


@case("an HTTP/1.0 backend's answer passes")
def old_backend(t):
    origin = t.origin(answers(response("200 OK", b"old", version="1.0")))
    equal(connect(t).fetch(origin.host).text, "old", "body")


@cases([
    ("HEAD: the length passes, no body", "HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", 200, b"1234"),
    ("HEAD: chunked, no body", "HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, None),
    ("204 has no body", "GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, None),
    ("304 with a length has no body", "GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"a\"\r\n\r\n", 304, b"99"),
    ("200 with a length of 0 has no body", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"0"),
])
def no_body(t, method, raw, status, length):
    origin = t.origin(answers(raw, OK))
    client = connect(t)
    answer = client.fetch(origin.host, "/", method=method)
    equal((answer.status, answer.body), (status, b""), "status and body")
    one_of(answer.fields.get("content-length"), [length] if status == 200 else [length, None], "content-length")
    client.must_stay_open_for(origin.host)


@case("a large answer head comes whole, in CONTINUATION frames where one is not enough")
def large_head(t):
    values = [b"%02d" % number * 500 for number in range(40)]  # 40 KiB
    lines = [b"X-Big-%d: " % number + value for number, value in enumerate(values)]
    origin = t.origin(answers(response("200 OK", b"ok", *lines)))
    client = connect(t)
    answer = client.fetch(origin.host)
    equal((answer.status, answer.text), (200, "ok"), "the answer")
    for number, value in enumerate(values):
        equal(answer.fields.get(f"x-big-{number}"), value, "a field")
    kinds = [kind for kind, _, stream, _ in client.log if stream]
    contains(kinds, h2.CONTINUATION, "the frames that came")
    client.must_stay_open_for(origin.host)


@case("a head of the backend's over 64 KiB is 502")
def too_large_head(t):
    lines = [f"X-Big-{number}: {'v' * 1000}" for number in range(70)]
    origin = t.origin(answers(response("200 OK", b"ok", *lines)), retries=0)
    client = connect(t)
    equal(client.fetch(origin.host).status, 502, "status")
    client.must_stay_open_for(t.origin().host)


@cases([("a head that the backend broke is 502", b"HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n"),
        ("a start line that the backend broke is 502", b"HTTP/1.1 abc\r\n\r\n"),
        ("an unasked 101 is 502", b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")])
def broken_head(t, raw):
    origin = t.origin(answers(raw), retries=0)
    client = connect(t)
    answer = client.fetch(origin.host)
    equal(answer.status, 502, "status")
    expect(answer.fields.has("proxy-status"), "proxy-status")
    other = t.origin()
    client.must_stay_open_for(other.host)


# Interim answers.

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"


@case("103 comes down, then the answer")
def early_hints(t):
    origin = t.origin(answers(HINTS + HINTS + response()))
    answer = connect(t).fetch(origin.host)
    equal([one.status for one in answer.interim], [103, 103], "interim answers")
    equal(answer.interim[0].fields.get("link"), b"</a.css>; rel=preload", "link")
    equal(answer.status, 200, "status")


@case("100 for an expect comes down before the body goes up")
def expect_continue(t):
    def script(backend):
        head = backend.read_request_head()
        backend.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        backend.read_request_body(head)
        backend.send(response("200 OK", head.body))
    origin = t.origin(script)
    client = connect(t)
    stream = client.request(origin.host, "/", "expect: 100-continue", "content-length: 5", method="POST", end=False)
    client.wait(lambda: stream.interim, "the interim answer")
    equal(stream.interim[0].status, 100, "the interim answer")
    stream.send(b"hello", end=True)
    equal(stream.response().text, "hello", "the echo")


@case("a body that nobody asked for, behind an expect, goes up at once")
def unasked_body(t):
    origin = t.origin(echoes)
    answer = connect(t).fetch(origin.host, "/", "expect: 100-continue", method="POST", body=b"unasked")
    equal((answer.status, answer.text), (200, "unasked"), "the answer")


@case("a final answer instead of 100: the stream is over, the connection goes on")
def refused_expectation(t):
    def script(backend):
        backend.read_request_head()
        backend.send(response("417 Expectation Failed", b"no"))
        backend.wait_end()
    origin = t.origin(script)
    other = t.origin()
    client = connect(t)
    stream = client.request(origin.host, "/", "expect: 100-continue", "content-length: 1000000", method="POST", end=False)
    equal((stream.wait_head().status, stream.response().body), (417, b"no"), "the answer")
    stream.reset()
    client.must_stay_open_for(other.host)


# Trailers.

@cases([("a request's trailers go upstream", ()), ("a request's trailers go upstream, `trailer` with them", ("trailer: x-sum",))])
def request_trailers(t, lines):
    origin = t.origin()
    stream = connect(t).request(origin.host, "/", *lines, method="POST", end=False)
    stream.send(b"hello").trailers("x-sum: abc", "x-more: d e")
    equal(stream.response().status, 200, "status")
    equal(origin.requests[0].body, b"hello", "body upstream")
    equal([(name.lower(), value) for name, value in origin.requests[0].trailers],
          [(b"x-sum", b"abc"), (b"x-more", b"d e")], "trailers upstream")


@case("trailers without a body go upstream, or the request goes without them")
def trailers_alone(t):
    origin = t.origin()
    stream = connect(t).request(origin.host, "/", method="POST", end=False)
    stream.trailers("x-sum: abc")
    equal(stream.response().status, 200, "status")
    equal(origin.requests[0].body, b"", "body upstream")


@case("a response's trailers come down, in a frame that ends the stream")
def response_trailers(t):
    raw = (response("200 OK", None, "Trailer: X-Sum", "Transfer-Encoding: chunked")
           + chunked(b"he", b"llo", trailers=b"X-Sum: abc\r\n"))
    origin = t.origin(answers(raw))
    client = connect(t)
    answer = client.fetch(origin.host, "/", "te: trailers")
    equal((answer.body, answer.trailers), (b"hello", [(b"x-sum", b"abc")]), "body and trailers")
    client.must_stay_open_for(origin.host)


@case("trailers of an empty body come down")
def response_trailers_alone(t):
    raw = response("200 OK", None, "Trailer: X-Sum", "Transfer-Encoding: chunked") + b"0\r\nX-Sum: 0\r\n\r\n"
    origin = t.origin(answers(raw))
    answer = connect(t).fetch(origin.host, "/", "te: trailers")
    equal((answer.body, answer.trailers), (b"", [(b"x-sum", b"0")]), "body and trailers")


@cases([("a trailer of 40,000 bytes is refused, or there to the byte", [("x-sum", "v" * 40_000)]),
        ("150 trailers are refused, or all there", [(f"x-{number}", "v") for number in range(150)])])
def large_trailers(t, lines):
    """They may end the stream or be answered by 431, but go upstream as they are or not at all."""
    origin = t.origin()
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    stream.send(b"hello").trailers(*lines)
    client.wait(lambda: stream.over, "the end of the stream")
    client.must_stay_open_for(origin.host)
    if stream.head and stream.head.status == 200:
        equal([(name.lower(), value) for name, value in origin.requests[0].trailers], h2.pairs_of(lines), "trailers upstream")
    else:
        expect(not stream.head or stream.head.status in (400, 413, 431), f"what came of it: {stream.head}")
        equal(origin.targets, [b"/still-open"], "whole requests upstream")


@case("a response's trailers that cannot be any are dropped, or end the stream with an error")
def odd_response_trailers(t):
    raw = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           + chunked(b"hello", trailers=b"Connection: close\r\nTransfer-Encoding: chunked\r\nX-Sum: abc\r\n"))
    client = connect(t)
    stream = client.request(t.origin(answers(raw)).host, "/", "te: trailers")
    client.wait(lambda: stream.over, "the end of the stream")  # the client judges what comes
    client.must_stay_open_for(t.origin().host)


# Many at once.

@case("streams are answered in whatever order the backend's answers come")
def out_of_order(t):
    slow, fast = t.origin(lambda backend: _answers_after(backend, fast)), t.origin(answers(response("200 OK", b"fast")))
    client = connect(t)
    first = client.request(slow.host)
    second = client.request(fast.host)
    equal(second.response().text, "fast", "the second's answer")
    equal(first.response().text, "slow", "the first's answer")


def _answers_after(backend, other):
    backend.read_request()
    other.wait_requests(1)
    backend.send(response("200 OK", b"slow"))
    backend.wait_end()


@case("2,000 requests over four connections, 50 at a time, each with its own answer", deadline=60)
def many(t):
    def script(backend):
        for one in backend:
            backend.send(response("200 OK", one.target))
    origin = t.origin(script)
    rounds = t.scaled(10)

    def run(client, name):
        for turn in range(rounds):
            streams = [(f"/{name}/{turn}/{number}", client.request(origin.host, f"/{name}/{turn}/{number}")) for number in range(50)]
            for target, stream in streams:
                equal(stream.response().text, target, "the answer")
    in_threads(*(lambda client=connect(t), name=name: run(client, name) for name in range(4)))


@case("HTTP/1.1 and HTTP/2 share a listener")
def shared_listener(t):
    origin = t.origin()
    one, two = connect(t), t.client()
    for _ in range(3):
        equal(one.fetch(origin.host).status, 200, "status over HTTP/2")
        equal(two.fetch(origin.host).status, 200, "status over HTTP/1.1")
    lacks(origin.received, b"PRI *", "bytes upstream")
