"""Admission (SPEC section 4): how many requests of a route are with its backends, exactly, and who waits for a turn."""

import contextlib
import threading
import time
from collections import Counter

from counting import read_stats
from crowd import Crowd
from gate import ROUTES, Gate, refused, turned_away
from harness import DEADLINE, OK, at_most, case, cases, equal, expect, request


# How many

@cases([("1 at a time, nobody waits", 1, 0), ("1 at a time, 1 waits", 1, 1), ("5 at a time, 7 wait", 5, 7),
        ("50 at a time, 100 wait", 50, 100)], alone=True, deadline=60)
def exact(t, active, queued):
    """All at once: the limit at the origin and never more, the queue's length besides, the rest refused."""
    gate = Gate(t, active, queued)
    count = active + queued + t.scaled(250, 50)
    with contextlib.closing(Crowd(gate.proxy.address, count)) as crowd:
        for _ in range(2):  # and again on the same connections: refused ones live on
            crowd.ask(gate.host)
            for answer in crowd.collect(count - active - queued):
                refused(answer)
            gate.held.wait_now(active)
            gate.held.let_all_go()
            equal(Counter(answer.status for answer in crowd.collect(active + queued)), {200: active + queued},
                  "statuses of those who had or awaited a turn")
            equal(gate.held.peak, active, "most requests at the origin at once")
            gate.held.wait_now(0)
            gate.held.free = len(gate.held.targets)
        crowd.ask(gate.host, members=crowd.members[:active])  # nothing leaked: every slot is there
        gate.held.wait_now(active)
        gate.held.let_all_go()
        crowd.collect(active)


@case("first in, first out over all workers", deadline=60)
def in_order(t):
    gate = Gate(t, 1, 1)
    clients = gate.active(1)
    names = [f"/{number}" for number in range(12)]
    for place, name in enumerate(names, 1):
        clients.append(gate.queued(place, name))
    for count in range(1, len(names) + 1):
        gate.held.let_go()
        gate.held.wait_came(1 + count)
        equal(gate.held.now, 1, "requests at the origin at once")
    equal(gate.held.targets[1:], names, "the order at the origin")
    gate.end(clients)
    equal(gate.held.peak, 1, "most requests at the origin at once")


# Who waits

@case("past queueTimeout: 503, the place is free, and nothing of it reaches the backend")
def waits_too_long(t):
    gate = Gate(t, 1, 1, queueTimeout="300ms")
    clients = gate.active(1)
    began = time.monotonic()
    late = gate.queued(1, "/late")
    turned_away(late.read_response())
    expect(time.monotonic() - began >= 0.3, "it was turned away before its time")
    gate.patch(queueTimeout="60s")
    clients.append(gate.queued(1, "/next"))
    gate.end(clients)
    equal(gate.held.targets, ["/active-0", "/next", "/last"], "requests at the origin")


def closes(client):
    client.close()


def resets(client):
    client.reset()


def finishes(client):
    client.finish_sending()


@cases([("by a FIN", closes, {}), ("by a reset", resets, {}), ("by ending what it sends", finishes, {}),
        ("by a FIN behind a body", closes, {"method": "POST", "body": b"x" * 40_000}),
        ("by a FIN in a body that is not whole", closes, {"method": "POST", "body": b"xyz", "missing": 1}),
        ("by a FIN behind its next request", closes, {"more": 1}),
        ("by a reset behind a body", resets, {"method": "POST", "body": b"x" * 40_000})])
def leaves(t, leave, how):
    """Its place is free again, and nothing of its request reaches the backend."""
    gate = Gate(t, 1, 1)
    clients = gate.active(1)
    how = dict(how)
    missing, more = how.pop("missing", 0), how.pop("more", 0)
    leaver = gate.queued(1, "/left", **how) if not missing else queue_part(gate)
    if more:
        leaver.send(request(gate.host, "/left-too"))
    leave(leaver)
    gate.t.eventually(lambda: read_stats(gate.proxy, gate.host)["requests"]["aborted"] > 0, "the client's leaving")
    clients.append(gate.queued(1, "/next"))
    gate.end(clients)
    equal(gate.held.targets, ["/active-0", "/next", "/last"], "requests at the origin")


def queue_part(gate):
    """A queued client whose body is not whole."""
    pair = []
    for _ in range(2):
        client = gate.t.client(gate.proxy)
        client.send(request(gate.host, "/left", "Content-Length: 1000", method="POST") + b"x" * 100)
        pair.append(client)
    first = gate.first_answered(pair)
    refused(first.read_response())
    return next(client for client in pair if client is not first)


@case("a client that ends its side with the request itself has left where it would have to wait")
def half_closed_at_once(t):
    gate = Gate(t, 1, 1)
    clients = gate.active(1)
    for _ in range(5):
        client = gate.send("/half")
        client.finish_sending()
        client.must_close("the connection of a client that has left")
    clients.append(gate.queued(1, "/next"))
    gate.end(clients)
    equal(gate.held.targets, ["/active-0", "/next", "/last"], "requests at the origin")


@case("a client that ends its side once its request is with the backend still gets its answer, and keeps the slot")
def half_closed_later(t):
    gate = Gate(t, 1, 1)
    (client,) = gate.active(1)
    client.finish_sending()
    following = gate.queued(1, "/next")
    gate.end([client, following])
    equal(gate.held.peak, 1, "most requests at the origin at once")


@case("a queued POST's body stays with the client until its turn", deadline=60)
def body_not_read(t):
    gate = Gate(t, 1, 1)
    clients = gate.active(1)
    size = 48 << 20
    pair = []
    for _ in range(2):
        client = gate.t.client(gate.proxy)
        client.send(request(gate.host, "/upload", f"Content-Length: {size}", method="POST"))
        pair.append(client)
    first = gate.first_answered(pair)
    refused(first.read_response())
    upload = next(client for client in pair if client is not first)
    memory = gate.proxy.rss_bytes()
    taken = upload.send_until_stalled(b"x" * 65536, size - 65536)
    at_most(taken, size // 2, "bytes taken of the body of a request that waits")
    at_most(gate.proxy.rss_bytes() - memory, 4 << 20, "what the proxy keeps of it")
    equal(gate.held.targets, ["/active-0"], "requests at the origin")
    gate.held.let_all_go()
    left = size - taken
    while left > 0:
        piece = min(left, 1 << 20)
        upload.send(b"x" * piece)
        left -= piece
    equal(upload.read_response("POST").status, 200, "status of the upload")
    gate.end(clients)


@case("a connection lives on after a 503, and its next request is served")
def connection_survives(t):
    gate = Gate(t, 1, 0)
    clients = gate.active(1)
    again = gate.send("/refused")
    refused(again.read_response())
    again.send(request(gate.host, "/refused", method="POST", body=b"x" * 1000))
    refused(again.read_response("POST"))
    gate.end(clients)
    equal(again.fetch(gate.host, "/served").status, 200, "status on the connection that was refused before")


# Routes that change

@case("a route that is deleted turns its waiting away and lets those in flight end; created again, it counts them")
def deleted_and_back(t):
    gate = Gate(t, 1, 1)
    (in_flight,) = gate.active(1)
    waiting = [gate.queued(place, f"/waiting-{place}") for place in (1, 2, 3)]
    equal(gate.proxy.api("DELETE", f"{ROUTES}/{gate.host}").status, 204, "status of DELETE")
    for client in waiting:
        turned_away(client.read_response())
    equal(t.client(gate.proxy).fetch(gate.host).status, 404, "status while there is no route")
    gate.proxy.add_route(gate.host, gate.origin.backend, reqActiveLength=1, reqQueueLength=1)
    following = gate.queued(1, "/next")
    equal(gate.held.targets, ["/active-0"], "requests at the origin before the first one has ended")
    gate.held.let_go()
    equal(in_flight.read_response().status, 200, "status of the request that was in flight")
    gate.held.wait_came(2)
    gate.end([following])
    equal(gate.held.peak, 1, "most requests at the origin at once")


@case("a raised limit lets the queue move up at once")
def raised(t):
    gate = Gate(t, 1, 1)
    clients = gate.active(1) + [gate.queued(place, f"/{place}") for place in range(1, 6)]
    gate.patch(reqActiveLength=4)
    gate.held.wait_now(4)
    equal(set(gate.held.targets[1:]), {"/1", "/2", "/3"}, "who moved up")
    gate.end(clients)
    equal(gate.held.peak, 4, "most requests at the origin at once")


@case("a lowered limit is reached as requests end")
def lowered(t):
    gate = Gate(t, 4, 1)
    clients = gate.active(4) + [gate.queued(place, f"/{place}") for place in range(1, 4)]
    gate.patch(reqActiveLength=2)
    gate.held.let_go(2)
    gate.held.wait_now(2)
    clients.append(gate.queued(4, "/4"))  # the queue has not moved
    for count in range(1, 5):
        gate.held.let_go()
        gate.held.wait_came(4 + count)
    at_most(max(gate.held.company[f"/{number}"] for number in range(1, 5)), 2, "requests at once after the change")
    gate.end(clients)


@case("a limit for a route that had none is never passed, though requests are in flight without a slot")
def limit_comes(t):
    gate = Gate(t, 0, 0)
    clients = gate.active(6)
    gate.patch(reqActiveLength=3, reqQueueLength=20)
    late = [gate.send(f"/late-{number}") for number in range(5)]
    for ended in range(1, 12):
        gate.held.let_go()
        gate.held.wait_now(max(6 - ended, min(3, 11 - ended)))
    for client in clients + late:
        equal(client.read_response().status, 200, "status")
    at_most(max(gate.held.company[f"/late-{number}"] for number in range(5)), 3, "requests at once after the change")
    gate.end([])


@case("while requests without a slot fill a new limit, its queue is as long as it says")
def limit_comes_full(t):
    gate = Gate(t, 0, 0)
    clients = gate.active(3)
    gate.patch(reqActiveLength=2, reqQueueLength=0)
    refused(t.client(gate.proxy).fetch(gate.host, "/too-many"))
    clients.append(gate.queued(1, "/waits"))
    gate.end(clients)


@case("a limit that goes away lets everybody through")
def limit_goes(t):
    gate = Gate(t, 1, 1)
    clients = gate.active(1) + [gate.queued(place, f"/{place}") for place in range(1, 6)]
    gate.patch(reqActiveLength=0)
    gate.held.wait_now(6)
    clients += gate.active(3, "free")
    gate.end(clients)


@case("a limit that comes and goes under load is never passed", alone=True, deadline=90)
def limit_under_load(t):
    gate = Gate(t, 3, 100)
    gate.held.let_all_go()
    limited = threading.Event()
    stop = threading.Event()
    faults = []

    def ask(number):
        client = t.client(gate.proxy)
        turn = 0
        while not stop.is_set():
            turn += 1
            # Only what is sent while the limit is surely there tells something.
            mark = "limited" if limited.is_set() else "free"
            answer = client.fetch(gate.host, f"/{mark}-{number}-{turn}")
            if answer.status != 200:
                faults.append(answer.status)
                return

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(10)]
    for thread in threads:
        thread.start()
    for _ in range(t.scaled(30, 5)):
        limited.clear()
        gate.patch(reqActiveLength=0)
        at = len(gate.held.targets)
        gate.held.wait_came(at + 20)
        gate.patch(reqActiveLength=3)
        limited.set()
        at = len(gate.held.targets)
        gate.held.wait_came(at + 40)
    stop.set()
    for thread in threads:
        thread.join(DEADLINE)
    equal(faults, [], "statuses other than 200")
    worst = max(count for target, count in gate.held.company.items() if target.startswith("/limited"))
    at_most(worst, 3, "requests at once while the limit held")


@case("a route that is deleted and created over and over under load never passes its limit, and nothing hangs",
      alone=True, deadline=90)
def storm(t):
    gate = Gate(t, 2, 3)
    gate.held.let_all_go()
    stop = threading.Event()
    seen = Counter()

    def ask():
        client = t.client(gate.proxy)
        while not stop.is_set():
            seen[client.fetch(gate.host).status] += 1

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(12)]
    for thread in threads:
        thread.start()
    for _ in range(t.scaled(60, 10)):
        equal(gate.proxy.api("DELETE", f"{ROUTES}/{gate.host}").status, 204, "status of DELETE")
        gate.proxy.add_route(gate.host, gate.origin.backend, reqActiveLength=2, reqQueueLength=3)
        at = len(gate.held.targets)
        gate.held.wait_came(at + 10)
    stop.set()
    for thread in threads:
        thread.join(DEADLINE)
        expect(not thread.is_alive(), "a request was never answered")
    equal(set(seen) - {200, 404, 503}, set(), "other statuses")
    at_most(gate.held.peak, 2, "most requests at the origin at once")
    equal(t.client(gate.proxy).fetch(gate.host, "/last").status, 200, "status of the request after all")


# How long a slot is held

@case("a WebSocket holds its slot for its life")
def websocket(t):
    gate = Gate(t, 1, 1)
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    talking = threading.Event()

    def switches(backend):
        for one in backend:
            if one.target != b"/socket":
                backend.send(OK)
                continue
            backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            talking.set()
            backend.wait_end()
            return

    gate.origin.script = switches
    client = t.client(gate.proxy)
    client.send(request(gate.host, "/socket", *upgrade))
    equal(client.read_head().status, 101, "status of the upgrade")
    expect(talking.wait(DEADLINE), "the upgrade at the origin")
    following = gate.queued(1, "/next")
    expect(following.quiet_for(0.2), "the next request had its turn while the tunnel stood")
    client.close()
    equal(following.read_response().status, 200, "status of the request that waited for the tunnel's end")


@case("a client's reset ends the backend's work and frees the slot")
def reset_in_flight(t):
    gate = Gate(t, 1, 1)
    (client,) = gate.active(1)
    following = gate.queued(1, "/next")
    client.reset()
    gate.held.wait_came(2)
    gate.end([following])


@case("when the last backend dies, those who wait get 503 at once, though no slot becomes free")
def last_backend_dies(t):
    gate = Gate(t, 2, 1, health={"maxFails": 1, "recheck": "60s"}, queueTimeout="60s", retries=0)
    clients = gate.active(2)
    waiting = [gate.queued(place, f"/waiting-{place}") for place in (1, 2, 3)]
    gate.patch(reqActiveLength=1)  # the slot of the one that fails is given up, not handed over
    victim = next(one for one in gate.origin.connections if one.requests[0].target == b"/active-0")
    victim.reset()
    equal(clients[0].read_response().status, 502, "status of the request whose backend was lost")
    for client in waiting:
        turned_away(client.read_response())
    equal(t.client(gate.proxy).fetch(gate.host).status, 503, "status while every backend is dead")
    expect(clients[1].quiet_for(0), "the other request had ended")
    gate.held.let_all_go()
    equal(clients[1].read_response().status, 200, "status of the request that was in flight meanwhile")


@case("a process that is told to stop lets those who wait have their turn; told twice, it ends at once")
def stopping(t):
    gate = Gate(t, 1, 1)
    clients = gate.active(1) + [gate.queued(place, f"/{place}") for place in (1, 2)]
    gate.proxy.signal(15)
    t.eventually(lambda: not accepts(gate.proxy), "the listener's end")
    gate.held.let_go(2)
    for client in clients[:2]:
        equal(client.read_response().status, 200, "status")
    gate.held.wait_came(3)
    gate.proxy.signal(15)
    equal(gate.proxy.wait_exit(), 0, "exit code")


def accepts(proxy):
    try:
        proxy.client().close()
    except OSError:
        return False
    return True
