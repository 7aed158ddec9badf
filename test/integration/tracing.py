"""W3C Trace Context and OTLP (SPEC section 10): a request's place in its trace, told to backends and to a collector."""

import json
import re
import signal
import time

from access_log import AccessLog
from collector import Collector
from counting import fill, wait_stats
from h2 import connect
from harness import DEADLINE, at_most, case, cases, equal, expect, free_port, request, response

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{PARENT}-01"
UNSAMPLED = f"00-{TRACE}-{PARENT}-00"
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0([01])")


def seen(origin, number=0):
    """The traceparent that the backend got: (trace, parent, sampled), and its tracestates."""
    fields = origin.requests[number].fields
    match = TRACEPARENT.fullmatch(fields.need("traceparent").decode())
    expect(match, f"a traceparent: {fields.need('traceparent')!r}")
    return match[1], match[2], match[3] == "1", [value.decode() for value in fields.all("tracestate")]


def traced(t, *flags, collector=None, **options):
    collector = collector or Collector(t)
    proxy = t.start(*collector.flags, *flags, **options)
    return collector, proxy, t.origin(proxy=proxy)


@case("without --otlp both fields pass as they are")
def off(t):
    origin = t.origin()
    lines = ["traceparent: nonsense", "Traceparent: " + SAMPLED, "tracestate: a=1", "tracestate: b=2"]
    equal(t.client().fetch(origin.host, "/", *lines).status, 200, "status")
    fields = origin.requests[0].fields
    equal(fields.all("traceparent"), [b"nonsense", SAMPLED.encode()], "traceparent")
    equal(fields.all("tracestate"), [b"a=1", b"b=2"], "tracestate")
    t.client().fetch(origin.host)
    expect(not origin.requests[1].fields.has("traceparent"), "none is made")


@case("a request without one begins a trace, whose span the collector gets")
def begins(t):
    collector, proxy, origin = traced(t, "--node-name", "node-7")
    before = time.time_ns()
    equal(t.client(proxy).fetch(origin.host, "/a?b=1&token=s3cret", "tracestate: lost=1", method="POST", body=b"12").status, 200,
          "status")
    trace, parent, sampled, states = seen(origin)
    equal((sampled, states), (True, []), "sampled, and no state of a trace that is not known")
    span = collector.one()
    equal((span["traceId"], span["spanId"], span.get("parentSpanId"), span["kind"], span["name"]),
          (trace, parent, None, 2, "POST"), "the span")
    expect(before <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) <= time.time_ns(), "its times")
    got = span["attributes"]
    equal({name: got.get(name) for name in ("http.request.method", "url.path", "url.query", "http.response.status_code",
                                            "server.address", "client.address", "network.protocol.version",
                                            "penstock.backend", "http.request.body.size")},
          {"http.request.method": "POST", "url.path": "/a", "url.query": "b=1&token=***", "http.response.status_code": "200",
           "server.address": origin.host, "client.address": "127.0.0.1", "network.protocol.version": "1.1",
           "penstock.backend": f"127.0.0.1:{origin.port}", "http.request.body.size": "2"}, "its attributes")
    equal(got["penstock.request_id"], origin.requests[0].fields.need("X-Request-ID").decode(), "its request's id")
    equal((span["resource"], span["status"]), ({"service.name": "penstock", "service.instance.id": "node-7"}, {}), "whose it is")
    wait_stats(proxy, lambda numbers: numbers["spans"] == {"exported": 1, "dropped": 0}, "its count")


@case("a request that is part of a trace goes on as our child's parent")
def continues(t):
    collector, proxy, origin = traced(t)
    client = t.client(proxy)
    client.fetch(origin.host, "/", "traceparent: " + SAMPLED, "tracestate: a=1,b=2", "TraceState: c=3")
    trace, parent, sampled, states = seen(origin)
    equal((trace, sampled, states), (TRACE, True, ["a=1,b=2", "c=3"]), "what the backend got")
    expect(parent != PARENT, "we are its parent")
    span = collector.one()
    equal((span["traceId"], span["spanId"], span["parentSpanId"]), (TRACE, parent, PARENT), "the span")
    client.fetch(origin.host, "/", "traceparent: " + UNSAMPLED, "tracestate: a=1")
    trace, parent, sampled, states = seen(origin, 1)
    equal((trace, sampled, states), (TRACE, False, ["a=1"]), "what the backend got of one that is not sampled")
    expect(parent != PARENT, "we are its parent")
    client.fetch(origin.host, "/", f"traceparent: cc-{TRACE}-{PARENT}-03-and-more")
    equal(seen(origin, 2)[0::2], (TRACE, True), "of a version to come")
    collector.one(2)


@cases([(name, lines) for name, lines in [
    ("nonsense", ["traceparent: nonsense"]), ("zeros", [f"traceparent: 00-{'0' * 32}-{PARENT}-01"]),
    ("upper case", ["traceparent: " + SAMPLED.upper()]), ("version ff", ["traceparent: ff" + SAMPLED[2:]]),
    ("too long", [f"traceparent: {SAMPLED}-1"]), ("two of them", ["traceparent: " + SAMPLED, "traceparent: " + SAMPLED]),
    ("taken away by Connection", ["traceparent: " + SAMPLED, "Connection: traceparent"])]])
def malformed(t, lines):
    """It counts as none: a new trace begins, and the old one's state ends."""
    collector, proxy, origin = traced(t)
    equal(t.client(proxy).fetch(origin.host, "/", *lines, "tracestate: a=1").status, 200, "status")
    trace, parent, sampled, states = seen(origin)
    equal((sampled, states), (True, []), "what the backend got")
    expect(trace != TRACE, "a trace of its own")
    span = collector.one()
    equal((span["traceId"], span["spanId"], span.get("parentSpanId")), (trace, parent, None), "the span")


@case("no trace that begins here is kept with --otlp-sample 0; one that is sampled is")
def share(t):
    collector, proxy, origin = traced(t, "--otlp-sample", "0")
    client = t.client(proxy)
    for _ in range(20):
        client.fetch(origin.host)
    expect(not any(seen(origin, number)[2] for number in range(20)), "not sampled")
    client.fetch(origin.host, "/", "traceparent: " + SAMPLED)
    equal(collector.one()["traceId"], TRACE, "the span")


@case("a route's own traceparent counts")
def edited(t):
    collector = Collector(t)
    proxy = t.start(*collector.flags)
    origin = t.origin(proxy=proxy, headers={"traceparent": None, "tracestate": None})
    t.client(proxy).fetch(origin.host, "/", "traceparent: " + SAMPLED, "tracestate: a=1")
    expect(not origin.requests[0].fields.has("traceparent"), "the backend gets none")
    equal(collector.one()["parentSpanId"], PARENT, "the span")


@case("every kind of request is a span: HTTP/2, tunnels, refusals, failures; the access log names its trace")
def kinds(t):
    def script(backend):
        for one in backend:
            if not one.fields.has("Upgrade"):
                backend.send(response())
                continue
            backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            backend.wait_end()
            return
    log = AccessLog(t.folder())
    collector = Collector(t)
    proxy = t.start(*collector.flags, *log.flags)
    origin = t.origin(script, proxy=proxy)
    proxy.add_route("dead.test", {"hostname": "127.0.0.1", "port": free_port()}, retries=0)
    equal(connect(t, proxy).fetch(origin.host, "/h2").status, 200, "status over HTTP/2")
    client = t.client(proxy)
    client.send(request(origin.host, "/tunnel", "Connection: Upgrade", "Upgrade: websocket", "traceparent: " + SAMPLED))
    equal(client.read_head().status, 101, "status of the tunnel")
    client.finish_sending()
    client.wait_end()
    equal(t.client(proxy).fetch("dead.test", "/dead").status, 502, "status")
    equal(t.client(proxy).fetch("nobody.test", "/none").status, 404, "status")
    equal(t.client(proxy).ask(b"nonsense\r\n\r\n").status, 400, "status")
    spans = {span["attributes"].get("url.path"): span for span in collector.wait(5)}
    equal({path: (span["attributes"]["http.response.status_code"], span["attributes"]["network.protocol.version"],
                  span["attributes"].get("error.type")) for path, span in spans.items()},
          {"/h2": ("200", "2", None), "/tunnel": ("101", "1.1", None), "/dead": ("502", "1.1", "connection_refused"),
           "/none": ("404", "1.1", None), None: ("400", "1.1", None)}, "the spans")
    equal(spans["/tunnel"]["parentSpanId"], PARENT, "the tunnel's parent")
    equal(spans["/dead"]["status"], {"code": 2}, "the failure's status")
    lines = {line.get("path"): line["traceId"] for line in log.wait(5)}
    equal(lines, {path: span["traceId"] for path, span in spans.items()}, "traces in the access log")


@case("many spans go in batches, each once")
def batches(t):
    collector, proxy, origin = traced(t, workers=2)
    block = request(origin.host) * 100
    client = t.client(proxy)
    for _ in range(12):
        client.send(block)
        for _ in range(100):
            equal(client.read_response().status, 200, "status")
    spans = collector.wait(1200)
    equal(len({span["spanId"] for span in spans}), 1200, "different spans")
    at_most(max(map(len, collector.batches)), 512, "spans of a batch")


@case("a collector that cannot take spans now gets them later, all of them, once")
def later(t):
    collector = Collector(t, response("503 Service Unavailable"), response("429 Too Many Requests"))
    _, proxy, origin = traced(t, collector=collector)
    client = t.client(proxy)
    for _ in range(10):
        client.fetch(origin.host)
    spans = collector.wait(10)
    equal(len({span["spanId"] for span in spans}), 10, "different spans")
    expect(collector.refused, "the first batches were refused")
    wait_stats(proxy, lambda numbers: numbers["spans"] == {"exported": 10, "dropped": 0}, "the count")
    said = [json.loads(line)["message"] for line in proxy.stderr_lines()]
    equal((said.count("spans cannot be exported"), said.count("spans are exported again")), (1, 1), "lines in the log")


@case("spans that a collector does not want are dropped, and counted")
def unwanted(t):
    collector = Collector(t, response("400 Bad Request"))
    _, proxy, origin = traced(t, collector=collector)
    t.client(proxy).fetch(origin.host, "/refused")
    wait_stats(proxy, lambda numbers: numbers["spans"]["dropped"] == 1, "the count")
    t.client(proxy).fetch(origin.host, "/taken")
    equal(collector.one()["attributes"]["url.path"], "/taken", "the span that was taken")


@case("spans that a collector takes, but says it has not kept, count as dropped")
def rejected(t):
    part = response("200 OK", b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}')
    collector = Collector(t, part, part)
    _, proxy, origin = traced(t, collector=collector)
    for number in (1, 2):
        t.client(proxy).fetch(origin.host)
        wait_stats(proxy, lambda numbers: numbers["spans"] == {"exported": 0, "dropped": number}, "the count")
    t.client(proxy).fetch(origin.host)
    wait_stats(proxy, lambda numbers: numbers["spans"] == {"exported": 1, "dropped": 2}, "the count")
    said = [json.loads(line) for line in proxy.stderr_lines()]
    equal([(one["rejected"], one["reason"]) for one in said if one["message"] == "spans were rejected"], [(1, "too old")],
          "the log")


@cases([("refuses", False), ("never answers", True)])
def dead(t, listens):
    """A collector that is dead: traffic goes on, what has no room is counted, and the end comes in time."""
    if listens:
        collector = Collector(t, *[None] * 100)
        url = collector.url
    else:
        url = f"http://127.0.0.1:{free_port()}"
    proxy = t.start("--otlp", url)
    origin = t.origin(proxy=proxy)
    fill(proxy, origin, t.client(proxy), lambda numbers: numbers["spans"]["dropped"], 20_000)
    began = time.monotonic()
    proxy.signal(signal.SIGTERM)
    equal(proxy.wait_exit(), 0, "exit code")
    at_most(time.monotonic() - began, DEADLINE / 2, "seconds to the end")
    said = [json.loads(line) for line in proxy.stderr_lines()]
    expect(any(line["message"] == "spans were left unsent" for line in said), f"the rest is told of: {said}")


@case("what there is at the end is sent")
def flushed(t):
    collector, proxy, origin = traced(t)
    client = t.client(proxy)
    for _ in range(7):
        client.fetch(origin.host)
    client.close()
    proxy.signal(signal.SIGTERM)
    equal(proxy.wait_exit(), 0, "exit code")
    collector.wait(7)
