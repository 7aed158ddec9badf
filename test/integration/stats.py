"""Statistics (SPEC section 10): /stats says what clients and origins have counted, adds up always, knows how long it took."""

import functools
import threading
import time

from counting import STATS, Load, Tally, read_stats, settled, wait_stats
from crowd import Crowd
from harness import OK, PATIENCE, at_least, at_most, case, cases, equal, expect, in_threads, named, request
from loads import KINDS

NOBODY = "nobody-serves-this.test"


@cases([(f"to the request: {name}", kind) for name, kind in KINDS], workers=2)
def counted(t, kind):
    load = Load(t, t.proxy)
    kind(load)
    load.check()


def unrouted(t, proxy):
    """What matches no route or cannot be read: (how many, how many requests were none)."""
    client = t.client(proxy)
    for _ in range(5):
        equal(client.fetch(NOBODY).status, 404, "status")
    for raw, status in ((b"nonsense\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400),
                        (b"CONNECT x.test:1 HTTP/1.1\r\nHost: x.test:1\r\n\r\n", 405),
                        (request(NOBODY, "/", "X: " + "x" * 100_000), 431)):
        equal(t.client(proxy).ask(raw).status, status, f"status of {raw[:20]!r}")
    part = t.client(proxy)
    part.send(b"GET / HTT")
    part.finish_sending()
    part.wait_end()  # it never was a request
    return 9


@case("all kinds at once: every number, of every route, backend and in all, while two readers look on", deadline=90)
def mixed(t):
    proxy = t.start(workers=2)
    loads = [Load(t, proxy) for _ in KINDS]
    others = []
    ends = threading.Event()
    reads = []

    def read():
        last = 0
        while not ends.is_set():
            received = read_stats(proxy)["requests"]["received"]
            at_least(received, last, "what was received, against the last look")
            last = received
            reads.append(received)

    def run():
        try:
            in_threads(*[functools.partial(kind, load) for (_, kind), load in zip(KINDS, loads)],
                       lambda: others.append(unrouted(t, proxy)))
        finally:
            ends.set()
    in_threads(run, read, read)
    at_least(len(set(reads)), 3, "different numbers that were read meanwhile")

    for load in loads:
        load.check()
    everything = settled(proxy)
    total = Tally()
    for load in loads:
        total.merge(load.requests)
    total.check_requests(everything, "everything", bytes_too=False)
    equal(everything["requests"]["unrouted"], sum(others), "unrouted")
    equal(everything["retries"], sum(load.retries for load in loads), "retries")
    for what in ("in", "out"):
        equal(everything["bytes"][what], sum(route["bytes"][what] for route in everything["routes"]), f"bytes {what}")
    equal(everything["latency"]["queue"]["count"], sum(load.queued for load in loads), "requests that queued")
    equal({route["vHost"] for route in everything["routes"]}, {load.host for load in loads}, "routes")
    equal(everything["connections"]["accepted"], len(t.clients), "connections that were accepted")
    for client in t.clients:
        client.close()
    wait_stats(proxy, lambda numbers: numbers["connections"]["active"] == 0, "an end of all connections")


@case("a storm of short requests: every look adds up, and in the end everybody is counted", alone=True, deadline=60)
def storm(t):
    proxy = t.start(workers=2)
    load = Load(t, proxy)
    load.route(named("ok"), reqActiveLength=4, reqQueueLength=20)
    seen = {200: 0, 503: 0}
    ends = threading.Event()

    def ask():
        try:
            crowd = Crowd(proxy.address, 60)
            for _ in range(t.scaled(60, 10)):
                crowd.ask(load.host)
                for answer in crowd.collect(60):
                    seen[answer.status] += 1
            crowd.close()
        finally:
            ends.set()

    def read(host):
        while not ends.is_set():
            numbers = read_stats(proxy, host)
            at_most(numbers["requests"]["active"] + numbers["requests"]["queued"], 60, "not ended")
            if host:  # the gate's own counts; a request that was granted a slot counts as queued until it knows
                at_most(numbers["admission"]["queued"], 20, "in the queue")
                at_most(numbers["admission"]["active"], 4, "with a slot")
    in_threads(ask, lambda: read(None), lambda: read(load.host))
    requests = settled(proxy, load.host)["requests"]
    equal((requests["completed"], requests["rejected"]), (seen[200], seen[503]), "completed and rejected")
    equal(requests["received"], sum(seen.values()), "received")


# How long it took

@case("first byte and total are what the origin took, within a generous margin", alone=True)
def percentiles(t):
    def script(backend):
        for one in backend:
            time.sleep(int(one.target[1:]) / 1000)
            backend.send(OK)
    proxy = t.start(workers=1)
    load = Load(t, proxy)
    load.route(script)

    def ask(delay):
        client = load.client()
        for _ in range(9):
            equal(client.fetch(load.host, f"/{delay}").status, 200, "status")
    slow = load.client()
    in_threads(*[functools.partial(ask, 20)] * 4, lambda: slow.fetch(load.host, "/400"))
    latency = settled(proxy, load.host)["latency"]
    for name in ("firstByte", "total"):
        shown = latency[name]
        equal(shown["count"], 37, f"{name}: count")
        for key, least, most in (("p50", 20, 200), ("p90", 20, 380), ("p99", 400, 1000), ("max", 400, 1000),
                                 ("mean", 25, 250)):
            at_least(shown[key], least * 0.99, f"{name} {key}")
            at_most(shown[key], most * PATIENCE, f"{name} {key}")
    equal(latency["queue"]["count"], 0, "requests that queued")
    at_most(latency["connect"]["max"], 500 * PATIENCE, "the slowest connect")


@case("time in the queue counts for those who waited, and not as the backend's", alone=True)
def queue_latency(t):
    def script(backend):
        for _ in backend:
            time.sleep(0.1)
            backend.send(OK)
    proxy = t.start(workers=2)
    load = Load(t, proxy)
    load.route(script, reqActiveLength=1, reqQueueLength=10)
    clients = [load.ask()]
    load.wait(active=1)
    clients += [load.ask() for _ in range(4)]
    for client in clients:
        equal(client.read_response().status, 200, "status")
    latency = settled(proxy, load.host)["latency"]
    equal((latency["queue"]["count"], latency["firstByte"]["count"]), (4, 5), "waits and first bytes")
    at_least(latency["queue"]["max"], 300, "the last one's wait: three before it, and what was left of the first")
    at_most(latency["queue"]["max"], 2000 * PATIENCE, "the last one's wait")
    at_least(latency["queue"]["p50"], 90, "the second one's wait")
    at_least(latency["firstByte"]["p50"], 99, "the time to a first byte")
    at_most(latency["firstByte"]["p50"], 280 * PATIENCE, "the time to a first byte: no wait in it")
    at_least(latency["total"]["max"], latency["queue"]["max"], "the slowest in all")


@case("rates over 1, 10 and 60 seconds", alone=True)
def rates(t):
    proxy = t.start(workers=2)
    load = Load(t, proxy)
    load.route(named("ok"))
    client = load.client()
    highest = 0.0
    count = 0
    ends = time.monotonic() + 2.5
    while time.monotonic() < ends:
        equal(client.fetch(load.host).status, 200, "status")
        count += 1
        time.sleep(0.01)
        if count % 20 == 0:
            highest = max(highest, read_stats(proxy, load.host)["rate"]["1s"])
    at_least(highest, count / 5, "the rate of a whole second")
    at_most(highest, count, "the rate of a whole second")

    def over(numbers):
        """Both longer rates cover the process's whole life, the running second apart."""
        lived = int(everything["uptime"])
        return any(round(numbers["rate"][key] * seconds) == count for seconds in (lived, lived + 1)
                   for key in ("10s", "60s"))
    everything = wait_stats(proxy, lambda numbers: numbers["rate"]["1s"] == 0, "a quiet second")
    numbers = read_stats(proxy, load.host)
    if everything["uptime"] < 9:
        expect(over(numbers) and over(everything), f"{count} requests, but {numbers['rate']} after {everything['uptime']} s")
        equal(numbers["rate"]["10s"], numbers["rate"]["60s"], "the rates of a young process")
    equal(numbers["rate"]["1s"], 0.0, "the last second")


# Routes that come and go

@case("a deleted route's numbers go, those of everything stay; created again it begins anew")
def deleted(t):
    proxy = t.start(workers=2)
    load = Load(t, proxy)
    origin = load.route(named("ok"))
    for _ in range(6):
        client = load.client()
        equal(client.fetch(load.host).status, 200, "status")
    settled(proxy, load.host)
    equal(proxy.api("PATCH", f"/api/v1/routes/{load.host}", {"retries": 1},
                    {"Content-Type": "application/merge-patch+json"}).status, 200, "status of a change")
    equal(read_stats(proxy, load.host)["requests"]["completed"], 6, "completed, after the route has changed")
    equal(proxy.api("DELETE", f"/api/v1/routes/{load.host}").status, 204, "status of DELETE")
    answer = proxy.api("GET", f"{STATS}/{load.host}")
    equal((answer.status, answer.headers["Content-Type"]), (404, "application/problem+json"), "what is said of it then")
    everything = settled(proxy)
    equal((everything["requests"]["completed"], everything["routes"]), (6, []), "everything")
    proxy.add_route(load.host, origin.backend)
    fresh = read_stats(proxy, load.host)
    equal((fresh["requests"]["received"], fresh["backends"][0]["attempts"]["begun"]), (0, 0), "a new route's numbers")
    equal(client.fetch(load.host).status, 200, "status")
    equal(settled(proxy, load.host)["requests"]["completed"], 1, "completed by the new route")
    equal(settled(proxy)["requests"]["completed"], 7, "completed in all")


@case("an unknown vHost is 404")
def unknown(t):
    answer = t.proxy.api("GET", f"{STATS}/{NOBODY}")
    equal((answer.status, answer.headers["Content-Type"]), (404, "application/problem+json"), "the answer")


@case("a thousand routes, page by page", alone=True, deadline=60)
def pages(t):
    proxy = t.start(workers=2)
    origin = t.bare_origin(named("ok"))
    hosts = [f"r{number:04}.test" for number in range(t.scaled(1000, 150))]
    for host in hosts:
        proxy.add_route(host, origin.backend)
    asked = hosts[::25]
    client = t.client(proxy)
    for host in asked:
        equal(client.fetch(host).status, 200, "status")
    settled(proxy)
    seen, after = [], ""
    for size in (None, 1, 99, 1000, 1000):
        query = f"?after={after}" + (f"&limit={size}" if size else "")
        answer = proxy.api("GET", STATS + query)
        equal((answer.status, answer.headers["X-Total-Count"]), (200, str(len(hosts))), "status and number of routes")
        page = answer.json["routes"]
        equal(len(page), min(size or 100, len(hosts) - len(seen)), "routes on the page")
        seen += page
        after = seen[-1]["vHost"]
    equal([route["vHost"] for route in seen], hosts, "all pages")
    equal([route["vHost"] for route in seen if route["requests"]["completed"]], asked, "those that were asked for")
