"""Health (SPEC section 6): who dies of what, for every worker at once; who comes back, how soon, and who must not."""

import re
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from crowd import Crowd
from harness import PATIENCE, at_least, at_most, case, cases, equal, expect, named, request, response
from processes import OriginProcess, Wire

ROUTES = "/api/v1/routes"
NO_RETRIES = {"retries": 0}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def error_of(answer):
    return (answer.fields.get("Proxy-Status") or b"").partition(b"error=")[2].partition(b";")[0]


def backend(t, host, index=0, proxy=None):
    """A backend as the API shows it."""
    return (proxy or t.proxy).api("GET", f"{ROUTES}/{host}").json["backends"][index]


def route_to(t, *backends, **fields):
    host = t.unique_host(backends[0]["port"])
    t.proxy.add_route(host, *backends, **fields)
    return host


def dead_path(t, host, index=0):
    return f"{ROUTES}/{host}/backends/{backend(t, host, index)['id']}/dead"


def until_dead(t, host, index=0):
    t.eventually(lambda: backend(t, host, index)["isDead"], "the backend's death")


def until_alive(t, host, index=0, deadline=20):
    t.eventually(lambda: backend(t, host, index)["state"] == "alive", "the backend's return", deadline)


class Killed:
    """A process that ends with the case."""

    def __init__(self, *args, **kwargs):
        self.process = OriginProcess(*args, **kwargs)

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        self.process.kill()


@case("a kept connection that brings an interim response and closes was no stale one: the backend has failed")
def interim_then_end(t):
    def script(one):
        one.read_request()
        one.send(response())
        one.read_request()
        one.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        one.close()
    origin = t.origin(script, health={"maxFails": 2}, **NO_RETRIES)
    client = t.client()
    equal(client.fetch(origin.host).status, 200, "status")
    client.send(request(origin.host))
    equal(client.read_response().status, 502, "status behind 103")
    equal(backend(t, origin.host)["failureCount"], 1, "failureCount")
    equal(len(origin.connections), 1, "connections: it was not tried again")


@case("a killed backend is dead for every worker with the first failure, and its share goes to the others", workers=4)
def killed(t):
    with Killed("one") as one, Killed("two") as two:
        host = route_to(t, one.backend, two.backend)
        for _ in range(4):
            equal(t.client().fetch(host).status, 200, "status while both live")
        equal(backend(t, host)["state"], "alive", "state before")
        equal(backend(t, host)["deadSince"], None, "deadSince before")
        one.kill()
        statuses = [t.client().fetch(host).status for _ in range(40)]
        equal(statuses, [200] * 40, "statuses over many connections")
        shown = backend(t, host)
        equal((shown["isDead"], shown["state"]), (True, "dead"), "what the API says")
        expect(RFC_3339.fullmatch(shown["deadSince"]), f"deadSince is a moment: {shown['deadSince']}")
        at_least(shown["failureCount"], 1, "failureCount")
        # Not one more for each of the workers: they know.
        at_most(shown["failureCount"], 2, "failureCount")
        equal(backend(t, host, 1)["failureCount"], 0, "failureCount of the other")
        equal(t.proxy.api("GET", f"{ROUTES}/{host}/backends/{shown['id']}").json["isDead"], True, "isDead of the backend")


@case("a backend killed with requests in it: all GETs are answered, no POST reaches a second one (tools/prove failover)",
      workers=4)
def killed_in_use(t):
    with tempfile.TemporaryDirectory() as folder:
        ledgers = [Path(folder, name) for name in ("one", "two")]
        for ledger in ledgers:
            ledger.touch()  # read before the first request is in it
        with Killed("one", flags=("--ledger", ledgers[0])) as one, Killed("two", flags=("--ledger", ledgers[1])) as two:
            host = route_to(t, one.backend, two.backend)
            getting, posting = Crowd(t.proxy.address, 32), Crowd(t.proxy.address, 8)
            for number, member in enumerate(posting.members):
                posting.ask(host, f"/slow/300?post={number}", [member], "POST", b"once")
            getting.ask(host, "/slow/300")
            t.eventually(lambda: sum(ledger.read_text().count("\n") for ledger in ledgers) == 40, "all at the backends")
            one.kill()
            equal([answer.status for answer in getting.collect(32)], [200] * 32, "statuses of the GETs")
            statuses = Counter(answer.status for answer in posting.collect(8))
            posts = [[line for line in ledger.read_text().splitlines() if line.startswith("POST")] for ledger in ledgers]
            equal(len(set(posts[0] + posts[1])), len(posts[0] + posts[1]), "POSTs that both backends got, counted once")
            equal((statuses[502], statuses[200]), (len(posts[0]), len(posts[1])), "POSTs that are 502, and 200")
            getting.close()
            posting.close()


@case("a backend dies of failures within the window, not of those that are further apart")
def window(t):
    host = route_to(t, {"hostname": "127.0.0.1", "port": t.bare_origin(closes).port},
                    health={"maxFails": 3, "failWindow": "1s", "recheck": "60s"}, **NO_RETRIES)
    for count in (1, 2):
        equal(t.client().fetch(host).status, 502, "status")
        equal((backend(t, host)["failureCount"], backend(t, host)["isDead"]), (count, False), "failures, dead")
    began = time.monotonic()
    t.eventually(lambda: time.monotonic() - began > 1.1, "the window's end")
    equal(t.client().fetch(host).status, 502, "status of the third, in another window")
    equal(backend(t, host)["isDead"], False, "dead of three in two windows")


@case("three failures in a row kill where maxFails is 3")
def three_in_a_row(t):
    origin = t.bare_origin(closes)
    host = route_to(t, origin.backend, health={"maxFails": 3, "failWindow": "60s", "recheck": "60s"}, **NO_RETRIES)
    equal([t.client().fetch(host).status for _ in range(3)], [502] * 3, "statuses")
    shown = backend(t, host)
    equal((shown["state"], shown["failureCount"]), ("dead", 3), "state")
    until_alive(t, host)  # the only one: probed every second, and it accepts connections
    equal(backend(t, host)["failureCount"], 0, "failureCount once revived")


@case("maxFails 0: a backend that fails is counted, and never dead")
def never_dead(t):
    origin = t.bare_origin(closes)
    host = route_to(t, origin.backend, health={"maxFails": 0}, **NO_RETRIES)
    equal([t.client().fetch(host).status for _ in range(20)], [502] * 20, "statuses")
    shown = backend(t, host)
    equal((shown["isDead"], shown["failureCount"]), (False, 20), "dead, failures")


def closes(backend_side):
    backend_side.read_request()
    backend_side.finish_sending()
    backend_side.wait_end()


@case("what is no fault of the backend's kills nobody: 5xx, a late answer, a client that leaves",
      flags=("--response-timeout", "300ms"))
def innocent(t):
    scripts = {"500": response("500 Internal Server Error"), "late": None, "left": None}
    for how, raw in scripts.items():
        def script(side, raw=raw):
            for _ in side:
                if raw:
                    side.send(raw)
        origin = t.bare_origin(script)
        host = route_to(t, origin.backend, circuit=None, **NO_RETRIES)
        if how == "left":
            client = t.client()
            client.send(request(host))
            origin.wait_requests(1)
            client.reset()
            origin.wait_ended()
        else:
            one = t.client().fetch(host).status
            equal(one, 500 if how == "500" else 504, f"status ({how})")
        equal(backend(t, host)["failureCount"], 0, f"failureCount ({how})")
        equal(backend(t, host)["state"], "alive", f"state ({how})")


@case("all dead: 503 at once, and served again within 1.2 s of the return", alone=True, workers=2, deadline=60)
def all_dead(t):
    with Killed("one") as one, Killed("two") as two:
        host = route_to(t, one.backend, two.backend, health={"recheck": "60s"})
        equal(t.client().fetch(host).status, 200, "status before")
        one.kill()
        two.kill()
        t.client().fetch(host)
        until_dead(t, host, 0)
        until_dead(t, host, 1)
        began = time.monotonic()
        for _ in range(20):
            answer = t.client().fetch(host)
            equal((answer.status, error_of(answer)), (503, b"destination_unavailable"), "the answer while all are dead")
        at_most(time.monotonic() - began, 1.0 * PATIENCE, "seconds for twenty refusals")
        two.start()
        began = time.monotonic()
        client = t.client()
        t.eventually(lambda: client.fetch(host).status == 200, "service")
        at_most(time.monotonic() - began, 1.2 * PATIENCE, "seconds until it was served again")
        equal(backend(t, host, 0)["state"], "dead", "state of the one that did not return")
        equal(client.fetch(host).text, "Hello from two\n", "who answers")


@case("while others serve, the dead are asked every recheck; round robin counts the one that is back")
def recheck(t):
    with Killed("one") as one, Killed("two") as two:
        host = route_to(t, one.backend, two.backend, health={"recheck": "200ms"})
        one.kill()
        for _ in range(4):
            equal(t.client().fetch(host).status, 200, "status")
        until_dead(t, host)
        one.start()
        until_alive(t, host)
        client = t.client()
        texts = [client.fetch(host).text for _ in range(20)]
        equal(texts.count("Hello from one\n"), 10, "how many of twenty went to the one that is back")


@cases([("a probe with a path revives on 200", "200 OK", True), ("a probe with a path revives on 302", "302 Found", True),
        ("a probe with a path does not revive on 500", "500 Oops", False),
        ("a probe with a path does not revive on 404", "404 Not Found", False)])
def http_probe(t, status, revives):
    up = threading.Event()

    def script(side):
        for one in side:
            if one.target == b"/up":
                side.send(response(status if up.is_set() else "503 Not Yet"))
            else:
                side.finish_sending()
                side.wait_end()
    origin = t.bare_origin(script)
    host = route_to(t, origin.backend, health={"recheck": "100ms", "probe": {"path": "/up"}}, **NO_RETRIES)
    equal(t.client().fetch(host).status, 502, "status of the request that kills it")
    until_dead(t, host)
    origin.wait(lambda: origin.targets.count(b"/up") >= 2, "two probes")
    equal(backend(t, host)["state"], "dead", "state while the probe gets 503")
    probe = next(one for one in origin.requests if one.target == b"/up")
    equal(probe.fields.get("Host"), host.encode(), "Host of the probe")
    up.set()
    if revives:
        until_alive(t, host)
    else:
        seen = origin.targets.count(b"/up")
        origin.wait(lambda: origin.targets.count(b"/up") >= seen + 3, "three probes more")
        equal(backend(t, host)["state"], "dead", "state")


@cases([(f"a backend that waits in vain for the rest of a {method}'s body, and closes, is alive", method)
        for method in ("POST", "PUT")])
def tired_of_waiting(t, method):
    def gives_up(side):
        side.read_request_head()
        side.finish_sending()
        side.wait_end()
    origins = [t.bare_origin(gives_up) for _ in range(2)]
    host = route_to(t, *[origin.backend for origin in origins])
    client = t.client()
    client.send(request(host, "/", "Content-Length: 100", method=method) + b"slow")
    equal(client.read_response().status, 502, "status")
    equal([(backend(t, host, index)["state"], backend(t, host, index)["failureCount"]) for index in range(2)],
          [("alive", 0)] * 2, "states, failures")


@case("maintenance: no new requests, those under way finish, no probe ends it", workers=2)
def maintenance(t):
    go = threading.Event()

    def slow(side):
        for _ in side:
            go.wait(30)
            side.send(response("200 OK", b"slow"))
    origin, other = t.bare_origin(slow), t.bare_origin(named("other"))
    host = route_to(t, origin.backend, other.backend, health={"recheck": "100ms"}, strategy="ROUND_ROBIN")
    waiting = [t.client(), t.client()]
    for client in waiting:
        client.send(request(host))
    origin.wait_requests(1)
    answer = t.proxy.api("POST", dead_path(t, host))
    equal((answer.status, answer.json["state"], answer.json["isDead"]), (200, "maintenance", True), "POST …/dead")
    expect(RFC_3339.fullmatch(answer.json["deadSince"]), "deadSince is a moment")
    (target,) = t.proxy.api("GET", f"/api/v1/stats/{host}").json["backends"][0]["targets"]
    equal((target["state"], target["isDead"]), ("maintenance", True), "what /stats says")
    equal([t.client().fetch(host).text for _ in range(10)], ["other"] * 10, "who answers")
    equal(len(origin.requests), 1, "requests at the one in maintenance")
    time_of_probes = time.monotonic() + 0.5
    t.eventually(lambda: time.monotonic() > time_of_probes, "time for some probes")
    equal(backend(t, host)["state"], "maintenance", "state after five recheck periods")
    equal(len(origin.connections), 1, "connections: nobody probes it")
    go.set()
    equal(sorted(client.read_response().text for client in waiting), ["other", "slow"], "the requests under way")

    config = t.proxy.api("GET", f"{ROUTES}/{host}").json
    config["backends"][0]["state"] = "alive"  # accepted and ignored
    equal(t.proxy.api("PUT", f"{ROUTES}/{host}", config).status, 200, "status of PUT")
    equal(backend(t, host)["state"], "maintenance", "state after a PUT")
    equal(t.proxy.api("POST", dead_path(t, host)).status, 200, "status of POST …/dead again")
    equal(t.proxy.api("DELETE", dead_path(t, host)).status, 204, "status of DELETE …/dead")
    equal(backend(t, host)["state"], "alive", "state")
    texts = [t.client().fetch(host).text for _ in range(4)]
    equal(sorted(texts), ["other", "other", "slow", "slow"], "who answers")


@case("maintenance of the last backend: 503, and DELETE …/dead serves again at once; also where requests found it dead")
def last_in_maintenance(t):
    origin = t.bare_origin(named("here"))
    host = route_to(t, origin.backend)
    equal(t.proxy.api("POST", dead_path(t, host)).status, 200, "status of POST …/dead")
    equal(error_of(t.client().fetch(host)), b"destination_unavailable", "the error meanwhile")
    equal(t.proxy.api("DELETE", dead_path(t, host)).status, 204, "status of DELETE …/dead")
    equal(t.client().fetch(host).text, "here", "who answers")

    dying = t.bare_origin(closes)
    host = route_to(t, dying.backend, health={"probe": {"path": "/never"}}, **NO_RETRIES)
    t.client().fetch(host)
    until_dead(t, host)
    equal(t.proxy.api("DELETE", dead_path(t, host)).status, 204, "status of DELETE …/dead of a dead one")
    equal(backend(t, host)["state"], "alive", "state")


@case("who waits for a slot gets 503 at once when the last backend dies", workers=2)
def waiting(t):
    go = threading.Event()

    def script(side):
        side.read_request()
        go.wait(30)
        side.reset()
    origin = t.bare_origin(script)
    host = route_to(t, origin.backend, reqActiveLength=1, reqQueueLength=10, queueTimeout="30s",
                    health={"probe": {"path": "/never"}}, **NO_RETRIES)
    first = t.client()
    first.send(request(host))
    origin.wait_requests(1)
    others = [t.client() for _ in range(4)]
    for client in others:
        client.send(request(host))
    stats = f"/api/v1/stats/{host}"
    t.eventually(lambda: t.proxy.api("GET", stats).json["admission"]["queued"] == 4, "four in the queue")
    began = time.monotonic()
    go.set()
    equal(first.read_response().status, 502, "status of the one that was under way")
    equal([error_of(client.read_response()) for client in others], [b"destination_unavailable"] * 4, "the others' errors")
    at_most(time.monotonic() - began, 1.0 * PATIENCE, "seconds until all were answered")


@case("a black hole is dead after one connect timeout, hides behind no probe, and is found within 1.2 s of its return",
      alone=True, workers=2, deadline=60)
def black_hole(t):
    wire = Wire()
    try:
        with Killed("far", wire.address, within=wire.inside) as far, Killed("near") as near:
            both = route_to(t, far.backend, near.backend, connectTimeout="300ms", pool={"size": 0})
            only = route_to(t, far.backend, connectTimeout="300ms", pool={"size": 0}, **NO_RETRIES)
            equal(t.client().fetch(only).text, "Hello from far\n", "who answers over the wire")
            wire.cut()
            equal([t.client().fetch(both).status for _ in range(6)], [200] * 6, "statuses where another is left")
            until_dead(t, both)
            equal(backend(t, both)["failureCount"], 1, "failures that it took")
            equal(t.client().fetch(only).status, 504, "status of the request that found it")
            equal(error_of(t.client().fetch(only)), b"destination_unavailable", "the error from then on")
            began = time.monotonic()  # probes take 2 s to give up: let some hang
            t.eventually(lambda: time.monotonic() - began > 2.5, "time for hanging probes")
            wire.connect()
            began = time.monotonic()
            client = t.client()
            t.eventually(lambda: client.fetch(only).status == 200, "service")
            at_most(time.monotonic() - began, 1.2 * PATIENCE, "seconds until it was served again")
    finally:
        wire.close()
