"""Nonsense from HTTP/2 backends, and ends at any moment: clients get what is well-formed or a visible failure, neighbours
notice nothing, and nothing is held back.

The nonsense is the same in every run: a failure names the seed that made it.
"""

import random
import threading

import h2_frames as h2
from both_clients import http1, http2, version_of
from counting import read_stats
from h2 import connect
from h2_damage import damaged
from h2_origin import answers, bare_h2_origin, h2_origin
from harness import (SANITIZED, Cut, Failed, at_most, case, cases, equal, expect, in_threads, request)

MIB = 1 << 20
BODY = bytes(index % 251 for index in range(5000))
# Those whose answer never ends are cut by `timeout`.
TERMS = {"retries": 0, "health": {"maxFails": 0}, "circuit": None, "timeout": "700ms"}


def conversation():
    """What a backend may rightly answer on stream 1, and control frames between it."""
    encoder = h2.encoder()

    def block(*fields):
        return bytes(encoder.encode(h2.pairs_of(fields)))
    head = block((":status", "200"), ("x-fill", "f" * 300))
    return [
        h2.frame(h2.SETTINGS, 0, 0, h2.settings({h2.INITIAL_WINDOW_SIZE: 100_000, h2.MAX_CONCURRENT_STREAMS: 50})),
        h2.frame(h2.SETTINGS, h2.ACK),
        h2.frame(h2.PING, 0, 0, b"12345678"),
        h2.frame(h2.HEADERS, h2.END_HEADERS, 1, block((":status", "103"), ("link", "</a.css>"))),
        h2.frame(h2.WINDOW_UPDATE, 0, 0, h2.uint32(100_000)),
        h2.frame(h2.HEADERS, 0, 1, head[:50]), h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, head[50:]),
        h2.frame(h2.DATA, 0, 1, b"a" * 2000),
        h2.frame(h2.SETTINGS, 0, 0, h2.settings({h2.HEADER_TABLE_SIZE: 100})),
        h2.frame(h2.DATA, h2.PADDED, 1, h2.padded(b"b" * 200, 9)),
        h2.frame(h2.WINDOW_UPDATE, 0, 1, h2.uint32(500)),
        h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, block(("x-sum", "1"))),
        h2.frame(h2.RST_STREAM, 0, 1, h2.uint32(h2.NO_ERROR)),
        h2.frame(h2.GOAWAY, 0, 0, h2.uint32(1) + h2.uint32(0)),
    ]


def random_frame(chance):
    """Any type, mostly one that is known; streams and lengths that hit something now and then."""
    kind = chance.choice([chance.randrange(10), chance.randrange(10), chance.randrange(256)])
    payload = chance.randbytes(chance.choice([0, 0, 1, 3, 4, 5, 6, 8, 8, 12, 40, 400]))
    if kind == h2.HEADERS and chance.random() < 0.7:
        payload = h2.plain_block([(b":status", b"%d" % chance.choice([100, 103, 200, 204, 304, 500])), (b"x-a", b"1")])
    if kind in (h2.WINDOW_UPDATE, h2.RST_STREAM) and chance.random() < 0.7:
        payload = h2.uint32(chance.choice([0, 1, 7, 8, 100, h2.MAX_WINDOW]))
    stream = chance.choice([0, 1, 1, 1, 1, 3, 2, 101])
    length = None if chance.random() < 0.95 else chance.randrange(1 << chance.randrange(1, 24))
    return h2.frame(kind, chance.choice([0, 0, 1, 4, 4, 5, 8, 0x20, 0x2d]), stream, payload, length)


def nonsense(chance):
    return [h2.frame(h2.SETTINGS)] * (chance.random() < 0.8) + [random_frame(chance) for _ in range(chance.randrange(1, 20))]


class Scene:
    """A proxy of the case's own, a backend that says what it is told to, and a bystander at another one."""

    def __init__(self, t):
        self.t = t
        self.proxy = t.start(workers=2)
        self.well = h2_origin(t, answers(200, BODY), proxy=self.proxy)
        self.turn = threading.Lock()
        self.frames = []
        self.leave = "close"
        self.bad = t.bare_origin(self.speak)
        self.host = t.unique_host(self.bad.port)
        self.proxy.add_route(self.host, self.bad.backend | {"protocol": "h2c"}, **TERMS)
        self.client = connect(t, self.proxy)
        self.looks("at the beginning")

    def speak(self, connection):
        """Takes the preface and the first HEADERS, says its piece, and ends, or waits for an end."""
        connection.read_until(b"SM\r\n\r\n")
        self.read_to_headers(connection)
        connection.try_send(b"".join(self.frames))
        if self.leave == "reset":
            connection.reset()
        elif self.leave == "finish":
            connection.finish_sending()
            connection.wait_end()
        elif self.leave == "wait":
            self.read_to_headers(connection)  # a further request, where it is kept, finds its end

    @staticmethod
    def read_to_headers(connection):
        kind = None
        while kind != h2.HEADERS:
            head = connection.read_exactly(9)
            kind = head[3]
            connection.read_exactly(int.from_bytes(head[:3], "big"))

    def ask(self, frames, leave, make):
        """What a client makes of it: an answer that is right by itself, a 502 or 504, or a visible cut."""
        self.frames, self.leave = frames, leave
        client = make(self.t, self.proxy)
        try:
            answer = client.fetch(self.host, method="POST", body=b"x" * 3000)
            return answer
        except (Cut, Failed):
            return None  # cut, or reset
        finally:
            client.close()
            self.t.clients.remove(client)
            del self.bad.connections[:-1]

    def looks(self, what):
        answer = self.client.fetch(self.well.host, "/bystander", method="POST", body=BODY)
        equal((answer.status, answer.body == BODY), (200, True), f"the bystander's answer {what}; alive: {self.proxy.alive()}")

    def at_peace(self):
        self.t.eventually(lambda: read_stats(self.proxy)["requests"]["active"] == 0, "an end of the others' requests")
        self.looks("at the end")


def rounds(t, scene, count, make_frames):
    for seed in range(count):
        chance = random.Random(seed)
        try:
            scene.ask(make_frames(chance), chance.choice(["reset", "finish", "wait", "wait", "close"]), chance.choice([http1, http2]))
            expect(scene.proxy.alive(), "the proxy is alive")
            if seed % 20 == 0:
                scene.looks("meanwhile")
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error


@case("an undamaged conversation is an answer", deadline=30)
def undamaged(t):
    scene = Scene(t)
    for make in (http1, http2):
        for leave in ("wait", "finish"):
            answer = scene.ask(conversation(), leave, make)
            equal((answer.status, len(answer.body)), (200, 2200), "the answer")
    scene.at_peace()


@case("200 answers of random frames", deadline=200)
def random_frames(t):
    scene = Scene(t)
    rounds(t, scene, t.scaled(200, 20), nonsense)
    scene.at_peace()


@case("400 answers with damages", deadline=300)
def damages(t):
    scene = Scene(t)
    rounds(t, scene, t.scaled(400, 20), lambda chance: damaged(chance, conversation(), random_frame))
    scene.at_peace()


@cases([(f"an answer that ends by a {name} behind each of its frames, and within them", leave)
        for name, leave in (("RST", "reset"), ("FIN", "finish"))], deadline=90)
def cut_off(t, leave):
    """Whole only where its end has come."""
    scene = Scene(t)
    frames = conversation()
    whole = 12  # frames up to the trailers
    for count in range(len(frames) + 1):
        for make in (http1, http2):
            for piece in (frames[:count], frames[:count - 1] + [frames[count - 1][:-1]] if count else []):
                answer = scene.ask(piece, leave, make)
                if len(b"".join(piece)) < len(b"".join(frames[:whole])):
                    expect(answer is None or answer.status == 502, f"behind {count} frames: {answer and answer.status}")
    scene.at_peace()


@case("an answer byte by byte is the same answer", deadline=60)
def drop_by_drop(t):
    scene = Scene(t)
    frames = conversation()[:-1]  # without GOAWAY, which the next request might cross

    def speak(connection):
        connection.read_until(b"SM\r\n\r\n")
        connection.read_exactly(300)
        for frame in frames:
            # nghttp2 counts a CONTINUATION for each read within such a frame's first nine bytes, and takes eight.
            whole = 9 if frame[3] == h2.CONTINUATION else 0
            for piece in [frame[:whole], *(bytes([byte]) for byte in frame[whole:])]:
                connection.send(piece)
        connection.finish_sending()
        connection.wait_end()
    slow = t.bare_origin(speak)
    host = t.unique_host(slow.port)
    scene.proxy.add_route(host, slow.backend | {"protocol": "h2c"}, retries=0)
    for turn, make in enumerate((http1, http2)):
        answer = make(t, scene.proxy).fetch(host, method="POST", body=b"x" * 3000)
        equal((answer.status, len(answer.body)), (200, 2200), "the answer")
        slow.wait_ended(turn)
    scene.at_peace()


# Well-formed chaos: every request says what it wants, and what comes whole must be exactly that.

def does_as_told(stream):
    """/SIZE/HOW: an answer of that size, or some end within it."""
    _, size, how = stream.head.target.decode().split("/")
    body = BODY * (int(size) // len(BODY)) + BODY[:int(size) % len(BODY)]
    if how != "early":
        stream.read_request()
    if how == "refuse":
        stream.reset(h2.REFUSED_STREAM)
    elif how == "reset":
        stream.reset(h2.INTERNAL_ERROR)
    elif how == "goaway":
        stream.connection.goaway()
        stream.respond(200, body)
    elif how == "half":
        stream.answer_head(200)
        stream.send(body[:len(body) // 2])
        stream.reset(h2.INTERNAL_ERROR)
    elif how == "drop":
        stream.connection.reset()
    elif how == "trailers":
        stream.respond(200, body, trailers=["x-sum: 1"], length=False)
    else:
        stream.respond(200, body, length=how != "plain")


HOWS = ["whole", "whole", "plain", "trailers", "early", "half", "reset", "refuse", "goaway", "leave", "leave"]


def one_request(t, scene_proxy, host, chance, hows):
    """One request of a client of either kind, to its end; gives how it was meant to end, and its status (-1: cut; None: any)."""
    how = chance.choice(hows)
    size = chance.choice([0, 1, 100, 5000, 70_000, 300_000])
    upload = None if chance.random() < 0.5 else bytes(chance.choice([0, 10, 3000, 100_000]))
    method = "GET" if upload is None else "POST"
    client = chance.choice([http1, http2])(t, scene_proxy)
    target = f"/{size}/{how}"
    try:
        if how == "leave":
            if version_of(client) == b"2":
                client.request(host, target, method=method, body=upload)
            else:
                client.send(request(host, target, method=method, body=upload))
            client.quiet_for(chance.choice([0, 0, 0.002]))
            client.reset()
            return how, None
        answer = client.fetch(host, target, method=method, body=upload)
        if answer.status == 200:
            expected = BODY * (size // len(BODY)) + BODY[:size % len(BODY)]
            expect(answer.body == expected, f"{len(answer.body)} bytes of another's, or not all: {target}")
        # A GOAWAY by another may exclude it, and then it cannot be repeated.
        is_too_long = answer.status == 502 and upload is not None and len(upload) > 64 * 1024
        return how, None if is_too_long else answer.status
    except (Cut, Failed):
        return how, -1
    finally:
        client.close()
        t.clients.remove(client)


@cases([("6 clients do as they like, backends reset, refuse, go away and stop half way", HOWS, 2),
        ("the same, where backends' connections break as well", [*HOWS, "drop"], 2)], deadline=120)
def as_they_like(t, hows, workers):
    proxy = t.start(workers=workers)
    first, second = bare_h2_origin(t, does_as_told), bare_h2_origin(t, does_as_told)
    host = t.unique_host(first.port)
    proxy.add_route(host, first.backend, second.backend, circuit=None, health={"maxFails": 0}, reqActiveLength=20, reqQueueLength=100,
                    timeout="20s")
    well = {"whole", "plain", "trailers", "early", "goaway"} if "drop" not in hows else set()

    def ask(first_seed):
        for seed in range(first_seed, first_seed + t.scaled(120, 20)):
            how, status = one_request(t, proxy, host, random.Random(seed), hows)
            expect(proxy.alive(), f"seed {seed}: the proxy is alive")
            if how in well and status is not None:
                equal(status, 200, f"seed {seed}: status of one that was to be {how}")
            if how in ("half", "reset") and status is not None:
                expect(status in (-1, 502), f"seed {seed}: {how} became {status}")
    in_threads(*(lambda first=first: ask(first * 10_000) for first in range(6)), deadline=100)
    t.eventually(lambda: read_stats(proxy, host)["requests"]["active"] == 0, "an end of all requests")
    ends = [connection for origin in (first, second) for connection in origin.connections]
    t.eventually(lambda: sum(connection.open_streams() for connection in ends) == 0, "an end of all streams at the backends")


@case("the memory of 1,200 broken answers comes back", alone=True, deadline=200)
def memory(t):
    scene = Scene(t)
    frames = conversation()

    def talk(count):
        for turn in range(count):
            scene.ask(frames[:turn % (len(frames) + 1)], ("reset", "finish")[turn % 2], (http1, http2)[turn // 2 % 2])
        scene.at_peace()
    talk(t.scaled(300, 60))
    before = scene.proxy.rss_bytes()
    talk(t.scaled(900, 60))
    if not SANITIZED:
        at_most(scene.proxy.rss_bytes() - before, 4 * MIB, "bytes of memory that 900 more of them have left")
