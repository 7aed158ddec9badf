"""The client's deadlines: a head (408), an idle connection (a silent close), a body (408); and a backend's body."""

import time

from harness import PATIENCE, answers, case, cases, chunk, equal, expect, request, response, never_answers

SHORT = ["--header-timeout", "700ms", "--idle-timeout", "700ms", "--body-timeout", "700ms", "--response-timeout", "1s"]


def took(began, least, most, what):
    seconds = time.monotonic() - began
    expect(least <= seconds <= most * PATIENCE, f"{what} took {seconds:.2f} s, wanted {least} to {most}")


@cases([("a request line that is never finished is 408", b"GET / HT"),
        ("a head that is never finished is 408", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: ")], flags=SHORT)
def slow_head(t, raw):
    origin = t.origin()
    client = t.client()
    began = time.monotonic()
    client.send(raw)
    equal(client.read_response().status, 408, "status")
    took(began, 0.5, 4, "the 408")
    client.must_close()
    t.nothing_upstream(origin)


@case("a head that drips is 408: the deadline is for all of it", flags=SHORT)
def dripping_head(t):
    client = t.client()
    began = time.monotonic()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
    while client.quiet_for(0.1) and time.monotonic() - began < 10:
        client.try_send(b"X-A: b\r\n")
    equal(client.read_response().status, 408, "status")
    took(began, 0.5, 4, "the 408")


@case("an idle connection is closed without a word", flags=SHORT)
def idle(t):
    origin = t.origin()
    client = t.client()
    equal(client.fetch(origin.host).status, 200, "status")
    began = time.monotonic()
    client.must_close_without_answer()
    took(began, 0.5, 4, "the close")


@case("a connection that never says anything is closed", flags=SHORT)
def mute(t):
    client = t.client()
    began = time.monotonic()
    rest = client.wait_end()
    expect(rest == b"" or rest.startswith(b"HTTP/1.1 408 "), f"no answer but a 408: {rest!r}")
    took(began, 0.5, 4, "the close")


@case("an idle connection that is used in time stays", flags=SHORT)
def used_in_time(t):
    origin = t.origin()
    client = t.client()
    for _ in range(4):
        equal(client.fetch(origin.host).status, 200, "status")
        expect(client.quiet_for(0.3), "the connection stays quiet and open")


@cases([("a body that stops is 408", "Content-Length: 100", b"half"),
        ("a chunked body that stops is 408", "Transfer-Encoding: chunked", chunk(b"half"))], flags=SHORT)
def slow_body(t, framing, part):
    origin = t.origin(answers(response()))
    client = t.client()
    began = time.monotonic()
    client.send(request(origin.host, "/", framing, method="POST") + part)
    equal(client.read_response().status, 408, "status")
    took(began, 0.5, 4, "the 408")
    client.must_close()
    t.only_sentinel_upstream(origin)


@case("a body that drips in time is not cut", flags=SHORT)
def dripping_body(t):
    origin = t.origin()
    client = t.client()
    client.send(request(origin.host, "/", "Content-Length: 5", method="POST"))
    for byte in b"hello":
        expect(client.quiet_for(0.3), "nothing comes while the body drips")
        client.send(bytes([byte]))
    equal(client.read_response().status, 200, "status")


@cases([("a backend's body that stops: the client sees the cut", response("200 OK", None, "Content-Length: 100") + b"half"),
        ("a backend's chunked body that stops: the client sees the cut",
         response("200 OK", None, "Transfer-Encoding: chunked") + chunk(b"half"))], flags=SHORT)
def slow_backend_body(t, raw):
    def script(backend):
        backend.read_request()
        backend.send(raw)
        backend.wait_end()
    origin = t.origin(script)
    client = t.client()
    began = time.monotonic()
    client.send(request(origin.host))
    equal(client.must_abort().status, 200, "the head came before")
    took(began, 0.5, 4, "the cut")
    origin.wait_ended(0)


def endless(backend):
    backend.read_request()
    backend.send(response("200 OK", None, f"Content-Length: {1 << 40}"))
    backend.send_until_stalled(b"x" * 65536, 256 << 20)
    backend.wait_end()


def stalls(t, **route):
    """A client that asks for more than it will ever read; the backend's end of it."""
    origin = t.origin(endless, sockets={"send_buffer": 128 * 1024}, **route)
    client = t.client(receive_buffer=64 * 1024)
    client.send(request(origin.host))
    origin.wait_ended(0)


@case("a client that does not read its answer is cut after the body timeout", flags=SHORT)
def client_that_does_not_read(t):
    stalls(t)


@case("a route's timeout ends the answer of a client that does not read, long before the body timeout")
def timeout_of_who_does_not_read(t):
    began = time.monotonic()
    stalls(t, timeout="500ms")
    took(began, 0.4, 8, "the end")


@case("--response-timeout is 504", flags=SHORT)
def response_timeout(t):
    origin = t.origin(never_answers)
    client = t.client()
    began = time.monotonic()
    equal(client.fetch(origin.host).status, 504, "status")
    took(began, 0.8, 5, "the 504")


@case("the response timeout begins with the last byte of the request", flags=SHORT)
def response_timeout_starts_late(t):
    origin = t.origin(answers(response()))
    client = t.client()
    client.send(request(origin.host, "/", "Content-Length: 6", method="POST"))
    for _ in range(6):  # longer in all than the response timeout
        expect(client.quiet_for(0.3), "nothing comes while the body is sent")
        client.send(b"x")
    equal(client.read_response().status, 200, "status")


@case("a waiting request is not an idle connection", flags=SHORT)
def waiting_is_not_idle(t):
    def script(backend):
        for _ in backend:
            expect(backend.quiet_for(0.9), "the proxy waits for the answer")  # over idle and header timeouts
            backend.send(response())
    origin = t.origin(script)
    equal(t.client().fetch(origin.host).status, 200, "status")
