"""HTTP/2 to backends: bodies both ways, flow control, and back-pressure that stops at the stream it belongs to."""

import os
import threading

import h2_frames as h2
from both_clients import for_both, from_both, version_of
from h2 import connect
from h2_origin import answers, echoes, h2_origin
from harness import (Cut, at_least, at_most, case, cases, chunk, equal, expect, in_threads, request, response)
from origin import answers as h1_answers

MIB = 1 << 20
# What may lie in socket buffers on the way (a few MiB each) and in the proxy, by far.
KERNEL_AND_PROXY = 16 * MIB


def stuck_until(event):
    """Reads nothing of a body (its window stays shut) until then."""
    def script(stream):
        event.wait(60)
        stream.start_reading()
        stream.read_request()
        stream.respond(200, b"%d" % stream.count)
    return script


def endless(stream):
    """An answer that goes on as long as somebody takes it."""
    stream.answer_head(200)
    while True:
        stream.send(bytes(65_536))


def big_or_small(stream):
    """/big is endless, anything else is answered."""
    if stream.head.target == b"/big":
        endless(stream)
    else:
        answers()(stream)


def fill_stream(client, host, limit=64 * MIB):
    """An upload until nothing more is taken for a while: (the stream, or None; bytes)."""
    if version_of(client) == b"1.1":
        client.send(request(host, "/stuck", f"Content-Length: {limit}", method="POST"))
        return None, client.send_until_stalled(bytes(65_536), limit)
    stream = client.request(host, "/stuck", method="POST", end=False)
    taken = 0
    while taken < limit:
        room = min(client.window, stream.window)
        if room <= 0 and client.quiet_for(0.7):
            break
        if room <= 0:
            client.ping()
            continue
        stream.send(bytes(min(room, h2.FRAME_SIZE)))
        taken += min(room, h2.FRAME_SIZE)
    return stream, taken


# Bodies.

@cases(for_both([(f"{size} bytes each way", size) for size in (1, 16_384, 16_385, 65_535, 65_536, 1_000_003)]))
def sizes(t, make, size):
    body = os.urandom(size)

    def script(stream):
        stream.respond(200, stream.read_request().body)
    client = make(t)
    origin = h2_origin(t, script)
    answer = client.fetch(origin.host, "/", method="POST", body=body)
    expect(answer.body == body, f"{len(answer.body)} bytes came back, of {size}; or others")
    client.must_stay_open_for(origin.host)


@from_both("a POST with an empty body and content-length: 0", deadline=20)
def empty_post(t, make):
    origin = h2_origin(t)
    equal(make(t).fetch(origin.host, "/", "content-length: 0", method="POST").status, 200, "status")
    equal((origin.requests[0].body, origin.requests[0].fields.get("content-length")), (b"", b"0"), "body and length")


@case("a chunked body goes up without content-length; its chunks leave no trace")
def chunked_up(t):
    origin = h2_origin(t)
    client = t.client()
    client.send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST") + chunk(b"ab"))
    origin.wait_streams(1)
    origin.streams[0].wait_body(2)  # streams on before the rest is there
    client.send(b"3;x=y\r\ncde\r\n0\r\n\r\n")
    equal(client.read_response().status, 200, "status")
    equal((origin.requests[0].body, origin.requests[0].fields.has("content-length")), (b"abcde", False), "body and length")


@from_both("8 MiB up", deadline=60)
def big_up(t, make):
    total = t.scaled(8) * MIB
    origin = h2_origin(t)
    equal(make(t).fetch(origin.host, "/", method="POST", body=bytes(total)).status, 200, "status")
    equal(len(origin.requests[0].body), total, "bytes upstream")


@cases(for_both([("8 MiB down, with content-length", True), ("8 MiB down, without", False)]), deadline=60)
def big_down(t, make, length):
    body = os.urandom(MIB) * t.scaled(8)
    answer = make(t).fetch(h2_origin(t, answers(200, body, length=length)).host)
    expect(answer.body == body, f"{len(answer.body)} bytes came, of {len(body)}; or others")


@case("4 MiB both ways at once: h2 client", deadline=60)
def both_ways(t):
    body = os.urandom(MIB) * t.scaled(4)
    client = connect(t)
    stream = client.request(h2_origin(t, echoes).host, "/", method="POST", end=False)
    in_threads(lambda: stream.send(body, end=True), lambda: client.wait(lambda: stream.over, "the echo's end"))
    expect(bytes(stream.response().body) == body, "the echo is what was sent")


@case("4 MiB both ways at once: h1 client", deadline=60)
def both_ways_h1(t):
    body = os.urandom(MIB) * t.scaled(4)
    client = t.client()
    client.send(request(h2_origin(t, echoes).host, "/", f"Content-Length: {len(body)}", method="POST"))
    seen = []
    in_threads(lambda: client.send(body), lambda: seen.append(client.read_response()))
    expect(seen[0].body == body, "the echo is what was sent")


@case("a conversation: each message is answered before the next is sent", deadline=20)
def conversation(t):
    client = connect(t)
    stream = client.request(h2_origin(t, echoes).host, "/", method="POST", end=False)
    stream.wait_head()
    for turn in range(1, 101):
        stream.send(b"%07d" % turn)
        stream.wait_body(7 * turn)
    stream.send(b"", end=True)
    equal(len(stream.response().body), 700, "bytes of the echo")


@from_both("bytes come down as the backend sends them, not only at the end")
def dribble(t, make):
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        stream.answer_head(200)
        stream.send(b"first")
        go_on.wait(10)
        stream.send(b"second", end=True)
    host = h2_origin(t, script).host
    client = make(t)
    if version_of(client) == b"2":
        stream = client.request(host)
        stream.wait_body(5)
        go_on.set()
        equal(stream.response().text, "firstsecond", "the body")
    else:
        client.send(request(host))
        client.read_head()
        equal(client.read_exactly(10), b"5\r\nfirst\r\n", "the first chunk")
        go_on.set()
        equal(client.read_until(b"0\r\n\r\n"), b"6\r\nsecond\r\n0\r\n\r\n", "the rest")


# The backend's windows: the origin counts each byte.

@cases(for_both([(f"a backend's first window of {size} is kept to", size) for size in (0, 1, 1000)]), deadline=20)
def first_window(t, make, size):
    go_on = threading.Event()

    def script(stream):
        stream.wait_body(size)
        stream.connection.ping()
        equal(stream.count, size, "bytes that came, of the window")
        stream.grant(1)
        stream.wait_body(size + 1)
        go_on.set()
        stream.grant(30_000)  # byte by byte it would take all day
        stream.start_reading()
        stream.respond(200, b"%d" % len(stream.read_request().body))
    origin = h2_origin(t, script, options={"settings": {h2.INITIAL_WINDOW_SIZE: size}, "refill": False})
    warm(t, origin)
    client = make(t)
    equal(client.fetch(origin.host, "/", method="POST", body=bytes(100_000)).text, "100000", "bytes at the backend")
    expect(go_on.is_set(), "the script ran")


def warm(t, origin):
    """A connection whose SETTINGS both sides know."""
    script, origin.script = origin.script, answers()
    equal(t.client().fetch(origin.host, "/warm").status, 200, "status of the first request")
    origin.wait(lambda: not origin.connections[0].unacknowledged, "the acknowledgement of SETTINGS")
    origin.script = script


@case("the connection's window is kept to by all streams together", deadline=30)
def connection_window(t):
    origin = h2_origin(t, answers(), options={"window": h2.WINDOW})
    warm(t, origin)
    connection = origin.connections[0]
    connection.refill = False
    client = connect(t)
    streams = [client.request(origin.host, "/", "content-length: 50000", method="POST", end=False) for _ in range(3)]
    for stream in streams:
        stream.send(bytes(50_000), end=True)
    origin.wait(lambda: sum(one.count for one in origin.streams) == h2.WINDOW, "all of the window used")
    connection.ping()
    equal(sum(one.count for one in origin.streams), h2.WINDOW, "bytes that came, of the connection's window")
    connection.grant(200_000)
    for one in list(origin.streams):
        one.start_reading()
    for stream in streams:
        equal(stream.response().status, 200, "status")


@case("SETTINGS make a stream's window larger, and negative", deadline=20)
def window_settings(t):
    def script(stream):
        connection = stream.connection
        stream.wait_body(1000)
        connection.change_settings({h2.INITIAL_WINDOW_SIZE: 3000})
        stream.wait_body(3000)
        connection.change_settings({h2.INITIAL_WINDOW_SIZE: 10})
        stream.grant(2990)
        connection.ping()
        equal(stream.count, 3000, "bytes while the window was not above 0")
        stream.grant(1)
        stream.wait_body(3001)
        connection.change_settings({h2.INITIAL_WINDOW_SIZE: 60_000})
        stream.start_reading()
        stream.read_request()
        stream.respond()
    origin = h2_origin(t, script, options={"settings": {h2.INITIAL_WINDOW_SIZE: 1000}, "refill": False})
    warm(t, origin)
    equal(connect(t).fetch(origin.host, "/", method="POST", body=bytes(80_000)).status, 200, "status")


@case("the proxy gives a backend's streams their window back: 200 answers of 40,000 bytes on one connection", deadline=60)
def windows_come_back(t):
    origin = h2_origin(t, answers(200, bytes(40_000)))
    client = connect(t)
    for _ in range(t.scaled(200)):
        equal(len(client.fetch(origin.host).body), 40_000, "bytes")
    equal(len(origin.connections), 1, "connections")
    at_least(origin.connections[0].window, h2.WINDOW // 2, "the connection's window after all")


@case("bodies that nobody wants (HEAD, resets, early ends) give the connection's window back", deadline=60)
def unwanted_bodies(t):
    def script(stream):
        stream.answer_head(200)
        if stream.head.target == b"/left":
            stream.send(bytes(60_000))
            stream.wait_reset()
        else:
            stream.send(bytes(1000), end=True)
    origin = h2_origin(t, script)
    client = connect(t, settings={h2.INITIAL_WINDOW_SIZE: 100})
    client.refill = False
    client.grant(1 << 20)
    for count in range(1, t.scaled(60) + 1):
        stream = client.request(origin.host, "/left")
        stream.wait_body(100)
        stream.reset()
        origin.wait(lambda count=count: len(origin.connections[0].resets) == count, "the reset upstream")
    equal(len(connect(t).fetch(origin.host).body), 1000, "bytes of another's answer")
    connection = origin.connections[0]
    connection.ping()
    at_least(connection.window, h2.WINDOW // 2, "the connection's window after all")
    equal(len(origin.connections), 1, "connections")


# Back-pressure.

@from_both("a backend that never reads stops the client, and stalls no neighbour", alone=True, deadline=60)
def stuck_backend(t, make):
    go_on = threading.Event()
    stuck = stuck_until(go_on)

    def script(stream):
        (stuck if stream.head.target == b"/stuck" else answers())(stream)
    origin = h2_origin(t, script, options={"refill": lambda stream: stream.head.target != b"/stuck"})
    client = make(t)
    stream, taken = fill_stream(client, origin.host)
    at_most(taken, KERNEL_AND_PROXY, "bytes taken for a backend that does not read")
    equal(origin.streams[0].count, h2.WINDOW, "bytes that reached the backend")
    neighbour = connect(t)
    for _ in range(5):
        equal(neighbour.fetch(origin.host, "/", method="POST", body=bytes(200_000)).status, 200, "status of a neighbour")
    equal(len(origin.connections), 1, "connections")
    go_on.set()
    if stream:
        stream.send(b"", end=True)
        equal(stream.response().text, str(taken), "bytes that came in the end")


@case("a backend whose connection's window is used up stops its streams alone; it goes on when there is window", deadline=30)
def shut_connection(t):
    origin = h2_origin(t, answers(), options={"window": h2.WINDOW})
    warm(t, origin)
    origin.connections[0].refill = False
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    stream.send(bytes(h2.WINDOW))
    origin.wait(lambda: origin.streams[-1].count == h2.WINDOW, "all of the window used")
    more = client.request(origin.host, "/", method="POST", body=b"more")
    equal(client.fetch(origin.host).status, 200, "status of one without a body")
    equal(client.fetch(t.origin().host).status, 200, "status of one for another backend")
    origin.connections[0].grant(h2.WINDOW)
    origin.streams[1].grant(h2.WINDOW)  # nghttp2 sends no END_STREAM without window, as RFC 9113 section 6.9 lets it
    stream.send(b"", end=True)
    for one in (stream, more):
        equal(one.response().status, 200, "status")


@case("a client without window stops its own stream alone: neighbours on the backend's connection run on", deadline=60)
def slow_client(t):
    origin = h2_origin(t, big_or_small)
    slow = connect(t)
    slow.refill = False
    streams = [slow.request(origin.host, "/big") for _ in range(3)]
    slow.wait(lambda: sum(stream.count for stream in streams) == h2.WINDOW, "all of the window used")
    for make in (t.client, lambda: connect(t)):
        client = make()
        for _ in range(10):
            equal(client.fetch(origin.host, "/", method="POST", body=bytes(100_000)).status, 200, "status of a neighbour")
    equal(len(origin.connections), 1, "connections")
    sent = [h2.WINDOW - one.window + one.granted for one in origin.streams[:3]]
    at_most(max(sent), KERNEL_AND_PROXY, "bytes that the backend could send for a client that takes none")
    for stream in streams:
        stream.reset()
    origin.wait(lambda: len(origin.connections[0].resets) == 3, "three resets upstream")


@case("an HTTP/1 client that does not read, likewise", deadline=60)
def slow_h1_client(t):
    origin = h2_origin(t, big_or_small)
    slow = t.client(receive_buffer=64 * 1024)
    slow.send(request(origin.host, "/big"))
    slow.read_head()
    origin.wait_streams(1)
    t.eventually(lambda: stalled(origin), "the backend has been stopped", 30)
    client = connect(t)
    for _ in range(10):
        equal(client.fetch(origin.host, "/", method="POST", body=bytes(100_000)).status, 200, "status of a neighbour")
    stream = origin.streams[0]
    at_most(h2.WINDOW - stream.window + stream.granted, KERNEL_AND_PROXY, "bytes that the backend could send")
    equal(len(origin.connections), 1, "connections")
    slow.reset()
    origin.wait_reset(h2.CANCEL, stream=0)


def stalled(origin):
    """A round trip to the proxy and back leaves the first stream's window shut."""
    before = origin.streams[0].granted
    for _ in range(5):
        origin.connections[0].ping()
    return origin.streams[0].window == 0 and origin.streams[0].granted == before


@case("an HTTP/1 backend and an HTTP/2 one give an HTTP/2 client the same", deadline=20)
def alike(t):
    body = os.urandom(300_000)
    first = connect(t).fetch(t.origin(h1_answers(response("200 OK", body, "X-A: 1"))).host)
    second = connect(t).fetch(h2_origin(t, answers(200, body, "x-a: 1")).host)
    volatile = (b"date", b"via")
    equal([sorted(pair for pair in one.fields if pair[0] not in volatile) for one in (first,)],
          [sorted(pair for pair in one.fields if pair[0] not in volatile) for one in (second,)], "fields")
    expect(first.body == second.body == body, "bodies")


@from_both("an early answer is delivered while the upload runs; NO_ERROR behind it makes no error of it", deadline=20)
def early_answer(t, make):
    def script(stream):
        stream.wait_body(1)
        stream.respond(413, b"too much")
        stream.reset(h2.NO_ERROR)
    origin = h2_origin(t, script)
    client = make(t)
    if version_of(client) == b"2":
        stream = client.request(origin.host, "/", "content-length: 50000000", method="POST", end=False)
        stream.send(b"x" * 1000)
        answer = stream.response()
        client.must_stay_open_for(h2_origin(t).host)
    else:
        client.send(request(origin.host, "/", "Content-Length: 50000000", method="POST") + b"x" * 1000)
        answer = client.read_response("POST")
        client.must_close()
    equal((answer.status, answer.text), (413, "too much"), "the answer")
    equal(connect(t).fetch(h2_origin(t).host).status, 200, "status of another")


@from_both("an early answer without a reset: the proxy tells the backend that no more comes", deadline=20)
def early_answer_without_reset(t, make):
    def script(stream):
        if stream.head.target != b"/upload":
            answers()(stream)
            return
        stream.wait_body(1)
        stream.respond(403, b"no")
    origin = h2_origin(t, script)
    client = make(t)
    if version_of(client) == b"2":
        stream = client.request(origin.host, "/upload", "content-length: 50000000", method="POST", end=False)
        stream.send(b"x" * 1000)
        equal(stream.response().status, 403, "status")
    else:
        client.send(request(origin.host, "/upload", "Content-Length: 50000000", method="POST") + b"x" * 1000)
        equal(client.read_response("POST").status, 403, "status")
    origin.wait_reset(h2.CANCEL, h2.NO_ERROR, stream=0)
    equal(connect(t).fetch(origin.host).status, 200, "status of another")
    equal(len(origin.connections), 1, "connections")


@case("an upload that breaks off is reset upstream, never ended", deadline=20)
def broken_upload(t):
    origin = h2_origin(t, lambda stream: stream.read_request())
    client = t.client()
    client.send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST") + chunk(b"abc"))
    origin.wait_streams(1).wait_body(3)
    client.send(b"zz\r\n")
    equal(client.read_response("POST").status, 400, "status")
    origin.wait_reset(h2.CANCEL, stream=0)
    other = t.client()
    other.send(request(origin.host, "/", "Content-Length: 100", method="POST") + b"abc")
    origin.wait_streams(2).wait_body(3)
    other.reset()
    origin.wait_reset(h2.CANCEL, stream=1)
    stream = connect(t).request(origin.host, "/", "content-length: 100", method="POST", end=False)
    stream.send(b"abc")
    origin.wait_streams(3).wait_body(3)
    try:
        stream.send(b"", end=True)  # malformed: its length says more
    except Cut:
        pass
    origin.wait_reset(h2.CANCEL, stream=2)
    equal((origin.requests, len(origin.connections)), ([], 1), "whole requests upstream, and connections")
