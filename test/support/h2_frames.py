"""HTTP/2 as bytes (RFC 9113 sections 4 and 6): frames, settings, and HPACK through Debian's python3-hpack."""

import struct
import sys

# Where Debian keeps it, for a python3 that is not Debian's own. Pure Python: any version takes it.
sys.path.append("/usr/lib/python3/dist-packages")

import hpack  # noqa: E402

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION) = range(10)
NAMES = ("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE",
         "CONTINUATION")

END_STREAM = ACK = 0x01
END_HEADERS = 0x04
PADDED = 0x08
WITH_PRIORITY = 0x20

(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
 REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM) = range(12)
CODES = ("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
         "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM")

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8

FRAME_SIZE = 16_384        # what either side must take, and no more unless it says so
WINDOW = 65_535            # what either side may send before it is told
MAX_WINDOW = (1 << 31) - 1


def code_name(code):
    return CODES[code] if code is not None and code < len(CODES) else str(code)


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """One frame. `length` lies about the payload's."""
    size = len(payload) if length is None else length
    return struct.pack(">BHBBL", size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def settings(values):
    """The payload of SETTINGS: a dict, or pairs where one stands twice."""
    pairs = values.items() if isinstance(values, dict) else values
    return b"".join(struct.pack(">HL", name, value) for name, value in pairs)


def uint32(value):
    return struct.pack(">L", value)


def priority(depends_on=0, weight=16, exclusive=False):
    """The five bytes that PRIORITY is, and that HEADERS may begin with."""
    return struct.pack(">LB", depends_on | (0x8000_0000 if exclusive else 0), weight - 1)


def padded(data, length):
    return bytes([length]) + data + bytes(length)


def plain_string(data):
    """A string of HPACK, not Huffman-coded."""
    return hpack.hpack.encode_integer(len(data), 7) + data


def literal(name, value):
    """A field as HPACK can write it without any state: never indexed, nothing looked up."""
    return b"\x00" + bytes(plain_string(name) + plain_string(value))


def plain_block(fields):
    """A header block that leaves the tables alone; names and values go as they are."""
    return b"".join(literal(name, value) for name, value in fields)


def pairs_of(lines):
    """b"name: value" lines or (name, value) pairs as pairs of bytes."""
    pairs = []
    for line in lines:
        if not isinstance(line, tuple):
            line = line.encode("latin-1") if isinstance(line, str) else line
            name, _, value = line.partition(b": ")
            line = (name, value)
        pairs.append(tuple(part.encode("latin-1") if isinstance(part, str) else part for part in line))
    return pairs


def request_fields(host, target="/", *lines, method="GET", scheme="http"):
    """The field list of a well-formed request."""
    pseudo = [(":method", method), (":scheme", scheme), (":authority", host), (":path", target)]
    return pairs_of(pseudo) + pairs_of(lines)


def encoder():
    return hpack.Encoder()


def decoder():
    return hpack.Decoder(max_header_list_size=1 << 24)
