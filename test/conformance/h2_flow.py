"""Flow control (RFC 9113 sections 5.2 and 6.9): windows are kept to, a stalled stream stalls nobody else, and a slow
receiver on one side stops the sender on the other."""

import threading
import time

import h2_frames as h2
from h2 import connect
from harness import (ENDLESS, OK, Cut, answers, at_least, at_most, case, cases, chunk, endless, equal, expect, in_threads, response)

MIB = 1 << 20
# What may lie in the socket buffers on the way (a few MiB each, by tcp_rmem and tcp_wmem) and in the proxy, by far.
KERNEL_AND_PROXY = 16 * MIB


def sized(count):
    return answers(response("200 OK", bytes(index % 251 for index in range(count))))


# The client's windows.

@cases([(f"a window of {size} is kept to", size) for size in (0, 1, 100, 16_384, 65_535)])
def first_window(t, size):
    """What is over the window waits for WINDOW_UPDATE; what was granted comes, and no byte more (the client counts)."""
    origin = t.origin(sized(80_000))
    client = connect(t, settings={h2.INITIAL_WINDOW_SIZE: size})
    client.refill = False
    stream = client.request(origin.host)
    stream.wait_head()
    stream.wait_body(size)
    client.ping()
    equal(stream.count, size, "bytes that came, of the window")
    client.grant(100_000)
    stream.grant(1)
    stream.wait_body(size + 1)
    stream.grant(4465)
    stream.wait_body(size + 4466)
    client.ping()
    equal(stream.count, size + 4466, "bytes that came, of what was granted")
    stream.grant(80_000)
    equal(stream.response().body, bytes(index % 251 for index in range(80_000)), "the body")


@case("an answer without a body needs no window")
def empty_answer(t):
    origin = t.origin(answers(response("200 OK", b"")))
    client = connect(t, settings={h2.INITIAL_WINDOW_SIZE: 0})
    equal(client.fetch(origin.host).status, 200, "status")


@case("trailers need no window once the body is out")
def trailers_without_window(t):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunk(b"12345") + b"0\r\nX-Sum: 5\r\n\r\n"
    origin = t.origin(answers(raw))
    client = connect(t, settings={h2.INITIAL_WINDOW_SIZE: 5})
    client.refill = False
    answer = client.fetch(origin.host, "/", "te: trailers")
    equal((answer.body, answer.trailers), (b"12345", [(b"x-sum", b"5")]), "body and trailers")


@case("the connection's window is kept to by all streams together")
def connection_window(t):
    origin = t.origin(sized(50_000))
    client = connect(t)
    client.refill = False
    streams = [client.request(origin.host) for _ in range(3)]
    client.wait(lambda: sum(stream.count for stream in streams) == h2.WINDOW, "all of the window used")
    client.ping()
    equal(sum(stream.count for stream in streams), h2.WINDOW, "bytes that came, of the connection's window")
    client.grant(100_000)
    for stream in streams:
        equal(len(stream.response().body), 50_000, "bytes of an answer")


@case("SETTINGS open the windows of the streams that are there")
def settings_open(t):
    origin = t.origin(sized(40_000))
    client = connect(t, settings={h2.INITIAL_WINDOW_SIZE: 0})
    client.refill = False
    streams = [client.request(origin.host) for _ in range(2)]
    client.ping()
    equal([stream.count for stream in streams], [0, 0], "bytes without a window")
    client.change_settings({h2.INITIAL_WINDOW_SIZE: 30_000})
    for stream in streams:
        stream.wait_body(30_000)
    client.change_settings({h2.INITIAL_WINDOW_SIZE: 30_500})
    for stream in streams:
        stream.wait_body(30_500)
    client.grant(50_000)
    client.change_settings({h2.INITIAL_WINDOW_SIZE: 65_535})
    for stream in streams:
        equal(len(stream.response().body), 40_000, "bytes of an answer")


@case("SETTINGS make a window negative: nothing comes until it is paid off")
def negative_window(t):
    origin = t.origin(sized(60_000))
    client = connect(t, settings={h2.INITIAL_WINDOW_SIZE: 10_000})
    client.refill = False
    stream = client.request(origin.host)
    stream.wait_body(10_000)
    client.change_settings({h2.INITIAL_WINDOW_SIZE: 100})
    equal(stream.takes, -9_900, "the window by now")
    stream.grant(9_900)
    client.ping()
    equal(stream.count, 10_000, "bytes while the window was not above 0")
    stream.grant(1)
    stream.wait_body(10_001)
    client.ping()
    equal(stream.count, 10_001, "bytes")
    stream.grant(60_000)
    equal(len(stream.response().body), 60_000, "bytes of the answer")


@case("WINDOW_UPDATE behind each DATA frame, over 8 MiB, is no flood", deadline=60)
def eager_updates(t):
    total = t.scaled(8, 2) * MIB
    origin = t.origin(answers(response("200 OK", bytes(total))))
    client = connect(t)
    client.refill = False
    stream = client.request(origin.host)
    stream.wait_head()
    seen = 0
    while not stream.over:
        client.wait(lambda: stream.count > seen or stream.over, "more of the body")
        size, seen = stream.count - seen, stream.count
        if size and not stream.over:
            client.grant(size)
            stream.grant(size)
    equal(stream.count, total, "bytes")
    client.must_stay_open_for(t.origin().host)


# One stream and its neighbours.

@case("a stream without window stalls no other")
def stalled_neighbour(t):
    big, small = t.origin(endless), t.origin(sized(100_000))
    client = connect(t)
    stalled = [client.request(big.host) for _ in range(3)]
    for stream in stalled:
        stream.refill = False
        stream.sink = lambda piece: None
    for stream in stalled:
        stream.wait_body(h2.WINDOW)
    for _ in range(10):
        equal(len(client.fetch(small.host).body), 100_000, "bytes of a neighbour's answer")
    equal([stream.count for stream in stalled], [h2.WINDOW] * 3, "bytes on the stalled streams")


@case("a backend that does not read a body stalls no other stream's, nor the connection")
def stalled_upload(t):
    go_on = threading.Event()

    def stuck(backend):
        head = backend.read_request_head()
        go_on.wait(60)
        backend.read_request_body(head, lambda piece: None)
        backend.send(OK)
    slow = t.origin(stuck, sockets={"receive_buffer": 64 * 1024})
    fine = t.origin()
    client = connect(t)
    stalled = client.request(slow.host, "/", method="POST", end=False)
    taken = fill(client, stalled)
    at_most(taken, KERNEL_AND_PROXY, "bytes taken for a backend that does not read")
    for _ in range(10):
        equal(client.fetch(fine.host, "/", method="POST", body=b"y" * 200_000).status, 200, "status of a neighbour")
    equal(len(fine.requests[-1].body), 200_000, "bytes upstream")
    go_on.set()
    stalled.send(b"", end=True)
    equal(stalled.response().status, 200, "status of the one that was stalled")


def fill(client, stream, quiet=0.7, limit=64 * MIB):
    """Sends on one stream as its windows let through, until they stay shut for a while; gives the bytes."""
    taken = 0
    while taken < limit:
        room = min(client.window, stream.window)
        if room <= 0 and client.quiet_for(quiet):
            break
        if room <= 0:
            client.ping()
            continue
        stream.send(bytes(min(room, h2.FRAME_SIZE)))
        taken += min(room, h2.FRAME_SIZE)
    return taken


@case("a reset upload gives back the connection's window", deadline=60)
def reset_uploads(t):
    """Each takes its stream's whole window, unread, and is reset: the connection's would be gone after the first."""
    go_on = threading.Event()

    def stuck(backend):
        backend.read_request_head()
        go_on.wait(60)
    slow = t.origin(stuck, sockets={"receive_buffer": 64 * 1024})
    fine = t.origin()
    client = connect(t)
    for _ in range(20):
        stream = client.request(slow.host, "/", method="POST", end=False)
        client.wait(lambda stream=stream: min(client.window, stream.window) >= 20_000, "window for the next upload")
        stream.send(bytes(20_000))
        stream.reset()
    equal(client.fetch(fine.host, "/", method="POST", body=b"y" * 300_000).status, 200, "status after all")
    go_on.set()


@case("DATA that crosses the proxy's reset still counts, and is given back", deadline=60)
def data_after_reset(t):
    origin = t.origin()
    client = connect(t)
    for _ in range(20):
        stream = client.headers(h2.request_fields(origin.host, "no-slash", method="POST"), end=False)
        client.wait(lambda: client.window >= 10_000, "window on the connection")
        with client.counting:
            client.window -= 10_000
        client.frame(h2.DATA, 0, stream.number, bytes(10_000))  # sent before the reset is seen
        stream.must_reset(h2.PROTOCOL_ERROR)
    equal(client.fetch(origin.host, "/", method="POST", body=b"y" * 300_000).status, 200, "status after all")


@cases([("padding counts, and its window is given back: 1 byte and 255 of padding, 2,000 times", 1, 255, 2000),
        ("padding alone counts, and its window is given back: 255 bytes, 150 times", 0, 255, 150)], deadline=60)
def padding(t, size, pad, times):
    origin = t.origin(lambda backend: [backend.send(response("200 OK", b"%d" % len(one.body))) for one in backend])
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    whole = size + pad + 1
    for _ in range(times):
        client.wait(lambda: min(client.window, stream.window) >= whole or stream.over, "window, of what padding took")
        with client.counting:
            client.window -= whole
            stream.window -= whole
        client.frame(h2.DATA, h2.PADDED, stream.number, h2.padded(b"x" * size, pad))
    stream.send(b"", end=True)
    equal(stream.response().text, str(size * times), "bytes upstream")
    client.must_stay_open_for(origin.host)


# Back-pressure.

class Stalling:
    """An origin whose endless answer nobody takes."""

    def __init__(self, t):
        self.taken = []
        self.stalled = threading.Event()
        self.origin = t.origin(self._script, sockets={"send_buffer": 128 * 1024})
        self.host = self.origin.host

    def _script(self, backend):
        backend.read_request()
        backend.send(ENDLESS)
        self.taken.append(backend.send_until_stalled(bytes(MIB), 256 * MIB))
        self.stalled.set()
        backend.wait_end()

    def must_be_stopped(self, when):
        """The bytes that were taken until then."""
        expect(self.stalled.wait(30), "the origin was stopped")
        at_most(self.taken[0], KERNEL_AND_PROXY, f"bytes taken from the origin {when}")
        return self.taken[0]

    def wait_ended(self, index):
        self.origin.wait_ended(index)


@case("a client without window stops the reads from the backend", alone=True, deadline=60)
def slow_client(t):
    origin = Stalling(t)
    client = connect(t)
    client.refill = False
    stream = client.request(origin.host)
    stream.wait_body(h2.WINDOW)
    taken = origin.must_be_stopped("while the client gave no window")
    client.refill = True
    client.grant(MIB)
    stream.grant(MIB)
    stream.wait_body(min(MIB, taken // 2))  # and it goes on
    stream.reset()
    origin.wait_ended(0)


@case("a client whose windows are huge and that does not read its socket, likewise", alone=True, deadline=60)
def slow_socket(t):
    origin = Stalling(t)
    client = connect(t, receive_buffer=128 * 1024, settings={h2.INITIAL_WINDOW_SIZE: h2.MAX_WINDOW})
    client.grant(1 << 30)
    client.request(origin.host)
    origin.must_be_stopped("while the client did not read")
    client.reset()
    origin.wait_ended(0)


@case("a client with huge windows that does not read its socket for body-timeout is given up; others are served", alone=True,
      flags=("--body-timeout", "2s"), deadline=60)
def given_up(t):
    """Its requests are over, and the worker has nothing to do with it any more."""
    origin, other = t.origin(endless), t.origin(sized(1000))
    client = connect(t, receive_buffer=128 * 1024, settings={h2.INITIAL_WINDOW_SIZE: h2.MAX_WINDOW})
    client.grant(1 << 30)
    client.request(origin.host)
    t.eventually(lambda: origin.connections and origin.connections[0].unsendable, "an end of the backend's work", 20)
    for _ in range(3):
        equal(connect(t).fetch(other.host).status, 200, "status of another's")
    before = t.proxy.cpu_seconds()
    time.sleep(0.5)
    at_most(t.proxy.cpu_seconds() - before, 0.3, "seconds of work within half a second of peace")


@case("a hundred streams without window, of a large body each, cost little memory", alone=True, deadline=60)
def stalled_memory(t):
    t.skip_if_sanitized()
    proxy = t.start()
    origin = t.origin(endless, proxy=proxy, sockets={"send_buffer": 64 * 1024})
    before = proxy.rss_bytes()
    client = connect(t, proxy, settings={h2.INITIAL_WINDOW_SIZE: 0})
    for _ in range(100):
        client.request(origin.host)
    client.wait(lambda: all(stream.head for stream in client.streams.values()), "a hundred heads")
    for _ in range(5):
        client.ping()
    # Half of what a stalled body may take over HTTP/1 (bodies.py): blocks read ahead from its backend.
    at_most(proxy.rss_bytes() - before, 100 * MIB, "bytes of memory for a hundred stalled streams")
    client.reset()
    for number in range(len(origin.connections)):
        origin.wait_ended(number)


@case("a route's timeout ends the answer of a stream that takes nothing, long before the body timeout", deadline=20)
def timeout_without_window(t):
    origin = t.origin(endless, timeout="500ms")
    stream = connect(t, settings={h2.INITIAL_WINDOW_SIZE: 0}).request(origin.host)
    began = time.monotonic()
    stream.must_reset(h2.INTERNAL_ERROR)
    origin.wait_ended(0)
    at_most(time.monotonic() - began, 8, "seconds to the end")


# What breaks the rules.

UPDATE, FLOW, PROTOCOL = h2.WINDOW_UPDATE, h2.FLOW_CONTROL_ERROR, h2.PROTOCOL_ERROR


@cases([
    ("WINDOW_UPDATE of 0 on the connection", (UPDATE, 0, 0, h2.uint32(0)), PROTOCOL),
    ("WINDOW_UPDATE that takes the connection's window over 2^31-1", (UPDATE, 0, 0, h2.uint32(h2.MAX_WINDOW)), FLOW),
])
def broken_connection_window(t, sent, code):
    origin = t.origin(endless)
    client = connect(t)
    client.refill = False
    stream = client.request(origin.host)
    stream.wait_body(h2.WINDOW)  # all of both windows: what follows is counted from 0
    stream.grant(70_000)
    client.try_frames(h2.frame(UPDATE, 0, 0, h2.uint32(1)), h2.frame(*sent))
    client.must_fail(code)
    origin.wait_ended(0)
    connect(t).must_stay_open_for(t.origin().host)


@cases([
    ("WINDOW_UPDATE of 0 on a stream", h2.uint32(0), PROTOCOL),
    ("WINDOW_UPDATE that takes a stream's window over 2^31-1", h2.uint32(h2.MAX_WINDOW), FLOW),
])
def broken_stream_window(t, payload, code):
    origin = t.origin(endless)
    client = connect(t)
    client.refill = False
    stream = client.request(origin.host)
    stream.sink = lambda piece: None
    stream.wait_head()
    stream.grant(70_000)  # over what it has used by any means
    client.try_frames(h2.frame(UPDATE, 0, stream.number, payload))
    client.must_fail_or_reset(stream, code)
    origin.wait_ended(0)
    connect(t).must_stay_open_for(t.origin().host)


@case("SETTINGS that take a stream's window over 2^31-1 are FLOW_CONTROL_ERROR, of that stream at least")
def overflow_by_settings(t):
    """RFC 9113 (6.9.2) ends the connection for it, nghttp2 the streams that it hits."""
    origin = t.origin(endless)
    client = connect(t)
    client.refill = False
    stream = client.request(origin.host)
    stream.wait_body(h2.WINDOW)
    stream.grant(70_000)
    client.unacknowledged.append({})
    client.try_frames(h2.frame(h2.SETTINGS, 0, 0, h2.settings({h2.INITIAL_WINDOW_SIZE: h2.MAX_WINDOW})))
    client.must_fail_or_reset(stream, FLOW)
    origin.wait_ended(0)


@case("more DATA than the window is FLOW_CONTROL_ERROR")
def overrun(t):
    """However little of it the backend reads, and whatever window comes back for that."""
    go_on = threading.Event()

    def stuck(backend):
        backend.read_request_head()
        go_on.wait(60)
        backend.wait_end()
    origin = t.origin(stuck, sockets={"receive_buffer": 64 * 1024})
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    piece = h2.frame(h2.DATA, 0, stream.number, bytes(h2.FRAME_SIZE))
    for _ in range(2 * KERNEL_AND_PROXY // MIB):
        if not client.try_frames(*[piece] * (MIB // h2.FRAME_SIZE)):
            break
    client.must_fail_or_reset(stream, FLOW)
    go_on.set()
    origin.wait_ended(0)
    equal(origin.requests, [], "whole requests upstream")
    connect(t).must_stay_open_for(t.origin().host)


@case("the proxy's own windows: it gives back what it took, and not more than it may", deadline=60)
def own_windows(t):
    """The client checks that no window ever goes over 2^31-1; 8 MiB on two streams leave the connection's as it was."""
    origin = t.origin(lambda backend: [backend.send(OK) for _ in backend])
    client = connect(t)
    client.ping()
    before = client.window
    size = t.scaled(4, 1) * MIB
    streams = [client.request(origin.host, "/", method="POST", end=False) for _ in range(2)]

    def send(stream):
        for _ in range(size // 65_536):
            stream.send(bytes(65_536))
        stream.send(b"", end=True)
    in_threads(*(lambda stream=stream: send(stream) for stream in streams))
    for stream in streams:
        equal(stream.response().status, 200, "status")
    try:
        client.ping()
    except Cut as cut:
        expect(False, f"the connection ended: {cut}")
    at_least(client.window, before // 2, "the connection's window after all")
