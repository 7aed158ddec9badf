"""Hop-by-hop fields (RFC 9110 section 7.6.1): they end here, in both directions, and are made anew."""

from harness import accept, answers, case, cases, chunked, equal, expect, lacks, one_of, request, response

GET = b"GET / HTTP/1.1\r\nHost: @host@\r\n"


@cases([
    ("a field that Connection names ends here", b"Connection: X-Hop\r\nX-Hop: 1\r\n", ["X-Hop"]),
    ("fields that Connection names end here, over several lines and cases",
     b"Connection: x-one, , X-TWO\r\nConnection: X-Three\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\n",
     ["X-One", "X-Two", "X-Three"]),
    ("a field that stands before the Connection that names it ends here",
     b"X-Hop: 1\r\nX-Hop: 2\r\nConnection: close, X-Hop\r\n", ["X-Hop"]),
    ("Keep-Alive ends here", b"Keep-Alive: timeout=5\r\n", ["Keep-Alive"]),
    ("Keep-Alive that Connection names ends here", b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
     ["Keep-Alive"]),
    ("Proxy-Connection ends here", b"Proxy-Connection: keep-alive\r\n", ["Proxy-Connection"]),
    ("Upgrade: h2c and its settings are dropped",
     b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
     ["Upgrade", "HTTP2-Settings"]),
    ("an upgrade that the route does not allow is dropped", b"Connection: Upgrade\r\nUpgrade: irc/6.9\r\n", ["Upgrade"]),
    ("an Upgrade that Connection does not name is dropped", b"Upgrade: irc/6.9\r\n", ["Upgrade"]),
    ("Proxy (httpoxy) is dropped", b"Proxy: http://evil.test/\r\n", ["Proxy"]),
    ("Proxy in another case is dropped", b"pROXY: http://evil.test/\r\n", ["Proxy"]),
    ("Trailer without trailers ends here", b"Trailer: X-Sum\r\n", ["Trailer"]),
])
def request_field_ends_here(t, lines, gone):
    origin = t.origin()
    client = t.client()
    answer = client.ask(GET.replace(b"@host@", origin.host.encode()) + lines + b"X-End: 1\r\n\r\n")
    equal(answer.status, 200, "status")
    received = origin.requests[0]
    equal([name for name in gone if received.fields.has(name)], [], "hop-by-hop fields at the origin")
    for name in gone:
        lacks(received.fields.tokens("Connection"), name.lower().encode(), "Connection at the origin")
    equal(received.fields.get("X-End"), b"1", "the end-to-end field at the origin")


@case("TE ends here, but for trailers")
def te(t):
    received = accept(t, GET + b"Connection: TE\r\nTE: gzip;q=0.5, deflate\r\n\r\n")
    one_of(received.fields.tokens("TE"), [[], [b"trailers"]], "TE at the origin")


@case("the client's Connection: close is not the backend's")
def close_is_per_hop(t):
    origin = t.origin()
    for number in range(3):
        client = t.client()
        equal(client.fetch(origin.host, f"/{number}", "Connection: close").status, 200, "status")
        client.must_close()
    equal(len(origin.connections), 1, "connections at the origin")
    lacks(origin.requests[0].fields.tokens("Connection"), b"close", "Connection at the origin")


PROTECTED = {
    "Host": None, "Authorization": b"Basic eDp5", "Cookie": b"a=b", "Cache-Control": b"no-cache",
    "X-Forwarded-For": b"127.0.0.1", "X-Real-IP": b"127.0.0.1", "X-Forwarded-Proto": b"http",
    "X-Forwarded-Host": None, "X-Request-ID": None, "Via": None,
}


@cases([(f"Connection cannot remove {name}", name, value) for name, value in PROTECTED.items()])
def protected_field(t, name, value):
    sent = f"{name}: {value.decode()}\r\n".encode() if name in ("Authorization", "Cookie", "Cache-Control") else b""
    received = accept(t, GET + b"Connection: keep-alive, " + name.lower().encode() + b"\r\n" + sent + b"\r\n")
    expect(received.fields.has(name), f"{name} reached the origin")
    if value:
        equal(received.fields.get(name), value, f"{name} at the origin")
    lacks(received.fields.tokens("Connection"), name.lower().encode(), "Connection at the origin")


@case("Connection cannot remove Content-Length")
def protected_length(t):
    received = accept(t, b"POST / HTTP/1.1\r\nHost: @host@\r\nConnection: Content-Length\r\n"
                         b"Content-Length: 5\r\n\r\nhello")
    equal(received.body, b"hello", "body at the origin")


@case("Connection cannot remove Transfer-Encoding's meaning")
def protected_coding(t):
    received = accept(t, b"POST / HTTP/1.1\r\nHost: @host@\r\nConnection: Transfer-Encoding\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    equal(received.body, b"hello", "body at the origin")


# Responses.

@cases([
    ("a response field that Connection names ends here", ["Connection: X-Hop", "X-Hop: 1"], ["X-Hop"]),
    ("a response's Keep-Alive ends here", ["Connection: keep-alive", "Keep-Alive: timeout=5"], ["Keep-Alive"]),
    ("a response's Proxy-Connection ends here", ["Proxy-Connection: keep-alive"], ["Proxy-Connection"]),
    ("a response's Upgrade ends here", ["Connection: Upgrade", "Upgrade: h2c"], ["Upgrade"]),
    ("a response's Trailer without trailers ends here", ["Trailer: X-Sum"], ["Trailer"]),
])
def response_field_ends_here(t, lines, gone):
    origin = t.origin(answers(response("200 OK", b"ok", *lines, "X-End: 1")))
    client = t.client()
    answer = client.fetch(origin.host)
    equal([name for name in gone if answer.fields.has(name)], [], "hop-by-hop fields at the client")
    equal((answer.body, answer.fields.get("X-End")), (b"ok", b"1"), "body and end-to-end field")
    client.must_stay_open_for(origin.host)


@cases([(f"a response's Connection cannot remove {name}", name, value) for name, value in
        [("Content-Length", "2"), ("Cache-Control", "no-store")]])
def protected_response_field(t, name, value):
    fields = [] if name == "Content-Length" else [f"{name}: {value}"]
    origin = t.origin(answers(response("200 OK", b"ok", f"Connection: {name}", *fields)))
    answer = t.client().fetch(origin.host)
    equal((answer.body, answer.fields.get(name)), (b"ok", value.encode()), f"body and {name}")


@case("a response's Transfer-Encoding is made anew")
def response_coding(t):
    head = response("200 OK", None, "Connection: Transfer-Encoding", "Transfer-Encoding: Chunked")
    origin = t.origin(answers(head + chunked(b"he", b"llo")))
    client = t.client()
    answer = client.fetch(origin.host)
    equal((answer.body, answer.framing), (b"hello", "chunked"), "body and framing")
    client.must_stay_open_for(origin.host)


@case("the backend's Connection: close does not close the client's connection")
def backend_closes(t):
    origin = t.origin(answers(response("200 OK", b"ok", "Connection: close")))
    client = t.client()
    for _ in range(3):
        answer = client.fetch(origin.host)
        lacks(answer.fields.tokens("Connection"), b"close", "Connection at the client")
    equal(len(origin.connections), 3, "connections at the origin: each was the last of its own")


@case("a backend connection is used again")
def backend_keep_alive(t):
    origin = t.origin()
    client = t.client()
    for _ in range(5):
        equal(client.fetch(origin.host).status, 200, "status")
    equal(len(origin.connections), 1, "connections at the origin")


@case("a backend that speaks HTTP/1.0 is asked on a new connection each time")
def backend_1_0(t):
    origin = t.origin(answers(response("200 OK", b"ok", version="1.0")))
    client = t.client()
    for _ in range(3):
        answer = client.fetch(origin.host)
        equal((answer.version, answer.body), (b"1.1", b"ok"), "version and body at the client")
    equal(len(origin.connections), 3, "connections at the origin")


@case("a request goes up with our version")
def own_version(t):
    origin = t.origin()
    client = t.client()
    equal(client.fetch(origin.host, "/", version="1.0").version, b"1.1", "version of the answer")
    equal(origin.requests[0].version, b"1.1", "version at the origin")
    client.must_close()


@case("nothing that the client wrote into a request is lost or invented")
def end_to_end_fields(t):
    sent = [("Accept", "*/*"), ("User-Agent", "x/1"), ("X-Custom", "a, b"), ("If-None-Match", '"e"'),
            ("Range", "bytes=0-1"), ("Accept-Encoding", "gzip"), ("Origin", "http://x.test"),
            ("Referer", "http://y.test/"), ("traceparent", "00-a")]
    origin = t.origin()
    t.client().send(request(origin.host, "/", *sent))
    origin.wait_requests(1)
    received = origin.requests[0].fields
    equal([(name, value) for name, value in sent if received.get(name) != value.encode()], [], "fields that changed")
    known = {name.lower() for name, _ in sent} | {
        "host", "connection", "via", "te", "x-forwarded-for", "x-real-ip", "x-forwarded-proto", "x-forwarded-host",
        "x-request-id"}
    equal([name for name, _ in received if name.lower().decode() not in known], [], "fields that nobody sent")
