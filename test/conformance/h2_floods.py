"""Abuse of HTTP/2: past the budgets of SPEC section 2 a connection gets GOAWAY(ENHANCE_YOUR_CALM), below them nothing
happens; meanwhile others are served, and the memory comes back."""

import time

import h2_frames as h2
from h2 import connect
from harness import (PATIENCE, SANITIZED, at_most, case, cases, equal, expect, never_answers, one_of)

MIB = 1 << 20
CALM = h2.ENHANCE_YOUR_CALM
WHOLE = h2.END_HEADERS | h2.END_STREAM


class Target:
    """A proxy of a case's own, under attack."""

    def __init__(self, t):
        self.t = t
        self.proxy = t.start()
        self.origin = t.origin(proxy=self.proxy)
        self.stuck = t.origin(never_answers, proxy=self.proxy)
        self.faithful = connect(t, self.proxy)
        equal(self.faithful.fetch(self.origin.host).status, 200, "status before")
        connect(t, self.proxy).must_stay_open_for(self.origin.host)
        self.before = self.proxy.rss_bytes()
        self.client = connect(t, self.proxy)

    def block(self, host=None, **more):
        return h2.plain_block(h2.request_fields(host or self.stuck.host, **more))

    def served(self):
        """A client that was there, and one that is new, are answered soon."""
        self.faithful.must_stay_open_for(self.origin.host)
        times = []
        for _ in range(3):  # the machine may be busy with others
            began = time.monotonic()
            connect(self.t, self.proxy).must_stay_open_for(self.origin.host)
            times.append(time.monotonic() - began)
        at_most(min(times), 0.1 * PATIENCE, "seconds until a new client is answered")

    def memory(self, limit=8 * MIB):
        if not SANITIZED:
            self.t.eventually(lambda: self.proxy.rss_bytes() - self.before <= limit,
                              f"memory back within {limit} bytes (now {self.proxy.rss_bytes() - self.before})")


def streams(count, make):
    """What `make` gives for each of so many streams."""
    return [make(number) for number in range(1, 2 * count, 2)]


def reset(number):
    return h2.frame(h2.RST_STREAM, 0, number, h2.uint32(h2.CANCEL))


def headers(number, block, end=True):
    return h2.frame(h2.HEADERS, WHOLE if end else h2.END_HEADERS, number, block)


# Resets by the client, and those it makes the proxy send.

def rapid_reset(target, count):
    block = target.block()
    return streams(count, lambda number: headers(number, block) + reset(number))


def rapid_reset_of_uploads(target, count):
    block = target.block(method="POST")
    return streams(count, lambda number: headers(number, block, False) + reset(number))


def increment_of_0(target, count):
    block = target.block(method="POST")
    return streams(count, lambda number: headers(number, block, False) + h2.frame(h2.WINDOW_UPDATE, 0, number, h2.uint32(0)))


def increment_too_large(target, count):
    block = target.block(method="POST")
    return streams(count, lambda number: headers(number, block, False)
                   + h2.frame(h2.WINDOW_UPDATE, 0, number, h2.uint32(h2.MAX_WINDOW)))


def half_closed_data(target, count):
    block = target.block()
    return streams(count, lambda number: headers(number, block) + h2.frame(h2.DATA, 0, number, b"x"))


def half_closed_headers(target, count):
    block = target.block()
    return streams(count, lambda number: headers(number, block) * 2)


def malformed(target, count):
    block = target.block(target="no-slash")
    return streams(count, lambda number: headers(number, block))


def too_much_data(target, count):
    block = target.block(method="POST") + h2.literal(b"content-length", b"1")
    return streams(count, lambda number: headers(number, block, False) + h2.frame(h2.DATA, 0, number, b"xx"))


def priority_too_short(target, count):
    block = target.block(method="POST")
    return streams(count, lambda number: headers(number, block, False) + h2.frame(h2.PRIORITY, 0, number, b"x"))


def too_many_streams(target, count):
    """Past the 100 each one is refused."""
    block = target.block()
    return streams(100 + count, lambda number: headers(number, block))


@cases([("resets of requests", rapid_reset), ("resets of uploads", rapid_reset_of_uploads),
        ("streams past the limit", too_many_streams)])
def resets(t, make):
    target = Target(t)
    target.client.try_frames(*make(target, 1000))
    for number in range(1, 2200, 2):
        target.client.stream(number)
    target.client.must_fail(CALM)
    target.served()
    target.memory()


@cases([(f"resets that the proxy is made to send: by {name}", make) for name, make in (
    ("WINDOW_UPDATE of 0", increment_of_0), ("WINDOW_UPDATE over the maximum", increment_too_large),
    ("DATA behind END_STREAM", half_closed_data), ("HEADERS behind END_STREAM", half_closed_headers),
    ("malformed requests", malformed), ("DATA over content-length", too_much_data),
    ("PRIORITY of a wrong size", priority_too_short))])
def made_resets(t, make):
    """Where the first of them ends the connection already, that is as good."""
    target = Target(t)
    for number in range(1, 2000, 2):
        target.client.stream(number)
    target.client.try_frames(*make(target, 1000))
    target.client.must_fail(CALM, h2.PROTOCOL_ERROR, h2.STREAM_CLOSED, h2.FLOW_CONTROL_ERROR, h2.FRAME_SIZE_ERROR)
    if len(target.client.log) > 300:
        equal(target.client.faults[0][0], "ENHANCE_YOUR_CALM", "GOAWAY's code after many resets")
    target.served()
    target.memory()


# Control frames, and frames with nothing in them.

def ping(_target, _number):
    return h2.frame(h2.PING, 0, 0, bytes(8))


CONTROL = [
    ("PING", ping),
    ("PING's acknowledgement", lambda target, number: h2.frame(h2.PING, h2.ACK, 0, bytes(8))),
    ("SETTINGS", lambda target, number: h2.frame(h2.SETTINGS, 0, 0, h2.settings({h2.INITIAL_WINDOW_SIZE: 65_535 + number % 2}))),
    ("empty SETTINGS", lambda target, number: h2.frame(h2.SETTINGS)),
    ("PRIORITY", lambda target, number: h2.frame(h2.PRIORITY, 0, 2 * number + 1, h2.priority(0, number % 256 + 1))),
    ("WINDOW_UPDATE of 1", lambda target, number: h2.frame(h2.WINDOW_UPDATE, 0, 0, h2.uint32(1))),
    ("WINDOW_UPDATE of 1 on a stream", lambda target, number: h2.frame(h2.WINDOW_UPDATE, 0, 1, h2.uint32(1))),
    ("empty DATA", lambda target, number: h2.frame(h2.DATA, 0, 1)),
    ("DATA that is all padding", lambda target, number: h2.frame(h2.DATA, h2.PADDED, 1, h2.padded(b"", 0))),
]


@cases([(f"a flood of {name}", make) for name, make in CONTROL])
def control(t, make):
    target = Target(t)
    stream = target.client.request(target.stuck.host, "/", method="POST", end=False)
    equal(stream.number, 1, "the stream")
    target.client.unacknowledged += [{} for _ in range(20_000)]  # of SETTINGS, where it is they
    for batch in range(20):
        frames = [make(target, number) for number in range(batch * 1000, batch * 1000 + 1000)]
        if not target.client.try_frames(*frames):
            break
    target.client.must_fail(CALM)
    target.served()
    target.memory()


@cases([(f"{count} times {name} are no flood", make, count) for name, make, count in (
    ("PING", CONTROL[0][1], 20), ("SETTINGS", CONTROL[2][1], 20), ("PRIORITY", CONTROL[4][1], 100),
    ("WINDOW_UPDATE of 1", CONTROL[5][1], 100), ("empty DATA", CONTROL[7][1], 50))])
def below(t, make, count):
    origin = t.origin()
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    client.unacknowledged += [{} for _ in range(count)]
    client.send(b"".join(make(None, number) for number in range(count)))
    stream.send(b"x", end=True)
    equal(stream.response().status, 200, "status")
    client.must_stay_open_for(origin.host)


@case("100 resets are no flood, and each cancels the backend's work")
def few_resets(t):
    origin = t.origin(never_answers)
    fine = t.origin()
    client = connect(t)
    for _ in range(100):
        client.request(origin.host).reset()
    client.must_stay_open_for(fine.host)
    for number in range(len(origin.connections)):
        origin.wait_ended(number)


@case("100 malformed requests are no flood")
def few_malformed(t):
    origin = t.origin()
    client = connect(t)
    for _ in range(100):
        client.request(origin.host, "no-slash").must_reset(h2.PROTOCOL_ERROR)
    client.must_stay_open_for(origin.host)


# Header blocks.

def pieces(block, count, ends=False):
    """HEADERS and so many CONTINUATION frames, of which the last may end the block."""
    size = max(1, len(block) // count)
    frames = [h2.frame(h2.HEADERS, h2.END_STREAM, 1, block[:size])]
    for place in range(count):
        last = place == count - 1
        piece = block[size * (place + 1):] if last else block[size * (place + 1):size * (place + 2)]
        frames.append(h2.frame(h2.CONTINUATION, h2.END_HEADERS if last and ends else 0, 1, piece))
    return frames


@cases([
    ("20 CONTINUATION frames that end", lambda target: pieces(target.block(), 20, True)),
    ("20 CONTINUATION frames that do not end", lambda target: pieces(target.block(), 20)),
    ("empty CONTINUATION frames", lambda target: [h2.frame(h2.HEADERS, h2.END_STREAM, 1)] + [h2.frame(h2.CONTINUATION, 0, 1)] * 5000),
    ("a header block without end", lambda target: [h2.frame(h2.HEADERS, h2.END_STREAM, 1, target.block())]
     + [h2.frame(h2.CONTINUATION, 0, 1, h2.literal(b"x-a", b"v" * 16_000))] * 2000),
    ("a header block without end, of the smallest fields", lambda target: [h2.frame(h2.HEADERS, h2.END_STREAM, 1, target.block())]
     + [h2.frame(h2.CONTINUATION, 0, 1, b"\x82" * 16_384)] * 500),
])
def header_blocks(t, make):
    target = Target(t)
    target.client.stream(1)
    frames = make(target)
    for at in range(0, len(frames), 50):
        if not target.client.try_frames(*frames[at:at + 50]):
            break
    target.client.must_fail(CALM)
    target.served()
    target.memory()
    equal(target.stuck.targets, [], "requests upstream")


@cases([("HPACK: one large field, from the table 10,000 times", 4000, 10_000), ("HPACK: a small one, 16,000 times", 10, 16_000)])
def bomb(t, size, times):
    """16 KiB that would be tens of MiB: refused by 431 or more rudely, within about 1 MiB."""
    target = Target(t)
    block = target.block() + b"\x40" + bytes(h2.plain_string(b"x-bomb") + h2.plain_string(b"v" * size)) + b"\xbe" * times
    stream = target.client.stream(1)
    for at in range(0, len(block), h2.FRAME_SIZE):
        last = at + h2.FRAME_SIZE >= len(block)
        target.client.try_frames(h2.frame(h2.CONTINUATION if at else h2.HEADERS, (0 if at else h2.END_STREAM)
                                          | (h2.END_HEADERS if last else 0), 1, block[at:at + h2.FRAME_SIZE]))
    target.client.wait(lambda: stream.over or target.client.faults, "the answer or an error")
    target.memory(4 * MIB)
    if stream.head:
        equal(stream.head.status, 431, "status")
        target.client.must_stay_open_for(target.origin.host)
    else:
        one_of(target.client.faults[0][0] if target.client.faults else h2.code_name(stream.reset_code),
               ["ENHANCE_YOUR_CALM", "COMPRESSION_ERROR", "PROTOCOL_ERROR"], "the error")
    target.served()
    equal(target.stuck.targets, [], "requests upstream")


@case("100 bombs on one connection, each refused: the memory of one", alone=True, deadline=60)
def bombs(t):
    target = Target(t)
    field = h2.literal(b"x-a", b"v" * 15_000)
    blocks = [target.block(target.stuck.host) + field, field, field]
    for number in range(1, 100, 2):
        target.client.stream(number)
        target.client.try_frames(h2.frame(h2.HEADERS, h2.END_STREAM, number, blocks[0]),
                                 h2.frame(h2.CONTINUATION, 0, number, blocks[1]),
                                 h2.frame(h2.CONTINUATION, h2.END_HEADERS, number, blocks[2]))
    target.client.wait(lambda: all(stream.over for stream in target.client.streams.values()), "all refused")
    equal({stream.head.status for stream in target.client.streams.values()}, {431}, "statuses")
    target.client.must_stay_open_for(target.origin.host)
    target.memory(4 * MIB)


# Many connections.

@case("300 connections with 100 stalled streams' worth of nothing each cost little", alone=True, deadline=90)
def many_connections(t):
    target = Target(t)
    count = t.scaled(300, 50)
    clients = [connect(t, target.proxy, settings={h2.INITIAL_WINDOW_SIZE: 0}) for _ in range(count)]
    for client in clients:
        equal(client.request(target.origin.host).wait_head().status, 200, "status")
    target.memory(count * 192 * 1024)
    target.served()
    for client in clients:
        client.reset()
    target.served()
    expect(target.proxy.alive(), "the proxy is alive")
