"""Where a request's body ends (RFC 9112 section 6): Content-Length, Transfer-Encoding, and what is refused of both."""

from harness import accept, case, cases, equal, refuse, refuse_body, request

POST = b"POST / HTTP/1.1\r\nHost: @host@\r\n"

BAD_LENGTHS = [
    ("two different Content-Lengths", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    ("two equal Content-Lengths", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    ("a Content-Length list of equal values", b"Content-Length: 5,5\r\n"),
    ("a Content-Length list with a blank", b"Content-Length: 5, 5\r\n"),
    ("a Content-Length with a plus", b"Content-Length: +5\r\n"),
    ("a Content-Length with a minus", b"Content-Length: -5\r\n"),
    ("a Content-Length of minus nought", b"Content-Length: -0\r\n"),
    ("a hexadecimal Content-Length", b"Content-Length: 0x5\r\n"),
    ("a Content-Length with letters", b"Content-Length: 5a\r\n"),
    ("a Content-Length with a blank inside", b"Content-Length: 5 5\r\n"),
    ("a Content-Length with a fraction", b"Content-Length: 5.0\r\n"),
    ("a Content-Length in quotes", b'Content-Length: "5"\r\n'),
    ("an empty Content-Length", b"Content-Length:\r\n"),
    ("a Content-Length of 2^63", b"Content-Length: 9223372036854775808\r\n"),
    ("a Content-Length of 2^64 and 5", b"Content-Length: 18446744073709551621\r\n"),
    ("a Content-Length of a hundred digits", b"Content-Length: " + b"1" * 100 + b"\r\n"),
    ("a Content-Length after a vertical tab", b"Content-Length: \x0b5\r\n"),
    ("both Content-Length and Transfer-Encoding", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ("both, the other way round", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    ("chunked twice in a list", b"Transfer-Encoding: chunked, chunked\r\n"),
    ("chunked twice on two lines", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    ("chunked not last", b"Transfer-Encoding: chunked, gzip\r\n"),
    ("chunked not last, on two lines", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"),
    ("chunked and identity", b"Transfer-Encoding: chunked, identity\r\n"),
    ("xchunked", b"Transfer-Encoding: xchunked\r\n"),
    ("chunkedx", b"Transfer-Encoding: chunkedx\r\n"),
    ("chunked in quotes", b'Transfer-Encoding: "chunked"\r\n'),
    ("chunked with a parameter", b"Transfer-Encoding: chunked;q=1\r\n"),
    ("chunked after a vertical tab", b"Transfer-Encoding:\x0bchunked\r\n"),
    ("chunked before a NUL", b"Transfer-Encoding: chunked\x00\r\n"),
    ("identity alone", b"Transfer-Encoding: identity\r\n"),
    ("gzip alone", b"Transfer-Encoding: gzip\r\n"),
    ("an empty Transfer-Encoding", b"Transfer-Encoding:\r\n"),
]


@cases([(f"{name} is refused", lines) for name, lines in BAD_LENGTHS])
def bad_length(t, lines):
    refuse(t, POST + lines + b"\r\n5\r\nhello\r\n0\r\n\r\n", 400)


@cases([
    ("Transfer-Encoding in HTTP/1.0 is refused", b"Transfer-Encoding: chunked\r\n"),
    ("Transfer-Encoding and Content-Length in HTTP/1.0 are refused",
     b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
])
def coding_in_1_0(t, lines):
    refuse(t, POST.replace(b"1.1", b"1.0") + lines + b"\r\n0\r\n\r\n", 400)


@cases([
    ("a coding before chunked is 501", b"Transfer-Encoding: gzip, chunked\r\n"),
    ("a coding before chunked on a line of its own is 501",
     b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
    ("an unknown coding before chunked is 501", b"Transfer-Encoding: cow, chunked\r\n"),
])
def other_coding(t, lines):
    refuse(t, POST + lines + b"\r\n0\r\n\r\n", 501)


@cases([
    ("Content-Length: 5 is a body of five", b"Content-Length: 5\r\n\r\nhello", b"hello"),
    ("Content-Length with leading noughts is a number", b"Content-Length: 0005\r\n\r\nhello", b"hello"),
    ("Content-Length: 0 is no body", b"Content-Length: 0\r\n\r\n", b""),
    ("no framing is no body", b"\r\n", b""),
    ("chunked is a body", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
    ("chunked in any case is chunked", b"Transfer-Encoding: ChUnKeD\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
    ("chunked with nothing in it is an empty body", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
])
def good_length(t, rest, body):
    received = accept(t, POST + rest)
    equal(received.body, body, "body at the origin")


@cases([("a GET's body under Content-Length goes along", b"Content-Length: 5\r\n\r\nhello"),
        ("a GET's chunked body goes along", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")])
def body_of_get(t, rest):
    received = accept(t, b"GET / HTTP/1.1\r\nHost: @host@\r\n" + rest)
    equal((received.method, received.body), (b"GET", b"hello"), "request at the origin")


@case("a request that ends inside its Content-Length never becomes whole upstream")
def truncated_length(t):
    origin = t.origin()
    client = t.client()
    client.send(request(origin.host, "/cut", "Content-Length: 100", method="POST") + b"only this")
    client.finish_sending()
    client.wait_end()
    t.only_sentinel_upstream(origin)


@case("a request that ends inside its chunks never becomes whole upstream")
def truncated_chunks(t):
    origin = t.origin()
    client = t.client()
    client.send(request(origin.host, "/cut", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n")
    client.finish_sending()
    client.wait_end()
    t.only_sentinel_upstream(origin)


CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

BAD_CHUNKS = [
    ("an empty chunk size", b"\r\nhello\r\n0\r\n\r\n"),
    ("a chunk size with a plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("a chunk size with a minus", b"-5\r\nhello\r\n0\r\n\r\n"),
    ("a chunk size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("a chunk size in quotes", b'"5"\r\nhello\r\n0\r\n\r\n'),
    ("a space before a chunk size", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("a space after a chunk size", b"5 \r\nhello\r\n0\r\n\r\n"),
    ("a tab after a chunk size", b"5\t\r\nhello\r\n0\r\n\r\n"),
    ("a letter past F in a chunk size", b"5g\r\nhello\r\n0\r\n\r\n"),
    ("an underscore in a chunk size", b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n"),
    ("a chunk size of 2^63 and 1", b"8000000000000001\r\nhello"),
    ("a chunk size of 2^64 - 1", b"ffffffffffffffff\r\nhello"),
    ("a chunk size of 2^64 and 5", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("a bare LF after a chunk size", b"5\nhello\r\n0\r\n\r\n"),
    ("a bare CR after a chunk size", b"5\rhello\r\n0\r\n\r\n"),
    ("CR CR LF after a chunk size", b"5\r\r\nhello\r\n0\r\n\r\n"),
    ("no CRLF after a chunk's data", b"5\r\nhello0\r\n\r\n"),
    ("a bare LF after a chunk's data", b"5\r\nhello\n0\r\n\r\n"),
    ("a bare CR after a chunk's data", b"5\r\nhello\r0\r\n\r\n"),
    ("two bytes other than CRLF after a chunk's data", b"5\r\nhelloXX0\r\n\r\n"),
    ("more data than the chunk's size", b"3\r\nhello\r\n0\r\n\r\n"),
    ("a bare LF after the last chunk", b"5\r\nhello\r\n0\n\r\n"),
    ("a bare LF after the trailers", b"5\r\nhello\r\n0\r\n\n"),
    ("a control byte in a chunk extension", b"5;a=\x01\r\nhello\r\n0\r\n\r\n"),
    ("a bare LF in a chunk extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    ("a bare CR in a chunk extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("a chunk extension over the head's limit", b"5;a=" + b"x" * 40_000 + b"\r\nhello\r\n0\r\n\r\n"),
    ("a trailer with a space before its colon", b"5\r\nhello\r\n0\r\nX-T : 1\r\n\r\n"),
    ("a folded trailer", b"5\r\nhello\r\n0\r\nX-T: 1\r\n 2\r\n\r\n"),
    ("a NUL in a trailer", b"5\r\nhello\r\n0\r\nX-T: 1\x00\r\n\r\n"),
    ("a bare LF in a trailer", b"5\r\nhello\r\n0\r\nX-T: 1\nX-U: 2\r\n\r\n"),
    ("a trailer without a colon", b"5\r\nhello\r\n0\r\nX-T\r\n\r\n"),
    ("garbage for a chunk", b"hello\r\n0\r\n\r\n"),
]


@cases([(f"{name} is refused", body) for name, body in BAD_CHUNKS])
def bad_chunk(t, body):
    refuse_body(t, CHUNKED + body, 400)


@case("many small chunk extensions over the limit together are refused")
def many_extensions(t):
    refuse_body(t, CHUNKED + b"1;abcdefgh=ijklmnop\r\nx\r\n" * 4000 + b"0\r\n\r\n", 400)


@cases([
    ("chunk extensions are dropped", b'5;a=b;c="d e"\r\nhello\r\n0;last\r\n\r\n', b"hello"),
    ("chunk sizes in either case are read", b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
    ("chunk sizes with leading noughts are read", b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    ("chunks of one byte are one body", b"".join(b"1\r\n%c\r\n" % c for c in b"hello world") + b"0\r\n\r\n",
     b"hello world"),
])
def good_chunks(t, body, arrives):
    # The origin's reader takes no extension: one that came through would fail the case there.
    received = accept(t, CHUNKED + body)
    equal(received.body, arrives, "body at the origin")
