"""Many clients on one connection to an HTTP/2 backend: however they end, the others on it notice nothing, and what those
hold who stand still is bounded."""

import random
import threading
import time

import h2_frames as h2
from counting import read_stats, settled
from h2 import connect
from h2_origin import answers, h2_origin
from harness import (PATIENCE, Cut, Failed, Silent, at_most, case, cases, equal, expect, in_threads, request)

MIB = 1 << 20
BODY = bytes(index % 251 for index in range(40_000))


def by_target(stream):
    """/echo gives the body back as it comes, /big is endless, /none says nothing, anything else gets BODY."""
    target = stream.head.target
    if target == b"/echo":
        stream.answer_head(200)
        for piece in stream.pieces():
            stream.send(piece)
        stream.send(b"", end=True)
    elif target == b"/big":
        stream.answer_head(200)
        while True:
            stream.send(bytes(30_000))
    elif target != b"/none":
        answers(200, BODY)(stream)


def visit(t, proxy, host, chance):
    """A client of HTTP/2 with a few streams in all states, which then goes."""
    client = connect(t, proxy, settings={h2.INITIAL_WINDOW_SIZE: chance.choice([0, 100, 65_535])})
    client.refill = chance.random() < 0.5
    try:
        for _ in range(chance.randrange(1, 8)):
            target = chance.choice(["/echo", "/echo", "/big", "/none", "/body"])
            upload = target == "/echo" or chance.random() < 0.2
            stream = client.request(host, target, method="POST" if upload else "GET", end=not upload)
            if upload:
                stream.send(bytes(chance.choice([0, 1, 500])))
            if chance.random() < 0.3:
                stream.reset()
            elif upload and chance.random() < 0.5:
                stream.send(b"", end=True)
        client.listen(chance.choice([0, 0, 0.005]))
    except (Cut, Silent):
        pass
    client.reset()  # a FIN would leave those that stand still until --body-timeout
    t.clients.remove(client)


def visit_in_http1(t, proxy, host, chance):
    client = t.client(proxy)
    target = chance.choice(["/echo", "/big", "/none", "/body"])
    raw = request(host, target, method="POST", body=bytes(5000)) if target == "/echo" else request(host, target)
    client.try_send(raw[:chance.choice([30, len(raw) - 100, len(raw)])] if target == "/echo" else raw)
    client.quiet_for(chance.choice([0, 0, 0.005]))
    client.reset()
    t.clients.remove(client)


@cases([("1 worker: visitors come and go in any state, a bystander on their backend connection notices nothing", 1),
        ("2 workers: visitors come and go in any state, bystanders on their backend connections notice nothing", 2)], deadline=120)
def visitors(t, workers):
    proxy = t.start(workers=workers)
    origin = h2_origin(t, by_target, proxy=proxy, circuit=None, health={"maxFails": 0}, retries=0)
    done = threading.Event()
    seen = []

    def bystander():
        client = connect(t, proxy)
        while not done.is_set():
            answer = client.fetch(origin.host, "/echo", method="POST", body=BODY)
            expect(answer.status == 200 and answer.body == BODY, f"a bystander got {answer.status}, {len(answer.body)} bytes")
            seen.append(1)

    def come_and_go(first):
        for seed in range(first, first + t.scaled(60, 20)):
            try:
                chance = random.Random(seed)
                chance.choice([visit, visit, visit_in_http1])(t, proxy, origin.host, chance)
            except Exception as error:
                raise AssertionError(f"seed {seed}: {error!r}") from error

    def all_visitors():
        try:
            in_threads(*(lambda first=first: come_and_go(first * 10_000) for first in range(3)), deadline=90)
        finally:
            done.set()
    in_threads(all_visitors, bystander, bystander, deadline=100)
    expect(len(seen) > 2, f"the bystanders had {len(seen)} answers")
    settled(proxy, origin.host)
    t.eventually(lambda: sum(connection.open_streams() for connection in origin.connections) == 0, "an end of all streams upstream")
    at_most(len(origin.connections), 2 * workers, "connections: a second for what is over a hundred streams")


@case("100 streams whose client takes nothing, of endless answers on one backend connection, cost little memory", alone=True,
      deadline=60)
def stalled_memory(t):
    t.skip_if_sanitized()
    proxy = t.start()
    origin = h2_origin(t, by_target, proxy=proxy)
    before = proxy.rss_bytes()
    client = connect(t, proxy, settings={h2.INITIAL_WINDOW_SIZE: 0})
    for _ in range(100):
        client.request(origin.host, "/big")
    client.wait(lambda: all(stream.head for stream in client.streams.values()), "a hundred heads")
    t.eventually(lambda: all(one.window <= 0 for one in origin.streams), "all windows used up")
    at_most(proxy.rss_bytes() - before, 24 * MIB, "bytes of memory for a hundred stalled streams")
    other = connect(t, proxy)
    equal(other.fetch(origin.host, "/body").body, BODY, "a neighbour's answer")
    client.reset()
    origin.wait(lambda: sum(one.open_streams() for one in origin.connections) == 0, "an end of all streams upstream")
    equal(other.fetch(origin.host, "/body").body, BODY, "a neighbour's answer after all")


@case("a backend that does not read its socket, whatever its windows: uploads stop, others are served, memory is bounded", alone=True,
      flags=("--body-timeout", "4s"), deadline=60)
def socket_not_read(t):
    """Its connection is given up after body-timeout, and the requests on it fail."""
    origin = h2_origin(t, options={"settings": {h2.INITIAL_WINDOW_SIZE: h2.MAX_WINDOW}, "receive_buffer": 64 * 1024}, retries=0,
                       health={"maxFails": 0}, circuit=None)
    equal(t.client().fetch(origin.host).status, 200, "status before")
    origin.wait(lambda: not origin.connections[0].unacknowledged, "the acknowledgement of SETTINGS")
    before = t.proxy.rss_bytes()
    origin.reads.clear()
    client = t.client()
    client.send(request(origin.host, "/", f"Content-Length: {64 * MIB}", method="POST"))
    taken = client.send_until_stalled(bytes(65_536), 64 * MIB)
    at_most(taken, 24 * MIB, "bytes taken for a backend that does not read")
    at_most(t.proxy.rss_bytes() - before, 16 * MIB, "bytes of memory")
    began = time.monotonic()
    equal(t.client().fetch(h2_origin(t).host).status, 200, "status of another backend's")
    expect(time.monotonic() - began < 1 * PATIENCE, "at once")
    try:
        expect(client.read_response("POST").status in (408, 502, 504), "the upload's end")
    except (Cut, Failed):
        pass
    origin.reads.set()
    equal(t.client().fetch(origin.host).status, 200, "status once it reads again")
    t.eventually(lambda: read_stats(t.proxy, origin.host)["requests"]["active"] == 0, "an end of all requests")


@case("a second SIGTERM ends at once, although a backend does not read what is to be said to it", deadline=40)
def leaves_who_does_not_read(t):
    proxy = t.start()
    origin = h2_origin(t, proxy=proxy, options={"settings": {h2.INITIAL_WINDOW_SIZE: h2.MAX_WINDOW}, "receive_buffer": 64 * 1024})
    equal(t.client(proxy).fetch(origin.host).status, 200, "status before")
    origin.wait(lambda: not origin.connections[0].unacknowledged, "the acknowledgement of SETTINGS")
    origin.reads.clear()
    client = t.client(proxy)
    client.send(request(origin.host, "/", f"Content-Length: {64 * MIB}", method="POST"))
    client.send_until_stalled(bytes(65_536), 64 * MIB)
    began = time.monotonic()
    proxy.stop()  # SIGTERM, and a second later another
    origin.reads.set()
    at_most(time.monotonic() - began, 6 * PATIENCE, "seconds to the end")
