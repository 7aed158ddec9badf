"""The request line (RFC 9112 section 3): versions, separators, methods, its length, and what may stand before it."""

from harness import accept, answers, case, cases, equal, expect, refuse, request, OK

HOST = b"\r\nHost: @host@\r\n\r\n"

BAD_LINES = [
    ("two spaces after the method", b"GET  / HTTP/1.1"),
    ("two spaces before the version", b"GET /  HTTP/1.1"),
    ("a space after the version", b"GET / HTTP/1.1 "),
    ("a space before the method", b" GET / HTTP/1.1"),
    ("tabs as separators", b"GET\t/\tHTTP/1.1"),
    ("a tab before the version", b"GET /\tHTTP/1.1"),
    ("a space in the target", b"GET /a b HTTP/1.1"),
    ("no target", b"GET HTTP/1.1"),
    ("an empty target", b"GET  HTTP/1.1"),
    ("a target that is neither a path nor a URI", b"GET index.html HTTP/1.1"),
    ("an asterisk for another method than OPTIONS", b"GET * HTTP/1.1"),
    ("a lower-case protocol name", b"GET / http/1.1"),
    ("another protocol name", b"GET / HTTQ/1.1"),
    ("a version of one digit", b"GET / HTTP/1"),
    ("a version of two minor digits", b"GET / HTTP/1.10"),
    ("a version of two major digits", b"GET / HTTP/01.1"),
    ("a version with a comma", b"GET / HTTP/1,1"),
    ("a NUL in the target", b"GET /a\x00b HTTP/1.1"),
    ("a control byte in the target", b"GET /a\x01b HTTP/1.1"),
    ("a DEL in the target", b"GET /a\x7fb HTTP/1.1"),
    ("a bare CR in the target", b"GET /a\rb HTTP/1.1"),
    ("a bare CR after the version", b"GET / HTTP/1.1\r"),
    ("three CRLFs before the line", b"\r\n\r\n\r\nGET / HTTP/1.1"),
    ("a bare LF before the line", b"\nGET / HTTP/1.1"),
    ("a NUL before the line", b"\x00GET / HTTP/1.1"),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
]


@cases([(f"{name} is refused", line) for name, line in BAD_LINES])
def bad_line(t, line):
    refuse(t, line + HOST, 400, *([501] if not line.startswith((b"GET", b"\r")) else []))


@case("HTTP/0.9 is refused")
def simple_request(t):
    refuse(t, b"GET /\r\n", 400)


@case("the request line's end as a bare LF is refused")
def bare_line_feed(t):
    refuse(t, b"GET / HTTP/1.1\nHost: @host@\r\n\r\n", 400)


@cases([
    ("HTTP/2.0 is 505", b"HTTP/2.0", [505]),
    ("HTTP/1.2 is 505", b"HTTP/1.2", [505]),
    ("HTTP/1.9 is 505", b"HTTP/1.9", [505]),
    ("HTTP/3.0 is 505", b"HTTP/3.0", [505]),
    ("HTTP/0.9 spelt out is refused", b"HTTP/0.9", [400, 505]),
])
def other_version(t, version, statuses):
    refuse(t, b"GET / " + version + HOST, *statuses)


@cases([
    ("CONNECT is 405", b"CONNECT @host@:443 HTTP/1.1\r\nHost: @host@:443\r\n\r\n"),
    ("TRACE is 405", b"TRACE / HTTP/1.1\r\nHost: @host@\r\nMax-Forwards: 0\r\n\r\n"),
])
def forbidden_method(t, raw):
    answer = refuse(t, raw, 405, closes=False)
    expect(answer.fields.has("Allow"), "a 405 carries Allow (RFC 9110 section 15.5.6)")


@cases([
    ("an unknown method is 501", b"FROBNICATE", [501]),
    ("a lower-case method is not GET", b"get", [400, 501]),
    ("a method that only begins like one is not that one", b"GETX", [400, 501]),
    ("a method with a forbidden byte is refused", b"GE{T", [400, 501]),
])
def unknown_method(t, method, statuses):
    refuse(t, method + b" / HTTP/1.1" + HOST, *statuses, closes=False)


@case("every other method passes as it is")
def known_methods(t):
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PROPPATCH", "MKCOL", "COPY",
               "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT", "M-SEARCH", "NOTIFY", "SUBSCRIBE", "PURGE", "MKCALENDAR",
               "LINK", "UNLINK"]
    origin = t.origin()
    client = t.client()
    for method in methods:
        answer = client.fetch(origin.host, "/", method=method, body=None if method in ("GET", "HEAD") else b"")
        equal(answer.status, 200, f"status for {method}")
    equal([one.method.decode() for one in origin.requests], methods, "methods at the origin")


@cases([("one CRLF before the line is skipped", 1), ("two CRLFs before the line are skipped", 2)])
def leading_crlf(t, count):
    received = accept(t, b"\r\n" * count + b"GET /x HTTP/1.1" + HOST)
    expect(received.head.startswith(b"GET /x HTTP/1.1\r\n"), "the CRLFs did not go upstream")


@case("a CRLF after a body, as old clients send, is skipped")
def crlf_after_body(t):
    origin = t.origin()
    client = t.client()
    client.send(request(origin.host, "/1", method="POST", body=b"x") + b"\r\n" + request(origin.host, "/2"))
    for target in ("/1", "/2"):
        equal(client.read_response().status, 200, f"status of {target}")
    equal(origin.targets, [b"/1", b"/2"], "targets at the origin")


@case("a target of 8 KiB passes")
def longest_target(t):
    target = "/" + "a" * 8191
    origin = t.origin()
    equal(t.client().fetch(origin.host, target).status, 200, "status")
    equal(origin.requests[0].target, target.encode(), "target at the origin")


@cases([("a target over 8 KiB is 414", 8193), ("a target far over 8 KiB is 414", 30_000)])
def long_target(t, length):
    refuse(t, b"GET /" + b"a" * (length - 1) + b" HTTP/1.1" + HOST, 414)


@case("a request line that never ends is given up")
def endless_line(t):
    origin = t.origin()
    client = t.client()
    client.try_send(b"GET /" + b"a" * 200_000)
    answer = client.read_response()
    expect(answer.status in (400, 414, 431), f"status {answer.status}")
    client.must_close()
    t.nothing_upstream(origin)


@case("a method that never ends is given up")
def endless_method(t):
    origin = t.origin()
    client = t.client()
    client.try_send(b"A" * 200_000)
    answer = client.read_response()
    expect(answer.status in (400, 414, 431, 501), f"status {answer.status}")
    client.must_close()
    t.nothing_upstream(origin)


@case("a request that comes byte by byte is one request")
def byte_by_byte(t):
    origin = t.origin()
    client = t.client()
    for byte in request(origin.host, "/slowly", method="POST", body=b"hello"):
        client.send(bytes([byte]))
    equal(client.read_response().status, 200, "status")
    equal(origin.requests[0].body, b"hello", "body at the origin")
    client.must_stay_open_for(origin.host)


@case("a 400 says that the connection closes, is framed, and names its reason")
def shape_of_a_refusal(t):
    answer = refuse(t, b"GET / HTTP/1.1\r\nHost: @host@\r\nBad Name: 1\r\n\r\n", 400)
    expect(b"close" in answer.fields.tokens("Connection"), "Connection: close")
    expect(answer.framing == "length", f"framing is {answer.framing}")
    expect(answer.fields.has("Date"), "Date is there")
    expect(b"error=" in (answer.fields.get("Proxy-Status") or b""), "Proxy-Status with an error")


@case("good requests before a bad one are answered, then comes the 400")
def good_then_bad(t):
    origin = t.origin(answers(OK))
    client = t.client()
    client.send(request(origin.host, "/good") + b"GET /bad HTTP/1.1\r\nHost: @\r\nBad Name: 1\r\n\r\n")
    equal(client.read_response().status, 200, "status of the first")
    equal(client.read_response().status, 400, "status of the second")
    client.must_close()
    equal(origin.targets, [b"/good"], "targets at the origin")
