"""What is added to requests and responses: X-Forwarded-*, X-Request-ID, Via, Date."""

import re

from harness import OK, answers, case, cases, contains, equal, expect, lacks, refuse, response

UUID7 = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TRUSTED = ["--trusted-proxy", "127.0.0.0/8"]
CLAIMS = ["X-Forwarded-For: 192.0.2.7, 198.51.100.9", "X-Real-IP: 192.0.2.7", "X-Forwarded-Proto: https",
          "X-Forwarded-Host: public.test", "X-Request-ID: from-the-edge"]


def fields_upstream(t, *lines, **route):
    origin = t.origin(**route)
    equal(t.client().fetch(origin.host, "/", *lines).status, 200, "status")
    return origin.requests[0].fields, origin.host.encode()


def node_name(t):
    """Our name in Via, learnt from a response."""
    origin = t.origin()
    return t.client().fetch(origin.host).fields.need("Via").split()[1].decode()


@case("a request gets X-Forwarded-*, X-Real-IP, X-Request-ID and Via")
def added(t):
    fields, host = fields_upstream(t)
    equal(fields.get("X-Forwarded-For"), b"127.0.0.1", "X-Forwarded-For")
    equal(fields.get("X-Real-IP"), b"127.0.0.1", "X-Real-IP")
    equal(fields.get("X-Forwarded-Proto"), b"http", "X-Forwarded-Proto")
    equal(fields.get("X-Forwarded-Host"), host, "X-Forwarded-Host")
    expect(UUID7.fullmatch(fields.need("X-Request-ID")), f"X-Request-ID is a UUIDv7: {fields.get('X-Request-ID')}")
    expect(re.fullmatch(rb"1\.1 \S+", fields.need("Via")), f"Via: {fields.get('Via')}")


@case("what an untrusted peer claims is replaced")
def untrusted(t):
    fields, host = fields_upstream(t, *CLAIMS)
    equal(fields.get("X-Forwarded-For"), b"127.0.0.1", "X-Forwarded-For")
    equal(fields.get("X-Real-IP"), b"127.0.0.1", "X-Real-IP")
    equal(fields.get("X-Forwarded-Proto"), b"http", "X-Forwarded-Proto")
    equal(fields.get("X-Forwarded-Host"), host, "X-Forwarded-Host")
    expect(UUID7.fullmatch(fields.need("X-Request-ID")), "X-Request-ID is ours")


@case("several X-Forwarded-For lines of an untrusted peer are replaced by one")
def untrusted_lines(t):
    fields, _ = fields_upstream(t, "X-Forwarded-For: 192.0.2.1", "x-forwarded-for: 192.0.2.2")
    equal(fields.all("X-Forwarded-For"), [b"127.0.0.1"], "X-Forwarded-For")


@case("what a trusted peer claims is kept, and the peer appended", flags=TRUSTED)
def trusted(t):
    fields, _ = fields_upstream(t, *CLAIMS)
    equal(fields.members("X-Forwarded-For"), [b"192.0.2.7", b"198.51.100.9", b"127.0.0.1"], "X-Forwarded-For")
    equal(fields.get("X-Forwarded-Proto"), b"https", "X-Forwarded-Proto")
    equal(fields.get("X-Forwarded-Host"), b"public.test", "X-Forwarded-Host")
    equal(fields.get("X-Request-ID"), b"from-the-edge", "X-Request-ID")


@case("several X-Forwarded-For lines of a trusted peer stay one list in order", flags=TRUSTED)
def trusted_lines(t):
    fields, _ = fields_upstream(t, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2, 192.0.2.3")
    equal(fields.members("X-Forwarded-For"), [b"192.0.2.1", b"192.0.2.2", b"192.0.2.3", b"127.0.0.1"], "X-Forwarded-For")


@case("a trusted peer that claims nothing is the client", flags=TRUSTED)
def trusted_without_claims(t):
    fields, host = fields_upstream(t)
    equal(fields.get("X-Forwarded-For"), b"127.0.0.1", "X-Forwarded-For")
    equal(fields.get("X-Real-IP"), b"127.0.0.1", "X-Real-IP")
    equal(fields.get("X-Forwarded-Proto"), b"http", "X-Forwarded-Proto")
    equal(fields.get("X-Forwarded-Host"), host, "X-Forwarded-Host")
    expect(UUID7.fullmatch(fields.need("X-Request-ID")), "X-Request-ID is made")


@case("every request has an X-Request-ID of its own, in order of time")
def ids(t):
    origin = t.origin()
    client = t.client()
    for _ in range(20):
        client.fetch(origin.host)
    found = [one.fields.need("X-Request-ID") for one in origin.requests]
    equal(len(set(found)), 20, "different ids")
    equal(sorted(one[:13] for one in found), [one[:13] for one in found], "their time parts in order")


@case("Via names the version that was received")
def via_of_1_0(t):
    origin = t.origin()
    t.client().fetch(origin.host, "/", version="1.0")
    expect(origin.requests[0].fields.need("Via").startswith(b"1.0 "), "Via of an HTTP/1.0 request")


@case("Via is appended to, both ways")
def via_appended(t):
    origin = t.origin(answers(response("200 OK", b"ok", "Via: 1.0 inner")))
    answer = t.client().fetch(origin.host, "/", "Via: 1.1 outer (x, y)")
    upstream = b", ".join(origin.requests[0].fields.all("Via"))
    expect(re.fullmatch(rb"1\.1 outer \(x, y\), 1\.1 \S+", upstream), f"Via at the origin: {upstream}")
    downstream = answer.fields.members("Via")
    equal((len(downstream), downstream[0]), (2, b"1.0 inner"), "Via at the client")


@case("Via at the client names the backend's version")
def via_of_1_0_backend(t):
    origin = t.origin(answers(response("200 OK", b"ok", version="1.0")))
    expect(t.client().fetch(origin.host).fields.need("Via").startswith(b"1.0 "), "Via at the client")


@cases([
    ("a Via with our name is a loop: 508", "Via: 1.1 {name}"),
    ("a Via list with our name in it is a loop: 508", "Via: 1.0 a, 1.1 {name} (comment), 1.1 b"),
    ("a second Via line with our name is a loop: 508", "Via: 1.0 a\r\nVia: 1.1 {name}"),
])
def loop(t, line):
    name = node_name(t)
    raw = b"GET / HTTP/1.1\r\nHost: @host@\r\n" + line.format(name=name).encode() + b"\r\n\r\n"
    answer = refuse(t, raw, 508, closes=False)
    contains(answer.fields.get("Proxy-Status") or b"", b"error=", "Proxy-Status")


@cases([("a name that only begins like ours is no loop", "Via: 1.1 {name}x"),
        ("another name is no loop", "Via: 1.1 other"),
        ("our name in a comment is no loop", "Via: 1.1 other ({name})")])
def no_loop(t, line):
    name = node_name(t)
    fields, _ = fields_upstream(t, line.format(name=name))
    contains(b", ".join(fields.all("Via")), line.format(name=name)[5:].encode(), "Via at the origin")


@case("Date is added where it is missing, and kept where it is not")
def date(t):
    dated = response("200 OK", b"ok", "Date: Tue, 15 Nov 1994 08:12:31 GMT")
    origin = t.origin(answers(OK, dated))
    client = t.client()
    added_date = client.fetch(origin.host).fields.need("Date")
    expect(re.fullmatch(rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", added_date),
           f"Date: {added_date}")
    equal(client.fetch(origin.host).fields.get("Date"), b"Tue, 15 Nov 1994 08:12:31 GMT", "the backend's Date")


@case("a good answer has no Proxy-Status of ours")
def no_proxy_status(t):
    origin = t.origin(answers(response("503 Service Unavailable", b"theirs")))
    answer = t.client().fetch(origin.host)
    equal((answer.status, answer.body), (503, b"theirs"), "the backend's own answer")
    lacks(answer.fields.get("Proxy-Status") or b"", b"error=", "Proxy-Status")
