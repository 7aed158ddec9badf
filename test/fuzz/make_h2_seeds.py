#!/usr/bin/env python3
"""Writes the seeds of the HTTP/2 fuzz targets, corpus/h2_server and corpus/h2_client, from valid frames.

A seed is a byte that says how it is played (Manner in h2_server.cpp and h2_client.cpp), and frames.
"""
import pathlib
import struct

FIN, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
CORPUS = pathlib.Path(__file__).parent / "corpus"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(value):
    value = value.encode()
    return bytes([len(value)]) + value if len(value) < 127 else bytes([127, len(value) - 127]) + value


def block(*fields, indexing=0x00):
    """HPACK, literal: without indexing, or (0x40) with."""
    return b"".join(bytes([indexing]) + text(name) + text(value) for name, value in fields)


def request(method="GET", path="/", *more):
    return block((":method", method), (":scheme", "http"), (":authority", "a"), (":path", path), *more)


def data(stream, payload=b"", flags=0):
    return frame(0, flags, stream, payload)


def headers(stream, fields, flags=FIN | END_HEADERS):
    return frame(1, flags, stream, fields)


def reset(stream, code=8):
    return frame(3, 0, stream, struct.pack(">I", code))


def settings(*pairs):
    return frame(4, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def ping(flags=0):
    return frame(6, flags, 0, b"12345678")


def goaway(last=0, code=0, debug=b""):
    return frame(7, 0, 0, struct.pack(">II", last, code) + debug)


def window(stream, size):
    return frame(8, 0, stream, struct.pack(">I", size))


ACKED = frame(4, ACK)
START = settings() + ACKED
# HPACK: :method GET, :scheme http, :path / of the static table, :authority with indexing
INDEXED = b"\x82\x86\x84\x41\x01a"
CONNECT = block((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a"),
                (":path", "/chat"), ("sec-websocket-version", "13"))
TRAILERS = block(("x-trailer", "1"), ("content-length", "3"))
CONTENT = data(1, b"abc") + data(1, b"def", FIN)

SERVER = {
    "get": START + headers(1, request()),
    "get_indexed": START + headers(1, INDEXED) + headers(3, b"\x82\x86\x84\xbe"),
    "head": START + headers(1, request("HEAD", "/x?y")),
    "options": START + headers(1, request("OPTIONS", "*")),
    "post": START + headers(1, request("POST"), END_HEADERS) + CONTENT,
    "post_length": START + headers(1, request("POST", "/", ("content-length", "6")), END_HEADERS) + CONTENT,
    "post_short": START + headers(1, request("POST", "/", ("content-length", "7")), END_HEADERS) + CONTENT,
    "post_zero": START + headers(1, request("POST", "/", ("content-length", "0")), END_HEADERS) + data(1, b"", FIN),
    "post_trailers": START + headers(1, request("POST", "/", ("te", "trailers")), END_HEADERS) + data(1, b"abc")
    + headers(1, TRAILERS),
    "expect": START + headers(1, request("POST", "/", ("expect", "100-continue")), END_HEADERS) + CONTENT,
    "crumbs": START + headers(1, request("GET", "/", ("cookie", "a=b"), ("cookie", "c=d"), ("x", "y"))),
    "host": START + headers(1, request("GET", "/", ("host", "A"))),
    "many_fields": START + headers(1, request("GET", "/", *(("x" + str(i), "y") for i in range(25)))),
    "long_path": START + headers(1, request("GET", "/" + "p" * 205)),
    "unknown_method": START + headers(1, request("FROB")),
    "continuation": START + headers(1, request()[:9], FIN) + frame(9, 0, 1, request()[9:15])
    + frame(9, END_HEADERS, 1, request()[15:]),
    "continuations": START + headers(1, b"", FIN) + frame(9, 0, 1) * 9,
    "padding": START + frame(1, END_HEADERS | PADDED, 1, b"\x03" + request("POST") + b"\0\0\0")
    + frame(0, FIN | PADDED, 1, b"\x04abc\0\0\0\0"),
    "priority": START + frame(1, FIN | END_HEADERS | PRIORITY, 1, b"\0\0\0\0\x10" + request())
    + frame(2, 0, 3, b"\0\0\0\1\x10"),
    "ping": START + ping() + headers(1, request()) + ping(ACK),
    "settings": settings((1, 0), (3, 5), (4, 0), (5, 16384), (6, 100)) + ACKED + headers(1, request())
    + settings((4, 100000)),
    "windows": settings((4, 10)) + headers(1, request()) + window(1, 20) + window(0, 100000) + window(1, 100000),
    "reset": START + headers(1, request("POST"), END_HEADERS) + data(1, b"abc") + reset(1),
    "rapid_reset": START + b"".join(headers(i, INDEXED) + reset(i) for i in range(1, 21, 2)),
    "goaway": START + headers(1, request("POST"), END_HEADERS) + goaway() + data(1, b"", FIN),
    "connect": START + headers(1, CONNECT, END_HEADERS) + data(1, b"frame") + data(1, b"", FIN),
    "plain_connect": START + headers(1, block((":method", "CONNECT"), (":authority", "a:1")), END_HEADERS),
    "streams": START + b"".join(headers(i, INDEXED) for i in range(1, 31, 2)),
    "interleaved": START + b"".join(headers(i, request("POST"), END_HEADERS) for i in (1, 3, 5))
    + b"".join(data(i, b"x" * i) for i in (1, 3, 5, 1, 3)) + b"".join(data(i, b"", FIN) for i in (5, 3, 1)),
    "gap": START + headers(7, request()) + headers(3, request()),
    "closed": START + headers(1, request()) + data(1, b"late"),
    "bad_name": START + headers(1, request("GET", "/", ("Upper", "x"))) + headers(3, request()),
    "connection_field": START + headers(1, request("GET", "/", ("connection", "close"))) + headers(3, request()),
    "unknown_frame": START + frame(0x55, 7, 1, b"??") + headers(1, request()),
    "table_size": settings((1, 100)) + headers(1, b"\x3f\x45" + request()),
}
ANSWERS = dict.fromkeys(("get", "post", "post_length", "post_trailers", "connect", "interleaved", "windows"), range(8))


def response(status="200", *more):
    return block((":status", status), *more)


CLIENT = {
    "settings": START,
    "ok": START + headers(1, response("204")) + headers(3, response(), END_HEADERS) + data(3, b"abc", FIN),
    "all": START + b"".join(headers(i, response(), END_HEADERS) + window(i, 99999) for i in (7, 5, 3, 1))
    + window(0, 99999) + b"".join(data(i, b"abc", FIN) for i in (1, 3, 7)) + data(5, b"", FIN),
    "length": START + headers(1, response("200", ("content-length", "3")), END_HEADERS) + data(1, b"abc", FIN),
    "too_long": START + headers(1, response("200", ("content-length", "2")), END_HEADERS) + data(1, b"abc", FIN),
    "head": START + headers(5, response("200", ("content-length", "99"))),
    "not_modified": START + headers(1, response("304", ("etag", "x"), ("content-length", "9"))),
    "indexed": START + headers(1, b"\x88\x5c\x013", END_HEADERS) + data(1, b"abc", FIN) + headers(5, b"\x88\xbe"),
    "interim": START + headers(3, response("100"), END_HEADERS) + headers(3, response("103", ("link", "x")), END_HEADERS)
    + headers(3, response(), END_HEADERS) + data(3, b"abc", FIN),
    "interims": START + headers(1, response("103"), END_HEADERS) * 20,
    "interim_end": START + headers(1, response("103")),
    "switching": START + headers(1, response("101"), END_HEADERS),
    "trailers": START + headers(3, response(), END_HEADERS) + data(3, b"abc") + headers(3, TRAILERS),
    "goaway": START + headers(1, response(), END_HEADERS) + goaway(3) + data(1, b"abc", FIN),
    "goaway_error": START + goaway(7, 2, b"broken"),
    "refused": START + reset(1, 7) + reset(3, 8) + reset(5, 0) + reset(7, 13),
    "early": START + headers(7, response("413"), END_HEADERS) + data(7, b"no", FIN) + reset(7, 0),
    "ping": START + ping() + ping(ACK) + headers(1, response()),
    "no_streams": settings((3, 1)) + headers(1, response()) + settings((3, 0)),
    "windows": settings((4, 0)) + window(3, 2) + window(3, 9) + settings((4, 9)) + window(0, 9) + window(7, 65535),
    "padding": START + frame(1, END_HEADERS | PADDED, 1, b"\x02" + response() + b"\0\0")
    + frame(0, FIN | PADDED, 1, b"\x02abc\0\0"),
    "continuation": START + headers(1, response()[:5], FIN) + frame(9, END_HEADERS, 1, response()[5:]),
    "push": START + frame(5, END_HEADERS, 1, struct.pack(">I", 2) + request()),
    "unknown_stream": START + headers(9, response()) + data(11, b"x"),
    "low_status": START + headers(1, response("099", ("x", "y")), END_HEADERS) + headers(3, response("000", ("x", "y"))),
    "no_status": START + headers(1, block(("x", "y"))),
    "data_first": START + data(1, b"abc"),
    "table_size": settings((1, 0)) + headers(1, b"\x20" + response()),
}


def write(target, name, manner, frames):
    (CORPUS / target / name).write_bytes(bytes([manner]) + frames)


def main():
    for target in ("h2_server", "h2_client"):
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
    for number, (name, frames) in enumerate(SERVER.items()):
        write("h2_server", name, number % 8, frames)
        for answer in ANSWERS.get(name, ()):
            write("h2_server", f"{name}_{answer}", answer | (number % 4) << 5 | (answer % 2) << 4, frames)
    answers = headers(1, response(), END_HEADERS) + headers(3, response())
    wide = settings((4, 1 << 20)) + ACKED + window(0, 1 << 20)
    many = wide + b"".join(headers(i, INDEXED) for i in range(1, 31, 2))
    for way in (1, 2, 6):  # answers that wait for room, then the end of all
        write("h2_server", f"unread_{way}", 0x20 | way, many)
        write("h2_server", f"unread_broken_{way}", 0xb0 | way, many + headers(0, INDEXED))
        write("h2_server", f"unread_failed_{way}", 0x20 | way, many + reset(3) + window(0, 0) + ping())
        write("h2_server", f"unread_drained_{way}", 0xb0 | way, many + goaway())
    write("h2_client", "unread", 0x20, wide + window(7, 1 << 20) + CLIENT["all"][18:])
    write("h2_client", "unread_failed", 0x21, wide + answers + reset(7) + window(0, 0) + ping())
    write("h2_client", "unread_goaway", 0x23, wide + answers + goaway(3) + reset(1))
    write("h2_server", "streams_drained", 0x88, SERVER["streams"])
    drained = START + headers(1, INDEXED) + frame(6, ACK, 0, b"draining") + headers(3, INDEXED)
    write("h2_server", "drain_heard", 0x88, drained + frame(6, 0, 5, b"12345678"))
    write("h2_server", "drain_heard_unread", 0xa8, drained + frame(6, 0, 5, b"12345678"))
    for number, (name, frames) in enumerate(CLIENT.items()):
        write("h2_client", name, 0x10 | number % 2, frames)
    write("h2_client", "no_status_unread", 0x31, START + headers(1, block(("x", "y"))))
    write("h2_client", "interims_in_pieces", 0x11, CLIENT["interims"])
    for manner in range(2, 16):
        write("h2_client", f"all_{manner}", manner, CLIENT["all"])


main()
