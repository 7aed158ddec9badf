"""No two parties ever read one byte stream differently: smuggling pairs, and bodies that nobody has read."""

import threading
import time

from harness import (OK, PATIENCE, answers, case, cases, chunked, equal, expect, in_threads, one_of, refuse, request,
                     response)

INNER = b"GET /smuggled HTTP/1.1\r\nHost: @host@\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: @host@\r\n"

PAIRS = [
    ("CL.TE", POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"),
    ("TE.CL", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + INNER + b"\r\n0\r\n\r\n"),
    ("CL.TE with an inner request", POST + b"Content-Length: 300\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER),
    ("CL.CL", POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + INNER),
    ("CL.CL, the longer first", POST + b"Content-Length: 44\r\nContent-Length: 0\r\n\r\n" + INNER),
    ("TE.TE with an unknown second", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n" + INNER),
    ("TE.TE with another case and identity",
     POST + b"Transfer-Encoding: chunked\r\nTransfer-encoding: identity\r\n\r\n0\r\n\r\n" + INNER),
    ("TE hidden by a space before the colon",
     POST + b"Content-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + INNER),
    ("TE hidden by a fold", POST + b"Content-Length: 5\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER),
    ("TE hidden by a bare LF", POST + b"Content-Length: 5\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER),
    ("TE hidden by a bare CR", POST + b"Content-Length: 5\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER),
    ("TE hidden by a control byte", POST + b"Content-Length: 5\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + INNER),
    ("TE hidden by a NUL", POST + b"Content-Length: 5\r\nTransfer-Encoding\x00: chunked\r\n\r\n0\r\n\r\n" + INNER),
    ("TE with a second coding in quotes",
     POST + b'Content-Length: 5\r\nTransfer-Encoding: "x, chunked"\r\n\r\n0\r\n\r\n' + INNER),
]


@cases([(f"{name} never reaches a backend", raw) for name, raw in PAIRS])
def pair(t, raw):
    refuse(t, raw, 400)


@case("a field name with an underscore is not Transfer-Encoding, here or there")
def underscore(t):
    origin = t.origin()
    client = t.client()
    client.send(request(origin.host, "/", "Transfer_Encoding: chunked", method="POST", body=b"0\r\n\r\n")
                + request(origin.host, "/next"))
    for _ in range(2):
        equal(client.read_response().status, 200, "status")
    equal([(one.target, one.body) for one in origin.requests], [(b"/", b"0\r\n\r\n"), (b"/next", b"")],
          "requests at the origin")


@cases([("a body under Content-Length", True), ("a chunked body", False)])
def body_like_a_request(t, length):
    """A body that looks like a request is a body."""
    origin = t.origin()
    client = t.client()
    inner = INNER.replace(b"@host@", origin.host.encode())
    if length:
        client.send(request(origin.host, "/", method="POST", body=inner))
    else:
        client.send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST") + chunked(inner))
    equal(client.read_response().status, 200, "status")
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/", b"/still-open"], "targets at the origin")
    equal(origin.requests[0].body, inner, "the body at the origin")


# A request that is answered before its body is read.

def refused_with_body(t, body):
    """404 for an unknown host; then the next request on the connection is served, and the body never was one."""
    origin = t.origin()
    client = t.client()
    inner = INNER.replace(b"@host@", origin.host.encode())
    client.send(b"POST / HTTP/1.1\r\nHost: nobody.test\r\n" + body(inner))
    equal(client.read_response().status, 404, "status")
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "targets at the origin")


@case("a small unread body is drained, never taken for a request")
def small_unread_body(t):
    def body(inner):
        return b"Content-Length: %d\r\n\r\n%s" % (len(inner), inner)
    refused_with_body(t, body)


@case("a small unread chunked body is drained, never taken for a request")
def small_unread_chunks(t):
    def body(inner):
        return b"Transfer-Encoding: chunked\r\n\r\n" + chunked(inner, inner)
    refused_with_body(t, body)


@case("an unread body of 60 KiB is drained though it comes late")
def late_unread_body(t):
    origin = t.origin()
    client = t.client()
    client.send(b"POST / HTTP/1.1\r\nHost: nobody.test\r\nContent-Length: 60000\r\n\r\n")
    equal(client.read_response().status, 404, "status")
    client.send(b"x" * 60000)
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "targets at the origin")


@case("an unread body over 64 KiB closes the connection, and none of it is taken for a request")
def large_unread_body(t):
    origin = t.origin()
    client = t.client()
    inner = INNER.replace(b"@host@", origin.host.encode())
    body = inner * (200_000 // len(inner))
    client.send(b"POST / HTTP/1.1\r\nHost: nobody.test\r\nContent-Length: %d\r\n\r\n" % len(body))
    equal(client.read_response().status, 404, "status")
    client.try_send(body)
    client.try_send(inner)
    client.must_close()
    t.nothing_upstream(origin)


@case("a client that sends 256 KiB before it reads still gets the early answer")
def answer_survives_unread_body(t):
    origin = t.origin()
    client = t.client()
    client.try_send(b"POST / HTTP/1.1\r\nHost: nobody.test\r\nContent-Length: 262144\r\n\r\n" + b"x" * 262144)
    equal(client.read_response().status, 404, "status")
    client.wait_end()
    t.nothing_upstream(origin)


@case("an unread body that never comes closes the connection")
def unread_body_that_never_comes(t):
    client = t.client()
    client.send(b"POST / HTTP/1.1\r\nHost: nobody.test\r\nContent-Length: 100\r\n\r\nsome")
    began = time.monotonic()
    equal(client.read_response().status, 404, "status")
    client.must_close()
    expect(time.monotonic() - began < 5 * PATIENCE, "closed after about a second")


@cases([("413 by Content-Length: nothing goes upstream", True), ("413 by chunks: nothing whole goes upstream", False)])
def too_large(t, length):
    origin = t.origin(maxBodyBytes=1000)
    client = t.client()
    if length:
        client.send(request(origin.host, "/", method="POST", body=b"x" * 1001))
    else:
        client.send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST") + chunked(*[b"x" * 100] * 11))
    equal(client.read_response().status, 413, "status")
    if length:
        t.nothing_upstream(origin)
    else:
        t.only_sentinel_upstream(origin)


@cases([("a body of exactly maxBodyBytes passes", True), ("a chunked body of exactly maxBodyBytes passes", False)])
def just_fits(t, length):
    origin = t.origin(maxBodyBytes=1000)
    client = t.client()
    if length:
        client.send(request(origin.host, "/", method="POST", body=b"x" * 1000))
    else:
        client.send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST") + chunked(*[b"x" * 100] * 10))
    equal(client.read_response().status, 200, "status")
    equal(len(origin.requests[0].body), 1000, "bytes at the origin")


@case("a body of many chunks is not taken for more by several clients at once")
def concurrent_bodies(t):
    origin = t.origin()

    def one_client(number):
        client = t.client()
        for turn in range(10):
            body = b"%d-%d:" % (number, turn) + INNER * 3
            client.send(request(origin.host, f"/{number}/{turn}", "Transfer-Encoding: chunked", method="POST")
                        + chunked(*[body[at:at + 7] for at in range(0, len(body), 7)]))
            equal(client.read_response().status, 200, "status")

    in_threads(*[lambda number=number: one_client(number) for number in range(6)])
    equal(len(origin.requests), 60, "requests at the origin")
    for one in origin.requests:
        number, turn = one.target.split(b"/")[1:]
        equal(one.body, b"%s-%s:" % (number, turn) + INNER * 3, f"body of {one.target}")


# The other direction: what a backend sends too much.

POISON = response("200 OK", b"poison")


@cases([
    ("bytes after a Content-Length", response("200 OK", b"ok") + POISON, "GET"),
    ("bytes after the last chunk",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"ok") + POISON, "GET"),
    ("bytes after a 204", b"HTTP/1.1 204 No Content\r\n\r\n" + POISON, "GET"),
    ("bytes after a 304", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n" + POISON, "GET"),
    ("a body after the answer to HEAD", POISON, "HEAD"),
    ("chunks after the answer to HEAD",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"poison"), "HEAD"),
])
def extra_bytes_from_backend(t, first, method):
    """They reach nobody, and their connection is not used again."""
    origin = t.origin(answers(first, response("200 OK", b"clean")))
    client = t.client()
    answer = client.ask(request(origin.host, "/first", method=method), method)
    expect(b"poison" not in answer.body, "the extra bytes are not part of the answer")
    following = client.fetch(origin.host, "/second")
    equal((following.status, following.body), (200, b"clean"), "the next answer")
    equal([one.requests[0].target for one in origin.connections], [b"/first", b"/second"],
          "each request on a connection of its own")


@case("bytes on an idle backend connection reach nobody, and it is not used again")
def bytes_on_idle_connection(t):
    def script(backend):
        backend.read_request()
        backend.send(response("200 OK", b"first"))
        if backend.index == 0:
            answered.wait()
            backend.send(response("200 OK", b"poison"))
            sent.set()
        for _ in backend:
            backend.send(OK)

    answered, sent = threading.Event(), threading.Event()
    origin = t.origin(script)
    client = t.client()
    equal(client.fetch(origin.host).body, b"first", "the first answer")
    answered.set()
    expect(sent.wait(10), "the origin has sent its unasked bytes")
    equal(client.fetch(origin.host).body, b"first", "the second answer, from a new connection")
    equal(len(origin.connections), 2, "connections at the origin")
    equal(len(origin.connections[0].requests), 1, "requests on the poisoned connection")


@case("an answer before any request, on a new backend connection, reaches nobody")
def answer_before_request(t):
    def script(backend):
        if backend.index == 0:
            backend.send(response("200 OK", b"poison"))
        for _ in backend:
            backend.send(response("200 OK", b"fair"))
    origin = t.origin(script)
    answer = t.client().fetch(origin.host)
    # The poison may be taken for the answer only when it came after the request; either way it is one answer.
    one_of(answer.status, [200, 502], "status")
    following = t.client().fetch(origin.host)
    equal(following.body, b"fair", "the next answer")


@case("nothing after an Upgrade request goes upstream before the 101; refused, it is the next request")
def bytes_after_upgrade_request(t):
    def script(backend):
        backend.read_request()
        expect(backend.quiet_for(0.3), f"bytes came before the 101: {bytes(backend.buffer)!r}")
        backend.send(response("200 OK", b"no upgrade"))
        for _ in backend:
            backend.send(response("200 OK", b"second"))

    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/ws", "Connection: Upgrade", "Upgrade: websocket") + request(origin.host, "/2"))
    equal(client.read_response().body, b"no upgrade", "the first answer")
    equal(client.read_response().body, b"second", "the second answer")
    equal(origin.targets, [b"/ws", b"/2"], "targets at the origin")
