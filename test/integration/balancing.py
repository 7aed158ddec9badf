"""Balancing over all workers (SPEC section 5): exact cycles, clients that stay where they are, latency and load."""

import threading
import time
from collections import Counter
from contextlib import closing

from harness import (PATIENCE, at_least, at_most, case, cases, equal, expect, in_threads, named, request, response)

WORKERS = 4
TRUSTING = ("--trusted-proxy", "127.0.0.1/32")
REQUESTS_A_CONNECTION = 25  # then a new one, which another worker may get


def route_over(t, proxy, origins, strategy, weights=None, **fields):
    """A route over these origins, which are backends "0", "1" and so on."""
    host = t.unique_host()
    backends = [origin.backend | {"id": str(index), "weight": weights[index] if weights else 1}
                for index, origin in enumerate(origins)]
    proxy.add_route(host, *backends, strategy=strategy, **fields)
    return host


def named_origins(t, count):
    return [t.bare_origin(named(str(index))) for index in range(count)]


def answered_by(client, host, *fields):
    answer = client.fetch(host, "/", *fields)
    equal(answer.status, 200, "status")
    return answer.text


def tally(t, proxy, host, count, clients=8):
    """Who answers `count` requests that so many clients make at once: {name: requests}."""
    shares = Counter()
    lock = threading.Lock()

    def run(own):
        answers = Counter()
        while own > 0:
            with closing(proxy.client()) as client:
                for _ in range(min(own, REQUESTS_A_CONNECTION)):
                    answers[answered_by(client, host)] += 1
            own -= REQUESTS_A_CONNECTION
        with lock:
            shares.update(answers)
    each, rest = divmod(count, clients)
    in_threads(*[lambda own=each + (index < rest): run(own) for index in range(clients)])
    equal(sum(shares.values()), count, "answers")
    return shares


# Round robin

@cases([("equal backends: 4,000 requests over 4 workers, a quarter each", (1, 1, 1, 1), 1000),
        ("weights 5:3:1 are kept exactly over 4 workers", (5, 3, 1), 200)], alone=True, workers=WORKERS, deadline=60)
def round_robin_is_exact(t, weights, cycles):
    cycles = t.scaled(cycles, 20)
    host = route_over(t, t.proxy, named_origins(t, len(weights)), "ROUND_ROBIN", weights)
    shares = tally(t, t.proxy, host, cycles * sum(weights))
    equal(shares, Counter({str(index): cycles * weight for index, weight in enumerate(weights)}), "the shares")


# IP hash

def forwarded(number):
    return f"X-Forwarded-For: 198.51.{number // 200}.{number % 200}"


def mapping(t, proxy, host, clients):
    """Which backend each client gets. Connections are new now and then, for each worker to be asked."""
    seen = []
    for first in range(0, clients, REQUESTS_A_CONNECTION):
        with closing(proxy.client()) as client:
            for number in range(first, min(clients, first + REQUESTS_A_CONNECTION)):
                seen.append(answered_by(client, host, forwarded(number)))
    return seen


@case("IP hash: a client keeps its backend on every worker; one that goes moves its own clients only, and its return "
      "brings them back", workers=WORKERS, flags=TRUSTING, deadline=60)
def ip_hash_moves_little(t):
    clients = t.scaled(600, 100)
    origins = named_origins(t, 10)
    host = route_over(t, t.proxy, origins, "IP_HASH")
    before = mapping(t, t.proxy, host, clients)
    equal(len(set(before)), 10, "backends that have clients")
    equal(mapping(t, t.proxy, host, clients), before, "the mapping, asked again")
    path = f"/api/v1/routes/{host}/backends"
    equal(t.proxy.api("DELETE", f"{path}/4").status, 204, "status of the deletion")
    without = mapping(t, t.proxy, host, clients)
    moved = [number for number in range(clients) if without[number] != before[number]]
    equal(moved, [number for number in range(clients) if before[number] == "4"], "the clients that moved")
    at_least(len({without[number] for number in moved}), 2, "backends that took them")
    answer = t.proxy.api("POST", path, origins[4].backend | {"id": "4"})
    equal(answer.status, 201, "status of the backend's return")
    equal(mapping(t, t.proxy, host, clients), before, "the mapping after its return")


@case("IP hash: another process, as after a restart or on another node, maps clients alike", deadline=60)
def ip_hash_survives_restart(t):
    clients = t.scaled(200, 60)
    origins = named_origins(t, 5)
    backends = [origin.backend for origin in origins]

    def mapping_of_new_process(workers):
        proxy = t.start(*TRUSTING, workers=workers)
        proxy.add_route("sticky.test", *backends, strategy="IP_HASH")
        seen = mapping(t, proxy, "sticky.test", clients)
        proxy.stop()
        return seen
    first = mapping_of_new_process(WORKERS)
    expect(len(set(first)) > 1, "more than one backend has clients")
    equal(mapping_of_new_process(1), first, "the mapping of another process")


@case("IP hash: a client is who trusted proxies say; v4-mapped is IPv4, and of IPv6 the /64 counts", flags=TRUSTING)
def ip_hash_clients(t):
    host = route_over(t, t.proxy, named_origins(t, 10), "IP_HASH")
    client = t.client()

    def backend_of(address):
        return answered_by(client, host, f"X-Forwarded-For: {address}")
    for number in range(1, 21):
        plain = backend_of(f"192.0.2.{number}")
        equal(backend_of(f"::ffff:192.0.2.{number}"), plain, "the backend of the v4-mapped address")
        equal(backend_of(f"203.0.113.7, 192.0.2.{number}"), plain, "the backend behind a hop that is not trusted")
        network = f"2001:db8:0:{number:x}"
        equal(backend_of(f"{network}:ffff::9"), backend_of(f"{network}::1"), "the backend of the same /64")
    at_least(len({backend_of(f"2001:db8:0:{number:x}::1") for number in range(40)}), 2, "backends of other networks")


@case("IP hash: who is not trusted cannot choose a backend")
def ip_hash_untrusted(t):
    host = route_over(t, t.proxy, named_origins(t, 10), "IP_HASH")
    client = t.client()
    equal(len({answered_by(client, host, forwarded(number)) for number in range(40)}), 1, "backends")


# Latency and load

class Delayed:
    """A backend that answers with its name after `seconds`, which may change."""

    def __init__(self, t, name, seconds):
        self.seconds = seconds
        self.answer = response("200 OK", name.encode())
        self.origin = t.bare_origin(self.script)

    def script(self, backend):
        for _ in backend:
            time.sleep(self.seconds)
            backend.send(self.answer)


@case("least latency: the fastest of 1, 5 and 50 ms takes most and the others are looked at; one that recovers is found "
      "again in 10 s", alone=True, workers=WORKERS, deadline=90)
def least_latency(t):
    backends = [Delayed(t, str(index), seconds) for index, seconds in enumerate((0.001, 0.005, 0.050))]
    host = route_over(t, t.proxy, [one.origin for one in backends], "LEAST_LATENCY")
    count = t.scaled(600, 150)
    shares = tally(t, t.proxy, host, count, clients=2)
    at_least(shares["0"], count // 2, "requests at the fastest")
    at_least(shares["1"], 1, "requests at the second")
    at_least(shares["2"], 1, "requests at the slowest")
    at_most(shares["2"], count // 10, "requests at the slowest")

    def takes_most(name):
        return tally(t, t.proxy, host, 60, clients=2)[name] > 30
    backends[0].seconds = 0.100
    t.eventually(lambda: takes_most("1"), "the move away from one that has become slow", 10 * PATIENCE)
    backends[0].seconds = 0.001
    t.eventually(lambda: takes_most("0"), "the return to one that has recovered", 10 * PATIENCE)


@case("least connections: what a slow backend holds on all workers is counted, and the others take the load",
      alone=True, workers=WORKERS, deadline=60)
def least_connections(t):
    go = threading.Event()

    def held(backend):
        for _ in backend:
            go.wait(30)
            backend.send(response("200 OK", b"slow"))
    slow = t.bare_origin(held)
    others = [t.bare_origin(named("1")), t.bare_origin(named("2"))]
    host = route_over(t, t.proxy, [slow, *others], "LEAST_CONNECTIONS")
    # Nobody has anything in flight: the cycle decides, and the slow one's turn comes once.
    waiting = None
    for _ in range(6):
        client = t.client(t.proxy)
        if slow.requests:
            answered_by(client, host)
            continue
        seen = sum(len(one.requests) for one in others)
        client.send(request(host))
        t.eventually(lambda: slow.requests or sum(len(one.requests) for one in others) > seen, "a request at a backend")
        if slow.requests:
            waiting = client
        else:
            equal(client.read_response().status, 200, "status of a request at one of the others")
    equal(len(slow.requests), 1, "requests at the slow backend")
    count = t.scaled(600, 120)
    shares = tally(t, t.proxy, host, count, clients=2)
    # One of the two others always has none in flight: a request for the slow one would hang this case.
    equal(shares["slow"], 0, "requests at the slow backend meanwhile")
    for name in ("1", "2"):
        at_least(shares[name], count // 4, f"requests at backend {name}")
    go.set()
    equal(waiting.read_response().text, "slow", "the answer to the request that was held")
    equal(sum(tally(t, t.proxy, host, 30, clients=1).values()), 30, "answers after it")
