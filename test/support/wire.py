"""HTTP/1.1 as bytes (RFC 9112), judged strictly: what is written is what is meant, and nothing is forgiven.

The same rules read the proxy's answers at the client's end and its requests at the origin's end.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FIELD_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP/(\d\.\d)")
STATUS_LINE = re.compile(rb"HTTP/(\d\.\d) ([1-9]\d\d) ([\t\x20-\x7e\x80-\xff]*)")
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
CRLF = b"\r\n"


class Malformed(Exception):
    """The other side broke the protocol."""


class Fields(list):
    """(name, value) pairs in the order of the wire; names are looked up without case."""

    def all(self, name):
        wanted = name.lower().encode()
        return [value for key, value in self if key.lower() == wanted]

    def get(self, name):
        """The value of a field that stands at most once."""
        values = self.all(name)
        if len(values) > 1:
            raise Malformed(f"{name} stands {len(values)} times: {values}")
        return values[0] if values else None

    def need(self, name):
        """The value of a field that must be there, once."""
        value = self.get(name)
        if value is None:
            raise Malformed(f"there is no {name}")
        return value

    def has(self, name):
        return bool(self.all(name))

    def tokens(self, name):
        """The members of a comma-separated list over all its lines, lower-cased."""
        joined = b",".join(self.all(name))
        return [member.strip().lower() for member in joined.split(b",") if member.strip()]

    def members(self, name):
        """Like tokens, but as they were written."""
        joined = b",".join(self.all(name))
        return [member.strip() for member in joined.split(b",") if member.strip()]


@dataclass
class Request:
    method: bytes
    target: bytes
    version: bytes
    fields: Fields
    head: bytes
    body: bytes = b""
    trailers: Fields = field(default_factory=Fields)
    framing: str = "none"


@dataclass
class Response:
    version: bytes
    status: int
    reason: bytes
    fields: Fields
    head: bytes
    body: bytes = b""
    trailers: Fields = field(default_factory=Fields)
    framing: str = "none"
    interim: list = field(default_factory=list)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


def parse_fields(lines):
    fields = Fields()
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name):
            raise Malformed(f"not a field line: {line!r}")
        value = value.strip(b" \t")
        if not FIELD_VALUE.fullmatch(value):
            raise Malformed(f"a forbidden byte in the value of {name!r}: {value!r}")
        fields.append((name, value))
    return fields


def split_head(head):
    """A head up to and with its empty line, as lines without their ends."""
    if not head.endswith(b"\r\n\r\n"):
        raise Malformed(f"a head that does not end in an empty line: {head[-40:]!r}")
    lines = head[:-4].split(CRLF)
    for line in lines:
        if b"\r" in line or b"\n" in line:
            raise Malformed(f"a bare CR or LF: {line!r}")
    return lines


def parse_request(head):
    lines = split_head(head)
    match = REQUEST_LINE.fullmatch(lines[0])
    if not match:
        raise Malformed(f"not a request line: {lines[0]!r}")
    method, target, version = match.groups()
    request = Request(method, target, version, parse_fields(lines[1:]), head)
    if version == b"1.1" and len(request.fields.all("Host")) != 1:
        raise Malformed(f"a 1.1 request with {len(request.fields.all('Host'))} Host fields")
    return request


def parse_response(head):
    lines = split_head(head)
    match = STATUS_LINE.fullmatch(lines[0])
    if not match:
        raise Malformed(f"not a status line: {lines[0]!r}")
    version, status, reason = match.groups()
    return Response(version, int(status), reason, parse_fields(lines[1:]), head)


def body_length(fields):
    lengths = fields.all("Content-Length")
    if not lengths:
        return None
    if len(lengths) > 1 or not re.fullmatch(rb"\d{1,19}", lengths[0]):
        raise Malformed(f"Content-Length: {lengths}")
    return int(lengths[0])


def framing_of(message, otherwise):
    """('chunked', None), ('length', n) or (otherwise, None); two framings at once are malformed."""
    length = body_length(message.fields)
    codings = message.fields.tokens("Transfer-Encoding")
    if codings:
        if length is not None:
            raise Malformed("both Content-Length and Transfer-Encoding")
        if codings != [b"chunked"]:
            raise Malformed(f"Transfer-Encoding: {codings}")
        if message.version != b"1.1":
            raise Malformed("Transfer-Encoding in HTTP/1.0")
        return "chunked", None
    if length is not None:
        return "length", length
    return otherwise, None


def framing_of_response(response, method):
    if method == b"HEAD" or response.status in (204, 304) or response.status < 200:
        framing_of(response, "none")  # still judged, but there is no body to read
        return "none", None
    return framing_of(response, "close")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunked(*pieces, trailers=b""):
    """A whole chunked body: one chunk for each piece, then the last chunk and the trailers (with their CRLFs)."""
    return b"".join(chunk(piece) for piece in pieces) + b"0\r\n" + trailers + CRLF


def field_lines(fields):
    """b"A: 1" lines, or (name, value) pairs, or a dict, as bytes with their CRLFs."""
    if isinstance(fields, dict):
        fields = fields.items()
    lines = []
    for line in fields:
        if isinstance(line, tuple):
            name, value = (part.encode() if isinstance(part, str) else part for part in line)
            line = name + b": " + value
        lines.append((line.encode() if isinstance(line, str) else line) + CRLF)
    return b"".join(lines)


def request(host, target="/", *fields, method="GET", version="1.1", body=None):
    """The bytes of a request; `body` brings its Content-Length."""
    if isinstance(target, str):
        target = target.encode()
    lines = list(fields)
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return b"%s %s HTTP/%s\r\nHost: %s\r\n%s\r\n%s" % (
        method.encode(), target, version.encode(), host.encode(), field_lines(lines), body or b"")


def response(status="200 OK", body=b"ok", *fields, version="1.1"):
    """The bytes of a response; a body of None leaves out its Content-Length as well."""
    lines = list(fields)
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return b"HTTP/%s %s\r\n%s\r\n%s" % (version.encode(), status.encode(), field_lines(lines), body or b"")
