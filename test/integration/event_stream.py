"""/api/v1/events (SPEC section 9): what is told, to whom, from where on; and that nobody who follows is in the way."""

import time

import pki
from admin import bearer, private, trusting
from harness import (DEADLINE, PATIENCE, SANITIZED, Failed, at_least, at_most, case, cases, contains, equal, expect, one_of, request)
from sse import EVENTS, HEARTBEAT, Follower

ROUTES = "/api/v1/routes"
KEPT = 4_096     # events, for those who come back
STREAMS = 512    # at a time
TOKEN = "events-token-0123456789"


def ask(proxy, status, method, path, body=None, **more):
    answer = proxy.api(method, path, body, **more)
    equal(answer.status, status, f"status of {method} {path}")
    return answer


def route_of(host, port=9):
    return {"vHost": host, "id": host, "backends": [{"id": "b", "hostname": "127.0.0.1", "port": port}]}


def document_of(count, mark=1):
    """Routes that all differ from those of another mark."""
    return {"version": 1, "routes": [route_of(f"r{number}.test", mark) for number in range(count)]}


def names_of(told):
    return [one.event for one in told]


# What is told

@case("routes: created, changed, deleted, numbered without a gap, with who they are")
def routes(t):
    proxy = t.start()
    follower = Follower(t, proxy)
    equal(follower.head.fields.get("content-type"), b"text/event-stream", "Content-Type")
    equal(follower.head.fields.get("cache-control"), b"no-store", "Cache-Control")
    ask(proxy, 201, "POST", ROUTES, route_of("a.test"))
    ask(proxy, 200, "PATCH", f"{ROUTES}/a.test", {"retries": 1})
    ask(proxy, 204, "DELETE", f"{ROUTES}/a.test")
    told = follower.take(3)
    equal(names_of(told), ["route.created", "route.changed", "route.deleted"], "events")
    equal([one.sequence for one in told], [1, 2, 3], "sequence")
    for one in told:
        equal((one.data["vHost"], one.data["id"], one.data["sequence"]), ("a.test", "a.test", one.sequence), "its data")
        expect(one.data["time"].endswith("Z"), "its time is UTC")
    boots = {one.id.partition("-")[0] for one in told} | {follower.position.partition("-")[0]}
    equal(len(boots), 1, "processes that the ids name")


@case("a backend's death and return, and maintenance, with the reason")
def backends(t):
    proxy = t.start("--log-format", "json")
    dead = t.bare_origin()
    dead.stop()
    proxy.add_route("a.test", {"id": "b", "hostname": "127.0.0.1", "port": dead.port}, retries=0, health={"maxFails": 1})
    follower = Follower(t, proxy)
    equal(t.client(proxy).fetch("a.test").status, 502, "status")
    one = follower.until("backend.dead").data
    equal((one["vHost"], one["id"], one["authority"]), ("a.test", "b", f"127.0.0.1:{dead.port}"), "which")
    contains(one["reason"], "refused", "why")
    ask(proxy, 204, "DELETE", f"{ROUTES}/a.test/backends/b/dead")
    equal(follower.until("backend.alive").data["address"], f"127.0.0.1:{dead.port}", "its address")
    ask(proxy, 200, "POST", f"{ROUTES}/a.test/backends/b/dead")
    equal(follower.until("backend.dead").data["reason"], "maintenance", "why")


@case("certificates and circuits")
def certificates(t):
    proxy = t.start()
    pair = pki.make("up.test")
    follower = Follower(t, proxy)
    upload = {"domain": "up.test", "cert": pair.cert, "key": pair.key}
    shown = ask(proxy, 201, "POST", "/api/v1/certificates", upload).json["certificates"][0]
    one = follower.until("certificate.created").data
    equal((one["domain"], one["keyKind"], one["fingerprint"], one["notAfter"]),
          ("up.test", shown["keyKind"], shown["fingerprint"], shown["notAfter"]), "the certificate")
    ask(proxy, 204, "DELETE", "/api/v1/certificates/up.test")
    follower.until("certificate.deleted")

    def fails(side):
        for _ in side:
            side.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    origin = t.bare_origin(fails)
    proxy.add_route("c.test", origin.backend, retries=0,
                    circuit={"errorRate": 0.5, "minRequests": 2, "window": "10s", "open": "60s"})
    for _ in range(3):
        t.client(proxy).fetch("c.test")
    equal(follower.until("circuit.opened").data["vHost"], "c.test", "its route")


# Where it begins

@case("who comes back with Last-Event-ID is told what it has missed, and nothing twice")
def resume(t):
    proxy = t.start()
    first = Follower(t, proxy)
    for number in range(3):
        ask(proxy, 201, "POST", ROUTES, route_of(f"r{number}.test"))
    seen = first.take(2)[-1]
    first.close()
    ask(proxy, 204, "DELETE", f"{ROUTES}/r0.test")
    again = Follower(t, proxy, f"Last-Event-ID: {seen.id}")
    equal(again.position, seen.id, "where the stream says it begins")
    told = again.take(2)
    equal([(one.sequence, one.event) for one in told], [(3, "route.created"), (4, "route.deleted")], "what it had missed")
    ask(proxy, 204, "DELETE", f"{ROUTES}/r1.test")
    equal(again.take(1)[0].sequence, 5, "and what comes")
    late = Follower(t, proxy, f"Last-Event-ID: {again.position.partition('-')[0]}-5")
    late.says_nothing(0.3)
    # Who had not been told of anything yet can come back as well: the opening block has an id.
    fresh = Follower(t, proxy)
    ask(proxy, 204, "DELETE", f"{ROUTES}/r2.test")
    fresh.close()
    equal(Follower(t, proxy, f"Last-Event-ID: {fresh.position}").take(1)[0].sequence, 6, "the first that it missed")


@case("events of an earlier process, or of none: it is told that they are lost, and from where it goes on")
def lost(t):
    proxy = t.start()
    earlier = t.start()
    ask(earlier, 201, "POST", ROUTES, route_of("a.test"))
    old = Follower(t, earlier, "Last-Event-ID: 1-1").take(1)[0].id  # of the process `earlier`
    for number in range(3):
        ask(proxy, 201, "POST", ROUTES, route_of(f"r{number}.test"))
    boot = Follower(t, proxy).position.partition("-")[0]
    for given, reason in ((old, "restart"), ("1-7", "restart"), (f"{boot}-99", "unknown"), ("nonsense", "unknown"),
                          (f"{boot}-", "unknown"), (f"{boot}-18446744073709551616", "unknown")):
        follower = Follower(t, proxy, f"Last-Event-ID: {given}")
        one = follower.take(1)[0]
        equal((one.event, one.data["reason"], one.data["from"], one.data["to"]), ("events.lost", reason, 1, 3), given)
        equal(one.id, f"{boot}-3", "what it has now been told of")
        follower.says_nothing(0.05)


@case("what is older than what is kept is lost, by number; what is kept comes", deadline=60)
def overrun(t):
    proxy = t.start()
    boot = Follower(t, proxy).position.partition("-")[0]
    count = KEPT + 904
    ask(proxy, 200, "PUT", "/api/v1/config", document_of(count))
    follower = Follower(t, proxy, f"Last-Event-ID: {boot}-10")
    one = follower.take(1)[0]
    equal((one.event, one.data["reason"], one.data["from"], one.data["to"]), ("events.lost", "overrun", 11, 904), "lost")
    equal([one.sequence for one in follower.take(KEPT)], list(range(905, count + 1)), "what is kept")


# Who follows

@case("a follower that does not read is dropped; the others and the API go on, and memory stays bounded", deadline=90)
def slow(t):
    proxy = t.start()
    slow = Follower(t, proxy, receive_buffer=4_096)
    quick = Follower(t, proxy)
    ask(proxy, 200, "PUT", "/api/v1/config", document_of(2_000))
    before = proxy.rss_bytes()
    for mark in range(2, 12):
        ask(proxy, 200, "PUT", "/api/v1/config", document_of(2_000, mark))
    seen = 0
    while seen < 22_000:
        one = quick.take(1)[0]
        if one.event == "events.lost":
            seen = one.data["to"]
        else:
            equal(one.sequence, seen + 1, "no gap that it is not told of")
            seen = one.sequence
    t.eventually(lambda: Follower(t, proxy).status == 200, "room")
    if not SANITIZED:  # these keep what has been freed
        at_most(proxy.rss_bytes() - before, 64 << 20, "bytes more")
    t.eventually(lambda: _has_closed(proxy, slow), "an end of the one that reads nothing for 10 s", deadline=10 + DEADLINE)


def _has_closed(proxy, follower):
    """Looks without reading, at the proxy's end of the connection: the kernel may still have bytes to send."""
    ends = (f":{proxy.admin_port:04X}", f":{follower.client.sock.getsockname()[1]:04X}")
    with open("/proc/net/tcp", encoding="ascii") as table:
        lines = [line.split() for line in table]
    states = [line[3] for line in lines if line[1].endswith(ends[0]) and line[2].endswith(ends[1])]
    return "01" not in states  # established


@case("a thousand want to follow: as many as there is room for do, the API answers meanwhile, and room comes back",
      deadline=60)
def crowd(t):
    proxy = t.start(nofile=8_192)
    followers = [Follower(t, proxy) for _ in range(1_000)]
    equal([one.status for one in followers], [200] * STREAMS + [503] * (1_000 - STREAMS), "statuses")
    equal(followers[-1].head.fields.get("retry-after"), b"10", "Retry-After")
    ask(proxy, 200, "GET", "/healthz")
    ask(proxy, 201, "POST", ROUTES, route_of("a.test"))
    for one in followers[:STREAMS]:
        equal(one.take(1)[0].event, "route.created", "what each is told")
    for one in followers[:100]:
        one.close()
    t.eventually(lambda: Follower(t, proxy).status == 200, "room for another")


@case("a silent stream has a heartbeat within 15 s", deadline=60)
def heartbeat(t):
    proxy = t.start()
    follower = Follower(t, proxy)
    began = time.monotonic()
    expect(follower.next(deadline=15 + DEADLINE) is HEARTBEAT, "a heartbeat comes")
    at_least(time.monotonic() - began, 13, "seconds until the heartbeat")


# How it is asked for

@case("HEAD, methods, Accept, the query")
def asked(t):
    proxy = t.start()
    head = Follower(t, proxy, method="HEAD")
    equal((head.status, head.head.fields.get("content-type")), (200, b"text/event-stream"), "HEAD")
    expect(not head.head.fields.has("content-length"), "a stream has no length")
    head.client.must_close()
    answer = proxy.api("POST", EVENTS, b"")
    equal((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"), "POST")
    for accept, status in (("text/event-stream", 200), ("text/*;q=0.1, application/json", 200), ("*/*", 200),
                           ("application/json", 406), ("text/event-stream;q=0, */*", 406),
                           ("text/html, text/event-stream ; q=0.0", 406)):
        equal(Follower(t, proxy, f"Accept: {accept}").status, status, f"Accept: {accept}")
    for query in ("?follow=1", "?requests=all", "?dryRun=true", "?limit=1"):
        equal(proxy.api("GET", EVENTS + query).status, 400, query)


@case("to HTTP/1.0 it comes without chunks, to the connection's end")
def old_client(t):
    proxy = t.start()
    follower = Follower(t, proxy, version="1.0")
    expect(not follower.is_chunked and not follower.head.fields.has("transfer-encoding"), "no chunks")
    ask(proxy, 201, "POST", ROUTES, route_of("a.test"))
    equal(follower.take(1)[0].event, "route.created", "the event")


@case("a token is wanted, and while the stream lasts: withdrawn, it ends", deadline=60)
def tokens(t):
    folder = t.folder()
    proxy = t.start("--admin-token-file", private(folder, "tokens", f"{TOKEN} read-only\n"))
    equal(Follower(t, proxy).status, 401, "without a token")
    follower = Follower(t, proxy, f"Authorization: Bearer {TOKEN}")
    equal(follower.status, 200, "with one that may read")
    private(folder, "tokens", "another-token-0123456789\n")
    equal(proxy.api("GET", ROUTES, headers=bearer(TOKEN)).status, 401, "the token by now")
    equal(follower.rest(deadline=15 + DEADLINE), [], "what it is still told")


@case("under TLS")
def secured(t):
    pair = pki.make("127.0.0.1")
    folder = t.folder()
    context = trusting(pair)
    context.check_hostname = False
    proxy = t.start("--admin-cert", private(folder, "cert", pair.cert), "--admin-key", private(folder, "key", pair.key),
                    admin_context=context)
    import http.client
    connection = http.client.HTTPSConnection("127.0.0.1", proxy.admin_port, timeout=DEADLINE, context=context)
    connection.request("GET", EVENTS)
    answer = connection.getresponse()
    equal(answer.status, 200, "status")
    ask(proxy, 201, "POST", ROUTES, route_of("a.test"))
    text = b""
    while b"route.created" not in text:
        text += answer.read1()
    connection.close()


# How it ends

@cases([("a stop", False), ("a drain, with a request under way", True)])
def ends(t, draining):
    proxy = t.start()
    followers = [Follower(t, proxy) for _ in range(20)]
    client = None
    if draining:
        held = t.origin(lambda side: [side.wait_end() for _ in side], proxy=proxy, abortOnClose=True)
        client = t.client(proxy)
        client.send(request(held.host, "/held"))
        t.eventually(lambda: held.requests, "the request at the origin")
    began = time.monotonic()
    proxy.signal(15)
    for one in followers:
        one_of(names_of(one.rest()), ([], ["route.created"]), "what they are still told")
    if draining:
        expect(proxy.alive(), "it still drains")
        again = Follower(t, proxy)
        equal(again.status, 200, "who comes back during the drain")
        client.close()
        again.rest()
    equal(proxy.wait_exit(), 0, "exit code")
    at_most(time.monotonic() - began, DEADLINE, "seconds to the end")


@case("a follower that does not read does not hold up the stop", deadline=60)
def stuck_at_stop(t):
    proxy = t.start()
    stuck = [Follower(t, proxy, receive_buffer=4_096) for _ in range(10)]
    for mark in range(1, 4):
        ask(proxy, 200, "PUT", "/api/v1/config", document_of(2_000, mark))
    began = time.monotonic()
    proxy.signal(15)
    equal(proxy.wait_exit(), 0, "exit code")
    at_most(time.monotonic() - began, 5 * PATIENCE, "seconds to the end")
    for one in stuck:
        try:
            one.client.read_to_end()
        except Exception as error:
            raise Failed(f"the stuck one's connection ends: {error}") from error


# Requests

@case("?requests=sampled shows some requests, with what they stand for; nobody else hears of them")
def sampled(t):
    proxy = t.start()
    origin = t.origin(proxy=proxy)
    plain = Follower(t, proxy)
    follower = Follower(t, proxy, path=f"{EVENTS}?requests=sampled")
    client = t.client(proxy)
    equal(client.fetch(origin.host).status, 200, "status")
    one = follower.until("request.completed")
    equal(one.id, None, "nobody comes back to a request: its id")
    data = one.data
    equal((data["vHost"], data["backend"], data["status"], data["outcome"], data["standsFor"], data["tunnel"]),
          (origin.host, f"127.0.0.1:{origin.port}", 200, "completed", 1, False), "what it says")
    at_least(data["latency"]["total"], data["latency"]["firstByte"], "total latency, against the first byte")

    began = time.monotonic()
    asked, stood, count = 0, 0, 0
    unrouted = None
    while unrouted is None:  # one that ends in the same tenth of a second as another is not shown
        equal(t.client(proxy).fetch("nobody-serves-this.test").status, 404, "status")
        asked += 1
        for one in follower.there():
            unrouted, stood, count = one.data, stood + one.data["standsFor"], count + 1
    equal((unrouted.get("vHost"), unrouted["status"], unrouted["outcome"]), (None, 404, "rejected"), "what no route took")
    while time.monotonic() - began < 1:
        client.fetch(origin.host)
        asked += 1
    wanted = asked
    while stood < wanted:  # what ended last is shown with what ends a tenth of a second later
        client.fetch(origin.host)
        asked += 1
        for one in follower.there():
            stood, count = stood + one.data["standsFor"], count + 1
    at_most(count, 10 * (time.monotonic() - began) + 2, "samples of one worker")
    at_most(stood, asked, "requests that they stand for")
    ask(proxy, 201, "POST", ROUTES, route_of("a.test"))
    equal(plain.take(1)[0].event, "route.created", "what one hears who does not ask for requests")
    equal(follower.until("route.created").data["vHost"], "a.test", "and who does")
