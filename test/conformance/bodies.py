"""Bodies stream both ways, exactly, with back-pressure and bounded memory; trailers; and answers without a body."""

import hashlib
import os
import threading

from harness import (OK, Cut, answers, at_most, case, cases, chunk, chunked, contains, equal, expect,
                     in_threads, request, response)

BIG = 64 * 1024 * 1024
PIECE = os.urandom(1 << 20)
MIB = 1 << 20


def pattern(total):
    """`total` bytes in pieces of 1 MiB or less, none like the one before it."""
    for number in range(0, total, MIB):
        yield (number.to_bytes(8, "big") + PIECE[8:])[:total - number]


def digest(total):
    whole = hashlib.sha256()
    for piece in pattern(total):
        whole.update(piece)
    return whole.hexdigest()


class Sink:
    """Takes a body's pieces and keeps their number and hash."""

    def __init__(self):
        self.hash = hashlib.sha256()
        self.count = 0

    def __call__(self, piece):
        self.hash.update(piece)
        self.count += len(piece)

    def must_be(self, total, what):
        equal((self.count, self.hash.hexdigest()), (total, digest(total)), f"bytes and hash of {what}")


def send_body(peer, total, is_chunked, piece_size=MIB):
    for piece in pattern(total):
        if is_chunked:
            for at in range(0, len(piece), piece_size):
                peer.send(chunk(piece[at:at + piece_size]))
        else:
            peer.send(piece)
    if is_chunked:
        peer.send(b"0\r\n\r\n")


def framing_line(total, is_chunked):
    return "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {total}"


@cases([("64 MiB down under Content-Length, exactly", False), ("64 MiB down in chunks, exactly", True)],
       alone=True, deadline=120)
def big_download(t, is_chunked):
    total = t.scaled(BIG, MIB)

    def script(backend):
        for _ in backend:
            backend.send(response("200 OK", None, framing_line(total, is_chunked)))
            send_body(backend, total, is_chunked, 70_001)
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host))
    sink = Sink()
    answer = client.read_response(sink=sink)
    equal(answer.framing, "chunked" if is_chunked else "length", "framing")
    sink.must_be(total, "the body")
    client.send(request(origin.host))
    sink = Sink()
    client.read_response(sink=sink)
    sink.must_be(total, "the second body on the same connections")


@cases([("64 MiB up under Content-Length, exactly", False), ("64 MiB up in chunks, exactly", True)],
       alone=True, deadline=120)
def big_upload(t, is_chunked):
    total = t.scaled(BIG, MIB)
    sink = Sink()

    def script(backend):
        while head := backend.read_request_head():
            backend.read_request_body(head, sink)
            backend.send(response("200 OK", head.framing.encode()))
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", framing_line(total, is_chunked), method="PUT"))
    send_body(client, total, is_chunked, 70_001)
    answer = client.read_response()
    equal(answer.text, "chunked" if is_chunked else "length", "framing at the origin")
    sink.must_be(total, "the body at the origin")
    client.must_stay_open_for(origin.host)


@case("16 MiB both ways at once: the answer streams while the request does", alone=True, deadline=120)
def both_ways(t):
    total = t.scaled(BIG // 4, MIB)

    def script(backend):
        while head := backend.read_request_head():
            backend.send(response("200 OK", None, "Transfer-Encoding: chunked"))
            backend.read_request_body(head, lambda piece: backend.send(chunk(piece)))
            backend.send(b"0\r\n\r\n")
    origin = t.origin(script)
    client = t.client()
    sink = Sink()
    client.send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST"))
    in_threads(lambda: send_body(client, total, True), lambda: client.read_response("POST", sink))
    sink.must_be(total, "the echo")


@case("a body of 100,000 chunks of one byte is one body", deadline=60)
def tiny_chunks(t):
    count = t.scaled(100_000)

    def script(backend):
        for one in backend:
            backend.send(response("200 OK", hashlib.sha256(one.body).hexdigest().encode()))
    origin = t.origin(script)
    body = (PIECE * (count // MIB + 1))[:count]
    client = t.client()
    head = request(origin.host, "/", "Transfer-Encoding: chunked", method="POST")
    client.send(head + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
    equal(client.read_response().text, hashlib.sha256(body).hexdigest(), "hash of the body at the origin")


# Back-pressure.

KERNEL_AND_PROXY = 16 * MIB  # what may lie in four socket buffers and in the proxy, by far


@case("a client that does not read stops the reads from the backend", alone=True)
def slow_client(t):
    taken = []
    stalled = threading.Event()

    def script(backend):
        backend.read_request()
        backend.send(response("200 OK", None, f"Content-Length: {1 << 40}"))
        taken.append(backend.send_until_stalled(PIECE, 256 * MIB))
        stalled.set()
        backend.wait_end()
    origin = t.origin(script, sockets={"send_buffer": 128 * 1024})
    client = t.client(receive_buffer=128 * 1024)
    client.send(request(origin.host))
    contains(client.read_until(b"\r\n\r\n"), b" 200 ", "the head")
    expect(stalled.wait(30), "the origin was stopped")
    at_most(taken[0], KERNEL_AND_PROXY, "bytes taken from the origin while the client did not read")
    client.read_exactly(taken[0] // 2)  # and it goes on when the client reads
    client.reset()
    origin.wait_ended(0)


@cases([("a backend that does not read stops the reads from the client", False),
        ("a backend that does not read stops the reads from the client's chunks", True)], alone=True)
def slow_backend(t, is_chunked):
    go_on = threading.Event()

    def script(backend):
        head = backend.read_request_head()
        go_on.wait(30)
        try:
            backend.read_request_body(head, lambda piece: None)
        except Cut:
            pass
    origin = t.origin(script, sockets={"receive_buffer": 128 * 1024})
    client = t.client()
    client.send(request(origin.host, "/", framing_line(1 << 40, is_chunked), method="POST"))
    piece = chunk(PIECE) if is_chunked else PIECE
    taken = client.send_until_stalled(piece, 256 * MIB)
    at_most(taken, KERNEL_AND_PROXY, "bytes taken from the client while the backend did not read")
    go_on.set()
    t.eventually(lambda: origin.connections[0].bytes_received > taken // 2, "the rest reaching the backend")
    client.reset()
    origin.wait_ended(0)


@case("memory stays bounded with 20 stalled bodies each way", alone=True, deadline=60)
def bounded_memory(t):
    t.skip_if_sanitized()
    proxy = t.start()
    each_way = 20
    stalled = []

    def endless(backend):
        head = backend.read_request_head()
        if head.method == b"GET":
            backend.send(response("200 OK", None, f"Content-Length: {1 << 40}"))
            stalled.append(backend.send_until_stalled(PIECE, 64 * MIB))
            backend.wait_end()
        else:
            release.wait(60)
    release = threading.Event()
    origin = t.origin(endless, proxy=proxy, sockets={"send_buffer": 128 * 1024, "receive_buffer": 128 * 1024})
    before = proxy.rss_bytes()
    readers = [t.client(proxy, receive_buffer=128 * 1024) for _ in range(each_way)]
    writers = [t.client(proxy) for _ in range(each_way)]
    for client in readers:
        client.send(request(origin.host))
    for client in writers:
        client.send(request(origin.host, "/", f"Content-Length: {1 << 40}", method="POST"))
    in_threads(*[lambda client=client: client.send_until_stalled(PIECE, 64 * MIB) for client in writers])
    t.eventually(lambda: len(stalled) == each_way, "every download being stopped", 30)
    grown = proxy.rss_bytes() - before
    release.set()
    at_most(grown, 2 * each_way * 2 * MIB, "growth of the proxy's memory over 40 stalled bodies")


# Trailers.

@case("a request's trailers go upstream")
def request_trailers(t):
    origin = t.origin()
    client = t.client()
    client.send(request(origin.host, "/", "Transfer-Encoding: chunked", "Trailer: X-Sum, X-More", method="POST")
                + chunked(b"hello", trailers=b"X-Sum: abc\r\nX-More:  d e \r\n"))
    equal(client.read_response().status, 200, "status")
    equal(origin.requests[0].body, b"hello", "body at the origin")
    equal(origin.requests[0].trailers, [(b"X-Sum", b"abc"), (b"X-More", b"d e")], "trailers at the origin")
    equal(origin.requests[0].fields.get("Trailer"), b"X-Sum, X-More", "Trailer at the origin")
    client.must_stay_open_for(origin.host)


@case("a response's trailers come down")
def response_trailers(t):
    raw = (response("200 OK", None, "Trailer: X-Sum", "Transfer-Encoding: chunked")
           + chunked(b"he", b"llo", trailers=b"X-Sum: abc\r\n"))
    origin = t.origin(answers(raw))
    client = t.client()
    answer = client.fetch(origin.host, "/", "Connection: TE", "TE: trailers")
    equal((answer.body, answer.trailers), (b"hello", [(b"X-Sum", b"abc")]), "body and trailers")
    equal(answer.fields.get("Trailer"), b"X-Sum", "Trailer")
    client.must_stay_open_for(origin.host)


@case("trailers do not go to HTTP/1.0, nor chunks")
def response_trailers_to_1_0(t):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"he", b"llo", trailers=b"X-Sum: abc\r\n")
    origin = t.origin(answers(raw))
    client = t.client()
    answer = client.fetch(origin.host, "/", version="1.0")
    equal((answer.body, answer.framing), (b"hello", "close"), "body and framing")
    equal(answer.fields.has("Transfer-Encoding"), False, "Transfer-Encoding to a 1.0 client")


@cases([(f"a trailer cannot bring {name}", line) for name, line in [
    ("Content-Length", b"Content-Length: 3\r\n"), ("Transfer-Encoding", b"Transfer-Encoding: chunked\r\n"),
    ("Host", b"Host: other.test\r\n")]])
def framing_in_trailers(t, line):
    """Refused, dropped or passed as the trailer it is; the next request is read right in any case."""
    origin = t.origin()
    client = t.client()
    client.send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST")
                + chunked(b"hello", trailers=line) + request(origin.host, "/next"))
    first = client.read_response()
    if first.status == 200:
        equal(client.read_response().status, 200, "status of the next")
        equal(origin.targets, [b"/", b"/next"], "targets at the origin")
    else:
        equal(first.status, 400, "status")
        client.must_close()


# Answers without a body.

@cases([
    ("HEAD: the length is passed on, no body", "HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", 200),
    ("HEAD: chunked, no body", "HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
    ("HEAD: no framing, no body", "HEAD", b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n", 200),
    ("HEAD: 404 with a length, no body", "HEAD", b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", 404),
    ("204 has no body", "GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    ("204 with Content-Length: 0 has no body", "GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204),
    ("304 with a length has no body", "GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304),
    ("304 with chunked has no body", "GET", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304),
])
def no_body(t, method, raw, status):
    origin = t.origin(answers(raw, OK))
    client = t.client()
    answer = client.ask(request(origin.host, "/", method=method), method)
    equal(answer.status, status, "status")
    if b"1234" in raw:
        equal(answer.fields.get("Content-Length"), b"1234", "Content-Length")
    client.must_stay_open_for(origin.host)


@case("a 204 has neither Content-Length nor Transfer-Encoding at the client")
def no_framing_in_204(t):
    origin = t.origin(answers(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"))
    answer = t.client().fetch(origin.host)
    expect(answer.fields.get("Content-Length") in (None, b"0"), "no Content-Length but 0")
    equal(answer.fields.has("Transfer-Encoding"), False, "Transfer-Encoding")


# Framing made anew.

CLOSE_DELIMITED = b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nhello until the end"


def close_delimited(backend):
    backend.read_request()
    backend.send(CLOSE_DELIMITED)


@case("a close-delimited answer is chunked to HTTP/1.1, and the connection stays")
def close_delimited_to_1_1(t):
    origin = t.origin(close_delimited)
    client = t.client()
    for _ in range(2):
        answer = client.fetch(origin.host)
        equal((answer.body, answer.framing), (b"hello until the end", "chunked"), "body and framing")
    equal(len(origin.connections), 2, "connections at the origin")


@case("a close-delimited answer is close-delimited to HTTP/1.0")
def close_delimited_to_1_0(t):
    origin = t.origin(close_delimited)
    answer = t.client().fetch(origin.host, "/", "Connection: keep-alive", version="1.0")
    equal((answer.body, answer.framing), (b"hello until the end", "close"), "body and framing")


@case("an empty close-delimited answer is empty")
def empty_close_delimited(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\n\r\n")
    origin = t.origin(script)
    client = t.client()
    equal(client.fetch(origin.host).body, b"", "body")
    equal(client.fetch(origin.host).body, b"", "body of the next on the same connection")


@case("a close-delimited answer that ends in an RST is not complete")
def close_delimited_cut(t):
    def script(backend):
        backend.read_request()
        backend.send(CLOSE_DELIMITED)
        seen.wait(10)
        backend.reset()
    seen = threading.Event()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host))
    contains(client.read_until(b"the end\r\n"), b" 200 ", "the head and the first chunk")
    seen.set()
    expect(b"0\r\n" not in client.wait_end(), "there is no last chunk")


@case("small pieces of an answer come as they are sent, without waiting for more")
def streamed_pieces(t):
    turn = threading.Semaphore(0)

    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            backend.send(chunk(b"event %d" % number))
            turn.acquire(timeout=10)
        backend.send(b"0\r\n\r\n")
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host))
    client.read_head()
    for number in range(5):
        equal(client.read_exactly(12), chunk(b"event %d" % number), "a chunk, before the next is sent")
        turn.release()
    equal(client.read_exactly(5), b"0\r\n\r\n", "the last chunk")


@case("small pieces of a request go up as they are sent, without waiting for more")
def streamed_request(t):
    got = threading.Semaphore(0)

    def script(backend):
        head = backend.read_request_head()
        backend.read_request_body(head, lambda piece: got.release())
        backend.send(response())
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST"))
    for number in range(5):
        client.send(chunk(b"event %d" % number))
        expect(got.acquire(timeout=10), f"piece {number} reached the origin before the next was sent")
    client.send(b"0\r\n\r\n")
    equal(client.read_response().status, 200, "status")
