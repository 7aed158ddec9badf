"""The route's headers and responseHeaders (SPEC section 3): set or removed on every message, whatever was sent; what
would break framing or belongs to a connection is refused."""

import re

from harness import OK, answers, case, cases, contains, equal, expect, free_port, request, response

ROUTES = "/api/v1/routes"
TRUSTED = ["--trusted-proxy", "127.0.0.0/8"]
UUID7 = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ASK = ("Connection: Upgrade", "Upgrade: websocket")


def upstream(t, headers, *lines, **more):
    """The fields that the origin got of one request, and the route's host."""
    origin = t.origin(headers=headers)
    equal(t.client().fetch(origin.host, "/", *lines, **more).status, 200, "status")
    return origin.requests[0].fields, origin.host.encode()


def downstream(t, fields, raw=None, **more):
    """The answer that the client got of one request."""
    origin = t.origin(answers(raw or OK), responseHeaders=fields)
    return t.client().fetch(origin.host, **more)


# Requests.

@case("the route's headers are set on requests and null removes one")
def requests(t):
    fields, host = upstream(t, {"X-Set": "ours", "X-Gone": None, "X-Id": "${request.id}", "X-Ip": "${client.ip}",
                                "X-Name": "<${vhost}>"}, "X-Set: theirs", "x-set: again", "X-Gone: 1", "X-Kept: 1")
    equal(fields.all("X-Set"), [b"ours"], "the set field")
    equal(fields.has("X-Gone"), False, "the removed field")
    equal(fields.get("X-Kept"), b"1", "a field that is not named")
    expect(UUID7.fullmatch(fields.need("X-Id")), "${request.id} is a UUIDv7")
    equal(fields.get("X-Id"), fields.get("X-Request-ID"), "${request.id}")
    equal(fields.get("X-Ip"), b"127.0.0.1", "${client.ip}")
    equal(fields.get("X-Name"), b"<" + host + b">", "${vhost}")


@case("names are matched without case, and written as the route spells them")
def case_of_names(t):
    fields, _ = upstream(t, {"x-SET": "ours", "COOKIE": None, "accept-encoding": None},
                         "X-Set: a", "X-SET: b", "Cookie: c=d", "cookie: e=f", "ACCEPT-ENCODING: gzip")
    equal([(name, value) for name, value in fields if name.lower() == b"x-set"], [(b"x-SET", b"ours")], "the set field")
    expect(not fields.has("Cookie") and not fields.has("Accept-Encoding"), "the removed fields are gone")


@case("a field whose name only begins like an edited one passes")
def other_names(t):
    fields, _ = upstream(t, {"X-A": "ours", "X-B": None}, "X-AA: 1", "X-: 2", "X-BB: 3", "Y-B: 4")
    equal([fields.get(name) for name in ("X-AA", "X-", "X-BB", "Y-B")], [b"1", b"2", b"3", b"4"], "the fields beside")


@case("several placeholders and text stand in one value, and an empty value is a field")
def mixed_value(t):
    fields, host = upstream(t, {"X-All": "a ${request.id}${client.ip} b ${vhost}/${vhost} $ {} c", "X-Empty": ""})
    wanted = b"a " + fields.need("X-Request-ID") + b"127.0.0.1 b " + host + b"/" + host + b" $ {} c"
    equal(fields.get("X-All"), wanted, "the value")
    equal(fields.get("X-Empty"), b"", "the empty value")


@case("what the route sets or removes stands in place of what the proxy adds")
def proxys_own(t):
    fields, _ = upstream(t, {"X-Forwarded-Proto": "https", "X-Forwarded-For": "${client.ip}", "X-Forwarded-Host": "h",
                             "X-Real-IP": None, "X-Request-ID": None, "X-Id": "${request.id}"},
                         "X-Forwarded-Proto: ftp", "X-Real-IP: 192.0.2.1", "X-Request-ID: theirs")
    equal(fields.get("X-Forwarded-Proto"), b"https", "X-Forwarded-Proto")
    equal(fields.get("X-Forwarded-For"), b"127.0.0.1", "X-Forwarded-For")
    equal(fields.get("X-Forwarded-Host"), b"h", "X-Forwarded-Host")
    expect(not fields.has("X-Real-IP") and not fields.has("X-Request-ID"), "the removed fields are gone")
    expect(UUID7.fullmatch(fields.need("X-Id")), "${request.id} without X-Request-ID")


@cases([("Host can be set, and stands first", "/p"),
        ("Host can be set for an absolute-form target", "http://@host@/p")])
def set_host(t, target):
    origin = t.origin(headers={"host": "inner-${vhost}:8080"})
    host = origin.host
    equal(t.client().fetch(host, target.replace("@host@", host)).status, 200, "status")
    fields = origin.requests[0].fields
    equal(fields[0], (b"host", f"inner-{host}:8080".encode()), "the first field")
    equal(fields.get("X-Forwarded-Host"), host.encode(), "X-Forwarded-Host")


@case("a Connection option of the client's cannot take away what the route sets")
def nominated(t):
    fields, _ = upstream(t, {"X-Set": "ours"}, "Connection: X-Set, X-Mine", "X-Set: theirs", "X-Mine: 1")
    equal((fields.all("X-Set"), fields.has("X-Mine")), ([b"ours"], False), "the nominated fields")


@case("a trusted peer's claims are what the placeholders stand for", flags=TRUSTED)
def of_trusted_peer(t):
    fields, _ = upstream(t, {"X-Id": "${request.id}", "X-Ip": "${client.ip}"}, "X-Request-ID: from-the-edge",
                         "X-Forwarded-For: 203.0.113.1, 2001:db8::7, 127.0.0.9")
    equal((fields.get("X-Id"), fields.get("X-Ip")), (b"from-the-edge", b"2001:db8::7"), "placeholders")


@case("an untrusted peer's claims are not")
def of_untrusted_peer(t):
    fields, _ = upstream(t, {"X-Id": "${request.id}", "X-Ip": "${client.ip}"}, "X-Request-ID: forged",
                         "X-Forwarded-For: 203.0.113.1", "X-Real-IP: 203.0.113.1")
    expect(UUID7.fullmatch(fields.need("X-Id")), "${request.id} is ours")
    equal(fields.get("X-Ip"), b"127.0.0.1", "${client.ip}")


@case("a trusted peer's id that is no visible text is not taken over", flags=TRUSTED)
def odd_id(t):
    fields, _ = upstream(t, {"X-Id": "${request.id}"}, "X-Request-ID: a b\tc")
    expect(UUID7.fullmatch(fields.need("X-Id")), "${request.id} is ours")


@case("${vhost} is the route's name, whatever host of the route was asked for")
def v_host(t):
    parent = t.unique_host()
    origin = t.origin(headers={"X-Name": "${vhost}"}, aliases=[f"*.{parent}"])
    equal(t.client().fetch(f"deep.er.{parent}").status, 200, "status")
    equal(origin.requests[0].fields.get("X-Name"), origin.host.encode(), "${vhost}")


@case("pipelined requests do not see each other's values")
def pipelined(t):
    origin = t.origin(headers={"X-Id": "${request.id}", "X-Gone": None}, responseHeaders={"X-Id": "${request.id}"})
    client = t.client()
    client.send(b"".join(request(origin.host, f"/{number}", f"X-Gone: {number}", f"X-Id: forged-{number}")
                         for number in range(5)))
    given = [client.read_response().fields.need("X-Id") for _ in range(5)]
    sent = [one.fields.need("X-Id") for one in origin.requests]
    equal(len(set(sent)), 5, "different ids")
    equal(given, sent, "the ids of the answers")
    equal([one.fields.need("X-Request-ID") for one in origin.requests], sent, "X-Request-ID")
    expect(not any(one.fields.has("X-Gone") for one in origin.requests), "the removed field is gone each time")


@cases([("both ways are edited for HTTP/1.0", {"version": "1.0"}), ("both ways are edited for HEAD", {"method": "HEAD"}),
        ("both ways are edited where a body is sent", {"method": "POST", "body": b"xyz"})])
def kinds_of_request(t, more):
    origin = t.origin(headers={"X-Set": "ours"}, responseHeaders={"X-Back": "too"})
    answer = t.client().fetch(origin.host, "/", "X-Set: theirs", **more)
    equal((answer.status, answer.fields.all("X-Back")), (200, [b"too"]), "the answer")
    received = origin.requests[0]
    equal((received.fields.all("X-Set"), received.body), ([b"ours"], more.get("body", b"")), "the request")


@case("8,000 bytes can be set; a head that grows too large on its way is refused with 431",
      flags=[*TRUSTED, "--max-header-bytes", "96k"])
def long_values(t):
    long_id = "X-Request-ID: " + "i" * 128
    origin = t.origin(headers={"X-Ids": "${request.id}" * 600})
    client = t.client()
    equal(client.fetch(origin.host, "/", "X-Mine: " + "w" * 20000).status, 200, "status with ids of ours")
    equal(len(origin.requests[0].fields.need("X-Ids")), 600 * 36, "bytes of the value")
    equal(client.fetch(origin.host, "/", long_id, "X-Mine: " + "w" * 80000).status, 431, "status of what does not fit")
    equal(client.fetch(origin.host, "/", long_id).status, 200, "status of the next request")
    equal(len(origin.requests), 2, "requests at the origin")
    filled = t.origin(responseHeaders={"X-Ids": "${request.id}" * 600}, maxBodyBytes=1)
    refused_body = t.client().fetch(filled.host, "/", long_id, method="POST", body=b"ab")
    equal((refused_body.status, len(refused_body.fields.need("X-Ids"))), (413, 600 * 128), "the longest own answer")


# Responses.

@case("the route's responseHeaders are set on responses and null removes one")
def responses(t):
    raw = response("200 OK", b"ok", "Server: theirs", "X-Set: theirs", "x-set: again", "Set-Cookie: a=b",
                   "Set-Cookie: c=d", "X-Kept: 1")
    answer = downstream(t, {"X-Set": "ours", "Server": None, "X-New": "n ${vhost}", "set-cookie": "e=f",
                            "X-Ip": "${client.ip}"}, raw)
    equal(answer.fields.all("X-Set"), [b"ours"], "the set field")
    equal(answer.fields.all("Set-Cookie"), [b"e=f"], "Set-Cookie")
    equal(answer.fields.has("Server"), False, "the removed field")
    expect(answer.fields.need("X-New").startswith(b"n case"), "the added field")
    equal((answer.fields.get("X-Ip"), answer.fields.get("X-Kept")), (b"127.0.0.1", b"1"), "${client.ip}, and the rest")


@cases([("a 204 is edited", b"HTTP/1.1 204 No Content\r\nX-Set: a\r\n\r\n", 204),
        ("a 304 is edited", b"HTTP/1.1 304 Not Modified\r\nX-Set: a\r\nETag: \"x\"\r\n\r\n", 304),
        ("a chunked response is edited",
         b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Set: a\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200),
        ("an error of the backend's is edited", response("500 Internal Server Error", b"ok", "X-Set: a"), 500)])
def kinds_of_response(t, raw, status):
    answer = downstream(t, {"X-Set": "ours", "X-New": "n"}, raw)
    equal((answer.status, answer.fields.all("X-Set"), answer.fields.get("X-New")), (status, [b"ours"], b"n"), "the answer")


@case("they are set on a 101, and the tunnel opens")
def switching(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: b\r\n\r\n")
        backend.send(backend.read_exactly(4))
        backend.wait_end()
    origin = t.origin(script, responseHeaders={"X-A": None, "X-B": "b"}, headers={"X-C": "c"})
    client = t.client()
    client.send(request(origin.host, "/", *ASK) + b"ping")
    head = client.read_head()
    equal((head.status, head.fields.has("X-A"), head.fields.get("X-B")), (101, False, b"b"), "the head")
    equal((head.fields.get("Upgrade"), head.fields.tokens("Connection")), (b"websocket", [b"upgrade"]), "the upgrade")
    equal(client.read_exactly(4), b"ping", "the tunnel")


@case("they are for final responses: a 103 passes as it is")
def interim(t):
    raw = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Set: theirs\r\n\r\n" + response("200 OK", b"ok", "Link: </a>")
    answer = downstream(t, {"X-Set": "ours", "Link": None}, raw)
    hint = answer.interim[0].fields
    equal((hint.get("X-Set"), hint.get("Link")), (b"theirs", b"</a>"), "the 103")
    equal((answer.fields.get("X-Set"), answer.fields.has("Link")), (b"ours", False), "the final response")


@case("${request.id} in an answer is the one that the backend got")
def id_of_answer(t):
    origin = t.origin(responseHeaders={"X-Request-ID": "${request.id}"})
    answer = t.client().fetch(origin.host)
    equal(answer.fields.get("X-Request-ID"), origin.requests[0].fields.need("X-Request-ID"), "X-Request-ID")


@case("Via can be taken off responses, and stays on requests")
def without_via(t):
    origin = t.origin(answers(response("200 OK", b"ok", "Via: 1.1 inner")), responseHeaders={"Via": None})
    equal(t.client().fetch(origin.host).fields.has("Via"), False, "Via at the client")
    expect(origin.requests[0].fields.has("Via"), "Via at the origin")


# Answers of the proxy's own.

EDITS = {"Strict-Transport-Security": "max-age=5", "X-Id": "${request.id}", "Content-Type": "image/png",
         "Cache-Control": "max-age=99", "ETag": '"x"', "Content-Encoding": "gzip"}


def own_answer(answer, status):
    fields = answer.fields
    equal((answer.status, fields.get("Strict-Transport-Security")), (status, b"max-age=5"), "status and the set field")
    expect(UUID7.fullmatch(fields.need("X-Id")), "${request.id}")
    equal(fields.get("Content-Type"), b"text/plain; charset=utf-8", "the type of our own text")
    expect(not any(fields.has(name) for name in ("Cache-Control", "ETag", "Content-Encoding")),
           "nothing says that the error is a representation of the backend's, or may be cached")


@case("they are set on the proxy's own answers, but for what describes the backend's representation")
def own_answers(t):
    host = t.unique_host()
    t.proxy.add_route(host, {"hostname": "127.0.0.1", "port": free_port()}, responseHeaders=EDITS)
    answer = t.client().fetch(host)
    own_answer(answer, 502)
    contains(answer.fields.need("Proxy-Status"), b"error=connection_refused", "Proxy-Status")


@case("they are set on a refusal of the route's")
def own_refusal(t):
    origin = t.origin(responseHeaders=EDITS, maxBodyBytes=2)
    client = t.client()
    own_answer(client.fetch(origin.host, "/", method="POST", body=b"abc"), 413)
    client.must_stay_open_for(origin.host)


@case("the proxy's own fields can be removed and replaced in its answers")
def own_fields(t):
    origin = t.origin(responseHeaders={"Proxy-Status": None, "allow": "GET"})
    answer = t.client().fetch(origin.host, "/", "Max-Forwards: 0", method="OPTIONS")
    equal((answer.status, answer.fields.all("Allow")), (204, [b"GET"]), "the answer to OPTIONS")
    origin.stop_listening()
    for connection in origin.connections:
        connection.break_off()
    answer = t.client().fetch(origin.host)
    equal((answer.status, answer.fields.has("Proxy-Status")), (502, False), "the answer without a backend")


@case("an answer where no route matched has none")
def no_route(t):
    t.origin(responseHeaders=EDITS)
    answer = t.client().fetch(t.unique_host())
    equal((answer.status, answer.fields.has("Strict-Transport-Security")), (404, False), "the answer")


# What the API takes.

def complaint(t, **fields):
    """The pointers of the errors; none where the route is taken."""
    route = {"vHost": t.unique_host(), "backends": [{"hostname": "127.0.0.1", "port": 9}]} | fields
    answer = t.proxy.api("POST", ROUTES, route)
    if answer.status == 201:
        return []
    equal(answer.status, 422, f"status of {fields}")
    return [one["pointer"] for one in answer.json["errors"]]


OF_CONNECTION = ["Connection", "keep-alive", "Proxy-Connection", "TE", "Upgrade", "HTTP2-Settings", "Content-Length",
                 "TRANSFER-ENCODING", "Trailer", "Expect"]


@cases([(f"{name} is refused both ways, set and removed", name) for name in OF_CONNECTION])
def refused(t, name):
    for field in ("headers", "responseHeaders"):
        for value in ("1", None):
            equal(complaint(t, **{field: {name: value}}), [f"/{field}/{name}"], f"{field} {name}: {value}")


@cases([("422: Host cannot be removed", {"headers": {"Host": None}}, "/headers/Host"),
        ("422: Host is an authority", {"headers": {"Host": "a b"}}, "/headers/Host"),
        ("422: Host is not empty", {"headers": {"Host": ""}}, "/headers/Host"),
        ("422: Host has no userinfo", {"headers": {"Host": "u@a"}}, "/headers/Host"),
        ("422: Host has a port that exists", {"headers": {"Host": "a:70000"}}, "/headers/Host"),
        ("422: Host takes nothing of the request's", {"headers": {"Host": "${client.ip}"}}, "/headers/Host"),
        ("422: Host cannot be a pattern", {"vHost": "*.pattern.test", "headers": {"Host": "${vhost}"}}, "/headers/Host"),
        ("422: Via of requests stays", {"headers": {"Via": None}}, "/headers/Via"),
        ("422: Via of responses cannot be set", {"responseHeaders": {"via": "1.1 x"}}, "/responseHeaders/via"),
        ("422: Max-Forwards is counted, not set", {"headers": {"Max-Forwards": "9"}}, "/headers/Max-Forwards"),
        ("422: Date of responses stays", {"responseHeaders": {"Date": None}}, "/responseHeaders/Date"),
        ("422: Proxy is no field to send", {"headers": {"Proxy": "x"}}, "/headers/Proxy"),
        ("422: Proxy-Authorization is not for a backend", {"headers": {"Proxy-Authorization": "x"}},
         "/headers/Proxy-Authorization"),
        ("422: a name with a space", {"headers": {"X A": "1"}}, "/headers/X A"),
        ("422: a name with a line end", {"headers": {"X\r\nY": "1"}}, "/headers/X\r\nY"),
        ("422: an empty name", {"responseHeaders": {"": "1"}}, "/responseHeaders/"),
        ("422: a name with a slash has its pointer escaped", {"headers": {"a/b": "1"}}, "/headers/a~1b"),
        ("422: CR LF in a value", {"headers": {"X": "a\r\nY: b"}}, "/headers/X"),
        ("422: LF in a value", {"responseHeaders": {"X": "a\nb"}}, "/responseHeaders/X"),
        ("422: NUL in a value", {"headers": {"X": "a\0b"}}, "/headers/X"),
        ("422: DEL in a value", {"headers": {"X": "a\x7f"}}, "/headers/X"),
        ("422: a space at a value's end", {"headers": {"X": "a "}}, "/headers/X"),
        ("422: an unknown placeholder", {"headers": {"X": "${server.name}"}}, "/headers/X"),
        ("422: a placeholder without its end", {"headers": {"X": "a ${vhost"}}, "/headers/X"),
        ("422: a placeholder in other case", {"headers": {"X": "${VHOST}"}}, "/headers/X"),
        ("422: one name twice, case aside", {"headers": {"X-A": "1", "x-a": "2"}}, "/headers/x-a"),
        ("422: more than 8 KiB in all", {"headers": {f"X-{i}": "v" * 1000 for i in range(9)}}, "/headers"),
        ("422: a value that is no text", {"headers": {"X": 1}}, "/headers/X")])
def bad_edit(t, fields, pointer):
    equal(complaint(t, **fields), [pointer], "pointers")


@case("what is allowed is taken and given back as it was")
def given_back(t):
    route = {"vHost": t.unique_host(), "backends": [{"hostname": "127.0.0.1", "port": 9}],
             "headers": {"Host": "a.test:80", "X-Empty": "", "Authorization": "Basic eA==", "Proxy": None},
             "responseHeaders": {"Via": None, "Server": None, "X-Text": "grün, ${client.ip}"}}
    equal(t.proxy.api("POST", ROUTES, route).status, 201, "status")
    given = t.proxy.api("GET", f"{ROUTES}/{route['vHost']}").json
    equal((given["headers"], given["responseHeaders"]), (route["headers"], route["responseHeaders"]), "the maps")


@case("a change of the maps applies to the next request of a kept connection")
def changed(t):
    origin = t.origin(headers={"X-A": "1"})
    client = t.client()
    client.fetch(origin.host)
    path = f"{ROUTES}/{origin.host}"
    equal(t.proxy.api("PATCH", path, {"headers": {"X-A": None, "X-B": "2"}}).status, 200, "status of PATCH")
    client.fetch(origin.host)
    before, after = (one.fields for one in origin.requests)
    equal((before.get("X-A"), before.has("X-B")), (b"1", False), "before")
    equal((after.has("X-A"), after.get("X-B")), (False, b"2"), "after")
