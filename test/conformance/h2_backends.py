"""HTTP/2 to backends (SPEC section 2): messages, for HTTP/1 and HTTP/2 clients alike."""

import h2_frames as h2
from both_clients import for_both, from_both, version_of
from h2 import connect
from h2_origin import answers, h2_origin
from harness import (case, cases, chunked, equal, expect, request)


# The request.

@from_both("GET: the pseudo-fields are what was asked, there is no Host, and what is added is there")
def get(t, make):
    origin = h2_origin(t)
    client = make(t)
    answer = client.fetch(origin.host, "/path?x=1&y=%2f", "x-mixed: Case", "accept: */*")
    equal((answer.status, answer.text), (200, "ok"), "the answer")
    stream = origin.streams[0]
    equal(stream.pseudo, {b":method": b"GET", b":scheme": b"http", b":authority": origin.host.encode(),
                          b":path": b"/path?x=1&y=%2f"}, "pseudo-fields")
    fields = stream.head.fields
    equal((fields.get("x-mixed"), fields.get("accept")), (b"Case", b"*/*"), "the client's fields")
    equal(fields.get("x-forwarded-host"), origin.host.encode(), "X-Forwarded-Host")
    equal((fields.get("x-forwarded-proto"), fields.get("x-real-ip")), (b"http", b"127.0.0.1"), "X-Forwarded-Proto, X-Real-IP")
    expect(fields.need("x-request-id"), "X-Request-ID")
    equal(fields.need("via").split(b" ")[0], version_of(client), "the version in Via upstream")
    equal((stream.head.body, fields.has("content-length"), fields.has("transfer-encoding")), (b"", False, False), "no body")
    frames = [(kind, flags) for kind, flags, number, _ in origin.connections[0].log if number == 1 and kind != h2.WINDOW_UPDATE]
    equal(frames, [(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM)], "frames of the request")


@from_both("the Host goes up as it was received, as :authority")
def authority(t, make):
    origin = h2_origin(t)
    host = origin.host.replace("case", "CASE") + ":8080"
    equal(make(t).fetch(host).status, 200, "status")
    equal(origin.streams[0].pseudo[b":authority"], host.encode(), ":authority")


@case("an absolute-form authority replaces Host; the target goes up as origin-form")
def absolute_form(t):
    origin = h2_origin(t)
    raw = f"GET http://{origin.host}/a?b HTTP/1.1\r\nHost: other.test\r\n\r\n".encode()
    equal(t.client().ask(raw).status, 200, "status")
    pseudo = origin.streams[0].pseudo
    equal((pseudo[b":authority"], pseudo[b":path"]), (origin.host.encode(), b"/a?b"), ":authority and :path")


@from_both("OPTIONS * has the path *")
def asterisk(t, make):
    origin = h2_origin(t)
    equal(make(t).fetch(origin.host, "*", method="OPTIONS").status, 200, "status")
    equal(origin.streams[0].pseudo[b":path"], b"*", ":path")


@cases(for_both([(method, method) for method in ("PUT", "DELETE", "PATCH", "PROPFIND")]))
def methods(t, make, method):
    origin = h2_origin(t)
    equal(make(t).fetch(origin.host, "/", method=method, body=b"12").status, 200, "status")
    stream = origin.streams[0]
    equal((stream.pseudo[b":method"], stream.head.body), (method.encode(), b"12"), "method and body")
    equal(stream.head.fields.get("content-length"), b"2", "content-length")


@from_both("HEAD: the length is told, and there is no body")
def head_method(t, make):
    def script(stream):
        stream.read_request()
        stream.answer_head(200, "content-length: 12345", end=True)
    origin = h2_origin(t, script)
    client = make(t)
    answer = client.fetch(origin.host, "/", method="HEAD")
    equal((answer.status, answer.fields.get("content-length")), (200, b"12345"), "status and length")
    client.must_stay_open_for(h2_origin(t).host)


@case("what HTTP/1 says of its connection ends here; names go up in lower case")
def hop_by_hop(t):
    origin = h2_origin(t)
    lines = ["Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: gzip",
             "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA", "X-Kept: 1", "Proxy: http://a.test"]
    equal(t.client().fetch(origin.host, "/", *lines).status, 200, "status")
    names = [name for name, _ in origin.requests[0].fields]
    for name in (b"x-hop", b"te", b"proxy", b"host"):  # what HTTP/2 forbids the origin checks
        equal(name in names, False, f"{name} upstream")
    equal(origin.requests[0].fields.get("x-kept"), b"1", "another field")


@cases([("te: trailers is passed: h1 client", lambda t, host: t.client().fetch(host, "/", "TE: trailers", "Connection: TE")),
        ("te: trailers is passed: h2 client", lambda t, host: connect(t).fetch(host, "/", "te: trailers"))])
def te_trailers(t, ask):
    origin = h2_origin(t)
    equal(ask(t, origin.host).status, 200, "status")
    equal(origin.requests[0].fields.all("te"), [b"trailers"], "te")


@case("crumbs of a cookie arrive as what they were, from an HTTP/2 client; whole ones from an HTTP/1 client")
def cookies(t):
    origin = h2_origin(t)
    connect(t).fetch(origin.host, "/", "cookie: a=1", "cookie: b=2", "x-other: 1", "cookie: c=3")
    t.client().fetch(origin.host, "/", "Cookie: a=1; b=2; c=3")
    for one in origin.requests:
        equal(b"; ".join(one.fields.all("cookie")), b"a=1; b=2; c=3", "the cookie")


@from_both("Set-Cookie and other repeated fields keep their lines and order")
def repeated(t, make):
    lines = ["set-cookie: a=1", "x-many: 1", "set-cookie: b=2; Path=/", "x-many: 2"]
    answer = make(t).fetch(h2_origin(t, answers(200, b"ok", *lines)).host)
    equal(answer.fields.all("set-cookie"), [b"a=1", b"b=2; Path=/"], "Set-Cookie")
    equal(answer.fields.all("x-many"), [b"1", b"2"], "X-Many")


@from_both("the answer's Via says 2, its Date is added where there is none and kept where there is one")
def via(t, make):
    client = make(t)
    answer = client.fetch(h2_origin(t).host)
    equal(answer.fields.need("via").split(b" ")[0], b"2", "the version in Via")
    expect(answer.fields.need("date"), "Date")
    date = "Tue, 15 Nov 1994 08:12:31 GMT"
    answer = client.fetch(h2_origin(t, answers(200, b"ok", f"date: {date}", "via: 1.0 inner")).host)
    equal(answer.fields.all("date"), [date.encode()], "Date")
    equal([one.split(b" ")[0] for one in answer.fields.members("via")], [b"1.0", b"2"], "the versions in Via")


@from_both("the route's edits of fields hold both ways")
def edits(t, make):
    origin = h2_origin(t, answers(200, b"ok", "x-gone: 1", "server: me"), headers={"X-Up": "${vhost}", "X-Away": None},
                       responseHeaders={"X-Down": "${request.id}", "X-Gone": None})
    answer = make(t).fetch(origin.host, "/", "x-away: 1")
    received = origin.requests[0].fields
    equal((received.get("x-up"), received.has("x-away")), (origin.host.encode(), False), "the request's fields")
    equal(answer.fields.get("x-down"), received.get("x-request-id"), "the answer's new field")
    equal((answer.fields.has("x-gone"), answer.fields.get("server")), (False, b"me"), "the answer's others")


@from_both("the route's `headers` can set Host: it is :authority then")
def host_edit(t, make):
    origin = h2_origin(t, headers={"Host": "inner.test"})
    equal(make(t).fetch(origin.host).status, 200, "status")
    equal(origin.streams[0].pseudo[b":authority"], b"inner.test", ":authority")


@from_both("a large head goes up in CONTINUATION frames")
def large_request(t, make):
    origin = h2_origin(t)
    lines = [f"x-large-{number}: {chr(97 + number) * 7000}" for number in range(4)]
    equal(make(t).fetch(origin.host, "/", *lines).status, 200, "status")
    for number in range(4):
        equal(origin.requests[0].fields.get(f"x-large-{number}"), bytes([97 + number]) * 7000, "a large field")
    expect(any(frame[0] == h2.CONTINUATION for frame in origin.connections[0].log), "no CONTINUATION")


@from_both("a large head comes down from CONTINUATION frames")
def large_answer(t, make):
    lines = [f"x-large-{number}: {chr(97 + number) * 10_000}" for number in range(5)]
    answer = make(t).fetch(h2_origin(t, answers(200, b"ok", *lines)).host)
    equal((answer.status, answer.text), (200, "ok"), "the answer")
    for number in range(5):
        equal(answer.fields.get(f"x-large-{number}"), bytes([97 + number]) * 10_000, "a large field")


@from_both("an answer of 100 fields comes whole")
def many_fields(t, make):
    answer = make(t).fetch(h2_origin(t, answers(200, b"ok", *[f"x-{number}: {number}" for number in range(95)])).host)
    for number in range(95):
        equal(answer.fields.get(f"x-{number}"), b"%d" % number, "a field")


# The answer's status and body.

@cases(for_both([(f"{status} has no body, and the connection goes on", status) for status in (204, 304)]))
def without_body(t, make, status):
    origin = h2_origin(t, answers(status, None, "etag: \"x\""))
    client = make(t)
    for _ in range(2):
        answer = client.fetch(origin.host)
        equal((answer.status, answer.body, answer.fields.get("etag")), (status, b"", b"\"x\""), "the answer")


@cases(for_both([(f"a status of {status} passes", status) for status in (201, 299, 302, 404, 418, 500, 503, 599)]))
def statuses(t, make, status):
    answer = make(t).fetch(h2_origin(t, answers(status, b"body")).host)
    equal((answer.status, answer.body), (status, b"body"), "the answer")


@case("without content-length: chunked to HTTP/1.1, until the end to HTTP/1.0, and a plain end to HTTP/2")
def without_length(t):
    origin = h2_origin(t, answers(200, b"x" * 5000, length=False))
    client = t.client()
    answer = client.fetch(origin.host)
    equal((answer.framing, answer.body), ("chunked", b"x" * 5000), "framing and body for HTTP/1.1")
    client.must_stay_open_for(origin.host)
    old = t.client()
    answer = old.ask(request(origin.host, version="1.0"))
    equal((answer.framing, answer.body), ("close", b"x" * 5000), "framing and body for HTTP/1.0")
    answer = connect(t).fetch(origin.host)
    equal((answer.body, answer.fields.has("content-length")), (b"x" * 5000, False), "body for HTTP/2")


@case("no body and no content-length: HTTP/1 clients are told of its end at once")
def empty_without_length(t):
    origin = h2_origin(t, answers(200, None))
    client = t.client()
    for _ in range(2):
        answer = client.fetch(origin.host)
        equal((answer.status, answer.body), (200, b""), "the answer")
        expect(answer.framing != "close", "the body has an end of its own")


@case("END_STREAM in an empty DATA frame behind the body, likewise")
def late_end(t):
    def script(stream):
        stream.read_request()
        stream.answer_head(200, "content-length: 3")
        stream.send(b"abc")
        stream.send(b"", end=True)
    origin = h2_origin(t, script)
    for make in (t.client, lambda: connect(t)):
        client = make()
        for _ in range(2):
            equal(client.fetch(origin.host).text, "abc", "the answer")
    equal(len(origin.connections), 1, "connections")


@from_both("padding, PRIORITY and frames of unknown kinds are no matter")
def padding(t, make):
    def script(stream):
        stream.read_request()
        connection = stream.connection
        connection.frame(0x77, 0xff, stream.number, b"unknown")
        block = connection.block_of(stream.head_fields(200, ["content-length: 4"]))
        connection.frame(h2.HEADERS, h2.END_HEADERS | h2.PADDED | h2.WITH_PRIORITY, stream.number,
                         h2.padded(h2.priority() + block, 9))
        connection.frame(h2.PRIORITY, 0, stream.number, h2.priority())
        connection.frame(h2.DATA, h2.PADDED, stream.number, h2.padded(b"ab", 255))
        connection.frame(0x77, 0xff, 0, b"unknown")
        connection.frame(h2.DATA, h2.PADDED | h2.END_STREAM, stream.number, h2.padded(b"cd", 0))
    origin = h2_origin(t, script)
    client = make(t)
    for _ in range(3):
        equal(client.fetch(origin.host).text, "abcd", "the answer")
    equal(len(origin.connections), 1, "connections")


# 1xx.

@from_both("100 and 103 are passed, in order, with their fields")
def interim(t, make):
    def script(stream):
        stream.read_request()
        stream.answer_head(103, "link: </a.css>; rel=preload")
        stream.answer_head(103, "link: </b.css>; rel=preload")
        stream.respond(200, b"ok", "x-final: 1")
    answer = make(t).fetch(h2_origin(t, script).host)
    equal([(one.status, one.fields.get("link")) for one in answer.interim],
          [(103, b"</a.css>; rel=preload"), (103, b"</b.css>; rel=preload")], "interim answers")
    equal((answer.status, answer.text, answer.fields.has("link")), (200, "ok", False), "the final answer")


@from_both("Expect: 100-continue goes up, and the 100 comes down before the body is sent")
def expectation(t, make):
    def script(stream):
        stream.answer_head(100)
        equal(stream.read_request().body, b"the body", "the body")
        stream.respond(200, b"ok")
    origin = h2_origin(t, script)
    client = make(t)
    if version_of(client) == b"2":
        stream = client.request(origin.host, "/", "expect: 100-continue", "content-length: 8", method="POST", end=False)
        client.wait(lambda: stream.interim, "the 100")
        equal(stream.interim[0].status, 100, "the interim status")
        stream.send(b"the body", end=True)
        equal(stream.response().text, "ok", "the answer")
    else:
        client.send(request(origin.host, "/", "Expect: 100-continue", "Content-Length: 8", method="POST"))
        equal(client.read_head().status, 100, "the interim status")
        client.send(b"the body")
        equal(client.read_response().text, "ok", "the answer")
    equal(origin.streams[0].head.fields.get("expect"), b"100-continue", "Expect upstream")


@case("HTTP/1.0 clients get no 1xx")
def interim_for_1_0(t):
    def script(stream):
        stream.read_request()
        stream.answer_head(103, "link: </a.css>; rel=preload")
        stream.respond(200, b"ok")
    client = t.client()
    equal(client.ask(request(h2_origin(t, script).host, version="1.0")).interim, [], "interim answers")


# Trailers.

@from_both("trailers go up")
def trailers_up(t, make):
    origin = h2_origin(t)
    client = make(t)
    if version_of(client) == b"2":
        stream = client.request(origin.host, "/", "trailer: x-sum", method="POST", end=False)
        stream.send(b"12345")
        stream.trailers("x-sum: 15", "x-more: 1")
        equal(stream.response().status, 200, "status")
    else:
        client.send(request(origin.host, "/", "Transfer-Encoding: chunked", "Trailer: X-Sum", method="POST"))
        client.send(chunked(b"12345", trailers=b"X-Sum: 15\r\nX-More: 1\r\n"))
        equal(client.read_response().status, 200, "status")
    received = origin.requests[0]
    equal((received.body, received.trailers), (b"12345", [(b"x-sum", b"15"), (b"x-more", b"1")]), "body and trailers")


@cases(for_both([("trailers come down behind a body", b"12345"), ("trailers come down without a body", b"")]))
def trailers_down(t, make, body):
    def script(stream):
        stream.read_request()
        stream.answer_head(200)
        stream.send(body)
        stream.trailers("x-sum: 15", "grpc-status: 0")
    client = make(t)
    origin = h2_origin(t, script)
    te = ["te: trailers"] if version_of(client) == b"2" else ["TE: trailers", "Connection: TE"]
    for _ in range(2):
        answer = client.fetch(origin.host, "/", *te)
        equal((answer.body, [(name.lower(), value) for name, value in answer.trailers]),
              (body, [(b"x-sum", b"15"), (b"grpc-status", b"0")]), "body and trailers")


@case("an answer that is a head alone, gRPC's error, goes to an HTTP/2 client as one")
def head_alone(t):
    def script(stream):
        stream.read_request()
        stream.answer_head(200, "content-type: application/grpc", "grpc-status: 5", end=True)
    client = connect(t)
    answer = client.fetch(h2_origin(t, script).host, "/s/m", "te: trailers", method="POST", body=b"x")
    equal((answer.fields.get("grpc-status"), answer.body, answer.trailers), (b"5", b"", []), "the answer")
    kinds = [frame[0] for frame in client.log if frame[2] == 1 and frame[0] in (h2.DATA, h2.HEADERS)]
    equal(kinds, [h2.HEADERS], "frames of the answer")
