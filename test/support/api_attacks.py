"""Attacks on the REST API, each a function of the victim that says what must become of it.

Used by the suite (test/integration/attacks.py: each alone, and that nobody else notices) and by tools/prove attacks
(all of them over and over, against the latency of the data path). Those that are slow, large or many are in
api_crowds.py.
"""

import json
import ssl

import pki
from api_victim import KEPT, READER, ROUTES, WRITER, attack, requests
from checks import contains, equal, expect, lacks, one_of


def route(**fields):
    return {"vHost": "attack.test", "backends": []} | fields


# Foreign hosts and pages.

@requests([(f"Host: {host!r}", host, statuses) for host, statuses in (
    ("evil.example", (403,)), ("localhost.evil.example", (403,)), ("127.0.0.1.evil.example:9080", (403,)),
    ("evil.example:9080", (403,)), ("0x7f000001", (403,)), ("[::1].evil.example", (400, 403)),
    ("localhost@evil.example", (400, 403)), ("evil.example#localhost", (400, 403)), ("localhost, evil.example", (400, 403)),
    ("localhost\tevil.example", (400, 403)), (" ", (400, 403)))])
def foreign_host(v, host, statuses):
    v.refuses(v.head(f"GET {ROUTES}", host=host), *statuses)


@requests([("no Host", ()), ("two Hosts", ("Host: localhost", "Host: evil.example"))])
def odd_hosts(v, fields):
    v.refuses(v.head(f"GET {ROUTES}", *fields, host=None), 400)


@attack("an absolute-form target for a foreign host, behind a good Host")
def absolute_form(v):
    v.refuses(v.head(f"GET http://evil.example{ROUTES}"), 403)
    v.refuses(v.head(f"GET http://evil.example:80@127.0.0.1{ROUTES}"), 400, 403)


@attack("origins of other pages: other hosts, ports, schemes, null, several, lookalikes")
def origins(v):
    for origin in ("http://evil.example", "null", "", f"https://{v.own}", "http://127.0.0.1", f"http://{v.own}.evil.example",
                   f"http://{v.own}/", f"http://evil.example, http://{v.own}", f"http://user@{v.own}", "file://",
                   f"http://localhost:{v.address[1]}"):
        v.refuses(v.with_body(f"POST {ROUTES}", route(), f"Origin: {origin}"), 403, method="POST")
    v.refuses(v.head(f"GET {ROUTES}", f"Origin: http://{v.own}", "Origin: http://evil.example"), 403)


@attack("a preflight from another page: refused, and nothing is allowed by it")
def preflight(v):
    v.refuses(v.head(f"OPTIONS {ROUTES}", "Origin: http://evil.example", "Access-Control-Request-Method: PUT",
                     "Access-Control-Request-Headers: authorization", token=None), 403, method="OPTIONS")


@attack("a form of another page: its type is none of ours")
def form(v):
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "text/json",
                 "application/json-patch+json", "application/jsonx"):
        v.refuses(v.with_body(f"POST {ROUTES}", route(), kind=kind), 415, method="POST")
    v.refuses(v.with_body(f"POST {ROUTES}", route(), "Content-Encoding: gzip"), 415, method="POST")
    v.refuses(v.with_body(f"POST {ROUTES}", route(), kind="application/merge-patch+json"), 415, method="POST")


# Tokens.

@requests([(f"a token that is none: {what}", fields) for what, fields in (
    ("nothing", ()), ("another", ("Authorization: Bearer another-token-0123456",)),
    ("a prefix", (f"Authorization: Bearer {WRITER[:-1]}",)), ("one more", (f"Authorization: Bearer {WRITER}0",)),
    ("other case", (f"Authorization: Bearer {WRITER.upper()}",)), ("no scheme", (f"Authorization: {WRITER}",)),
    ("Basic", (f"Authorization: Basic {WRITER}",)), ("quoted", (f'Authorization: Bearer "{WRITER}"',)),
    ("twice", (f"Authorization: Bearer {WRITER}", f"Authorization: Bearer {WRITER}")),
    ("its name", ("Authorization: Bearer deploy",)), ("empty", ("Authorization: Bearer ",)),
    ("in a cookie", (f"Cookie: token={WRITER}",)), ("in other fields", (f"X-Authorization: Bearer {WRITER}",
                                                                     f"Proxy-Authorization: Bearer {WRITER}",
                                                                     f"X-Api-Key: {WRITER}")),
    ("said to be another's", ("X-Forwarded-For: 127.0.0.1", "X-Original-URL: /healthz", "X-Rewrite-URL: /healthz")),
    ("its file's comment", ("Authorization: Bearer #",)), ("30 KB", ("Authorization: Bearer " + "x" * 30_000,)))])
def tokens(v, fields):
    answer = v.refuses(v.head(f"GET {ROUTES}", *fields, token=None), 401)
    equal(answer.fields.need("WWW-Authenticate"), b"Bearer", "WWW-Authenticate")


@attack("a token in the query")
def query_token(v):
    for name in ("token", "access_token", "authorization", "api_key"):
        v.refuses(v.head(f"GET {ROUTES}?{name}={WRITER}", token=None), 401)
    lacks(v.proxy.stderr(), WRITER, "the log")


@attack("without a token nothing tells what there is: one answer to all paths and methods")
def oracle(v):
    bodies = set()
    for line in (f"GET {ROUTES}", "GET /nothing", f"PUT {ROUTES}", f"DELETE {ROUTES}/{KEPT}", f"DELETE {ROUTES}/none.test",
                 "GET /openapi.json", "PATCH /healthz/", "BREW /"):
        answer = v.ask(v.head(line, token=None))
        if answer.status != 501:  # a method that HTTP does not know
            equal(answer.status, 401, line)
            bodies.add(answer.body)
    equal(len(bodies), 1, "different answers")


@attack("a token that only reads cannot write, whatever the method is called")
def read_only(v):
    for method in ("POST", "PUT", "PATCH", "DELETE", "MKCOL", "LINK", "PURGE"):
        v.refuses(v.with_body(f"{method} {ROUTES}/{KEPT}", {}, token=READER), 403, method=method)
    v.refuses(v.with_body(f"POST {ROUTES}?dryRun=true", route(), token=READER), 403, method="POST")


@attack("method override fields mean nothing")
def override(v):
    for field in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        equal(v.ask(v.head(f"GET {ROUTES}/{KEPT}", f"{field}: DELETE")).status, 200, "status of a GET")
        v.refuses(v.with_body(f"POST {ROUTES}/{KEPT}", {}, f"{field}: DELETE"), 405, method="POST")
    v.refuses(v.head(f"GET {ROUTES}/{KEPT}?_method=DELETE"), 400)


# Paths and queries.

@requests([(f"the path of a probe, nearly: {path!r}", path) for path in (
    "//healthz", "/healthz/", "/healthz/../api/v1/routes", "/%68ealthz", "/healthz%00", "/healthz;x", "/HEALTHZ",
    "/healthz%2f..%2fapi%2fv1%2froutes", "/./healthz", "/healthz%3f", "/readyz/../api/v1/config")])
def nearly_open(v, path):
    v.refuses(v.head(f"GET {path}", token=None), 401)


@requests([(f"a path that leads elsewhere: {path!r}", path, statuses) for path, statuses in (
    (f"{ROUTES}/../config", (404,)), (f"{ROUTES}/%2e%2e/config", (404,)), (f"{ROUTES}/..%2fconfig", (404,)),
    (f"{ROUTES}/%2e%2e%2f%2e%2e%2fetc%2fpasswd", (404,)), (f"{ROUTES}/a%00{KEPT}", (404,)), (f"{ROUTES}/{KEPT}%00", (404,)),
    (f"{ROUTES}/%zz", (400,)), (f"{ROUTES}/%", (400,)), (f"{ROUTES}/%c0%ae%c0%ae", (404,)), ("/api//v1/routes", (404,)),
    ("/api/v1\\routes", (404, 400)), (f"{ROUTES}//{KEPT}", (404,)), (f"{ROUTES}/{KEPT}/", (404,)),
    (f"{ROUTES}/{KEPT};x=y", (404,)), (f"{ROUTES}/{KEPT}%20", (404,)), ("/api/v1/routes/" + "a" * 9_000, (414,)),
    ("/api/v1/" + "../" * 1_000, (404,)), ("/etc/passwd", (404,)), (f"{ROUTES}/{KEPT}/backends/..%2f..%2fdead", (404,)))])
def paths(v, path, statuses):
    v.refuses(v.head(f"GET {path}"), *statuses)
    if 414 not in statuses:
        v.refuses(v.head(f"DELETE {path}"), *statuses, 405, method="DELETE")


@attack("line ends in a path: none of it comes back as a field")
def response_splitting(v):
    for path in ("%0d%0aSet-Cookie:%20a=b", "%0aX-Injected:1", "%e5%98%8a%e5%98%8dX-Injected:1"):
        answer = v.refuses(v.head(f"GET {ROUTES}/{path}"), 404)
        expect(not answer.fields.has("Set-Cookie") and not answer.fields.has("X-Injected"), "no field was injected")
    for path in ("a\x00b", "a b c", "a\rb", "a\nX-Injected: 1\r\n"):
        v.refuses(v.head(f"GET {ROUTES}/{path}"), 400)


@attack("queries that mean nothing are refused, not passed over")
def queries(v):
    for query in ("dryRun=1", "dryRun=true&dryRun=false", "DRYRUN=true", "dryRun=true&x=1", "dryRun=%zz", "dryRun", "force=1"):
        v.refuses(v.with_body(f"POST {ROUTES}?{query}", route()), 400, method="POST")
        v.refuses(v.head(f"DELETE {ROUTES}/{KEPT}?{query}"), 400, method="DELETE")


# Bodies.

def deep(opening, closing, depth):
    return (opening * depth + "1" + closing * depth).encode()


@requests([(f"a body that is {what}", body, statuses) for what, body, statuses in (
    ("empty", b"", (400,)), ("cut off", b'{"vHost":"a', (400,)), ("two values", b"{}{}", (400,)),
    ("followed by NUL", b"{}\0", (400,)), ("no UTF-8", b'{"vHost":"\xff.test"}', (400,)),
    ("a lone surrogate", b'{"vHost":"\\ud800"}', (400, 422)), ("UTF-16", '{"vHost":"a.test"}'.encode("utf-16"), (400,)),
    ("arrays, 100,000 deep", deep("[", "]", 100_000), (400,)), ("objects, 50,000 deep", deep('{"a":', "}", 50_000), (400,)),
    ("an unclosed depth", b"[" * 500_000, (400,)), ("null", b"null", (422,)), ("a list", b"[]", (422,)),
    ("a number beyond numbers", b'{"vHost":"a.test","reqActiveLength":1e999}', (400, 422)),
    ("a number of 300,000 digits", b'{"vHost":"a.test","reqActiveLength":' + b"9" * 300_000 + b"}", (400, 422)),
    ("a million keys", b"{" + b",".join(b'"%x":1' % i for i in range(90_000)) + b"}", (422,)),
    ("a key twice", b'{"vHost":"a.test","vHost":"b.test","backends":[]}', (422,)),
    ("a key twice, deep down", b'{"vHost":"a.test","backends":[{"hostname":"a","port":1,"port":2}]}', (422,)),
    ("a key twice, once escaped", b'{"vHost":"a.test","\\u0076Host":"b.test","backends":[]}', (422,)),
    ("for a prototype", b'{"vHost":"a.test","backends":[],"__proto__":{"isAdmin":true}}', (422,)),
    ("of a comment", b'{"vHost":"a.test"/**/,"backends":[]}', (400,)), ("of NaN", b'{"vHost":NaN}', (400,)),
    ("of 1,001 backends", json.dumps(route(backends=[{"hostname": "127.0.0.1", "port": i + 1} for i in range(1_001)])).encode(),
     (422,)))])
def bodies(v, body, statuses):
    v.refuses(v.with_body(f"POST {ROUTES}", body), *statuses, method="POST")


@requests([(f"a route with {what}", fields) for what, fields in (
    ("a line end in a field's value", {"headers": {"X-A": "a\r\nX-B: b"}}), ("NUL in it", {"headers": {"X-A": "a\0b"}}),
    ("a line end in a field's name", {"headers": {"X-A: b\r\nX-B": "c"}}),
    ("a line end in an answer's field", {"responseHeaders": {"X-A": "a\n\nHTTP/1.1 200 OK"}}),
    ("a line end in its vHost", {"vHost": "a.test\r\nX: y"}), ("a slash in its vHost", {"vHost": "../a.test"}),
    ("NUL in its vHost", {"vHost": "a\0.test"}), ("a space in a hostname", {"backends": [{"hostname": "a b", "port": 1}]}),
    ("a URL for a hostname", {"backends": [{"hostname": "http://a.test/", "port": 1}]}),
    ("a path for a hostname", {"backends": [{"hostname": "unix:/etc/passwd", "port": 1}]}),
    ("a port beyond ports", {"backends": [{"hostname": "127.0.0.1", "port": 65_536}]}),
    ("a port below them", {"backends": [{"hostname": "127.0.0.1", "port": -1}]}),
    ("a field that frames messages", {"headers": {"Transfer-Encoding": "chunked"}}),
    ("a length of our own", {"responseHeaders": {"Content-Length": "0"}}))])
def routes(v, fields):
    v.refuses(v.with_body(f"POST {ROUTES}", route(**fields)), 422, method="POST")


@attack("a backend at the admin's address, so that the data side reaches it")
def inside(v):
    for host in ("127.0.0.1", "localhost", "0.0.0.0", "::ffff:127.0.0.1"):
        answer = v.refuses(v.with_body(f"POST {ROUTES}", route(backends=[{"hostname": host, "port": v.address[1]}])), 422,
                           method="POST")
        contains(answer.body, b"/backends/0/hostname", "the pointer")


@attack("a body larger than it may be: refused by its length, and by its bytes")
def large(v):
    for length in (1_048_577, 2**40, 2**63 - 1):
        v.refuses(v.head(f"POST {ROUTES}", f"Content-Length: {length}"), 413, method="POST")
    for length in ("99999999999999999999", "-1", "+5", "0x10", "1 0", "5,5", ""):
        v.refuses(v.head(f"POST {ROUTES}", f"Content-Length: {length}"), 400, method="POST")
    client = v.raw()
    client.send(v.head(f"POST {ROUTES}", "Transfer-Encoding: chunked"))
    try:
        for _ in range(40):
            client.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
    except OSError:
        pass
    equal(client.read_response("POST").status, 413, "status of an endless one")


@attack("a large body without a token: not a byte of it is waited for")
def large_unasked(v):
    for _ in range(50):
        client = v.raw()
        client.send(v.head("PUT /api/v1/config", "Content-Length: 67108864", "Expect: 100-continue", token=None))
        answer = client.read_response("PUT")
        equal((answer.status, answer.interim), (401, []), "the answer")


# Secrets.

@attack("no answer gives a key back, not that of a refused upload either")
def secrets(v):
    pair = pki.make("secret.test")
    good = v.ask(v.with_body("POST /api/v1/certificates", {"domain": "secret.test", "cert": pair.cert, "key": pair.key}), "POST")
    one_of(good.status, (200, 201), "status of the upload")
    bad = [v.refuses(v.with_body("POST /api/v1/certificates", {"domain": "secret.test", "cert": pair.key, "key": pair.cert}), 422,
                     method="POST"),
           v.refuses(v.with_body("POST /api/v1/certificates", {"domain": "secret.test", "cert": pair.cert, "key": pair.key[:-40]}),
                     422, method="POST"),
           v.refuses(v.with_body(f"POST {ROUTES}", route(ssl={"cert": "x", "key": pair.key})), 422, method="POST")]
    read = [v.ask(v.head(f"GET {path}")) for path in
            ("/api/v1/certificates", "/api/v1/certificates/secret.test", "/api/v1/config", ROUTES, "/api/v1/config/revisions",
             "/api/v1/stats")]
    for answer in [good, *bad, *read]:
        v.gives_nothing_away(answer)
        lacks(answer.body, pair.secret.encode(), "the answer")
    lacks(v.proxy.stderr(), pair.secret, "the log")


# Framing.

SMUGGLED = f"DELETE {ROUTES}/{KEPT} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {WRITER}\r\n\r\n"


@requests([(f"smuggling: {what}", fields, body) for what, fields, body in (
    ("both lengths", ("Content-Length: 4", "Transfer-Encoding: chunked"), f"0\r\n\r\n{SMUGGLED}"),
    ("two lengths", ("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"), SMUGGLED),
    ("a coding after chunked", ("Transfer-Encoding: chunked, identity",), f"0\r\n\r\n{SMUGGLED}"),
    ("chunked twice", ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), f"0\r\n\r\n{SMUGGLED}"),
    ("a coding nobody knows", ("Transfer-Encoding: xchunked",), f"0\r\n\r\n{SMUGGLED}"),
    ("a tab in it", ("Transfer-Encoding:\tchunked\x0b",), f"0\r\n\r\n{SMUGGLED}"),
    ("a space before the colon", ("Content-Length : 5",), SMUGGLED), ("a folded line", ("X-A: b\r\n c: d",), SMUGGLED),
    ("a bare line feed", ("X-A: b\nContent-Length: 0",), SMUGGLED), ("a bare return", ("X-A: b\rX-C: d",), SMUGGLED),
    ("a chunk's odd size", ("Transfer-Encoding: chunked",), f"0x0\r\n\r\n{SMUGGLED}"),
    ("a chunk's size beyond sizes", ("Transfer-Encoding: chunked",), f"10000000000000000\r\n{SMUGGLED}"),
    ("a chunk without its end", ("Transfer-Encoding: chunked",), f"2\r\n{{}}XX0\r\n\r\n{SMUGGLED}"))])
def smuggling(v, fields, body):
    client = v.raw()
    client.send(v.head(f"POST {ROUTES}", *fields) + body.encode())
    answer = client.read_response("POST")
    one_of(answer.status, (400, 501), "status")
    equal(client.wait_end(), b"", "answers after that")
    v.kept()


@attack("pipelining: each request is judged by itself, and answered in order")
def pipelining(v):
    client = v.raw()
    good, bad = v.head(f"GET {ROUTES}/{KEPT}"), v.head(f"GET {ROUTES}/{KEPT}", token=None)
    client.send((good + bad) * 100)
    for _ in range(100):
        equal([client.read_response().status, client.read_response().status], [200, 401], "a pair of answers")


@attack("what an answered request leaves of its body is no request")
def leftovers(v):
    client = v.raw()
    client.send(v.head(f"POST {ROUTES}", f"Content-Length: {len(SMUGGLED)}", token=None) + SMUGGLED.encode())
    equal(client.read_response("POST").status, 401, "status")
    equal(client.wait_end(), b"", "answers after that")
    v.kept()


# Other protocols.

def client_hello():
    context = ssl.create_default_context()
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    secured = context.wrap_bio(into, out, server_hostname="localhost")
    try:
        secured.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


@requests([(f"another protocol: {what}", data) for what, data in (
    ("HTTP/0.9", lambda: b"GET /healthz\r\n\r\n"), ("HTTP/2", lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9),
    ("HTTP/3.7", lambda: b"GET / HTTP/3.7\r\nHost: localhost\r\n\r\n"), ("HTTP/1.2", lambda: b"GET / HTTP/1.2\r\nHost: localhost\r\n\r\n"),
    ("TLS", client_hello), ("SSH", lambda: b"SSH-2.0-OpenSSH_9.9\r\n"), ("RTSP", lambda: b"OPTIONS * RTSP/1.0\r\n\r\n"),
    ("noise", lambda: bytes(range(256)) * 4), ("PROXY", lambda: b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n"),
    ("ICY", lambda: b"GET / ICY/1.0\r\n\r\n"))])
def protocols(v, data):
    v.breaks_off(data(), 400, 501, 505)


@attack("tunnels and echoes: CONNECT and TRACE")
def tunnels(v):
    v.refuses(v.head(f"CONNECT 127.0.0.1:{v.proxy.port}"), 400, 404, 405, method="POST")
    v.refuses(v.head(f"TRACE {ROUTES}", "X-Secret: abc"), 405, method="POST")
    answer = v.ask(v.head(f"GET {ROUTES}/{KEPT}", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"))
    equal(answer.status, 200, "status of an upgrade to HTTP/2: none")
