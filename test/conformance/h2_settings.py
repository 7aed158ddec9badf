"""SETTINGS both ways (RFC 9113 section 6.5), the number of streams, GOAWAY, and how a connection begins."""

import threading

import h2_frames as h2
from h2 import connect
from harness import (OK, Client, answers, at_most, case, cases, equal, expect, never_answers, one_of, request, response)

PROTOCOL, FLOW = h2.PROTOCOL_ERROR, h2.FLOW_CONTROL_ERROR


# What the proxy says.

@case("the proxy announces 100 streams, extended CONNECT, and no push of ours")
def announced(t):
    said = connect(t).peer_settings
    equal(said.get(h2.MAX_CONCURRENT_STREAMS), 100, "MAX_CONCURRENT_STREAMS")
    equal(said.get(h2.ENABLE_CONNECT_PROTOCOL), 1, "ENABLE_CONNECT_PROTOCOL")
    one_of(said.get(h2.ENABLE_PUSH, 0), [0], "ENABLE_PUSH")
    at_most(said.get(h2.HEADER_TABLE_SIZE, 4096), 65_536, "HEADER_TABLE_SIZE")
    one_of(said.get(h2.MAX_HEADER_LIST_SIZE, 32_768), [32_768], "MAX_HEADER_LIST_SIZE")


# What a client says.

@cases([(f"SETTINGS: {name}", *rest) for name, *rest in (
    ("ENABLE_PUSH of 2", {h2.ENABLE_PUSH: 2}, PROTOCOL),
    ("INITIAL_WINDOW_SIZE of 2^31", {h2.INITIAL_WINDOW_SIZE: 1 << 31}, FLOW),
    ("INITIAL_WINDOW_SIZE of 2^32-1", {h2.INITIAL_WINDOW_SIZE: (1 << 32) - 1}, FLOW),
    ("MAX_FRAME_SIZE of 16,383", {h2.MAX_FRAME_SIZE: 16_383}, PROTOCOL),
    ("MAX_FRAME_SIZE of 2^24", {h2.MAX_FRAME_SIZE: 1 << 24}, PROTOCOL),
    ("ENABLE_CONNECT_PROTOCOL of 2", {h2.ENABLE_CONNECT_PROTOCOL: 2}, PROTOCOL),
)])
def bad_settings(t, values, code):
    client = connect(t)
    client.try_frames(h2.frame(h2.SETTINGS, 0, 0, h2.settings(values)))
    client.must_fail(code)
    connect(t).must_stay_open_for(t.origin().host)


@cases([(f"SETTINGS that are right: {name}", values) for name, values in (
    ("none", {}), ("ENABLE_PUSH of 0", {h2.ENABLE_PUSH: 0}), ("ENABLE_PUSH of 1", {h2.ENABLE_PUSH: 1}),
    ("the largest frames", {h2.MAX_FRAME_SIZE: (1 << 24) - 1}), ("the largest window", {h2.INITIAL_WINDOW_SIZE: h2.MAX_WINDOW}),
    ("no table for HPACK", {h2.HEADER_TABLE_SIZE: 0}), ("a large table for HPACK", {h2.HEADER_TABLE_SIZE: 1 << 20}),
    ("no streams from the server", {h2.MAX_CONCURRENT_STREAMS: 0}), ("a short header list", {h2.MAX_HEADER_LIST_SIZE: 1000}),
)])
def good_settings(t, values):
    """From the beginning, and changed while the connection is used."""
    body = b"x" * 60_000
    origin = t.origin(answers(response("200 OK", body, "X-A: some value", "X-B: another")))
    at_once, later = connect(t, settings=values), connect(t)
    equal(later.fetch(origin.host).status, 200, "status before")
    later.change_settings(values)
    for client in (at_once, later):
        for _ in range(3):
            answer = client.fetch(origin.host)
            equal((answer.status, len(answer.body), answer.fields.get("x-a")), (200, 60_000, b"some value"), "the answer")
        equal(client.goaways, [], "GOAWAYs")


@case("SETTINGS with one value twice: the last one holds")
def setting_twice(t):
    origin = t.origin(answers(response("200 OK", b"x" * 1000)))
    client = connect(t)
    client.refill = False
    client.unacknowledged.append({h2.INITIAL_WINDOW_SIZE: 10})
    client.frame(h2.SETTINGS, 0, 0, h2.settings([(h2.INITIAL_WINDOW_SIZE, 500), (h2.INITIAL_WINDOW_SIZE, 10)]))
    client.wait(lambda: not client.unacknowledged, "the acknowledgement")
    stream = client.request(origin.host)
    stream.wait_body(10)
    client.ping()
    equal(stream.count, 10, "bytes that came")


@case("each SETTINGS is acknowledged, in order")
def acknowledged(t):
    client = connect(t)
    for size in (1000, 2000, 3000):
        client.unacknowledged.append({h2.INITIAL_WINDOW_SIZE: size})
        client.frame(h2.SETTINGS, 0, 0, h2.settings({h2.INITIAL_WINDOW_SIZE: size}))
    client.wait(lambda: not client.unacknowledged, "three acknowledgements")
    client.must_stay_open_for(t.origin().host)


@case("a client that never acknowledges SETTINGS is served, or told SETTINGS_TIMEOUT")
def never_acknowledges(t):
    origin = t.origin()
    client = connect(t, shake=False)
    client.acknowledges = False
    client.shake()
    equal(client.fetch(origin.host).status, 200, "status")


# How many streams.

@case("100 streams at once are served, the 101st is REFUSED_STREAM, and then there is room again")
def concurrent(t):
    def script(backend):
        backend.read_request()
        everyone.wait(10)
        backend.send(response("200 OK", backend.requests[0].target))
        backend.wait_end()
    everyone = threading.Event()
    origin = t.origin(script)
    client = connect(t)
    streams = [client.request(origin.host, f"/{number}") for number in range(100)]
    origin.wait_requests(100)
    for _ in range(3):
        client.request(origin.host, "/refused").must_reset(h2.REFUSED_STREAM)
    equal(len(origin.requests), 100, "requests upstream")
    streams[0].reset()
    client.ping()  # the reset has been read
    last = client.request(origin.host, "/100")
    client.ping()
    equal(last.reset_code, None, "the reset of the one that finds room")
    origin.wait_requests(101)
    everyone.set()
    equal(last.response().text, "/100", "the answer of the one that found room")
    for number, stream in enumerate(streams[1:], 1):
        equal(stream.response().text, f"/{number}", "an answer")


@case("100 uploads at once on one connection, each slow, all end")
def concurrent_uploads(t):
    origin = t.origin(lambda backend: [backend.send(response("200 OK", one.body)) for one in backend])
    client = connect(t)
    streams = [client.request(origin.host, "/", method="POST", end=False) for _ in range(100)]
    for turn in range(3):
        for stream in streams:
            stream.send(b"%d" % turn * 50, end=turn == 2)
    for stream in streams:
        equal(stream.response().body, b"0" * 50 + b"1" * 50 + b"2" * 50, "the echo")


# GOAWAY from the client.

@cases([(f"a client's GOAWAY({h2.code_name(code)}): its streams finish, then the connection ends", code)
        for code in (h2.NO_ERROR, h2.CANCEL)])
def client_goaway(t, code):
    origin = t.origin(lambda backend: [backend.send(OK) for _ in backend])
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    client.frame(h2.GOAWAY, 0, 0, h2.uint32(0) + h2.uint32(code) + b"bye")
    client.ping()
    stream.send(b"the rest", end=True)
    equal((stream.response().status, origin.requests[0].body), (200, b"the rest"), "the answer and the body upstream")
    client.wait_closed("the connection without streams, after GOAWAY")


@case("a client's GOAWAY without streams ends the connection")
def client_goaway_idle(t):
    client = connect(t)
    client.frame(h2.GOAWAY, 0, 0, h2.uint32(0) + h2.uint32(0))
    client.wait_closed()
    equal(client.faults, [], "GOAWAY with an error")


# How it begins.

@cases([(f"the preface {name}", cut) for name, cut in (
    ("a byte at a time", None), ("with a request right behind it", 0), ("with its SETTINGS later", 24),
    ("cut within its line", 10))])
def preface(t, cut):
    origin = t.origin()
    client = connect(t, shake=False)
    raw = h2.PREFACE + h2.frame(h2.SETTINGS)
    client.unacknowledged.append({})
    block = client.block_of(h2.request_fields(origin.host))
    behind = h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, block)
    client.stream(1)
    if cut is None:
        for byte in raw:
            client.send(bytes([byte]))
        client.send(behind)
    elif cut:
        client.send(raw[:cut])
        client.quiet_for(0.1)  # so that the kernel delivers two pieces
        client.send(raw[cut:] + behind)
    else:
        client.send(raw + behind)
    equal(client.streams[1].response().status, 200, "status")
    client.must_stay_open_for(origin.host)


@cases([
    ("a preface whose second half is wrong", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"),
    ("a preface and no SETTINGS", h2.PREFACE + h2.frame(h2.PING, 0, 0, bytes(8))),
    ("a preface, and an acknowledgement for SETTINGS", h2.PREFACE + h2.frame(h2.SETTINGS, h2.ACK)),
    ("a preface and a request without SETTINGS", h2.PREFACE + h2.frame(h2.HEADERS, 5, 1, h2.plain_block(h2.request_fields("a.test")))),
    ("a preface and HTTP/1.1", h2.PREFACE + request("a.test")),
])
def bad_preface(t, raw):
    """GOAWAY with an error or nothing, and the end: never an answer."""
    client = connect(t, shake=False)
    client.unacknowledged.append({})
    client.try_send(raw)
    client.wait_closed()
    one_of(client.faults[0][0] if client.faults else "nothing", ["PROTOCOL_ERROR", "FRAME_SIZE_ERROR", "nothing"], "GOAWAY's code")
    connect(t).must_stay_open_for(t.origin().host)


@cases([("PRI in HTTP/1.1 is refused", b"PRI * HTTP/1.1\r\nHost: @host@\r\n\r\n"),
        ("a preface behind an HTTP/1.1 request is refused", None)])
def pri_over_http1(t, raw):
    origin = t.origin()
    client = t.client()
    if raw is None:
        equal(client.fetch(origin.host, "/first").status, 200, "status of the first")
        raw = h2.PREFACE + h2.frame(h2.SETTINGS)
    client.send(raw.replace(b"@host@", origin.host.encode()))
    answer = client.read_response()
    one_of(answer.status, [400, 405, 501, 505], "status")
    client.must_close()


@case("an HTTP/1.1 client's Upgrade: h2c is not taken up")
def h2c_upgrade(t):
    origin = t.origin()
    client = Client(t.proxy.address)
    answer = client.fetch(origin.host, "/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    client.close()
    equal(answer.status, 200, "status")
    equal(origin.requests[0].fields.has("Upgrade"), False, "Upgrade upstream")


@case("a stream that waits for its backend does not keep PINGs from being answered")
def ping_while_waiting(t):
    origin = t.origin(never_answers)
    client = connect(t)
    stream = client.request(origin.host)
    origin.wait_requests(1)
    for _ in range(20):
        stream.quiet()
