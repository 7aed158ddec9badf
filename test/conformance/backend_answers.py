"""A backend's answer is judged as strictly as a client's request: 502, or a visible abort once its head has gone."""

import re
import threading

from harness import OK, answers, case, cases, chunked, contains, equal, expect, request, response

# RFC 9209 section 2.3: the error types that a proxy may name.
PROXY_ERROR = re.compile(
    rb"\S+; ?.*error=(dns_\w+|destination_\w+|connection_\w+|tls_\w+|http_\w+|proxy_\w+)\b")


def bad_gateway(t, raw):
    """502 with its reason, and the connection that said so is closed and not used again."""
    def script(backend):
        backend.read_request()
        if backend.index == 0:
            backend.send(raw)
            backend.wait_end()
        else:
            backend.send(OK)
            for _ in backend:
                backend.send(OK)

    origin = t.origin(script)
    client = t.client()
    answer = client.fetch(origin.host, "/first")
    equal(answer.status, 502, "status")
    expect(PROXY_ERROR.match(answer.fields.get("Proxy-Status") or b""),
           f"Proxy-Status: {answer.fields.get('Proxy-Status')}")
    origin.wait_ended(0)
    equal(client.fetch(origin.host, "/second").status, 200, "status of the next request")
    equal(len(origin.connections[0].requests), 1, "requests on the connection with the bad answer")


BODY = b"\r\nhello"

BAD_HEADS = [
    ("two different Content-Lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n" + BODY),
    ("two equal Content-Lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n" + BODY),
    ("a Content-Length list", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n" + BODY),
    ("a Content-Length with a plus", b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n" + BODY),
    ("a negative Content-Length", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n" + BODY),
    ("a Content-Length of letters", b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n" + BODY),
    ("an empty Content-Length", b"HTTP/1.1 200 OK\r\nContent-Length:\r\n" + BODY),
    ("a Content-Length over 2^63", b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n" + BODY),
    ("both framings", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello")),
    ("chunked twice", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n" + chunked(b"hello")),
    ("chunked not last", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n" + chunked(b"hello")),
    ("an unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: cow\r\n" + BODY),
    ("a coding before chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + chunked(b"hello")),
    ("Transfer-Encoding in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello")),
    ("a status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n" + BODY),
    ("a status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n" + BODY),
    ("a status of letters", b"HTTP/1.1 2xx OK\r\nContent-Length: 5\r\n" + BODY),
    ("a status with a sign", b"HTTP/1.1 +20 OK\r\nContent-Length: 5\r\n" + BODY),
    ("no status", b"HTTP/1.1  OK\r\nContent-Length: 5\r\n" + BODY),
    ("no space before the status", b"HTTP/1.1200 OK\r\nContent-Length: 5\r\n" + BODY),
    ("another protocol", b"ICY 200 OK\r\nContent-Length: 5\r\n" + BODY),
    ("a lower-case protocol", b"http/1.1 200 OK\r\nContent-Length: 5\r\n" + BODY),
    ("HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n" + BODY),
    ("HTTP/1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n" + BODY),
    ("garbage before the status line", b"garbage\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + BODY),
    ("a NUL in the reason", b"HTTP/1.1 200 O\x00K\r\nContent-Length: 5\r\n" + BODY),
    ("a NUL in a field", b"HTTP/1.1 200 OK\r\nX-A: 1\x002\r\nContent-Length: 5\r\n" + BODY),
    ("a control byte in a field", b"HTTP/1.1 200 OK\r\nX-A: 1\x012\r\nContent-Length: 5\r\n" + BODY),
    ("a bare CR in a field", b"HTTP/1.1 200 OK\r\nX-A: 1\r2\r\nContent-Length: 5\r\n" + BODY),
    ("a space before a colon", b"HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 5\r\n" + BODY),
    ("an obs-fold", b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 5\r\n" + BODY),
    ("a line without a colon", b"HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 5\r\n" + BODY),
    ("an empty field name", b"HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 5\r\n" + BODY),
    ("bare LFs as line ends", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
    ("one bare LF as a line's end", b"HTTP/1.1 200 OK\r\nX-A: 1\nContent-Length: 5\r\n" + BODY),
    ("a head over 64 KiB", b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 70_000 + b"\r\nContent-Length: 5\r\n" + BODY),
    ("a head over 64 KiB of many fields",
     b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(70)) + BODY),
    ("an unasked 101", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ("an unasked 101 with data", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\ndata"),
    ("a malformed answer after a 103", b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 20 OK\r\nContent-Length: 5\r\n" + BODY),
]


@cases([(f"{name} from the backend: 502", raw) for name, raw in BAD_HEADS])
def bad_head(t, raw):
    bad_gateway(t, raw)


@case("a first chunk that is malformed, come with the head: 502, for nothing has gone to the client yet")
def malformed_first_chunk(t):
    bad_gateway(t, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n")


@case("HTTP/0.9 from the backend, a body without a head: 502")
def simple_response(t):
    def script(backend):
        backend.read_request()
        backend.send(b"<html>hello</html>")
    origin = t.origin(script)
    equal(t.client().fetch(origin.host).status, 502, "status")


@case("a 101 to another protocol than was asked for is 502")
def wrong_protocol(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
        backend.wait_end()
    origin = t.origin(script)
    client = t.client()
    answer = client.fetch(origin.host, "/", "Connection: Upgrade", "Upgrade: websocket")
    equal(answer.status, 502, "status")


@case("a head of 60 KiB passes")
def large_head(t):
    value = b"x" * 60_000
    origin = t.origin(answers(response("200 OK", b"ok", ("X-A", value))))
    answer = t.client().fetch(origin.host)
    equal((answer.status, answer.fields.get("X-A")), (200, value), "status and field")


@cases([
    ("an empty reason", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", 200),
    ("a long reason with odd bytes", b"HTTP/1.1 200 It's \xe9 (fine)!\r\nContent-Length: 2\r\n\r\nok", 200),
    ("an unknown status", b"HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nok", 299),
    ("a status over 599", b"HTTP/1.1 799 Odder\r\nContent-Length: 2\r\n\r\nok", 799),
    ("a head of no field", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
])
def odd_but_good(t, raw, status):
    """Odd, but good: passed on."""
    origin = t.origin(answers(raw))
    client = t.client()
    equal(client.fetch(origin.host).status, status, "status")


@case("a head that comes byte by byte is one head")
def byte_by_byte(t):
    def script(backend):
        for _ in backend:
            for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello", trailers=b"X-T: 1\r\n"):
                backend.send(bytes([byte]))
    origin = t.origin(script)
    client = t.client()
    for _ in range(2):
        answer = client.fetch(origin.host)
        equal((answer.status, answer.body, answer.trailers.get("X-T")), (200, b"hello", b"1"), "the answer")


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"

BROKEN_BODIES = [
    ("a chunk size that is no number", CHUNKS + b"xyz\r\nhello\r\n0\r\n\r\n"),
    ("a chunk size with 0x", CHUNKS + b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("a negative chunk size", CHUNKS + b"-5\r\nhello\r\n0\r\n\r\n"),
    ("a chunk size with a space", CHUNKS + b"5 \r\nhello\r\n0\r\n\r\n"),
    ("a chunk size that overflows", CHUNKS + b"fffffffffffffffff\r\nhello"),
    ("no CRLF after a chunk's data", CHUNKS + b"5\r\nhelloXX0\r\n\r\n"),
    ("a bare LF after a chunk size", CHUNKS + b"5\nhello\r\n0\r\n\r\n"),
    ("a bare LF after a chunk's data", CHUNKS + b"5\r\nhello\n0\r\n\r\n"),
    ("a malformed trailer", CHUNKS + b"0\r\nX T: 1\r\n\r\n"),
    ("a NUL in a trailer", CHUNKS + b"0\r\nX-T: \x00\r\n\r\n"),
]


@cases([(f"{name} from the backend: the client is aborted", raw) for name, raw in BROKEN_BODIES])
def broken_body(t, raw):
    """502 while the head may still be changed, else a cut that the client can see; never a clean end."""
    head, gap, rest = raw.partition(b"hello\r\n")

    def script(backend):
        backend.read_request()
        backend.send(head + gap)
        seen.wait(10)  # the head has gone to the client for certain
        backend.send(rest)
        backend.wait_end()

    seen = threading.Event()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host))
    contains(client.read_until(b"\r\n\r\n"), b" 200 ", "the head")
    equal(client.read_exactly(len(b"5\r\nhello\r\n")), b"5\r\nhello\r\n", "the first chunk")
    seen.set()
    rest = client.wait_end()
    expect(b"0\r\n" not in rest, f"there is no last chunk in {rest!r}")
    origin.wait_ended(0)


@case("a broken answer never reaches the next request on the client's connection")
def broken_then_next(t):
    origin = t.origin(answers(b"HTTP/1.1 20 OK\r\nContent-Length: 6\r\n\r\npoison", OK))
    client = t.client()
    client.send(request(origin.host, "/1") + request(origin.host, "/2"))
    equal(client.read_response().status, 502, "status of the first")
    equal(client.read_response().body, b"ok", "body of the second")
