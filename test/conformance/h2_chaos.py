"""Nonsense over HTTP/2, and ends at any moment: whatever comes, the proxy serves the others, and holds nothing back.

The nonsense is the same in every run: a failure names the seed that made it.
"""

import random

import h2_frames as h2
from counting import read_stats
from h2 import connect
from h2_damage import damaged
from harness import (SANITIZED, Cut, Silent, at_most, case, cases, chunk, equal, expect, in_threads, response)

MIB = 1 << 20


def serve(backend):
    """Answers in chunks, with a trailer, and gives back the body."""
    for one in backend:
        backend.send(response("200 OK", None, "Transfer-Encoding: chunked", "X-Fill: " + "x" * 200))
        for at in range(0, len(one.body), 1000):
            backend.send(chunk(one.body[at:at + 1000]))
        backend.send(chunk(b"y" * 3000) + b"0\r\nX-Sum: 1\r\n\r\n")


def conversation(host):
    """What a well-behaved client may send: requests of several kinds, and control frames between them."""
    encoder = h2.encoder()

    def block(*lines, **more):
        return bytes(encoder.encode(h2.request_fields(host, *lines, **more)))
    end = h2.END_HEADERS | h2.END_STREAM
    get, post, long = block("/get"), block("/post", method="POST"), block("/long", "x-fill: " + "f" * 300)
    return [
        h2.frame(h2.SETTINGS, 0, 0, h2.settings({h2.INITIAL_WINDOW_SIZE: 1000, h2.HEADER_TABLE_SIZE: 100})),
        h2.frame(h2.HEADERS, end, 1, get),
        h2.frame(h2.HEADERS, h2.END_HEADERS, 3, post),
        h2.frame(h2.DATA, 0, 3, b"a" * 2000),
        h2.frame(h2.HEADERS, h2.END_STREAM, 5, long[:50]), h2.frame(h2.CONTINUATION, h2.END_HEADERS, 5, long[50:]),
        h2.frame(h2.DATA, h2.PADDED, 3, h2.padded(b"b" * 100, 9)),
        h2.frame(h2.PING, 0, 0, b"12345678"),
        h2.frame(h2.WINDOW_UPDATE, 0, 1, h2.uint32(500)),
        h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 3, bytes(encoder.encode([(b"x-sum", b"1")]))),
        h2.frame(h2.PRIORITY, 0, 7, h2.priority(3)),
        h2.frame(h2.HEADERS, h2.END_HEADERS, 7, block("/reset", method="PUT")),
        h2.frame(h2.DATA, 0, 7, b"c" * 500),
        h2.frame(h2.RST_STREAM, 0, 7, h2.uint32(h2.CANCEL)),
        h2.frame(h2.WINDOW_UPDATE, 0, 0, h2.uint32(100_000)),
        h2.frame(h2.SETTINGS, 0, 0, h2.settings({h2.INITIAL_WINDOW_SIZE: 100_000})),
        h2.frame(h2.HEADERS, end, 9, block("/last")),
        h2.frame(h2.GOAWAY, 0, 0, bytes(8)),
    ]


def random_frame(chance):
    """Any type, mostly one that is known; streams and lengths that hit something now and then."""
    kind = chance.choice([chance.randrange(10), chance.randrange(10), chance.randrange(256)])
    payload = chance.randbytes(chance.choice([0, 0, 1, 3, 4, 5, 6, 8, 8, 12, 40, 400]))
    if kind == h2.HEADERS and chance.random() < 0.7:
        payload = h2.plain_block(h2.request_fields("nobody.test"))[:chance.choice([5, 1000])]
    if kind == h2.WINDOW_UPDATE and chance.random() < 0.7:
        payload = h2.uint32(chance.choice([0, 1, 100, h2.MAX_WINDOW, 0xFFFFFFFF]))
    stream = chance.choice([0, 0, 1, 1, 3, 3, 5, 7, 9, 2, 11, 101, h2.MAX_WINDOW])
    length = None if chance.random() < 0.95 else chance.randrange(1 << chance.randrange(1, 24))
    return h2.frame(kind, chance.choice([0, 1, 4, 5, 5, 8, 0x20, 0x2d, chance.randrange(256)]), stream, payload, length)


class Bystander:
    """Somebody on a connection of their own, in a process of the case's own, who must notice nothing."""

    def __init__(self, t):
        self.t = t
        self.proxy = t.start(workers=2)
        # The load may be too much for the origin, which is Python: that is nobody's fault.
        self.origin = t.origin(serve, proxy=self.proxy, circuit=None, health={"maxFails": 1000})
        self.client = connect(t, self.proxy)
        self.looks("at the beginning")

    def looks(self, what):
        try:
            answer = self.client.fetch(self.origin.host, "/bystander", method="POST", body=b"z" * 5000)
        except (Cut, Silent, OSError) as error:
            raise AssertionError(f"the bystander's request failed {what}: {error}; alive: {self.proxy.alive()}") from error
        equal((answer.status, answer.fields.get("proxy-status"), len(answer.body)), (200, None, 8000), f"the bystander's answer {what}")

    def at_peace(self):
        """All the others are gone, and so is their work."""
        self.t.eventually(lambda: read_stats(self.proxy)["connections"]["active"] <= 1, "an end of the others' connections")
        self.t.eventually(lambda: read_stats(self.proxy)["requests"]["active"] == 0, "an end of their requests")
        self.looks("at the end")


def converse(t, bystander, frames, leave):
    """Says all that, reads what comes for a moment, and goes."""
    client = connect(t, bystander.proxy, shake=False)
    client.try_send(h2.PREFACE + h2.frame(h2.SETTINGS) + b"".join(frames))
    if leave == "read":
        client.quiet_for(0.02)
    if leave == "reset":
        client.reset()
    else:
        client.close()
    t.clients.remove(client)


def rounds(t, bystander, count, make):
    """Two threads of others, each with its seeds."""
    def run(first):
        for seed in range(first, first + count // 2):
            chance = random.Random(seed)
            try:
                converse(t, bystander, make(chance), chance.choice(["reset", "read", "close"]))
                if seed % 20 == 0:
                    expect(bystander.proxy.alive(), "the proxy is alive")
            except Exception as error:
                raise AssertionError(f"seed {seed}: {error!r}") from error
    in_threads(lambda: run(0), lambda: run(1_000_000))


@case("300 connections of random frames", deadline=90)
def random_frames(t):
    bystander = Bystander(t)
    for number in range(3):
        rounds(t, bystander, t.scaled(100, 20), lambda chance: [random_frame(chance) for _ in range(chance.randrange(1, 30))])
        bystander.looks(f"after round {number}")
    bystander.at_peace()


@case("600 conversations with damages", deadline=90)
def damages(t):
    bystander = Bystander(t)
    for number in range(3):
        rounds(t, bystander, t.scaled(200, 20), lambda chance: damaged(chance, conversation(bystander.origin.host), random_frame))
        bystander.looks(f"after round {number}")
    bystander.at_peace()


@cases([("a conversation that ends by an RST behind each of its frames", True),
        ("a conversation that ends by a FIN behind each of its frames", False)], deadline=90)
def cut_off(t, by_reset):
    bystander = Bystander(t)
    frames = conversation(bystander.origin.host)
    for count in range(len(frames) + 1):
        converse(t, bystander, frames[:count], "reset" if by_reset else "close")
        if count and len(frames[count - 1]) > 10:
            converse(t, bystander, frames[:count - 1] + [frames[count - 1][:-1]], "reset" if by_reset else "close")
    bystander.looks("after all of them")
    bystander.at_peace()


@case("a conversation byte by byte is the same conversation", deadline=60)
def drop_by_drop(t):
    bystander = Bystander(t)
    client = connect(t, bystander.proxy, shake=False)
    client.unacknowledged += [{}, {}, {h2.INITIAL_WINDOW_SIZE: 100_000}]
    client.own_window = client.takes = 100_000  # by its last word
    for number in (1, 3, 5, 7, 9):
        client.stream(number)
    for frame in [h2.PREFACE, h2.frame(h2.SETTINGS), *conversation(bystander.origin.host)]:
        # nghttp2 takes the head of a CONTINUATION that comes in nine reads for nine frames of a flood.
        at_once = 9 if frame[3:4] == bytes([h2.CONTINUATION]) else 1
        client.send(frame[:at_once])
        for byte in frame[at_once:]:
            client.send(bytes([byte]))
    for number in (1, 3, 5, 9):
        equal(client.streams[number].response().status, 200, f"status on stream {number}")
    equal(len(client.streams[3].body), 2100 + 3000, "bytes of the echo")
    client.wait_closed()
    bystander.at_peace()


@case("the memory of 3,000 conversations comes back", alone=True, deadline=120)
def memory(t):
    bystander = Bystander(t)
    frames = conversation(bystander.origin.host)

    def talk(count):
        for turn in range(count):
            converse(t, bystander, frames, ("read", "reset", "close")[turn % 3])
            if turn % 10 == 0:
                bystander.looks("meanwhile")  # not faster than they can be served
        bystander.at_peace()
    talk(t.scaled(500, 100))
    before = bystander.proxy.rss_bytes()
    talk(t.scaled(2500, 100))
    if not SANITIZED:
        at_most(bystander.proxy.rss_bytes() - before, 4 * MIB, "bytes of memory that 2,500 more of them have left")
