"""Field lines (RFC 9112 section 5, RFC 9110 section 5): what is refused, what passes byte for byte, the limits."""

from harness import accept, case, cases, equal, expect, refuse, request, response, answers, chunked

START = b"GET / HTTP/1.1\r\nHost: @host@\r\n"

BAD_FIELDS = [
    ("a space before the colon", b"X-A : 1\r\n"),
    ("a tab before the colon", b"X-A\t: 1\r\n"),
    ("a space before the colon of Transfer-Encoding", b"Transfer-Encoding : chunked\r\n"),
    ("a space before the colon of Content-Length", b"Content-Length : 5\r\n"),
    ("an obs-fold with a space", b"X-A: 1\r\n 2\r\n"),
    ("an obs-fold with a tab", b"X-A: 1\r\n\t2\r\n"),
    ("an obs-fold that hides a field", b"X-A: 1\r\n Transfer-Encoding: chunked\r\n"),
    ("a bare CR in a value", b"X-A: 1\r2\r\n"),
    ("a bare CR before the line's end", b"X-A: 1\r\r\n"),
    ("a bare LF as a line's end", b"X-A: 1\nX-B: 2\r\n"),
    ("a bare LF that hides a field", b"X-A: 1\nTransfer-Encoding: chunked\r\n"),
    ("a NUL in a value", b"X-A: 1\x002\r\n"),
    ("a NUL at a value's end", b"X-A: 1\x00\r\n"),
    ("a control byte in a value", b"X-A: 1\x012\r\n"),
    ("an escape in a value", b"X-A: \x1b[2J\r\n"),
    ("a DEL in a value", b"X-A: 1\x7f\r\n"),
    ("a vertical tab before a value", b"X-A:\x0b1\r\n"),
    ("a form feed in a value", b"X-A: 1\x0c2\r\n"),
    ("a NUL in a name", b"X\x00A: 1\r\n"),
    ("a control byte in a name", b"X\x01A: 1\r\n"),
    ("a space in a name", b"X A: 1\r\n"),
    ("a parenthesis in a name", b"X(A): 1\r\n"),
    ("a slash in a name", b"X/A: 1\r\n"),
    ("a non-ASCII byte in a name", b"X-\xc3\xa4: 1\r\n"),
    ("an empty name", b": 1\r\n"),
    ("a line without a colon", b"X-A\r\n"),
]


@cases([(f"{name} is refused", line) for name, line in BAD_FIELDS])
def bad_field(t, line):
    refuse(t, START + line + b"\r\n", 400)


@case("a folded first field line is refused")
def fold_after_request_line(t):
    refuse(t, b"GET / HTTP/1.1\r\n X-A: 1\r\nHost: @host@\r\n\r\n", 400)


@case("an empty line of a bare LF does not end a head")
def bare_lf_at_the_end(t):
    refuse(t, START + b"\n", 400)


@case("an empty line of CR CR LF does not end a head")
def double_cr_at_the_end(t):
    refuse(t, START + b"\r\r\n", 400)


@cases([
    ("an empty value passes", b"", b""),
    ("a tab inside a value passes", b"a\tb", b"a\tb"),
    ("non-ASCII bytes in a value pass as they are", b"caf\xc3\xa9 \xff", b"caf\xc3\xa9 \xff"),
    ("colons and quotes in a value pass", b'a:b "c; d" <e>', b'a:b "c; d" <e>'),
    ("blanks around a value are not part of it", b" \t a b \t ", b"a b"),
])
def value_passes(t, sent, arrives):
    received = accept(t, START + b"X-A:" + sent + b"\r\n\r\n")
    equal(received.fields.get("X-A"), arrives, "value at the origin")


@case("every byte of a token passes in a name")
def odd_names(t):
    received = accept(t, START + b"!#$%&'*+-.^_`|~09az: 1\r\n\r\n")
    equal(received.fields.get("!#$%&'*+-.^_`|~09az"), b"1", "the field at the origin")


@case("fields of one name pass each on its line, in order")
def repeated_fields(t):
    received = accept(t, START + b"X-A: 1\r\nX-B: b\r\nX-A: 2\r\nx-a: 3\r\n\r\n")
    equal(received.fields.all("X-A"), [b"1", b"2", b"3"], "values at the origin")


@case("a response's fields pass in order, non-ASCII bytes and repeated Set-Cookie included")
def response_fields(t):
    origin = t.origin(answers(response("200 Fine", b"ok", ("Set-Cookie", "a=1"), ("X-A", b"\xe9\t!"),
                                       ("Set-Cookie", "b=2; Path=/"), ("X-Empty", ""))))
    answer = t.client().fetch(origin.host)
    equal(answer.fields.all("Set-Cookie"), [b"a=1", b"b=2; Path=/"], "cookies")
    equal(answer.fields.get("X-A"), b"\xe9\t!", "the odd value")
    equal(answer.fields.get("X-Empty"), b"", "the empty value")


# Limits: 32 KiB and 100 fields.

@case("100 fields pass")
def most_fields(t):
    origin = t.origin()
    answer = t.client().fetch(origin.host, "/", *[f"X-{number}: {number}" for number in range(99)])
    equal(answer.status, 200, "status")
    equal(origin.requests[0].fields.get("X-98"), b"98", "the last field at the origin")


@cases([("101 fields are 431", 100), ("2,000 fields are 431", 2000)])
def too_many_fields(t, count):
    refuse(t, START + b"".join(b"X-%d: 1\r\n" % number for number in range(count)) + b"\r\n", 431)


@case("30 KiB of fields pass")
def most_bytes(t):
    origin = t.origin()
    value = "v" * 30_000
    equal(t.client().fetch(origin.host, "/", ("X-Big", value)).status, 200, "status")
    equal(origin.requests[0].fields.get("X-Big"), value.encode(), "the value at the origin")


@cases([
    ("one field over 32 KiB is 431", b"X-Big: " + b"v" * 33_000 + b"\r\n"),
    ("fields that are over 32 KiB together are 431", b"".join(b"X-%d: %s\r\n" % (n, b"v" * 1000) for n in range(40))),
    ("a field name over 32 KiB is 431", b"X" * 33_000 + b": 1\r\n"),
])
def too_many_bytes(t, lines):
    refuse(t, START + lines + b"\r\n", 431)


@case("a head that never ends is 431")
def endless_head(t):
    origin = t.origin()
    client = t.client()
    client.try_send(START.replace(b"@host@", origin.host.encode()) + b"X-Big: " + b"v" * 300_000)
    equal(client.read_response().status, 431, "status")
    client.must_close()
    t.nothing_upstream(origin)


@case("trailers over the head's limits are refused")
def long_trailers(t):
    origin = t.origin()
    client = t.client()
    client.try_send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST")
                    + chunked(b"x", trailers=b"X-Big: " + b"v" * 40_000 + b"\r\n"))
    answer = client.read_response()
    expect(answer.status in (400, 431), f"status {answer.status}")
    client.must_close()
    t.only_sentinel_upstream(origin)


@case("too many trailers are refused")
def many_trailers(t):
    origin = t.origin()
    client = t.client()
    client.try_send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST")
                    + chunked(b"x", trailers=b"".join(b"X-%d: 1\r\n" % number for number in range(150))))
    answer = client.read_response()
    expect(answer.status in (400, 431), f"status {answer.status}")
    client.must_close()
    t.only_sentinel_upstream(origin)
