"""Malformed requests (RFC 9113 section 8.1.1): RST_STREAM(PROTOCOL_ERROR), the connection stays, nothing goes upstream."""

import h2_frames as h2
from h2 import connect
from harness import Cut, case, cases, equal, expect, lacks, never_answers, one_of

HOST = "@host@"  # stands for the route's host
METHOD, SCHEME, AUTHORITY, PATH = (":method", "GET"), (":scheme", "http"), (":authority", HOST), (":path", "/")
PSEUDO = [METHOD, SCHEME, AUTHORITY, PATH]


def with_host(fields, host):
    return [(name, value.replace(HOST.encode(), host.encode())) for name, value in h2.pairs_of(fields)]


def pseudo(**changed):
    """The four pseudo-fields with these values; None leaves one out."""
    fields = []
    for name, value in PSEUDO:
        value = changed.get(name[1:], value)
        if value is not None:
            fields.append((name, value))
    return fields


def refused(t, fields, body=None):
    """Its stream is reset; the connection serves on, and the next request is the first thing upstream."""
    origin = t.origin()
    client = connect(t)
    stream = client.headers(with_host(fields, origin.host), end=body is None)
    if body is not None:
        client.frame(h2.DATA, h2.END_STREAM, stream.number, body)
    stream.must_reset(h2.PROTOCOL_ERROR)
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "requests upstream")
    expect(origin.received.startswith(b"GET /still-open HTTP/1.1\r\n"), f"bytes upstream before it: {origin.received[:200]!r}")


@cases([
    ("no :method", pseudo(method=None)),
    ("no :scheme", pseudo(scheme=None)),
    ("no :path", pseudo(path=None)),
    ("no :authority and no host", pseudo(authority=None)),
    ("no pseudo-field at all", [("host", HOST)]),
    ("two :method", [METHOD, *PSEUDO]),
    ("two :scheme", [SCHEME, *PSEUDO]),
    ("two :path", [PATH, *PSEUDO]),
    ("two :authority", [AUTHORITY, *PSEUDO]),
    ("an unknown pseudo-field", [*PSEUDO, (":version", "HTTP/1.1")]),
    ("a pseudo-field of answers", [*PSEUDO, (":status", "200")]),
    (":protocol without CONNECT", [*PSEUDO, (":protocol", "websocket")]),
    ("a pseudo-field behind a field", [METHOD, SCHEME, AUTHORITY, ("x-a", "1"), PATH]),
    ("an empty :method", pseudo(method="")),
    ("a :method that is no token", pseudo(method="GE T")),
    ("a :method with a line end", pseudo(method="GET / HTTP/1.1\r\nx-a:")),
    ("an empty :path", pseudo(path="")),
    ("a :path without a slash", pseudo(path="index.html")),
    ("a :path that is a URL", pseudo(path=f"http://{HOST}/")),
    ("a :path of * without OPTIONS", pseudo(path="*")),
    ("a :path with a space", pseudo(path="/a b")),
    ("a :path with a line end", pseudo(path="/ HTTP/1.1\r\nx-a: b")),
    ("a :path with a NUL", pseudo(path="/\0")),
    ("a :path with a control byte", pseudo(path="/\x7f")),
    ("a :scheme that is neither http nor https", pseudo(scheme="ftp")),
    ("an empty :scheme", pseudo(scheme="")),
    ("a :scheme with a line end", pseudo(scheme="http\r\nx-a: b")),
])
def bad_pseudo(t, fields):
    refused(t, fields)


@case("a :path with a fragment is reset, or 400 as over HTTP/1.1")
def fragment(t):
    origin = t.origin()
    client = connect(t)
    stream = client.headers(with_host(pseudo(path="/a#b"), origin.host))
    client.wait(lambda: stream.over, "the answer or the reset")
    one_of(h2.code_name(stream.reset_code) if stream.reset_code else stream.head.status, ["PROTOCOL_ERROR", 400], "what came")
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "requests upstream")


@cases([
    ("an empty :authority and no host", pseudo(authority="")),
    ("userinfo in :authority", pseudo(authority=f"user@{HOST}")),
    ("a comma in :authority", pseudo(authority=f"{HOST},other.test")),
    ("a space in :authority", pseudo(authority=f"{HOST} other.test")),
    ("a path in :authority", pseudo(authority=f"{HOST}/path")),
    ("a port that is no number", pseudo(authority=f"{HOST}:http")),
    ("a port over 65535", pseudo(authority=f"{HOST}:65536")),
    ("a line end in :authority", pseudo(authority=f"{HOST}\r\nx-a: b")),
    ("a bracket that does not close", pseudo(authority="[::1")),
    ("a host that differs from :authority", [*PSEUDO, ("host", "other.test")]),
    ("a host whose port differs from :authority's", [*PSEUDO, ("host", f"{HOST}:8081")]),
    ("two hosts, of which one is :authority", [*PSEUDO, ("host", HOST), ("host", "other.test")]),
    ("two hosts without :authority", [*pseudo(authority=None), ("host", HOST), ("host", HOST)]),
    ("a host that is no host, without :authority", [*pseudo(authority=None), ("host", f"{HOST},other.test")]),
])
def bad_authority(t, fields):
    refused(t, fields)


@cases([(f"{name!r} as a name", name) for name in (
    "X-Upper", "xCamel", "", "x a", " x", "x ", "x\0", "x\r\n", "x\nb", "x:", ":", "x(", "x\x7f", "x\x80", "x\"")])
def bad_name(t, name):
    refused(t, [*PSEUDO, (name, "1")])


@cases([(f"{value!r} as a value", value) for value in (
    "a\0b", "a\rb", "a\nb", "a\r\nx-b: 1", " a", "a ", "\ta", "a\t", "\0", "a\x01b", "a\x7fb", " ")])
def bad_value(t, value):
    refused(t, [*PSEUDO, ("x-a", value)])


@cases([(f"{name}: {value}", name, value) for name, value in (
    ("connection", "close"), ("connection", "x-a"), ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"),
    ("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("upgrade", "websocket"), ("upgrade", "h2c"),
    ("te", "gzip"), ("te", "trailers, deflate"), ("te", "trailers;q=0.5"))])
def connection_specific(t, name, value):
    refused(t, [*PSEUDO, (name, value)])


# Lengths.

POST = pseudo(method="POST")


@cases([
    ("more DATA than content-length", ["content-length: 3"], b"four"),
    ("less DATA than content-length", ["content-length: 5"], b"four"),
    ("an empty DATA frame under content-length: 5", ["content-length: 5"], b""),
    ("END_STREAM on HEADERS with content-length: 5", ["content-length: 5"], None),
    ("several content-lengths", ["content-length: 4", "content-length: 5"], b"four"),
    ("several content-lengths in one field", ["content-length: 4, 5"], b"four"),
    ("a negative content-length", ["content-length: -4"], b"four"),
    ("a content-length with a sign", ["content-length: +4"], b"four"),
    ("an empty content-length", ["content-length: "], b"four"),
    ("a content-length that is no number", ["content-length: four"], b"four"),
    ("a content-length over 2^63-1", ["content-length: 9223372036854775808"], b"four"),
    ("a content-length in hexadecimal", ["content-length: 0x4"], b"four"),
])
def bad_length(t, lines, body):
    """Where part of the body could go up by then, its head may be upstream, but never a whole request."""
    origin = t.origin()
    client = connect(t)
    stream = client.headers(with_host([*POST, *lines], origin.host), end=body is None)
    if body is not None:
        client.frame(h2.DATA, h2.END_STREAM, stream.number, body)
    stream.must_reset(h2.PROTOCOL_ERROR)
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "whole requests upstream")


@case("DATA under content-length: 0")
def data_without_length(t):
    """The request was whole before that DATA came: it may have gone upstream, without it."""
    origin = t.origin(never_answers)
    client = connect(t)
    stream = client.headers(with_host([*POST, "content-length: 0"], origin.host), end=False)
    client.frame(h2.DATA, h2.END_STREAM, stream.number, b"x")
    stream.must_reset(h2.PROTOCOL_ERROR)
    client.must_stay_open_for(t.origin().host)
    expect(not origin.received.endswith(b"x"), "the DATA does not go upstream")


@case("content-length twice, with one value, is refused or is one")
def same_length_twice(t):
    origin = t.origin()
    client = connect(t)
    stream = client.headers(with_host([*POST, "content-length: 4", "content-length: 4"], origin.host), end=False)
    client.frame(h2.DATA, h2.END_STREAM, stream.number, b"four")
    client.wait(lambda: stream.over, "the stream's end")
    if stream.reset_code is None:
        equal(origin.requests[0].fields.all("content-length"), [b"4"], "content-length upstream")
    else:
        equal(h2.code_name(stream.reset_code), "PROTOCOL_ERROR", "the reset's code")
    client.must_stay_open_for(origin.host)


@cases([("too little DATA, when the body already streams", b"", 100_000), ("too much DATA likewise", b"x" * 100_001, 100_000)])
def length_broken_late(t, rest, length):
    """The backend has had the head and some of the body: its connection is broken off, short of the whole."""
    origin = t.origin()
    client = connect(t)
    stream = client.request(origin.host, "/", f"content-length: {length}", method="POST", end=False)
    stream.send(b"x" * 50_000)
    origin.wait(lambda: origin.connections and origin.connections[0].bytes_received > 50_000, "the first half upstream")
    try:
        stream.send(rest, end=True)
    except Cut:  # the reset may come before all of it is sent
        pass
    stream.must_reset(h2.PROTOCOL_ERROR)
    origin.wait_ended(0)
    equal(origin.requests, [], "whole requests upstream")
    expect(origin.connections[0].bytes_received < 102_000, "no more than the length goes upstream")
    client.must_stay_open_for(origin.host)


# Trailers.

@cases([
    ("a pseudo-field in trailers", [(":path", "/other")], True),
    (":status in trailers", [(":status", "200")], True),
    ("an upper-case name in trailers", [("X-Sum", "1")], True),
    ("a line end in a trailer", [("x-sum", "1\r\nx-b: 2")], True),
    ("connection in trailers", [("connection", "close")], True),
    ("trailers without END_STREAM", [("x-sum", "1")], False),
])
def bad_trailers(t, fields, end):
    origin = t.origin()
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    stream.send(b"hello")
    client.headers(h2.pairs_of(fields), end=end, stream=stream)
    client.must_fail_or_reset(stream, h2.PROTOCOL_ERROR)
    if not client.faults:
        client.must_stay_open_for(origin.host)
    else:
        equal(connect(t).fetch(origin.host, "/still-open").status, 200, "status of the next request")
    equal(origin.targets, [b"/still-open"], "whole requests upstream")


@case("content-length that trailers end too early is a fault")
def length_broken_by_trailers(t):
    origin = t.origin()
    client = connect(t)
    stream = client.request(origin.host, "/", "content-length: 10", method="POST", end=False)
    stream.send(b"hello").trailers("x-sum: 1")
    stream.must_reset(h2.PROTOCOL_ERROR)
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "whole requests upstream")


@cases([(f"{name} in trailers is refused, or dropped", f"{name}: {value}")
        for name, value in (("content-length", "3"), ("host", "other.test"))])
def framing_in_trailers(t, line):
    origin = t.origin()
    client = connect(t)
    stream = client.request(origin.host, "/", method="POST", end=False)
    stream.send(b"hello").trailers(line)
    client.wait(lambda: stream.over, "the stream's end")
    client.must_stay_open_for(origin.host)
    if stream.reset_code is None:
        equal(origin.requests[0].body, b"hello", "body upstream")
        equal(origin.targets, [b"/", b"/still-open"], "requests upstream")


# CONNECT.

@cases([
    ("CONNECT is 405 or an error of its stream", [(":method", "CONNECT"), (":authority", f"{HOST}:443")]),
    ("CONNECT with :path likewise", [(":method", "CONNECT"), AUTHORITY, PATH, SCHEME]),
    ("CONNECT without :authority likewise", [(":method", "CONNECT")]),
])
def connect_method(t, fields):
    origin = t.origin()
    client = connect(t)
    stream = client.headers(with_host(fields, origin.host), end=False)
    client.wait(lambda: stream.over, "the answer or the reset")
    if stream.reset_code is None:
        one_of(stream.head.status, [400, 405], "status")
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "requests upstream")


# What HTTP/1.1 would read out of it.

@cases([
    ("a request in a value", ("x-a", "b\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")),
    ("a request in a name", ("x: b\r\n\r\nGET /smuggled HTTP/1.1\r\nhost", "a")),
    ("a coding in a name", ("transfer-encoding: chunked\r\nx", "a")),
    ("a coding in a value", ("x-a", "b\r\nTransfer-Encoding: chunked")),
])
def smuggling(t, pair):
    origin = t.origin()
    client = connect(t)
    fields = with_host([*POST, pair], origin.host)
    stream = client.headers(fields, end=False)
    client.frame(h2.DATA, h2.END_STREAM, stream.number, b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    stream.must_reset(h2.PROTOCOL_ERROR)
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "requests upstream")
    lacks(origin.received, b"smuggled", "bytes upstream")


@case("a request in a body without a length stays a body")
def smuggled_body(t):
    origin = t.origin()
    client = connect(t)
    body = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    stream = client.request(origin.host, "/", method="GET", end=False)
    stream.send(body, end=True)
    equal(stream.response().status, 200, "status")
    client.must_stay_open_for(origin.host)
    equal((origin.targets, origin.requests[0].body), ([b"/", b"/still-open"], body), "requests and body upstream")


# Too large.

def header_lists(host):
    few_big = [(b"x-%d" % number, b"v" * 3000) for number in range(13)]
    return {
        "more than 32 KiB in 13 fields": (h2.request_fields(host) + few_big, 431),
        "one field over 32 KiB": (h2.request_fields(host) + [(b"x-big", b"v" * 40_000)], 431),
        "150 fields": (h2.request_fields(host) + [(b"x-%d" % number, b"v") for number in range(150)], 431),
        "150 crumbs": (h2.request_fields(host) + [(b"cookie", b"a=%d" % number) for number in range(150)], 431),
        "20 KiB in 7 fields": (h2.request_fields(host) + few_big[:7], 200),
        "90 fields": (h2.request_fields(host) + [(b"x-%d" % number, b"v") for number in range(90)], 200),
        "90 crumbs": (h2.request_fields(host) + [(b"cookie", b"a=%d" % number) for number in range(90)], 200),
    }


@cases([(f"a header list of {name}: {status}", name) for name, (_, status) in header_lists("").items()])
def header_list(t, name):
    """431 with the HPACK state kept: what the refused block put into the table is there for the next one."""
    origin = t.origin()
    client = connect(t)
    fields, status = header_lists(origin.host)[name]
    stream = client.headers(fields + [(b"x-kept", b"in the table")])
    equal(stream.response().status, status, "status")
    equal(client.goaways, [], "GOAWAYs")
    again = client.fetch(origin.host, "/again", ("x-kept", "in the table"))
    equal(again.status, 200, "status of the next request")
    equal(origin.requests[-1].fields.all("x-kept"), [b"in the table"], "the field out of the table")
    equal(len(origin.requests), 2 if status == 200 else 1, "requests upstream")


@case("a header list too large, of a request with a body: 431, and the body goes nowhere")
def header_list_with_body(t):
    origin = t.origin()
    client = connect(t)
    fields = h2.request_fields(origin.host, method="POST") + [(b"x-%d" % number, b"v") for number in range(150)]
    stream = client.headers(fields, end=False)
    client.frame(h2.DATA, 0, stream.number, b"x" * 10_000)
    equal(stream.wait_head().status, 431, "status")
    client.must_stay_open_for(origin.host)
    equal(origin.targets, [b"/still-open"], "requests upstream")
