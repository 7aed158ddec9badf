"""HTTP/2 to backends: what comes rarely: backends that take nothing, say nothing or take back, odd fields, and replays."""

import threading
import time

import h2_frames as h2
from both_clients import for_both, from_both, version_of
from counting import settled
from crowd import Crowd
from h2 import connect
from h2_origin import H2Connection, answers, bare_h2_origin, h2_origin, never_answers
from harness import (Cut, at_least, at_most, case, cases, equal, expect, one_of, request)

NEVER_DEAD = {"health": {"maxFails": 0}, "circuit": None}


# Backends that take nothing.

@from_both("GOAWAY with the first SETTINGS, on every connection: 502 or 503, after a few", deadline=20)
def goes_at_once(t, make):
    def greet(connection):
        H2Connection.greet(connection)
        connection.goaway(0)
    origin = h2_origin(t, never_answers, options={"greet": greet}, **NEVER_DEAD)
    one_of(make(t).fetch(origin.host, method="POST", body=b"once").status, [502, 503, 504], "status")
    at_most(len(origin.connections), 10, "connections")


@from_both("MAX_CONCURRENT_STREAMS of 0, on every connection: refused, or 5xx in time, after a few", deadline=20)
def takes_none(t, make):
    def script(stream):
        stream.reset(h2.REFUSED_STREAM)
    origin = h2_origin(t, script, options={"settings": {h2.MAX_CONCURRENT_STREAMS: 0}}, connectTimeout="1s", responseTimeout="1s",
                       **NEVER_DEAD)
    client = make(t)
    for _ in range(3):
        one_of(client.fetch(origin.host).status, [502, 503, 504], "status")
    at_most(len(origin.connections), 30, "connections")


@from_both("a backend that accepts and says nothing, not even SETTINGS: 504 by responseTimeout", deadline=20)
def says_nothing(t, make):
    origin = h2_origin(t, never_answers, options={"greet": lambda _connection: None}, responseTimeout="300ms", retries=0, **NEVER_DEAD)
    client = make(t)
    for _ in range(2):
        equal(client.fetch(origin.host).status, 504, "status")


@case("a backend that takes nothing of an upload for body-timeout: 5xx, and its stream is reset", flags=("--body-timeout", "700ms"),
      deadline=20)
def takes_no_body(t):
    origin = h2_origin(t, never_answers, options={"refill": False}, retries=0, responseTimeout="1s", **NEVER_DEAD)
    stream = connect(t).request(origin.host, "/", "content-length: 300000", method="POST", end=False)
    try:
        stream.send(bytes(300_000), end=True)
    except Cut:
        pass
    stream.client.wait(lambda: stream.over or stream.head, "an answer, or a reset")
    if stream.head:
        one_of(stream.head.status, [408, 502, 504], "status")
    origin.wait_reset(h2.CANCEL)
    equal(connect(t).fetch(h2_origin(t).host).status, 200, "status of another")


@from_both("a client that leaves while its upload is stalled by the backend: CANCEL, and the slot is free", deadline=20)
def leaves_stalled(t, make):
    proxy = t.start()
    origin = h2_origin(t, lambda stream: None, proxy=proxy, options={"refill": False}, reqActiveLength=1)
    client = make(t, proxy)
    if version_of(client) == b"2":
        stream = client.request(origin.host, "/", method="POST", end=False)
        stream.send(bytes(60_000))
        origin.wait_streams(1).wait_body(60_000)
        stream.send(bytes(30_000))
        stream.reset()
    else:
        client.send(request(origin.host, "/", "Content-Length: 1000000", method="POST") + bytes(200_000))
        origin.wait_streams(1).wait_body(h2.WINDOW)
        client.reset()
    origin.wait_reset(h2.CANCEL)
    settled(proxy, origin.host)
    origin.script = answers()
    equal(t.client(proxy).fetch(origin.host).status, 200, "status of the next, on its slot")
    equal(len(origin.connections), 1, "connections")


@case("4 workers: 200 requests at once take 4 connections at most", deadline=30)
def workers(t):
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        go_on.wait(20)
        stream.respond()
    proxy = t.start(workers=4)
    origin = h2_origin(t, script, proxy=proxy)
    crowd = Crowd(proxy.address, 200)
    crowd.ask(origin.host)
    origin.wait_streams(200)
    go_on.set()
    equal({answer.status for answer in crowd.collect(200)}, {200}, "statuses")
    crowd.close()
    at_most(len(origin.connections), 4, "connections")


@case("100 streams by itself, before a limit is told: more at once take a second connection, none waits", deadline=30)
def many_at_once(t):
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        go_on.wait(20)
        stream.respond()
    origin = h2_origin(t, script, options={"settings": {h2.MAX_CONCURRENT_STREAMS: 100}})
    crowd = Crowd(t.proxy.address, 250)
    crowd.ask(origin.host)
    origin.wait_streams(250)
    at_most(max(connection.most_at_once for connection in origin.connections), 100, "streams at once on a connection")
    go_on.set()
    equal({answer.status for answer in crowd.collect(250)}, {200}, "statuses")
    crowd.close()


# What a client does to its own connection is nothing to the backend's.

@case("clients that close behind each request, of HTTP/1.0 and 1.1, take one backend connection", deadline=20)
def closing_clients(t):
    origin = h2_origin(t)
    for _ in range(5):
        equal(t.client().fetch(origin.host, "/", "Connection: close").status, 200, "status")
        equal(t.client().ask(request(origin.host, version="1.0")).status, 200, "status for HTTP/1.0")
    equal(len(origin.connections), 1, "connections")


@case("pipelined requests are streams, one after another; answers are in order", deadline=20)
def pipelined(t):
    origin = h2_origin(t, lambda stream: stream.respond(200, stream.read_request().target))
    client = t.client()
    client.send(b"".join(request(origin.host, f"/{number}") for number in range(20)))
    equal([client.read_response().text for _ in range(20)], [f"/{number}" for number in range(20)], "the answers")


# Fields and heads.

@from_both("50 interim answers, each read before the next comes, all pass", deadline=20)
def many_interim(t, make):
    def script(stream):
        stream.read_request()
        for number in range(50):
            stream.answer_head(103, f"x-number: {number}")
            stream.connection.ping()
        stream.respond()
    answer = make(t).fetch(h2_origin(t, script).host)
    equal([one.fields.get("x-number") for one in answer.interim], [b"%d" % number for number in range(50)], "interim answers")
    equal(answer.text, "ok", "the answer")


@from_both("values of any allowed bytes pass both ways", deadline=20)
def odd_values(t, make):
    value = b"a\tb \x80\xff,;=\"'(){}[]~ c"
    origin = h2_origin(t, lambda stream: [stream.read_request(), stream.raw_head((b":status", b"200"), (b"x-odd", value),
                                                                                (b"x-empty", b""), (b"content-length", b"0"))])
    answer = make(t).fetch(origin.host, "/", (b"x-odd", value), (b"x-empty", b""))
    equal((answer.fields.get("x-odd"), answer.fields.get("x-empty")), (value, b""), "the answer's fields")
    fields = origin.streams[0].head.fields
    equal((fields.get("x-odd"), fields.get("x-empty")), (value, b""), "the request's fields")


@from_both("a target of 8,000 bytes, and one with all allowed marks, go up as they are", deadline=20)
def targets(t, make):
    origin = h2_origin(t)
    client = make(t)
    for target in ("/" + "p" * 7990, "/a//b/../c;d=1?q=%20&r=[x]|{y}#'\"<>\\^`"[:36].replace("#", ""), "/?", "/%2e%2e/%00"):
        equal(client.fetch(origin.host, target).status, 200, f"status for {target[:40]}")
        equal(origin.requests[-1].target, target.encode(), "the target")


@cases(for_both([(f"trailers of {size} bytes are there to the byte, or the answer is cut", size) for size in (10_000, 40_000)]),
       deadline=20)
def large_trailers(t, make, size):
    def script(stream):
        stream.read_request()
        stream.answer_head(200)
        stream.send(b"body")
        stream.trailers("grpc-status: 0", "x-large: " + "t" * size)
    client = make(t)
    te = ["te: trailers"] if version_of(client) == b"2" else ["TE: trailers", "Connection: TE"]
    if version_of(client) == b"2":
        stream = client.request(h2_origin(t, script).host, "/", *te)
        client.wait(lambda: stream.over, "the end of the stream")
        if stream.reset_code is not None:
            return
        trailers = stream.head.trailers
    else:
        try:
            answer = client.fetch(h2_origin(t, script).host, "/", *te)
        except Cut:
            return
        trailers = answer.trailers
    equal([(name.lower(), len(value)) for name, value in trailers], [(b"grpc-status", 1), (b"x-large", size)], "trailers, and sizes")


@from_both("fields that may not stand in trailers are not passed on from them", deadline=20)
def forbidden_trailers(t, make):
    def script(stream):
        stream.read_request()
        stream.answer_head(200)
        stream.send(b"body")
        stream.trailers("x-sum: 1", "host: evil.test", "content-type: text/evil")
    client = make(t)
    te = ["te: trailers"] if version_of(client) == b"2" else ["TE: trailers", "Connection: TE"]
    answer = client.fetch(h2_origin(t, script).host, "/", *te)
    names = {name.lower() for name, _ in answer.trailers}
    expect(b"x-sum" in names and b"host" not in names, f"trailers: {answer.trailers}")


@from_both("Expect, answered by 417: the body is not asked for", deadline=20)
def expectation_failed(t, make):
    origin = h2_origin(t, lambda stream: stream.respond(417, b"no"))
    client = make(t)
    if version_of(client) == b"2":
        stream = client.request(origin.host, "/", "expect: 100-continue", "content-length: 8", method="POST", end=False)
        equal(stream.response().status, 417, "status")
    else:
        client.send(request(origin.host, "/", "Expect: 100-continue", "Content-Length: 8", method="POST"))
        equal(client.read_response("POST").status, 417, "status")
    origin.wait_reset(h2.CANCEL, h2.NO_ERROR)


# Replays.

@cases(for_both([(f"a PUT with {size} bytes whose stream is reset before the head is replayed whole elsewhere", size)
                 for size in (0, 10, 5000, 60_000)]), deadline=20)
def replayed(t, make, size):
    bad = bare_h2_origin(t, lambda stream: [stream.read_request(), stream.reset(h2.INTERNAL_ERROR)])
    good = bare_h2_origin(t, lambda stream: stream.respond(200, stream.read_request().body))
    host = t.unique_host(bad.port)
    t.proxy.add_route(host, bad.backend, good.backend, **NEVER_DEAD)
    body = bytes(index % 251 for index in range(size))
    client = make(t)
    for _ in range(4):
        answer = client.fetch(host, "/", method="PUT", body=body)
        equal((answer.status, answer.body == body), (200, True), "status, and the body as it came back")
    at_least(len(bad.requests), 1, "requests at the one that resets")


@from_both("from an HTTP/2 backend to an HTTP/1 one, and back: retries cross protocols", deadline=20)
def crosses(t, make):
    old = t.origin()
    bad = bare_h2_origin(t, lambda stream: stream.reset(h2.REFUSED_STREAM))
    host = t.unique_host(bad.port)
    t.proxy.add_route(host, bad.backend, old.backend, **NEVER_DEAD)
    client = make(t)
    equal([client.fetch(host).status for _ in range(4)], [200] * 4, "statuses of GETs")
    closing = t.bare_origin(lambda connection: [connection.read_request_head(), connection.reset()])
    good = bare_h2_origin(t)
    host = t.unique_host(closing.port)
    t.proxy.add_route(host, closing.backend, good.backend, **NEVER_DEAD)
    equal([client.fetch(host).status for _ in range(4)], [200] * 4, "statuses of GETs the other way")


@case("a GET whose connection breaks again and again ends with 502 by `retries`, soon", deadline=20)
def breaks_for_ever(t):
    def script(stream):
        stream.read_request()
        if stream.head.target == b"/bad":
            stream.connection.reset()
        else:
            stream.respond()
    origin = h2_origin(t, script, retries=2, **NEVER_DEAD)
    client = t.client()
    for _ in range(3):
        equal(client.fetch(origin.host).status, 200, "status of the one before")
        began = time.monotonic()
        equal(client.fetch(origin.host, "/bad").status, 502, "status")
        expect(time.monotonic() - began < 5, "soon")
    at_most(sum(stream.head.target == b"/bad" for stream in origin.streams), 12, "tries")


@case("a GET whose stream is reset again and again ends with 502, soon, and is not repeated on the same backend", deadline=20)
def reset_for_ever(t):
    def script(stream):
        stream.read_request()
        if stream.head.target == b"/bad":
            stream.reset(h2.INTERNAL_ERROR)
        else:
            stream.respond()
    origin = h2_origin(t, script, retries=2, **NEVER_DEAD)
    client = connect(t)
    for _ in range(3):
        equal(client.fetch(origin.host).status, 200, "status of the one before")
        equal(client.fetch(origin.host, "/bad").status, 502, "status")
    equal(sum(stream.head.target == b"/bad" for stream in origin.streams), 3, "tries")
    equal(len(origin.connections), 1, "connections")


# Races of idle connections.

@case("POSTs as a connection reaches pool.idle: none is lost", deadline=40)
def idle_race(t):
    origin = h2_origin(t, pool={"idle": "20ms"}, retries=0, **NEVER_DEAD)
    client = t.client()
    for turn in range(t.scaled(300, 50)):
        equal(client.fetch(origin.host, "/", method="POST", body=b"once").status, 200, f"status in turn {turn}")
        time.sleep((18 + turn % 10 / 2) / 1000)
    at_least(len(origin.connections), 5, "connections, of which some had to reach their end")
    equal(len(origin.requests), t.scaled(300, 50), "requests at the backend")


@case("POSTs as the backend says GOAWAY to an idle connection and ends it: none is lost, none is sent twice", deadline=40)
def goaway_race(t):
    """What comes behind its GOAWAY it does not look at."""
    served = []

    def script(stream):
        connection = stream.connection
        if stream.number > connection.last_served:
            return
        served.append(stream.read_request().target)
        stream.respond()
        time.sleep(0.02)
        if stream.number == max(connection.streams):
            connection.goaway()
            connection.finish_sending()
    origin = h2_origin(t, script, retries=0, **NEVER_DEAD)
    client = t.client()
    for turn in range(t.scaled(300, 50)):
        equal(client.fetch(origin.host, f"/{turn}", method="POST", body=b"once").status, 200, f"status in turn {turn}")
        time.sleep((18 + turn % 10 / 2) / 1000)
    equal(len(served), len(set(served)), "requests that were served, each once")
    at_least(len(origin.connections), 5, "connections, of which some had to reach their end")


# Answers without a body whose stream ends later, or never.

@cases(for_both([("HEAD", "HEAD", 200, ["content-length: 5"]), ("204", "GET", 204, []), ("304", "GET", 304, []),
                 ("content-length: 0", "GET", 200, ["content-length: 0"])]), deadline=20)
def end_comes_later(t, make, method, status, lines):
    """END_STREAM in a DATA frame of its own, a moment later, or never: the client waits for none."""
    def script(stream):
        stream.read_request()
        stream.answer_head(status, *lines)
        if stream.head.target == b"/later":
            stream.connection.ping()
            stream.send(b"", end=True)
    origin = h2_origin(t, script, reqActiveLength=1)
    client = make(t)
    for target in ("/later", "/never") * 10:
        answer = client.fetch(origin.host, target, method=method)
        equal((answer.status, answer.body), (status, b""), f"the answer of {target}")
    origin.wait(lambda: all(one.closed for one in origin.streams), "an end of all streams")
    equal(len(origin.connections), 1, "connections")
