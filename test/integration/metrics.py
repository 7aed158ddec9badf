"""/metrics (SPEC section 10): what /stats says, as Prometheus wants it; bounded, documented, and read by a real one."""

import functools
import json
import re
import threading
import time
from pathlib import Path

import pki
from admin import bearer, private
from counting import Load, read_stats, settled
from harness import (SANITIZED, at_least, at_most, case, equal, expect, in_threads, named)
from loads import KINDS
from prometheus import Prometheus, parse, promtool_check, read_metrics, total, value

ROUTES = "/api/v1/routes"
CODES = ("1xx", "2xx", "3xx", "4xx", "5xx")
NAMED = 200  # routes with a vhost of their own
DOCS = Path(__file__).resolve().parents[2] / "docs"
DASHBOARD = DOCS / "grafana" / "penstock.json"


def agrees(families, numbers, prefix, what, requests=True, **labels):
    """The rows of one route, backend or everything are what /stats says of it."""
    def one(name, **more):
        return value(families, f"{prefix}{name}", **labels, **more)
    if requests:
        asked = numbers["requests"]
        got = {name: one("requests_ended_total", outcome=name) for name in ("completed", "rejected", "aborted")}
        equal(got, {name: asked[name] for name in got}, f"outcomes of {what}")
        equal(one("requests_received_total"), asked["received"], f"received of {what}")
        equal(one("retries_total"), numbers["retries"], f"retries of {what}")
        equal((one("requests_active"), one("requests_queued")), (0, 0), f"under way of {what}")
        answered, seconds = "requests_total", "request_duration_seconds"
        ended = sum(got.values())
    else:
        attempts = numbers["attempts"]
        got = {name: one("attempts_ended_total", outcome=name) for name in ("completed", "failed", "aborted")}
        equal(got, {name: attempts[name] for name in got}, f"attempts of {what}")
        answered, seconds = "responses_total", "duration_seconds"
        ended = sum(got.values())
    equal({code: one(answered, code=code) for code in CODES}, numbers["status"], f"statuses of {what}")
    equal(sum(one(answered, code=code) for code in (*CODES, "none")), ended, f"all that ended of {what}")
    kinds = {dict(own)["kind"] for _, own in families[f"{prefix}errors_total"].samples}
    equal({kind: one("errors_total", kind=kind) for kind in kinds if one("errors_total", kind=kind)}, numbers["errors"],
          f"errors of {what}")
    equal({way: one("body_bytes_total", direction=way) for way in ("in", "out")}, numbers["bytes"], f"bytes of {what}")
    equal(one("tunnels_total"), numbers["tunnels"], f"tunnels of {what}")
    latency = numbers["latency"]["total"]
    equal(one(f"{seconds}_count"), latency["count"], f"durations of {what}")
    if latency["count"]:
        mean = one(f"{seconds}_sum") / latency["count"] * 1_000
        at_most(abs(mean - latency["mean"]), latency["mean"] * 0.01 + 0.01, f"mean of {what}, in ms, against /stats'")


@case("all kinds of load: every number is that of /stats, of every route, backend and in all", deadline=90, workers=2)
def mixed(t):
    proxy = t.start(workers=2)
    loads = [Load(t, proxy) for _ in KINDS]
    in_threads(*[functools.partial(kind, load) for (_, kind), load in zip(KINDS, loads)])
    for load in loads:
        settled(proxy, load.host)
    everything = settled(proxy)
    families = read_metrics(proxy)
    agrees(families, everything, "penstock_server_", "everything")
    for load in loads:
        numbers = read_stats(proxy, load.host)
        agrees(families, numbers, "penstock_", load.host, vhost=load.host)
        for backend in numbers["backends"]:
            authority = f"{backend['hostname']}:{backend['port']}"
            agrees(families, backend, "penstock_backend_", authority, requests=False, vhost=load.host, backend=authority)
            equal(value(families, "penstock_backend_up", vhost=load.host, backend=authority),
                  float(backend["state"] == "alive"), f"whether {authority} is up")
    equal(total(families, "penstock_requests_total"), total(families, "penstock_server_requests_total"),
          "the sum over all routes")
    equal(value(families, "penstock_connections_accepted_total"), everything["connections"]["accepted"], "connections")
    equal(value(families, "penstock_requests_unrouted_total"), everything["requests"]["unrouted"], "unrouted")
    for name, of, done in (("penstock_access_log_lines_total", "accessLog", "written"), ("penstock_spans_total", "spans", "exported")):
        for outcome in (done, "dropped"):
            equal(value(families, name, outcome=outcome), everything[of][outcome], f"{of} {outcome}")
    equal(promtool_check(proxy.api("GET", "/metrics").body), "", "what promtool complains of")


def is_counter(families, key):
    name, _ = key
    return any(family.kind in ("counter", "histogram") and key in family.samples for family in families.values()) \
        and not name.startswith("process_")


@case("while routes come and go under load no counter goes down, and everything keeps what deleted routes had",
      deadline=60, workers=2)
def monotonic(t):
    proxy = t.start(workers=2)
    origin = t.bare_origin()
    proxy.add_route("stays.test", origin.backend)
    ends = threading.Event()
    asked = [0]

    def ask():
        try:
            for turn in range(30):
                host = f"goes{turn}.test"
                proxy.add_route(host, origin.backend)
                client = t.client(proxy)
                for one in (host, "stays.test") * 5:
                    equal(client.fetch(one).status, 200, "status")
                    asked[0] += 1
                equal(proxy.api("DELETE", f"{ROUTES}/{host}").status, 204, "DELETE")
        finally:
            ends.set()

    def look():
        last = {}
        while not ends.is_set():
            families = read_metrics(proxy)
            now = {key: number for family in families.values() for key, number in family.samples.items()}
            for key, number in now.items():
                if is_counter(families, key):
                    at_least(number, last.get(key, 0), f"{key}")
            last = now
    in_threads(ask, look)
    settled(proxy)
    families = read_metrics(proxy)
    equal(total(families, "penstock_server_requests_total"), asked[0], "requests of all that there have been")
    equal(value(families, "penstock_requests_total", vhost="stays.test", code="2xx"), asked[0] / 2, "of the one that stays")
    equal({dict(own)["vhost"] for _, own in families["penstock_requests_total"].samples} - {"(other)"}, {"stays.test"},
          "routes that are shown")


@case("more routes than are named: the busiest get names, the others are counted together, and the sum is right",
      deadline=90)
def bounded(t):
    proxy = t.start()
    origin = t.bare_origin()
    count = NAMED + 100
    routes = [{"vHost": f"r{number:03}.test", "backends": [origin.backend, origin.backend | {"port": 9}, origin.backend | {
        "port": 10}], "health": {"maxFails": 0}} for number in range(count)]
    equal(proxy.api("PUT", "/api/v1/config", {"version": 1, "routes": routes}).status, 200, "PUT")
    families = read_metrics(proxy)
    hosts = {dict(own)["vhost"] for _, own in families["penstock_requests_received_total"].samples} - {"(other)"}
    equal(len(hosts), NAMED, "named routes")
    equal(value(families, "penstock_routes"), count, "routes")
    equal(value(families, "penstock_routes_named"), NAMED, "named routes, as it says")
    equal(len(families["penstock_backend_up"].samples), 400, "named backends")
    equal(value(families, "penstock_backends_left_out"), 200, "backends left out")
    busy = next(f"r{number:03}.test" for number in range(count) if f"r{number:03}.test" not in hosts)
    client = t.client(proxy)
    for _ in range(30):
        client.fetch(busy)
    t.eventually(lambda: read_stats(proxy)["requests"]["completed"] == 30, "an end of all requests")
    families = read_metrics(proxy)
    equal(value(families, "penstock_requests_received_total", vhost="(other)"), 30, "those of routes without a name")

    def has_name():
        return ("penstock_requests_received_total", (("vhost", busy),)) in \
            read_metrics(proxy)["penstock_requests_received_total"].samples
    t.eventually(has_name, "a name for the busiest", deadline=30)
    for _ in range(10):
        client.fetch(busy)
    t.eventually(lambda: read_stats(proxy)["requests"]["completed"] == 40, "an end of all requests")
    families = read_metrics(proxy)
    equal(value(families, "penstock_requests_received_total", vhost=busy), 10, "since it has a name")
    equal(value(families, "penstock_requests_received_total", vhost="(other)"), 30, "the others keep what they had")
    equal(len(families["penstock_requests_received_total"].samples), NAMED + 1, "rows")


@case("a real Prometheus scrapes it", deadline=120)
def scraped(t):
    proxy = t.start()
    origin = t.origin(proxy=proxy)
    client = t.client(proxy)
    for _ in range(25):
        equal(client.fetch(origin.host).status, 200, "status")
    with Prometheus(t, proxy) as prometheus:
        prometheus.wait("up{job='penstock'}", lambda numbers: numbers == [1], "a scrape that succeeds")
        series = f'penstock_requests_total{{vhost="{origin.host}",code="2xx"}}'
        prometheus.wait(series, lambda numbers: numbers == [25], "the requests")
        for _ in range(5):
            client.fetch(origin.host)
        prometheus.wait(series, lambda numbers: numbers == [30], "and those that came since")
        prometheus.wait(f"increase({series}[1m])", lambda numbers: numbers[0] > 0, "an increase")
        quantile = f'histogram_quantile(0.99, penstock_request_duration_seconds_bucket{{vhost="{origin.host}"}})'
        got = prometheus.wait(quantile, lambda numbers: numbers[0] > 0, "a quantile")
        at_most(got[0][1], 10.0, "p99 in seconds")
        # What the dashboard asks can be asked: no expression is refused or names what there is not.
        for expression in expressions():
            answered = prometheus.query(f"absent({expression}) or vector(1)")
            expect(answered, f"Prometheus takes {expression}")


# What is said of it

def documented():
    """Name to (type, labels) of each row of docs/metrics.md."""
    rows = re.findall(r"^\| `([a-z_:]+)` \| (counter|gauge|histogram) \|([^|]*)\|", (DOCS / "metrics.md").read_text(), re.M)
    equal(len({name for name, _, _ in rows}), len(rows), "each metric is listed once")
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


@case("docs/metrics.md lists what there is, with type and labels, and nothing else", deadline=60)
def listed(t):
    proxy = t.start()
    pair = pki.make("up.test")
    origin = t.origin(proxy=proxy, reqActiveLength=1)
    dead = t.bare_origin()
    dead.stop_listening()
    proxy.add_route("dead.test", dead.backend)
    equal(proxy.api("POST", "/api/v1/certificates", {"domain": "up.test", "cert": pair.cert, "key": pair.key}).status, 201,
          "the certificate")
    t.client(proxy).fetch(origin.host)
    t.client(proxy).fetch("dead.test")
    settled(proxy)
    families = read_metrics(proxy)
    wanted = documented()
    equal(sorted(families), sorted(wanted), "names")
    for name, family in families.items():
        kind, labels = wanted[name]
        equal(family.kind, kind, f"type of {name}")
        expect(family.help.endswith("."), f"{name} has help")
        if family.samples:
            equal(family.labels, labels, f"labels of {name}")


def expressions():
    """All that the dashboard asks, its variables filled in."""
    found = []

    def look(node):
        if isinstance(node, dict):
            found.extend(node[key] for key in ("expr",) if isinstance(node.get(key), str))
            if isinstance(node.get("query"), dict):
                found.extend(re.findall(r"label_values\((.*), \w+\)", node["query"]["query"]))
            for one in node.values():
                look(one)
        elif isinstance(node, list):
            for one in node:
                look(one)
    look(json.loads(DASHBOARD.read_text()))
    filled = [one.replace("$__rate_interval", "1m").replace("$vhost", ".*").replace("$instance", ".*") for one in found]
    expect(len(filled) > 15 and not any("$" in one for one in filled), f"expressions without variables: {filled}")
    return filled


@case("every metric that the Grafana dashboard asks for is one that there is")
def dashboard(t):
    families = read_metrics(t.start())
    names = {name for expression in expressions() for name in re.findall(r"\b(?:penstock|process)_[a-z_]+", expression)}
    for name in sorted(names):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        expect(name in families or families.get(base, None) and families[base].kind == "histogram", f"there is {name}")
    board = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in board["panels"]]
    equal(len(set(ids)), len(ids), "ids of panels")


# Who reads it

@case("with tokens it wants one that may read; only GET and HEAD")
def access(t):
    token = "metrics-token-0123456789"
    proxy = t.start("--admin-token-file", private(t.folder(), "tokens", f"{token} read-only\n"))
    equal(proxy.api("GET", "/metrics").status, 401, "without a token")
    read_metrics(proxy, headers=bearer(token))
    head = proxy.api("HEAD", "/metrics", headers=bearer(token))
    equal((head.status, head.body), (200, b""), "HEAD")
    at_least(int(head.headers["Content-Length"]), 1_000, "its length")


@case("POST is 405, a query 400, and a certificate's expiry is its own")
def asked(t):
    proxy = t.start()
    answer = proxy.api("POST", "/metrics", b"")
    equal((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"), "POST")
    equal(proxy.api("GET", "/metrics?name=x").status, 400, "a query")
    pair = pki.make("up.test")
    upload = {"domain": "up.test", "cert": pair.cert, "key": pair.key}
    shown = proxy.api("POST", "/api/v1/certificates", upload).json["certificates"][0]
    families = read_metrics(proxy)
    expires = value(families, "penstock_certificate_expiry_timestamp_seconds", domain="up.test", key=shown["keyKind"],
                    source="uploaded")
    equal(time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(expires)), shown["notAfter"], "when it expires")
    equal(proxy.api("DELETE", "/api/v1/certificates/up.test").status, 204, "DELETE")
    equal(read_metrics(proxy)["penstock_certificate_expiry_timestamp_seconds"].samples, {}, "after it has gone")


@case("a slot's limits and who waits for it; a dead backend and one in maintenance", deadline=60)
def states(t):
    proxy = t.start()
    hold = threading.Event()

    def script(side):
        for _ in side:
            hold.wait(30)
            side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    origin = t.origin(script, proxy=proxy, reqActiveLength=1, reqQueueLength=5)
    clients = [t.client(proxy) for _ in range(3)]
    for client in clients:
        client.send(f"GET / HTTP/1.1\r\nHost: {origin.host}\r\n\r\n".encode())
    t.eventually(lambda: value(read_metrics(proxy), "penstock_admission_queued", vhost=origin.host) == 2, "two that wait")
    families = read_metrics(proxy)
    got = [value(families, f"penstock_admission_{name}", vhost=origin.host)
           for name in ("active", "active_limit", "queued", "queue_limit")]
    equal(got, [1, 1, 2, 5], "active, its limit, queued, its limit")
    equal(value(families, "penstock_requests_queued", vhost=origin.host), 2, "requests that wait")
    hold.set()
    for client in clients:
        client.read_response()

    gone = t.bare_origin(named("gone"))
    gone.stop_listening()
    proxy.add_route("d.test", gone.backend | {"id": "b"}, retries=0, health={"maxFails": 1})
    t.client(proxy).fetch("d.test")
    labels = {"vhost": "d.test", "backend": f"127.0.0.1:{gone.port}"}
    t.eventually(lambda: value(read_metrics(proxy), "penstock_backend_up", **labels) == 0, "a dead backend")
    equal(proxy.api("POST", f"{ROUTES}/d.test/backends/b/dead").status, 200, "maintenance")
    equal(value(read_metrics(proxy), "penstock_backend_in_maintenance", **labels), 1, "in maintenance")


@case("an idle process with no routes and two workers has less than 50 MB", workers=2, alone=True)
def idle_memory(t):
    t.skip_if_sanitized()
    proxy = t.start(workers=2)
    read_metrics(proxy)
    t.client(proxy).fetch("nobody.test")
    at_most(proxy.rss_bytes(), 50 * 1000 * 1000, "bytes of resident memory")
    equal(SANITIZED, False, "sanitized")
    families = parse(proxy.api("GET", "/metrics").body.decode())
    at_least(value(families, "process_resident_memory_bytes"), 1 << 20, "what it says itself")
