"""HTTP/2 backends that break the rules: nothing of it reaches a client, and what it costs is bounded."""

import threading
import time

import h2_frames as h2
from both_clients import for_both, from_both, version_of
from h2 import connect
from h2_origin import answers, h2_origin
from harness import (PATIENCE, SANITIZED, at_most, case, cases, contains, equal, expect, lacks, one_of, request)

MIB = 1 << 20
WELL = (b"x-well", b"1")
OK_200 = (b":status", b"200")
NEVER_DEAD = {"retries": 0, "health": {"maxFails": 0}, "circuit": None}


def told(client, host, **more):
    """502, and nothing of what the backend said."""
    answer = client.fetch(host, "/bad", **more)
    equal(answer.status, 502, "status")
    contains(answer.fields.get("proxy-status") or b"", b"error=http_protocol_error", "Proxy-Status")
    lacks(answer.body, b"secret", "the body")
    expect(not any(value == b"secret" for _, value in answer.fields), f"a field of the backend's: {answer.fields}")
    return answer


def bad_or_well(misbehave):
    def script(stream):
        stream.read_request()
        if stream.head.target == b"/bad":
            misbehave(stream)
        else:
            stream.respond()
    return script


# Heads.

SECRET = (b"x-secret", b"secret")
LARGE = [(b"x-%d" % number, b"v" * 10_000) for number in range(7)]

HEADS = [
    ("no :status", [WELL, SECRET]),
    ("an empty :status", [(b":status", b""), SECRET]),
    ("two :status", [OK_200, OK_200, SECRET]),
    (":status behind a field", [WELL, OK_200, SECRET]),
    (":status of 99", [(b":status", b"99"), SECRET]),
    (":status of 1000", [(b":status", b"1000"), SECRET]),
    (":status of 2xx", [(b":status", b"2xx"), SECRET]),
    (":status of +20", [(b":status", b"+20"), SECRET]),
    (":status of 000", [(b":status", b"000"), SECRET]),
    (":status with a reason", [(b":status", b"200 OK"), SECRET]),
    ("a request's pseudo-field", [OK_200, (b":path", b"/"), SECRET]),
    ("an unknown pseudo-field", [OK_200, (b":reason", b"OK"), SECRET]),
    ("a name in upper case", [OK_200, (b"X-Upper", b"1"), SECRET]),
    ("a name with a space", [OK_200, (b"x upper", b"1"), SECRET]),
    ("a name with a colon", [OK_200, (b"x:y", b"1"), SECRET]),
    ("an empty name", [OK_200, (b"", b"1"), SECRET]),
    ("a name with CR LF", [OK_200, (b"x-a\r\nx-b", b"1"), SECRET]),
    ("connection", [OK_200, (b"connection", b"close"), SECRET]),
    ("keep-alive", [OK_200, (b"keep-alive", b"timeout=5"), SECRET]),
    ("proxy-connection", [OK_200, (b"proxy-connection", b"close"), SECRET]),
    ("transfer-encoding", [OK_200, (b"transfer-encoding", b"chunked"), SECRET]),
    ("upgrade", [OK_200, (b"upgrade", b"websocket"), SECRET]),
    ("CR LF in a value", [OK_200, (b"x-a", b"1\r\nx-b: 2"), SECRET]),
    ("LF in a value", [OK_200, (b"x-a", b"1\nx-b: 2"), SECRET]),
    ("CR in a value", [OK_200, (b"x-a", b"1\r2"), SECRET]),
    ("NUL in a value", [OK_200, (b"x-a", b"1\x002"), SECRET]),
    ("a control byte in a value", [OK_200, (b"x-a", b"1\x012"), SECRET]),
    ("two content-lengths", [OK_200, (b"content-length", b"0"), (b"content-length", b"0"), SECRET]),
    ("two content-lengths that differ", [OK_200, (b"content-length", b"0"), (b"content-length", b"1"), SECRET]),
    ("a content-length of -1", [OK_200, (b"content-length", b"-1"), SECRET]),
    ("a content-length of 0x0", [OK_200, (b"content-length", b"0x0"), SECRET]),
    ("a content-length over 2^63", [OK_200, (b"content-length", b"9223372036854775808"), SECRET]),
    ("a content-length of 5 and no body", [OK_200, (b"content-length", b"5"), SECRET]),
    ("101", [(b":status", b"101"), SECRET]),
    ("a head over 64 KiB", [OK_200, *LARGE, SECRET]),
]


@cases(for_both([(f"a head with {name}: 502", fields) for name, fields in HEADS]), deadline=20)
def heads(t, make, fields):
    def misbehave(stream):
        """The head in one or several frames, whatever is in it."""
        block = h2.plain_block(fields)
        pieces = [block[at:at + h2.FRAME_SIZE] for at in range(0, len(block), h2.FRAME_SIZE)]
        for place, piece in enumerate(pieces):
            flags = h2.END_HEADERS if place == len(pieces) - 1 else 0
            flags |= h2.END_STREAM if place == 0 else 0
            stream.connection.frame(h2.CONTINUATION if place else h2.HEADERS, flags, stream.number, piece)
    origin = h2_origin(t, bad_or_well(misbehave), **NEVER_DEAD)
    client = make(t)
    told(client, origin.host)
    client.must_stay_open_for(origin.host)


@from_both("a 1xx with END_STREAM: 502", deadline=20)
def interim_end(t, make):
    origin = h2_origin(t, bad_or_well(lambda stream: stream.raw_head((b":status", b"103"), SECRET)), **NEVER_DEAD)
    client = make(t)
    told(client, origin.host)
    client.must_stay_open_for(origin.host)


@from_both("a malformed 1xx before a well-formed answer: 502", deadline=20)
def malformed_interim(t, make):
    def misbehave(stream):
        stream.raw_head((b":status", b"103"), (b"connection", b"close"), SECRET, end=False)
        stream.raw_head(OK_200, SECRET)
    origin = h2_origin(t, bad_or_well(misbehave), **NEVER_DEAD)
    client = make(t)
    told(client, origin.host)


@from_both("a head's fault is not retried, though another backend is well", deadline=20)
def not_retried(t, make):
    origin = h2_origin(t, bad_or_well(lambda stream: stream.raw_head(OK_200, (b"connection", b"close"))), retries=3,
                       health={"maxFails": 0}, circuit=None)
    told(make(t), origin.host)
    equal(len(origin.streams), 1, "tries")


# Bodies and trailers: what is wrong behind the head cuts the answer; before it has gone out, 502 will do.

def data_before_head(stream):
    stream.raw_data(b"secret", end=True)


def more_than_length(stream):
    stream.raw_head(OK_200, (b"content-length", b"5"), end=False)
    stream.raw_data(b"12345secret", end=True)


def less_than_length(stream):
    stream.raw_head(OK_200, (b"content-length", b"50"), end=False)
    stream.raw_data(b"12345", end=True)


def pseudo_trailers(stream):
    stream.raw_head(OK_200, end=False)
    stream.raw_data(b"begun")
    stream.raw_head((b":status", b"200"), SECRET)


def forbidden_trailers(stream):
    stream.raw_head(OK_200, end=False)
    stream.raw_data(b"begun")
    stream.raw_head((b"connection", b"close"), SECRET)


def upper_trailers(stream):
    stream.raw_head(OK_200, end=False)
    stream.raw_data(b"begun")
    stream.raw_head((b"X-Upper", b"1"), SECRET)


def trailers_without_end(stream):
    stream.raw_head(OK_200, end=False)
    stream.raw_data(b"begun")
    stream.raw_head(SECRET, end=False)
    stream.raw_data(b"secret", end=True)


def second_head(stream):
    stream.raw_head(OK_200, end=False)
    stream.raw_head((b":status", b"204"), SECRET, end=False)
    stream.raw_data(b"secret", end=True)


@cases(for_both([
    ("DATA before the head", data_before_head), ("more DATA than content-length", more_than_length),
    ("less DATA than content-length", less_than_length), ("a pseudo-field in trailers", pseudo_trailers),
    ("connection in trailers", forbidden_trailers), ("a name in upper case in trailers", upper_trailers),
    ("trailers without END_STREAM", trailers_without_end), ("a second final head", second_head),
]), deadline=20)
def broken_behind_head(t, make, misbehave):
    origin = h2_origin(t, bad_or_well(misbehave), **NEVER_DEAD)
    client = make(t)
    if version_of(client) == b"2":
        stream = client.request(origin.host, "/bad")
        client.wait(lambda: stream.over, "the end of the stream")
        cut = stream.reset_code is not None
        status, came = stream.head.status if stream.head else None, bytes(stream.body)
    else:
        client.send(request(origin.host, "/bad"))
        raw = client.wait_end() if misbehave is not data_before_head else client.read_some()
        status, came = int(raw[9:12]), raw.partition(b"\r\n\r\n")[2]
        cut = not came.endswith(b"0\r\n\r\n") and status != 502
    expect(cut or status == 502, f"a clean end of what is broken: {status} {came}")
    lacks(came, b"secret", "what came")
    equal(connect(t).fetch(origin.host).status, 200, "status of another")


@cases([(f"DATA behind {what} ends with the stream: nothing of it comes", method, status)
        for what, method, status in (("HEAD", "HEAD", 200), ("204", "GET", 204), ("304", "GET", 304))], deadline=20)
def body_where_none_is(t, method, status):
    def misbehave(stream):
        stream.raw_head((b":status", b"%d" % status), end=False)
        stream.raw_data(b"secret", end=True)
    origin = h2_origin(t, bad_or_well(misbehave), **NEVER_DEAD)
    client = t.client()
    client.send(request(origin.host, "/bad", method=method) + request(origin.host, "/well"))
    first = client.read_response(method)
    one_of(first.status, [status, 502], "status")
    lacks(first.body, b"secret", "the body")
    equal(client.read_response().text, "ok", "the next answer")
    stream = connect(t).request(origin.host, "/bad", method=method)
    stream.client.wait(lambda: stream.over, "the end of the stream")
    equal(bytes(stream.body).replace(b"502", b"")[:6] == b"secret", False, "what came")


# The connection: GOAWAY with the right code, and its streams fail.

def once_up(frames):
    """Sends raw frames on a connection that has a stream."""
    def misbehave(stream):
        stream.connection.try_frames(*frames(stream.number))
    return misbehave


LITERAL = h2.plain_block([OK_200])

CONNECTION_ERRORS = [
    ("PUSH_PROMISE", lambda n: [h2.frame(h2.PUSH_PROMISE, h2.END_HEADERS, n, h2.uint32(2) + LITERAL)], h2.PROTOCOL_ERROR),
    ("HEADERS of a stream of the backend's own", lambda n: [h2.frame(h2.HEADERS, 5, 2, LITERAL)], h2.PROTOCOL_ERROR),
    ("HEADERS of an idle stream", lambda n: [h2.frame(h2.HEADERS, 5, n + 100, LITERAL)], h2.PROTOCOL_ERROR),
    ("DATA of an idle stream", lambda n: [h2.frame(h2.DATA, 1, n + 100, b"x")], h2.PROTOCOL_ERROR),
    ("DATA of stream 0", lambda n: [h2.frame(h2.DATA, 1, 0, b"x")], h2.PROTOCOL_ERROR),
    ("RST_STREAM of an idle stream", lambda n: [h2.frame(h2.RST_STREAM, 0, n + 100, h2.uint32(0))], h2.PROTOCOL_ERROR),
    ("RST_STREAM of 3 bytes", lambda n: [h2.frame(h2.RST_STREAM, 0, n, b"123")], h2.FRAME_SIZE_ERROR),
    ("SETTINGS of 5 bytes", lambda n: [h2.frame(h2.SETTINGS, 0, 0, b"12345")], h2.FRAME_SIZE_ERROR),
    ("SETTINGS on a stream", lambda n: [h2.frame(h2.SETTINGS, 0, n)], h2.PROTOCOL_ERROR),
    ("SETTINGS that enable push", lambda n: [h2.frame(h2.SETTINGS, 0, 0, h2.settings({h2.ENABLE_PUSH: 1}))], h2.PROTOCOL_ERROR),
    ("an acknowledgement too many", lambda n: [h2.frame(h2.SETTINGS, h2.ACK, 0)] * 3, h2.PROTOCOL_ERROR),
    ("PING of 7 bytes", lambda n: [h2.frame(h2.PING, 0, 0, b"1234567")], h2.FRAME_SIZE_ERROR),
    ("PING on a stream", lambda n: [h2.frame(h2.PING, 0, n, b"12345678")], h2.PROTOCOL_ERROR),
    ("WINDOW_UPDATE of 0", lambda n: [h2.frame(h2.WINDOW_UPDATE, 0, 0, h2.uint32(0))], h2.PROTOCOL_ERROR),
    ("a window over 2^31-1", lambda n: [h2.frame(h2.WINDOW_UPDATE, 0, 0, h2.uint32(h2.MAX_WINDOW))] * 2, h2.FLOW_CONTROL_ERROR),
    ("a frame over 16,384 bytes", lambda n: [h2.frame(h2.DATA, 0, n, bytes(16_385))], h2.FRAME_SIZE_ERROR),
    ("CONTINUATION without HEADERS", lambda n: [h2.frame(h2.CONTINUATION, 4, n, LITERAL)], h2.PROTOCOL_ERROR),
    ("a header block that is broken into", lambda n: [h2.frame(h2.HEADERS, 0, n, LITERAL), h2.frame(h2.PING, 0, 0, bytes(8))],
     h2.PROTOCOL_ERROR),
    ("HPACK: an index of 0", lambda n: [h2.frame(h2.HEADERS, 5, n, b"\x80")], h2.COMPRESSION_ERROR),
    ("HPACK: an index past the table", lambda n: [h2.frame(h2.HEADERS, 5, n, b"\xff\xff\x7f")], h2.COMPRESSION_ERROR),
    ("GOAWAY of 4 bytes", lambda n: [h2.frame(h2.GOAWAY, 0, 0, b"1234")], h2.FRAME_SIZE_ERROR),
    ("GOAWAY whose last stream grows", lambda n: [h2.frame(h2.GOAWAY, 0, 0, h2.uint32(n) + h2.uint32(0)),
                                                  h2.frame(h2.GOAWAY, 0, 0, h2.uint32(n + 2) + h2.uint32(0))], h2.PROTOCOL_ERROR),
]


@cases([(f"{name}: GOAWAY({h2.code_name(code)}), and its streams end", frames, code) for name, frames, code in CONNECTION_ERRORS],
       deadline=20)
def connection_errors(t, frames, code):
    """All that was on the connection is 502, or cut; the next request has another connection."""
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        if stream.connection.index:
            stream.respond()
        elif stream.head.target == b"/bad":
            go_on.wait(5)
            once_up(frames)(stream)
    origin = h2_origin(t, script, **NEVER_DEAD)
    client = connect(t)
    neighbour = client.request(origin.host, "/neighbour")
    origin.wait_streams(1)
    bad = client.request(origin.host, "/bad")
    origin.wait_streams(2)
    go_on.set()
    origin.connections[0].wait_closed()
    one_of([h2.code_name(one) for _, one, _ in origin.connections[0].goaways][-1:], [[h2.code_name(code)]], "GOAWAY's code")
    for stream in (neighbour, bad):
        client.wait(lambda stream=stream: stream.over or stream.head, "the end of a stream")
        expect(stream.reset_code is not None or stream.head.status in (200, 502), "502, or cut")
    equal(neighbour.head.status, 502, "status of the neighbour, whose head had not come")
    equal(t.client().fetch(origin.host).status, 200, "status of the next request")


@case("more DATA than the window: FLOW_CONTROL_ERROR, of the stream at least", deadline=20)
def overrun(t):
    """The client takes nothing, so nothing of the window comes back."""
    def misbehave(stream):
        stream.raw_head(OK_200, end=False)
        stream.connection.try_frames(*[h2.frame(h2.DATA, 0, stream.number, bytes(16_384))] * 1000)
    origin = h2_origin(t, bad_or_well(misbehave), **NEVER_DEAD)
    client = connect(t, settings={h2.INITIAL_WINDOW_SIZE: 0})
    stream = client.request(origin.host, "/bad")
    stream.wait_head()
    one = origin.wait_streams(1)
    origin.wait(lambda: one.reset_code is not None or one.connection.goaways, "RST_STREAM or GOAWAY")
    codes = [one.reset_code, *(code for _, code, _ in one.connection.goaways)]
    expect(h2.FLOW_CONTROL_ERROR in codes, f"FLOW_CONTROL_ERROR: {codes}")
    client.grant(MIB, stream)
    client.wait(lambda: stream.over, "the end of the stream")
    expect(stream.reset_code is not None, "no clean end")
    equal(t.client().fetch(origin.host).status, 200, "status of another")


@case("after an error the connection is closed at once, though a slow client holds one of its streams", deadline=25)
def closed_though_held(t):
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        stream.answer_head(200)
        stream.send(bytes(50_000))
        go_on.wait(10)
        stream.connection.try_frames(h2.frame(h2.PING, 0, stream.number, bytes(8)))
    origin = h2_origin(t, script, **NEVER_DEAD)
    slow = connect(t, settings={h2.INITIAL_WINDOW_SIZE: 0})
    slow.request(origin.host).wait_head()
    go_on.set()
    origin.connections[0].wait_closed()
    equal([code for _, code, _ in origin.connections[0].goaways], [h2.PROTOCOL_ERROR], "GOAWAYs")


@case("a first frame that is not SETTINGS: GOAWAY, 502", deadline=20)
def no_settings(t):
    def greet(connection):
        connection.try_frames(h2.frame(h2.PING, 0, 0, bytes(8)))
    origin = h2_origin(t, answers(), options={"greet": greet}, **NEVER_DEAD)
    equal(t.client().fetch(origin.host).status, 502, "status")
    origin.connections[0].wait_closed()
    expect(h2.PROTOCOL_ERROR in [code for _, code, _ in origin.connections[0].goaways], "GOAWAY(PROTOCOL_ERROR)")


# Floods.

def settings_flood(_stream):
    return h2.frame(h2.SETTINGS, 0, 0, h2.settings({h2.INITIAL_WINDOW_SIZE: 65_535}))


def ping_flood(_stream):
    return h2.frame(h2.PING, 0, 0, bytes(8))


def empty_data(stream):
    return h2.frame(h2.DATA, 0, stream.number)


def padding_only(stream):
    return h2.frame(h2.DATA, h2.PADDED, stream.number, b"\0")


def interim_flood(stream):
    return h2.frame(h2.HEADERS, h2.END_HEADERS, stream.number, h2.plain_block([(b":status", b"103"), (b"x-a", b"a" * 500)]))


def continuation_flood(stream):
    return h2.frame(h2.CONTINUATION, 0, stream.number, h2.literal(b"x-a", b"a" * 500))


def empty_continuation(stream):
    return h2.frame(h2.CONTINUATION, 0, stream.number)


def window_updates(stream):
    return h2.frame(h2.WINDOW_UPDATE, 0, stream.number, h2.uint32(1))


def unknown_frames(stream):
    return h2.frame(0x77, 0, stream.number, bytes(100))


def priority_flood(stream):
    return h2.frame(h2.PRIORITY, 0, stream.number, h2.priority())


@cases([(f"a flood of {make.__name__.replace('_', ' ')}: others are served, and memory is bounded", make)
        for make in (settings_flood, ping_flood, empty_data, padding_only, interim_flood, continuation_flood, empty_continuation,
                     window_updates, unknown_frames, priority_flood)], alone=True, deadline=40)
def floods(t, make):
    proxy = t.start()
    began = threading.Event()

    def misbehave(stream):
        """300,000 of them, or until the proxy has had enough."""
        connection = stream.connection
        if make in (empty_data, padding_only):
            stream.raw_head(OK_200, end=False)
        elif make in (continuation_flood, empty_continuation):
            connection.frame(h2.HEADERS, 0, stream.number, LITERAL)
        pieces = make(stream) * 1000
        if make is settings_flood:
            connection.unacknowledged += [{}] * 1000 * t.scaled(300)
        began.set()
        for _ in range(t.scaled(300)):
            if not connection.try_frames(pieces):
                return
    origin = h2_origin(t, bad_or_well(misbehave), proxy=proxy, **NEVER_DEAD)
    well = h2_origin(t, proxy=proxy)
    equal(connect(t, proxy).fetch(well.host).status, 200, "status before")
    before = proxy.rss_bytes()
    client = connect(t, proxy)
    client.request(origin.host, "/bad")
    expect(began.wait(10), "the flood began")
    times = []
    for _ in range(5):
        start = time.monotonic()
        equal(t.client(proxy).fetch(well.host).status, 200, "status of another's meanwhile")
        times.append(time.monotonic() - start)
    at_most(min(times), 0.5 * PATIENCE, "seconds until another is answered")
    client.reset()
    t.eventually(lambda: all(stream.closed or stream.connection.over for stream in origin.streams), "an end of the stream", 30)
    if not SANITIZED:
        t.eventually(lambda: proxy.rss_bytes() - before <= 8 * MIB, f"memory back within 8 MiB ({proxy.rss_bytes() - before})")
    equal(t.client(proxy).fetch(well.host).status, 200, "status after")
