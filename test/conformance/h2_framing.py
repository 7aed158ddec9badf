"""Frames that break RFC 9113 (sections 4 to 6): the error that each is, of its stream or of the connection; and what
looks odd and is no fault."""

import h2_frames as h2
from h2 import connect
from harness import OK, Cut, answers, case, cases, echoes, equal, expect, never_answers, one_of

NUMBER = 1  # of the stream that each case is about


class States:
    """A connection whose stream 1 is in a state that a frame may not fit."""

    @staticmethod
    def idle(client, _host):
        return client.stream(NUMBER)

    @staticmethod
    def open(client, host):
        return client.request(host, "/", method="POST", end=False)

    @staticmethod
    def half_closed(client, host):
        return client.request(host)

    @staticmethod
    def closed(client, host):
        stream = client.request(host, "/", method="POST", end=False)
        stream.reset()
        client.ping()
        return stream

    @staticmethod
    def answered(client, host):
        stream = client.request(host, "/answered")
        stream.response()
        return stream


def in_state(t, state):
    origin = t.origin(answers(OK) if state == "answered" else never_answers)
    client = connect(t)
    return client, getattr(States, state)(client, origin.host), origin


def block(host="a.test"):
    return h2.plain_block(h2.request_fields(host))


def serves_on(t):
    """Another connection is served."""
    connect(t).must_stay_open_for(t.origin().host)


# Errors of the connection.

SIZE, PROTOCOL, CLOSED, COMPRESSION = h2.FRAME_SIZE_ERROR, h2.PROTOCOL_ERROR, h2.STREAM_CLOSED, h2.COMPRESSION_ERROR
WHOLE = h2.END_HEADERS | h2.END_STREAM
BIG = bytes(h2.FRAME_SIZE + 1)

SIZES = [
    ("HEADERS over the frame size", "idle", (h2.HEADERS, WHOLE, 1, BIG)),
    ("RST_STREAM of 3 bytes", "open", (h2.RST_STREAM, 0, 1, bytes(3))),
    ("RST_STREAM of 5 bytes", "open", (h2.RST_STREAM, 0, 1, bytes(5))),
    ("SETTINGS of 3 bytes", "open", (h2.SETTINGS, 0, 0, bytes(3))),
    ("SETTINGS of 7 bytes", "open", (h2.SETTINGS, 0, 0, bytes(7))),
    ("an acknowledgement of SETTINGS with something in it", "open", (h2.SETTINGS, h2.ACK, 0, bytes(6))),
    ("SETTINGS over the frame size", "open", (h2.SETTINGS, 0, 0, bytes(6 * 2731))),
    ("PING of 7 bytes", "open", (h2.PING, 0, 0, bytes(7))),
    ("PING of 9 bytes", "open", (h2.PING, 0, 0, bytes(9))),
    ("GOAWAY of 7 bytes", "open", (h2.GOAWAY, 0, 0, bytes(7))),
    ("WINDOW_UPDATE of 3 bytes", "open", (h2.WINDOW_UPDATE, 0, 0, bytes(3))),
    ("WINDOW_UPDATE of 5 bytes, on a stream", "open", (h2.WINDOW_UPDATE, 0, 1, bytes(5))),
]
STREAMS = [
    ("DATA on stream 0", "open", (h2.DATA, 0, 0, b"x")),
    ("HEADERS on stream 0", "idle", (h2.HEADERS, WHOLE, 0, block())),
    ("PRIORITY on stream 0", "open", (h2.PRIORITY, 0, 0, h2.priority())),
    ("RST_STREAM on stream 0", "open", (h2.RST_STREAM, 0, 0, h2.uint32(8))),
    ("CONTINUATION on stream 0", "open", (h2.CONTINUATION, h2.END_HEADERS, 0, block())),
    ("SETTINGS on a stream", "open", (h2.SETTINGS, 0, 1, bytes(6))),
    ("PING on a stream", "open", (h2.PING, 0, 1, bytes(8))),
    ("GOAWAY on a stream", "open", (h2.GOAWAY, 0, 1, bytes(8))),
    ("HEADERS on an even stream", "idle", (h2.HEADERS, WHOLE, 2, block())),
    ("DATA on an idle stream", "idle", (h2.DATA, h2.END_STREAM, 1, b"x")),
    ("RST_STREAM on an idle stream", "idle", (h2.RST_STREAM, 0, 1, h2.uint32(8))),
    ("WINDOW_UPDATE on an idle stream", "idle", (h2.WINDOW_UPDATE, 0, 1, h2.uint32(100))),
    ("CONTINUATION on an idle stream", "idle", (h2.CONTINUATION, h2.END_HEADERS, 1, block())),
    ("CONTINUATION behind a header block that has ended", "open", (h2.CONTINUATION, h2.END_HEADERS, 1, b"")),
    ("PUSH_PROMISE from a client", "open", (h2.PUSH_PROMISE, h2.END_HEADERS, 1, h2.uint32(2) + block())),
    ("padding longer than DATA", "open", (h2.DATA, h2.PADDED, 1, b"\x06hello")),
    ("padding as long as DATA", "open", (h2.DATA, h2.PADDED, 1, b"\x05hell")),
    ("padding longer than HEADERS", "idle", (h2.HEADERS, WHOLE | h2.PADDED, 1, b"\xff" + block())),
]
EITHER = [
    ("DATA that should be padded and is empty", "open", (h2.DATA, h2.PADDED, 1, b"")),
    ("HEADERS that should be padded and are empty", "idle", (h2.HEADERS, WHOLE | h2.PADDED, 1, b"")),
    ("HEADERS that should begin with a priority and are too short", "idle", (h2.HEADERS, WHOLE | h2.WITH_PRIORITY, 1, bytes(4))),
]


@cases([(name, state, sent, (SIZE,)) for name, state, sent in SIZES]
       + [(name, state, sent, (PROTOCOL,)) for name, state, sent in STREAMS]
       + [(name, state, sent, (PROTOCOL, SIZE)) for name, state, sent in EITHER])
def connection_error(t, state, sent, codes):
    client, _, _ = in_state(t, state)
    client.try_frames(h2.frame(*sent))
    client.must_fail(*codes)
    serves_on(t)


@case("HEADERS on a stream below one that was opened")
def smaller_number(t):
    client, _, origin = in_state(t, "idle")
    client.headers(h2.request_fields(origin.host), stream=client.stream(5))
    client.try_frames(h2.frame(h2.HEADERS, WHOLE, 3, block(origin.host)))
    client.must_fail(PROTOCOL, CLOSED)


# Errors of a stream, which may be the connection's.

@cases([
    ("DATA over the frame size", "open", (h2.DATA, 0, 1, BIG), (SIZE,)),
    ("PRIORITY of 4 bytes", "open", (h2.PRIORITY, 0, 1, bytes(4)), (SIZE,)),
    ("PRIORITY of 6 bytes", "open", (h2.PRIORITY, 0, 1, bytes(6)), (SIZE,)),
    ("DATA behind END_STREAM", "half_closed", (h2.DATA, 0, 1, b"x"), (CLOSED,)),
    ("an empty DATA frame behind END_STREAM", "half_closed", (h2.DATA, h2.END_STREAM, 1, b""), (CLOSED,)),
    ("HEADERS behind END_STREAM", "half_closed", (h2.HEADERS, WHOLE, 1, block()), (CLOSED,)),
    ("CONTINUATION behind END_STREAM", "half_closed", (h2.CONTINUATION, h2.END_HEADERS, 1, b""), (CLOSED, PROTOCOL)),
])
def stream_error(t, state, sent, codes):
    client, stream, _ = in_state(t, state)
    client.try_frames(h2.frame(*sent))
    client.must_fail_or_reset(stream, *codes)
    if not client.faults:
        client.ping()
    serves_on(t)


@cases([(f"{name} on a stream that {words}", state, sent) for name, sent in (
    ("DATA", (h2.DATA, h2.END_STREAM, 1, b"x")), ("HEADERS", (h2.HEADERS, WHOLE, 1, block())),
    ("CONTINUATION", (h2.CONTINUATION, h2.END_HEADERS, 1, b"")))
    for state, words in (("closed", "was reset"), ("answered", "is over"))])
def after_the_end(t, state, sent):
    """STREAM_CLOSED, or ignored for it may have crossed the end; never a request, never an answer."""
    client, _, origin = in_state(t, state)
    client.try_frames(h2.frame(*sent))
    try:
        client.ping()
    except Cut:
        one_of(client.faults[0][0], ["STREAM_CLOSED", "PROTOCOL_ERROR"], "GOAWAY's code")
    serves_on(t)
    equal(len(origin.requests), 1 if state == "answered" else 0, "whole requests upstream")
    expect(len(origin.connections) <= 1, "connections upstream")


@case("what a dependency of a stream on itself is: an error, or nothing since RFC 9113")
def depends_on_itself(t):
    client, stream, origin = in_state(t, "idle")
    client.try_frames(h2.frame(h2.PRIORITY, 0, 1, h2.priority(1)))
    client.try_frames(h2.frame(h2.HEADERS, WHOLE | h2.WITH_PRIORITY, 3, h2.priority(3) + block(origin.host)))
    client.stream(3)
    try:
        client.ping()
    except Cut:
        equal(client.faults[0][0], "PROTOCOL_ERROR", "GOAWAY's code")
    expect(stream.reset_code in (None, PROTOCOL), "the reset's code")
    serves_on(t)


# Header blocks.

@cases([(f"{name} within a header block", sent) for name, sent in (
    ("DATA", h2.frame(h2.DATA, h2.END_STREAM, 1, b"x")),
    ("PRIORITY", h2.frame(h2.PRIORITY, 0, 1, h2.priority())),
    ("RST_STREAM", h2.frame(h2.RST_STREAM, 0, 1, h2.uint32(8))),
    ("SETTINGS", h2.frame(h2.SETTINGS, 0, 0, b"")),
    ("PING", h2.frame(h2.PING, 0, 0, bytes(8))),
    ("WINDOW_UPDATE", h2.frame(h2.WINDOW_UPDATE, 0, 0, h2.uint32(1))),
    ("HEADERS of the same stream", h2.frame(h2.HEADERS, WHOLE, 1, block())),
    ("HEADERS of another stream", h2.frame(h2.HEADERS, WHOLE, 3, block())),
    ("CONTINUATION of another stream", h2.frame(h2.CONTINUATION, h2.END_HEADERS, 3, block())),
    ("a frame of an unknown type", h2.frame(0x42, 0, 1, b"x")),
)])
def within_a_block(t, sent):
    """Nothing may come between HEADERS and their CONTINUATION."""
    client = connect(t)
    client.try_frames(h2.frame(h2.HEADERS, h2.END_STREAM, 1, block()[:10]), sent,
                      h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, block()[10:]))
    client.must_fail(PROTOCOL)
    serves_on(t)


GOOD = block()
INVALID = [
    ("an index of 0", GOOD + b"\x80"),
    ("an index past the tables", GOOD + b"\xff\x10"),
    ("an index past what an integer holds", GOOD + b"\xff" + b"\xff" * 20 + b"\x01"),
    ("a name's index past the tables", GOOD + b"\x0f\xff\x10\x01a"),
    ("a string cut short", GOOD + b"\x00\x05ab"),
    ("an integer cut short", GOOD + b"\x00\x7f"),
    ("a block cut within a field", GOOD + b"\x00"),
    ("EOS in a Huffman string", GOOD + b"\x00\x01a" + b"\x84\xff\xff\xff\xff"),
    ("Huffman padding of more than 7 bits", GOOD + b"\x00\x01a" + b"\x82\x1f\xff"),
    ("Huffman padding that is not ones", GOOD + b"\x00\x01a" + b"\x81\x18"),
    ("a table larger than SETTINGS allow", b"\x3f\xff\xff\x03" + GOOD),
    ("a table size behind a field", GOOD + b"\x20"),
]


@cases([(f"HPACK: {name}", raw) for name, raw in INVALID])
def bad_hpack(t, raw):
    client = connect(t)
    client.try_frames(h2.frame(h2.HEADERS, WHOLE, 1, raw))
    client.stream(1)
    client.must_fail(COMPRESSION)
    serves_on(t)


@case("HPACK: broken trailers are the connection's error, and the request never ends upstream")
def bad_hpack_trailers(t):
    client, stream, origin = in_state(t, "open")
    stream.send(b"hello")
    client.try_frames(h2.frame(h2.HEADERS, WHOLE, 1, b"\x80"))
    client.must_fail(COMPRESSION)
    if origin.connections:
        origin.wait_ended(0)
    equal(origin.requests, [], "whole requests upstream")


@cases([(f"HPACK: {name}, is no fault", *rest) for name, *rest in (
    ("table sizes in front of a block", b"\x20\x3f\xe1\x1f", ()),
    ("a Huffman string, of RFC 7541", b"", (b"\x00\x03x-a\x8c" + bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff"),)),
    ("an empty name's twin: an empty value", b"", (b"\x00\x03x-a\x00",)),
    ("a field that is never indexed", b"", (b"\x10\x03x-a\x011",)),
    ("a field that goes into the table", b"", (b"\x40\x03x-a\x011", b"\xbe")),
)])
def good_hpack(t, before, more):
    origin = t.origin()
    client = connect(t)
    client.headers([], stream=client.stream(1), block=before + block(origin.host) + b"".join(more))
    equal(client.streams[1].response().status, 200, "status")
    client.must_stay_open_for(origin.host)


# What is no fault.

@cases([(f"no fault: {name}", sent) for name, sent in (
    ("a frame of an unknown type, on stream 0", h2.frame(0x42, 0xFF, 0, b"what")),
    ("a frame of an unknown type, on a stream", h2.frame(0x42, 0xFF, 1, b"what")),
    ("a frame of an unknown type, on an idle stream", h2.frame(0x42, 0, 101, b"what")),
    ("PRIORITY on a stream that is open", h2.frame(h2.PRIORITY, 0, 1, h2.priority(3, 200, True))),
    ("PRIORITY on an idle stream", h2.frame(h2.PRIORITY, 0, 101, h2.priority())),
    ("PING with unknown flags", h2.frame(h2.PING, 0xFE, 0, bytes(8))),
    ("a PING's acknowledgement that nobody waits for", h2.frame(h2.PING, h2.ACK, 0, bytes(8))),
    ("SETTINGS that nobody knows", h2.frame(h2.SETTINGS, 0, 0, h2.settings({0x4242: 7, 0x4243: 0xFFFFFFFF}))),
    ("empty SETTINGS", h2.frame(h2.SETTINGS, 0, 0)),
    ("WINDOW_UPDATE on the connection", h2.frame(h2.WINDOW_UPDATE, 0, 0, h2.uint32(1000))),
    ("the reserved bit of a window's increment", h2.frame(h2.WINDOW_UPDATE, 0, 0, h2.uint32(0x8000_0001))),
    ("the reserved bit of a stream's number", h2.frame(h2.PING, 0, 0x8000_0000, bytes(8))),
    ("DATA with padding", h2.frame(h2.DATA, h2.PADDED, 1, h2.padded(b"", 255))),
    ("DATA with unknown flags", h2.frame(h2.DATA, 0xF6, 1, b"")),
    ("an empty DATA frame", h2.frame(h2.DATA, 0, 1)),
)])
def no_fault(t, sent):
    origin = t.origin(echoes)
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    if sent[3] == h2.SETTINGS:
        client.unacknowledged.append({})
    client.send(sent)
    client.frame(h2.DATA, h2.PADDED | h2.END_STREAM, 1, h2.padded(b"hello", 3))
    equal(stream.response().text, "hello", "the echo")
    client.must_stay_open_for(origin.host)


@cases([(f"HEADERS with {name}", *rest) for name, *rest in (
    ("padding", h2.PADDED, lambda raw: h2.padded(raw, 20)),
    ("a priority", h2.WITH_PRIORITY, lambda raw: h2.priority(0, 256) + raw),
    ("a priority and padding", h2.PADDED | h2.WITH_PRIORITY, lambda raw: h2.padded(h2.priority(0, 1) + raw, 255)),
    ("unknown flags", 0xD2, lambda raw: raw),
)])
def odd_headers(t, flags, wrap):
    origin = t.origin()
    client = connect(t)
    client.stream(1)
    client.frame(h2.HEADERS, WHOLE | flags, 1, wrap(block(origin.host)))
    equal(client.streams[1].response().status, 200, "status")
    client.must_stay_open_for(origin.host)


@cases([(f"a header block {name}", cuts) for name, cuts in (
    ("in CONTINUATION, the first frame empty", (0,)), ("in CONTINUATION of one byte, then the rest", (1, 2)),
    ("in 8 CONTINUATION frames", (5, 10, 15, 20, 25, 30, 35, 40)), ("whose last CONTINUATION is empty", (10, 10_000)),
)])
def pieces_of_a_block(t, cuts):
    origin = t.origin()
    client = connect(t)
    whole = block(origin.host)
    places = [0, *(min(cut, len(whole)) for cut in cuts), len(whole)]
    frames = []
    for place, (begin, end) in enumerate(zip(places, places[1:])):
        flags = (0 if place else h2.END_STREAM) | (h2.END_HEADERS if place == len(cuts) else 0)
        frames.append(h2.frame(h2.CONTINUATION if place else h2.HEADERS, flags, 1, whole[begin:end]))
    client.stream(1)
    for one in frames:
        client.send(one)
    equal(client.streams[1].response().status, 200, "status")
    client.must_stay_open_for(origin.host)


@cases([(f"{name} may cross the end of its stream: no fault on one that was answered", sent) for name, sent in (
    ("RST_STREAM", (h2.RST_STREAM, 0, 1, h2.uint32(8))), ("WINDOW_UPDATE", (h2.WINDOW_UPDATE, 0, 1, h2.uint32(9))),
    ("PRIORITY", (h2.PRIORITY, 0, 1, h2.priority())))])
def late_but_right(t, sent):
    client, _, origin = in_state(t, "answered")
    client.frame(*sent)
    client.must_stay_open_for(origin.host)


@case("stream numbers may be left out")
def gaps(t):
    origin = t.origin()
    client = connect(t)
    for number in (1, 7, 101, 100_001, (1 << 31) - 3):
        stream = client.headers(h2.request_fields(origin.host), stream=client.stream(number))
        equal(stream.response().status, 200, f"status on stream {number}")
    equal(client.goaways, [], "GOAWAYs")


@case("a PING's data comes back, while streams wait")
def ping(t):
    client, stream, _ = in_state(t, "half_closed")
    for data in (b"01234567", bytes(8), b"\xff" * 8):
        equal(client.ping(data), data, "what came back")
    expect(not stream.over, "the stream still waits")
