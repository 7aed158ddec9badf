"""HTTP/2 to backends that fail: resets before and behind the head, lost connections, timeouts, retries and health."""

import socket
import threading
import time

import h2_frames as h2
from both_clients import for_both, from_both, version_of
from counting import settled
from h2 import connect
from h2_origin import answers, bare_h2_origin, h2_origin, never_answers
from harness import (Cut, at_most, case, cases, contains, equal, expect, free_port, lacks, one_of, request)

ROUTES = "/api/v1/routes"
CODES = [h2.NO_ERROR, h2.PROTOCOL_ERROR, h2.INTERNAL_ERROR, h2.CANCEL, h2.ENHANCE_YOUR_CALM]


def shown(t, host, index=0, proxy=None):
    return (proxy or t.proxy).api("GET", f"{ROUTES}/{host}").json["backends"][index]


def error_of(answer):
    return (answer.fields.get("Proxy-Status") or b"").partition(b"error=")[2].partition(b";")[0].decode()


def pair_of(t, script, **route):
    """A route to a backend that runs `script`, and to one that is well: (host, bad, good)."""
    bad, good = bare_h2_origin(t, script), bare_h2_origin(t, answers(200, b"good"))
    host = t.unique_host(bad.port)
    t.proxy.add_route(host, bad.backend, good.backend, **({"circuit": None} | route))
    return host, bad, good


def resets_with(code):
    def script(stream):
        stream.read_request()
        stream.reset(code)
    return script


def aborted(client, host, target="/", **more):
    """The answer is cut visibly, and the client's other streams go on; gives what came of the body."""
    if version_of(client) == b"1.1":
        client.send(request(host, target, **more))
        return client.must_abort().body
    stream = client.request(host, target, **more)
    stream.must_reset(h2.INTERNAL_ERROR)
    return bytes(stream.body)


# Before the head.

@cases(for_both([(f"RST_STREAM({h2.code_name(code)}) before the head: 502, and the connection goes on", code) for code in CODES]),
       deadline=20)
def reset_before_head(t, make, code):
    def script(stream):
        (resets_with(code) if stream.head.target == b"/bad" else answers())(stream)
    origin = h2_origin(t, script, retries=0, health={"maxFails": 0}, circuit=None)
    client = make(t)
    for _ in range(2):
        equal(client.fetch(origin.host, "/bad").status, 502, "status")
        equal(client.fetch(origin.host).status, 200, "status of the next")
    equal(len(origin.connections), 1, "connections")


@from_both("RST_STREAM before the head: a GET is tried on another backend, a POST is not", deadline=20)
def retried(t, make):
    host, bad, good = pair_of(t, resets_with(h2.INTERNAL_ERROR), health={"maxFails": 0})
    client = make(t)
    for _ in range(4):
        equal(client.fetch(host).text, "good", "the answer to a GET")
    before = len(bad.requests)
    seen = [client.fetch(host, method="POST", body=b"once").status for _ in range(4)]
    equal(len(bad.requests) - before, seen.count(502), "POSTs at the failing backend, and answers of 502")
    equal((seen.count(502), seen.count(200)), (2, 2), "statuses of the POSTs")
    equal(sum(one.method == b"POST" for one in good.requests), 2, "POSTs at the other")


@from_both("REFUSED_STREAM: POSTs too are tried on another backend, and it does not count against health", deadline=20)
def refused(t, make):
    host, bad, _ = pair_of(t, resets_with(h2.REFUSED_STREAM))
    client = make(t)
    for _ in range(6):
        equal(client.fetch(host, method="POST", body=b"once").text, "good", "the answer")
    expect(bad.streams, "the refusing backend was asked")
    state = shown(t, host)
    equal((state["failureCount"], state["state"]), (0, "alive"), "failureCount and state")


@from_both("REFUSED_STREAM for each try: 502 in the end, and the backend is not dead", deadline=20)
def refused_for_ever(t, make):
    origin = h2_origin(t, resets_with(h2.REFUSED_STREAM), circuit=None)
    equal(make(t).fetch(origin.host, method="POST", body=b"once").status, 502, "status")
    at_most(len(origin.streams), 5, "tries")
    equal(shown(t, origin.host)["failureCount"], 0, "failureCount")


@case("REFUSED_STREAM for a large upload that is under way: 502 or served, never cut in silence", deadline=20)
def refused_upload(t):
    def script(stream):
        stream.wait_body(200_000)
        stream.reset(h2.REFUSED_STREAM)
    host, _, good = pair_of(t, script)
    for _ in range(2):
        stream = connect(t).request(host, "/", "content-length: 300000", method="POST", end=False)
        try:
            stream.send(bytes(300_000), end=True)
        except Cut:
            pass
        one_of(stream.response().status, [200, 502], "status")
    for one in good.requests:
        equal(len(one.body), 300_000, "bytes of what was served")


@case("a connection that is reset before any head: each of its 20 requests is judged by itself", deadline=20)
def connection_lost(t):
    """GETs are served by the other backend; POSTs are 502, for they may have been done."""
    host, bad, good = pair_of(t, lambda stream: stream.read_request(), health={"maxFails": 0}, retries=2)
    client = connect(t)
    streams = []
    for number in range(40):
        post = number // 2 % 2
        streams.append(client.request(host, "/", method="POST" if post else "GET", body=b"once" if post else None))
    bad.wait(lambda: len(bad.requests) + len(good.requests) == 40, "all requests at the backends")
    posts = sum(one.method == b"POST" for one in bad.requests)
    equal((len(bad.connections), len(bad.requests)), (1, 20), "connections and requests at the one that fails")
    bad.connections[0].reset()
    statuses = [stream.response().status for stream in streams]
    equal((statuses.count(502), statuses.count(200)), (posts, 40 - posts), "statuses")
    equal([status for number, status in enumerate(statuses) if not number // 2 % 2], [200] * 20, "statuses of the GETs")
    client.must_stay_open_for(h2_origin(t).host)


@cases([("a connection that dies amid 20 answers aborts each that has begun: RST", "reset"),
        ("a connection that dies amid 20 answers aborts each that has begun: FIN", "finish_sending")], deadline=20)
def lost_amid_answers(t, end):
    def script(stream):
        stream.read_request()
        stream.answer_head(200)
        stream.send(b"begun")
    origin = h2_origin(t, script, health={"maxFails": 0}, circuit=None)
    client = connect(t)
    streams = [client.request(origin.host) for _ in range(20)]
    old = [t.client() for _ in range(3)]
    for one in old:
        one.send(request(origin.host))
    for stream in streams:
        stream.wait_body(5)
    for one in old:
        one.read_until(b"begun\r\n")
    getattr(origin.connections[0], end)()
    for stream in streams:
        stream.must_reset(h2.INTERNAL_ERROR)
    for one in old:
        lacks(one.wait_end(), b"0\r\n", "what came before the end")
    client.must_stay_open_for(h2_origin(t).host)


@from_both("a kept connection that was closed before the answer: the GET goes out on a new one, retries or not", deadline=20)
def stale(t, make):
    def script(stream):
        stream.read_request()
        if stream.number > 1:
            stream.connection.reset()
        else:
            stream.respond()
    origin = h2_origin(t, script, retries=0)
    client = make(t)
    for _ in range(4):
        equal(client.fetch(origin.host).status, 200, "status")
    equal(len(origin.connections), 4, "connections")
    equal(shown(t, origin.host)["failureCount"], 0, "failureCount")


# Behind the head.

@cases(for_both([(f"RST_STREAM({h2.code_name(code)}) in the body aborts the client, and no other stream", code, length)
                 for code, length in ((h2.INTERNAL_ERROR, False), (h2.CANCEL, True))]
                + [("RST_STREAM(NO_ERROR) in the body is an abort, too", h2.NO_ERROR, False)]), deadline=20)
def reset_in_body(t, make, code, length):
    def script(stream):
        stream.read_request()
        if stream.head.target != b"/bad":
            stream.respond()
            return
        stream.answer_head(200, *(["content-length: 100"] if length else []))
        stream.send(b"begun")
        stream.connection.ping()  # the client may have it
        stream.reset(code)
    origin = h2_origin(t, script)
    client = make(t)
    equal(aborted(client, origin.host, "/bad")[:5] in (b"begun", b""), True, "what came")
    equal(connect(t).fetch(origin.host).status, 200, "status of another")
    if version_of(client) == b"2":
        client.must_stay_open_for(origin.host)
    equal(len(origin.connections), 1, "connections")


@case("RST_STREAM in the body: HTTP/1.0 clients, whose body ends with the connection, get an RST", deadline=20)
def reset_for_1_0(t):
    def script(stream):
        stream.read_request()
        stream.answer_head(200)
        stream.send(b"begun")
        stream.reset(h2.INTERNAL_ERROR)
    client = t.client()
    client.send(request(h2_origin(t, script).host, version="1.0"))
    client.wait_end()
    equal(client.ended, "reset", "the connection's end")


@from_both("RST_STREAM behind a whole answer, whose request was whole, harms nobody", deadline=20)
def reset_after_end(t, make):
    def script(stream):
        stream.read_request()
        stream.respond(200, b"x" * 1000)
        stream.reset(h2.NO_ERROR)
    origin = h2_origin(t, script)
    client = make(t)
    for _ in range(10):
        equal(client.fetch(origin.host).body, b"x" * 1000, "the body")
    equal(len(origin.connections), 1, "connections")


# Clients that leave.

@from_both("a client that leaves: RST_STREAM(CANCEL) upstream, the connection stays, and the slot is free", deadline=20)
def client_leaves(t, make):
    proxy = t.start()

    def script(stream):
        if stream.head.target == b"/body":
            stream.answer_head(200)
            stream.send(bytes(1000))
    origin = h2_origin(t, script, proxy=proxy, reqActiveLength=1, reqQueueLength=1)
    for count, target in enumerate(["/none", "/body", "/none", "/body"], 1):
        client = make(t, proxy)
        if version_of(client) == b"2":
            stream = client.request(origin.host, target)
            origin.wait_streams(count)
            stream.reset()
        else:
            client.send(request(origin.host, target))
            origin.wait_streams(count)
            client.reset()
        origin.wait_reset(h2.CANCEL)
    equal(len(origin.connections), 1, "connections")
    numbers = settled(proxy, origin.host)
    equal(numbers["requests"]["aborted"], 4, "aborted requests")


@case("an HTTP/1 client's FIN ends nothing: the answer is still delivered (abortOnClose: it is cancelled)", deadline=20)
def half_closed(t):
    go_on = threading.Event()

    def script(stream):
        go_on.wait(10)
        stream.respond()
    origin = h2_origin(t, script)
    client = t.client()
    client.send(request(origin.host))
    origin.wait_streams(1)
    client.finish_sending()
    expect(client.quiet_for(0.2), "the connection stays")
    go_on.set()
    equal(client.read_response().status, 200, "status")
    impatient = h2_origin(t, never_answers, abortOnClose=True)
    client = t.client()
    client.send(request(impatient.host))
    impatient.wait_streams(1)
    client.finish_sending()
    impatient.wait_reset(h2.CANCEL)


# Time.

@from_both("no head in time: 504, and RST_STREAM upstream; its neighbour and the connection go on", deadline=20)
def response_timeout(t, make):
    go_on = threading.Event()

    def script(stream):
        if stream.head.target == b"/neighbour":
            stream.answer_head(200)
            go_on.wait(10)
            stream.send(b"whole", end=True)
    origin = h2_origin(t, script, responseTimeout="300ms", retries=0, health={"maxFails": 0}, circuit=None)
    neighbour = connect(t).request(origin.host, "/neighbour")
    neighbour.wait_head()
    client = make(t)
    began = time.monotonic()
    equal(client.fetch(origin.host).status, 504, "status")
    expect(time.monotonic() - began >= 0.29, "it was given its time")
    origin.wait_reset(h2.CANCEL)
    go_on.set()
    equal(neighbour.response().text, "whole", "the neighbour's answer")
    equal(len(origin.connections), 1, "connections")


@from_both("the whole request's `timeout` cuts an answer, and resets its stream upstream", deadline=20)
def whole_timeout(t, make):
    def script(stream):
        stream.read_request()
        stream.answer_head(200)
        stream.send(b"begun")
    origin = h2_origin(t, script, timeout="500ms", circuit=None)
    client = make(t)
    if version_of(client) == b"2":
        stream = client.request(origin.host)
        client.wait(lambda: stream.over, "the end of the stream")
        expect(stream.reset_code is not None, "no clean end")
    else:
        client.send(request(origin.host))
        client.must_abort()
    origin.wait_reset(h2.CANCEL)
    equal(len(origin.connections), 1, "connections")


@case("a body that stalls for body-timeout is cut, its neighbours go on", flags=("--body-timeout", "1s"), deadline=30)
def body_timeout(t):
    def script(stream):
        stream.read_request()
        stream.answer_head(200)
        stream.send(b"begun")
        if stream.head.target == b"/well":
            while not stream.closed:
                stream.connection.ping()
                stream.send(b"x")
                if stream.connection.streams[1].reset_code is not None:
                    stream.send(b"", end=True)
                    return
                time.sleep(0.05)
    origin = h2_origin(t, script, circuit=None)
    client = connect(t)
    stalled = client.request(origin.host)
    stalled.wait_body(5)
    well = client.request(origin.host, "/well")
    stalled.must_reset(h2.INTERNAL_ERROR, h2.CANCEL)
    expect(well.response().body.startswith(b"begun"), "the neighbour's answer")
    origin.wait_reset(h2.CANCEL, stream=0)


# Connecting, and health.

@from_both("a refused connection: 502 connection_refused, dead, 503; it is alive again once it listens", deadline=40)
def refused_connection(t, make):
    port = free_port()
    host = t.unique_host(port)
    t.proxy.add_route(host, {"hostname": "127.0.0.1", "port": port, "protocol": "h2c"}, health={"recheck": "1s"}, retries=0)
    client = make(t)
    answer = client.fetch(host)
    equal((answer.status, error_of(answer)), (502, "connection_refused"), "status and error")
    equal(shown(t, host)["isDead"], True, "isDead")
    equal(client.fetch(host).status, 503, "status while it is dead")
    bare_h2_origin(t, port=port)
    t.eventually(lambda: shown(t, host)["state"] == "alive", "the backend's return", 20)
    equal(client.fetch(host).status, 200, "status after its return")


@case("a probe with a path asks over HTTP/2: 5xx leaves the backend dead, 200 revives it", deadline=40)
def probe_with_a_path(t):
    port = free_port()
    host = t.unique_host(port)
    t.proxy.add_route(host, {"hostname": "127.0.0.1", "port": port, "protocol": "h2c"}, retries=0,
                      health={"recheck": "1s", "probe": {"path": "/up"}})
    equal(connect(t).fetch(host).status, 502, "status")
    well = threading.Event()

    def script(stream):
        stream.read_request()
        stream.respond(200 if well.is_set() else 503, b"")
    origin = bare_h2_origin(t, script, port=port)
    probe = origin.wait_streams(2).head
    equal((probe.method, probe.target), (b"GET", b"/up"), "the probe")
    equal(shown(t, host)["state"], "dead", "state after probes that were answered with 503")
    well.set()
    t.eventually(lambda: shown(t, host)["state"] == "alive", "the backend's return", 20)
    equal(connect(t).fetch(host).status, 200, "status after its return")


@from_both("a refused connection is retried on another backend, for POSTs as well", deadline=20)
def refused_and_retried(t, make):
    port = free_port()
    good = bare_h2_origin(t)
    host = t.unique_host(port)
    t.proxy.add_route(host, {"hostname": "127.0.0.1", "port": port, "protocol": "h2c"}, good.backend, health={"maxFails": 0})
    client = make(t)
    for _ in range(4):
        equal(client.fetch(host, method="POST", body=b"once").status, 200, "status")
    equal(len(good.requests), 4, "requests at the other")


@case("a connection that cannot be made in time: 504 connection_timeout for each that waits for it", deadline=30)
def connect_timeout(t):
    listener, held = full_listener(t)
    host = t.unique_host(listener)
    t.proxy.add_route(host, {"hostname": "127.0.0.1", "port": listener, "protocol": "h2c"}, connectTimeout="400ms", retries=0,
                      health={"maxFails": 0}, circuit=None)
    client = connect(t)
    began = time.monotonic()
    streams = [client.request(host) for _ in range(10)]
    for stream in streams:
        answer = stream.response()
        equal((answer.status, error_of(answer)), (504, "connection_timeout"), "status and error")
    expect(0.35 <= time.monotonic() - began < 5, f"{time.monotonic() - began:.2f} s, of 0.4")
    for sock in held:
        sock.close()


def full_listener(t):
    """A port whose accept queue is full: SYNs are dropped. (the port, what keeps it so)"""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    held = [listener]
    for _ in range(4):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
        held.append(sock)
    return listener.getsockname()[1], held


@case("connections that are closed before a word: 502, dead by maxFails, and the others serve", deadline=20)
def closes_at_once(t):
    def script(connection):
        connection.reset()
    bad = t.bare_origin(script)
    good = bare_h2_origin(t)
    host = t.unique_host(bad.port)
    t.proxy.add_route(host, {"hostname": "127.0.0.1", "port": bad.port, "protocol": "h2c"}, good.backend,
                      health={"maxFails": 2, "recheck": "60s"}, circuit=None)
    client = t.client()
    equal([client.fetch(host).status for _ in range(8)], [200] * 8, "statuses")
    equal(shown(t, host)["isDead"], True, "isDead of the one that closes")


@case("an HTTP/1 server behind \"h2c\": 502, and what it said is not passed on", deadline=20)
def not_h2(t):
    def script(connection):
        connection.read_until(b"\r\n\r\n")
        connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 6\r\n\r\nsecret")
        connection.wait_end()
    origin = t.bare_origin(script)
    host = t.unique_host(origin.port)
    t.proxy.add_route(host, {"hostname": "127.0.0.1", "port": origin.port, "protocol": "h2c"}, retries=0, health={"maxFails": 0},
                      circuit=None)
    for make in (t.client, lambda: connect(t)):
        answer = make().fetch(host)
        equal(answer.status, 502, "status")
        lacks(answer.body, b"secret", "the body")
        contains(answer.fields.get("proxy-status"), b"error=", "Proxy-Status")
