"""Bodies over HTTP/2: exact both ways, cut visibly when a side fails, and a reset that reaches the backend."""

import hashlib
import os
import threading

import h2_frames as h2
from h2 import connect
from harness import (OK, Cut, answers, case, cases, chunk, echoes, endless, equal, expect, in_threads, lacks, never_answers,
                     one_of, request, response)

MIB = 1 << 20
PIECE = os.urandom(MIB)
LAST_CHUNK = b"\r\n0\r\n\r\n"


class Hash:
    """Takes a body's pieces."""

    def __init__(self):
        self.hash = hashlib.sha256()

    def __call__(self, piece):
        self.hash.update(piece)

    def must_be(self, total, what):
        wanted = hashlib.sha256()
        for _ in range(total // MIB):
            wanted.update(PIECE)
        equal(self.hash.hexdigest(), wanted.hexdigest(), f"the hash of {what}")


@cases([("4 MiB down under content-length, exactly", True), ("4 MiB down without a length, exactly", False)], deadline=60)
def download(t, is_framed):
    total = t.scaled(4) * MIB

    def script(backend):
        for _ in backend:
            backend.send(response("200 OK", None, f"Content-Length: {total}" if is_framed else "Transfer-Encoding: chunked"))
            for _ in range(total // MIB):
                backend.send(PIECE if is_framed else chunk(PIECE))
            backend.send(b"" if is_framed else b"0\r\n\r\n")
    origin = t.origin(script)
    client = connect(t)
    for _ in range(2):
        stream = client.request(origin.host)
        stream.sink = Hash()
        stream.response()
        equal(stream.count, total, "bytes")
        stream.sink.must_be(total, "the body")
    client.must_stay_open_for(t.origin().host)


@cases([("4 MiB up under content-length, exactly", True), ("4 MiB up without a length, exactly", False)], deadline=60)
def upload(t, is_framed):
    total = t.scaled(4) * MIB
    sink = Hash()

    def script(backend):
        while head := backend.read_request_head():
            backend.read_request_body(head, sink)
            backend.send(response("200 OK", head.framing.encode()))
    origin = t.origin(script)
    client = connect(t)
    lines = [f"content-length: {total}"] if is_framed else []
    stream = client.request(origin.host, "/", *lines, method="PUT", end=False)
    for _ in range(total // MIB):
        stream.send(PIECE)
    stream.send(b"", end=True)
    equal(stream.response().text, "length" if is_framed else "chunked", "framing upstream")
    sink.must_be(total, "the body upstream")
    client.must_stay_open_for(origin.host)


def echo_stream(backend):
    """Gives back each piece of the body while the rest still comes."""
    while head := backend.read_request_head():
        backend.send(response("200 OK", None, "Transfer-Encoding: chunked"))
        backend.read_request_body(head, lambda piece: backend.send(chunk(piece)))
        backend.send(b"0\r\n\r\n")


@case("4 MiB both ways at once on one stream", deadline=60)
def both_ways(t):
    total = t.scaled(4) * MIB
    origin = t.origin(echo_stream)
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    stream.sink = Hash()

    def send():
        for _ in range(total // MIB):
            stream.send(PIECE)
        stream.send(b"", end=True)
    in_threads(send, stream.response)
    stream.sink.must_be(total, "the echo")


@case("eight streams both ways at once on one connection, each to its own end", deadline=60)
def eight_both_ways(t):
    origin = t.origin(echo_stream)
    client = connect(t)
    size = t.scaled(1_000_000, 100_000)
    streams = [client.request(origin.host, f"/{number}", method="POST", end=False) for number in range(8)]
    bodies = [bytes([65 + number]) * (size + number) for number in range(8)]
    for stream, body in zip(streams, bodies):
        stream.wanted = body
    at = 0
    while at <= size + 8:
        for stream in streams:
            piece = stream.wanted[at:at + 10_000]
            if piece or at == 0:
                stream.send(piece, end=at + 10_000 >= len(stream.wanted))
        at += 10_000
    for stream, body in zip(streams, bodies):
        expect(stream.response().body == body, f"the echo of {body[:1]}")


@case("the first piece of an answer comes while the request still goes up")
def conversation(t):
    origin = t.origin(echo_stream)
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    total = 0
    for piece in (b"one", b"two", b"three"):
        stream.send(piece)
        total += len(piece)
        stream.wait_body(total)
    stream.send(b"", end=True)
    equal(stream.response().text, "onetwothree", "the echo")


@case("10,000 DATA frames of one byte are one body")
def tiny_frames(t):
    origin = t.origin(echoes)
    client = connect(t)
    count = t.scaled(10_000)
    stream = client.request(origin.host, "/", method="POST", end=False)
    body = PIECE[:count]
    client.send(b"".join(h2.frame(h2.DATA, 0, stream.number, bytes([byte])) for byte in body))  # less than the window
    stream.send(b"", end=True)
    expect(stream.response().body == body, "the echo")


# A backend that fails.

@cases([("a backend that resets before its head is 502", True), ("a backend that ends before its head is 502", False)])
def dies_before_head(t, by_reset):
    def script(backend):
        backend.read_request()
        if by_reset:
            backend.reset()
    origin = t.origin(script, retries=0)
    other = t.origin()
    client = connect(t)
    answer = client.fetch(origin.host, "/", method="POST", body=b"once")
    equal(answer.status, 502, "status")
    expect(answer.fields.has("proxy-status"), "proxy-status")
    client.must_stay_open_for(other.host)


@case("a backend that nobody listens for is 502")
def nobody_listens(t):
    origin = t.origin(retries=0)
    origin.stop_listening()
    client = connect(t)
    equal(client.fetch(origin.host).status, 502, "status")
    client.must_stay_open_for(t.origin().host)


@cases([(f"a body that its backend cuts {name} ends with an error", *rest) for name, *rest in (
    ("under content-length, by a FIN", b"Content-Length: 1000", b"part", False),
    ("under content-length, by an RST", b"Content-Length: 1000", b"part", True),
    ("in chunks, by a FIN", b"Transfer-Encoding: chunked", chunk(b"part"), False),
    ("in chunks, by an RST", b"Transfer-Encoding: chunked", chunk(b"part"), True),
    ("in chunks, by a broken one", b"Transfer-Encoding: chunked", chunk(b"part"), None),
    ("until the end of the connection, by an RST", b"X-A: 1", b"part", True),
)])
def dies_in_body(t, framing, part, by_reset):
    """RST_STREAM(INTERNAL_ERROR), never a clean end; the connection goes on."""
    read = threading.Event()

    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n" + part)
        read.wait(10)
        if by_reset:
            backend.reset()
        elif by_reset is None:
            backend.send(b"xyz\r\n")
            backend.wait_end()
    origin = t.origin(script, retries=0)
    other = t.origin()
    client = connect(t)
    stream = client.request(origin.host)
    stream.wait_body(4)
    read.set()
    stream.must_reset(h2.INTERNAL_ERROR)
    client.must_stay_open_for(other.host)


@case("a backend that answers too late is 504", flags=["--response-timeout", "500ms"])
def late_backend(t):
    origin = t.origin(never_answers, retries=0)
    client = connect(t)
    equal(client.fetch(origin.host).status, 504, "status")
    client.must_stay_open_for(t.origin().host)


# A client that leaves.

@cases([("a reset while the answer is awaited cancels the backend's work", h2.CANCEL),
        ("a reset with NO_ERROR likewise", h2.NO_ERROR)])
def reset_while_waiting(t, code):
    origin = t.origin(never_answers)
    client = connect(t)
    stream = client.request(origin.host)
    origin.wait_requests(1)
    stream.reset(code)
    origin.wait_ended(0)
    client.must_stay_open_for(t.origin().host)


@case("a reset while the answer comes down cancels the backend's work")
def reset_while_reading(t):
    origin = t.origin(endless)
    client = connect(t)
    stream = client.request(origin.host)
    stream.sink = lambda piece: None
    stream.wait_body(200_000)
    stream.reset()
    origin.wait_ended(0)
    client.must_stay_open_for(t.origin().host)


@cases([("a reset in a body without a length", ()), ("a reset in a body under content-length", ("content-length: 100000",))])
def reset_while_sending(t, lines):
    """The aborted upload never gets its last chunk, nor its length."""
    origin = t.origin()
    client = connect(t)
    stream = client.request(origin.host, "/", *lines, method="POST", end=False)
    stream.send(b"part of it")
    origin.wait(lambda: b"part of it" in origin.received, "the first part upstream")
    stream.reset()
    origin.wait_ended(0)
    equal(origin.requests, [], "whole requests upstream")
    lacks(origin.received, LAST_CHUNK, "bytes upstream")
    client.must_stay_open_for(origin.host)


@cases([(f"a connection that its client ends by {name}, with streams in all states", how)
        for name, how in (("an RST", "reset"), ("closing it", "close"), ("a FIN", "finish_sending"))])
def connection_ends(t, how):
    waiting, sending = t.origin(never_answers), t.origin()
    client = connect(t)
    client.request(waiting.host)
    stream = client.request(sending.host, "/", method="POST", end=False)
    stream.send(b"part of it")
    waiting.wait_requests(1)
    sending.wait(lambda: b"part of it" in sending.received, "the first part upstream")
    getattr(client, how)()
    sending.wait_ended(0)
    equal(sending.requests, [], "whole requests upstream")
    lacks(sending.received, LAST_CHUNK, "bytes upstream")
    if how == "reset":
        waiting.wait_ended(0)


# Answers before the request's end.

@cases([(f"{status} before the upload's end is delivered, the rest of it is not wanted", status)
        for status in ("401 Unauthorized", "413 Content Too Large", "200 OK")])
def early_answer(t, status):
    """Then RST_STREAM(NO_ERROR), or the rest is swallowed; the connection goes on in any case."""
    def script(backend):
        backend.read_request_head()
        backend.send(response(status, b"early", "Connection: close"))
        backend.finish_sending()
        backend.wait_end()
    origin = t.origin(script, retries=0)
    client = connect(t)
    stream = client.request(origin.host, "/", f"content-length: {4 * MIB}", method="POST", end=False)
    stream.send(b"x" * 30_000)
    equal((stream.wait_head().status, stream.response().text), (int(status[:3]), "early"), "the answer")
    try:
        for _ in range(4):
            stream.send(PIECE[:MIB // 4])
    except Cut:
        equal(h2.code_name(stream.reset_code), "NO_ERROR", "the reset's code")
    if stream.reset_code is None:
        stream.reset()
    client.must_stay_open_for(t.origin().host)


@case("a body over the route's limit is 413, and its stream alone is over")
def too_large(t):
    origin = t.origin(maxBodyBytes=1000)
    client = connect(t)
    stream = client.request(origin.host, "/", "content-length: 1000000", method="POST", end=False)
    equal(stream.wait_head().status, 413, "status by the length")
    stream = client.request(origin.host, "/", method="POST", end=False)
    try:
        stream.send(b"x" * 5000)
        client.wait(lambda: stream.head or stream.over, "the answer")
    except Cut:
        pass
    if stream.head:
        equal(stream.head.status, 413, "status as it comes")
    else:
        one_of(h2.code_name(stream.reset_code), ["NO_ERROR", "CANCEL", "INTERNAL_ERROR"], "the reset's code")
    client.must_stay_open_for(origin.host)
    lacks(origin.received, LAST_CHUNK, "bytes upstream")


@case("an aborted upload's connection to the backend is not used again, a whole one's is")
def pooling(t):
    origin = t.origin()
    client = connect(t)
    for _ in range(3):
        equal(client.fetch(origin.host, "/", method="POST", body=b"whole").status, 200, "status")
    equal(len(origin.connections), 1, "connections upstream")
    stream = client.request(origin.host, "/", method="POST", end=False)
    stream.send(b"part of it")
    origin.wait(lambda: b"part of it" in origin.received, "the first part upstream")
    stream.reset()
    origin.wait_ended(0)
    equal(client.fetch(origin.host).status, 200, "status")
    equal(len(origin.connections), 2, "connections upstream")


@case("HTTP/1.1 and HTTP/2 clients share the backend's connections")
def shared_pool(t):
    origin = t.origin(answers(OK))
    equal(connect(t).fetch(origin.host).status, 200, "status over HTTP/2")
    equal(t.client().ask(request(origin.host)).status, 200, "status over HTTP/1.1")
    equal(len(origin.connections), 1, "connections upstream")
