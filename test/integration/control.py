"""The REST API for routes and backends (SPEC section 9): what it answers, and what a change means for traffic."""

import http.client
import json
import re

from harness import case, cases, contains, equal, expect, in_threads, named, one_of, request

ROUTES = "/api/v1/routes"
BACKEND = {"hostname": "127.0.0.1", "port": 9}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def problem(answer, status, pointer=None, word=None):
    """An RFC 9457 problem document of that status that names the bad field."""
    equal(answer.status, status, f"status ({answer.body[:300]!r})")
    equal(answer.headers.get_content_type(), "application/problem+json", "Content-Type")
    document = answer.json
    equal(document["status"], status, "status in the document")
    for member in ("type", "title"):
        expect(isinstance(document.get(member), str) and document[member], f"the document has a {member}")
    if pointer is not None:
        contains([one["pointer"] for one in document.get("errors", [])], pointer, "pointers of the errors")
        expect(all(one["detail"] for one in document["errors"]), "every error has a detail")
    if word:
        contains(answer.body.decode(), word, "the document")
    return document


def good(host, **fields):
    return {"vHost": host, "backends": [BACKEND]} | fields


def fresh(t):
    """A vHost of this case's own, its path, and the route behind it."""
    host = t.unique_host()
    equal(t.proxy.api("POST", ROUTES, good(host)).status, 201, "status of POST")
    return host, f"{ROUTES}/{host}"


# The life of a route.

@case("POST answers 201, Location, ETag and the route with its defaults")
def post(t):
    host = t.unique_host()
    answer = t.proxy.api("POST", ROUTES, good(host))
    equal(answer.status, 201, "status")
    contains(answer.headers["Location"], f"{ROUTES}/{host}", "Location")
    expect(answer.headers["ETag"], "ETag")
    route = answer.json
    equal((route["vHost"], route["strategy"], route["upgrades"]), (host, "ROUND_ROBIN", ["websocket"]), "defaults")
    expect(UUID.fullmatch(route["id"]), f"the id is a UUID: {route['id']}")
    backend = route["backends"][0]
    equal((backend["hostname"], backend["port"], backend["weight"]), ("127.0.0.1", 9, 1), "the backend")
    expect(UUID.fullmatch(backend["id"]), "the backend's id is a UUID")
    equal(t.proxy.api("GET", answer.headers["Location"]).json, route, "what GET gives")


@case("GET of all routes, of one, of none")
def get(t):
    host, path = fresh(t)
    listed = t.proxy.api("GET", ROUTES)
    equal(listed.status, 200, "status")
    contains([one["vHost"] for one in listed.json], host, "the list")
    equal(int(listed.headers["X-Total-Count"]), len(listed.json), "X-Total-Count")
    equal(t.proxy.api("GET", path).json["vHost"], host, "the route")
    problem(t.proxy.api("GET", f"{ROUTES}/nobody.test"), 404)


@case("what GET gave can be PUT back unchanged")
def put_back(t):
    _, path = fresh(t)
    before = t.proxy.api("GET", path)
    answer = t.proxy.api("PUT", path, before.body)
    equal((answer.status, answer.json), (200, before.json), "what PUT answers")


@case("PUT creates and replaces")
def put(t):
    host = t.unique_host()
    path = f"{ROUTES}/{host}"
    equal(t.proxy.api("PUT", path, good(host, maxBodyBytes=5)).status, 201, "status of the first PUT")
    replaced = t.proxy.api("PUT", path, {"vHost": host, "backends": []})
    equal((replaced.status, replaced.json["maxBodyBytes"], replaced.json["backends"]), (200, 0, []), "after the second PUT")
    problem(t.proxy.api("PUT", path, good("other.test")), 422, "/vHost")


@case("PATCH merges, null resets, arrays are replaced (RFC 7396)")
def patch(t):
    host, path = fresh(t)
    answer = t.proxy.api("PATCH", path, {"maxBodyBytes": 7, "pool": {"size": 3}},
                         {"Content-Type": "application/merge-patch+json"})
    equal(answer.status, 200, "status")
    equal((answer.json["maxBodyBytes"], answer.json["pool"]["size"], answer.json["pool"]["idle"]), (7, 3, "4s"), "merged")
    equal(len(answer.json["backends"]), 1, "backends are untouched")
    answer = t.proxy.api("PATCH", path, {"maxBodyBytes": None, "pool": None})
    equal((answer.json["maxBodyBytes"], answer.json["pool"]["size"]), (0, 256), "back at the defaults")
    problem(t.proxy.api("PATCH", path, {"colour": "red"}), 422, "/colour")
    problem(t.proxy.api("PATCH", f"{ROUTES}/nobody.test", {}), 404)


@case("DELETE answers 204, then 404, and the host is 404 for clients")
def delete(t):
    host, path = fresh(t)
    answer = t.proxy.api("DELETE", path)
    equal((answer.status, answer.body), (204, b""), "DELETE")
    problem(t.proxy.api("DELETE", path), 404)
    problem(t.proxy.api("GET", path), 404)
    equal(t.client().fetch(host).status, 404, "status for a client")


@case("a taken vHost or alias is 409, in any case of letters")
def conflict(t):
    host, _ = fresh(t)
    problem(t.proxy.api("POST", ROUTES, good(host)), 409, word=host)
    problem(t.proxy.api("POST", ROUTES, good(host.upper())), 409)
    problem(t.proxy.api("POST", ROUTES, good(t.unique_host(), aliases=[host])), 409)
    alias = t.unique_host()
    equal(t.proxy.api("POST", ROUTES, good(t.unique_host(), aliases=[alias])).status, 201, "status with an alias")
    problem(t.proxy.api("POST", ROUTES, good(alias)), 409)


@case("a taken route id is 409")
def id_conflict(t):
    route_id = t.unique_host()
    equal(t.proxy.api("POST", ROUTES, good(t.unique_host(), id=route_id)).status, 201, "status of the first")
    problem(t.proxy.api("POST", ROUTES, good(t.unique_host(), id=route_id)), 409)


@case("a wildcard vHost works percent-encoded in a path")
def encoded(t):
    domain = t.unique_host()
    equal(t.proxy.api("POST", ROUTES, good(f"*.{domain}")).status, 201, "status of POST")
    for written in (f"%2A.{domain}", f"%2a.{domain}", f"*.{domain}", f"%2A%2E{domain}", f"*.{domain}".upper()):
        equal(t.proxy.api("GET", f"{ROUTES}/{written}").json["vHost"], f"*.{domain}", f"vHost of {written}")
    for bad in ("%2", "%zz", "%00", "a%2Fb"):
        one_of(t.proxy.api("GET", f"{ROUTES}/{bad}").status, [400, 404], f"status of {bad}")
    equal(t.proxy.api("DELETE", f"{ROUTES}/%2A.{domain}").status, 204, "status of DELETE")


@case("conditional requests: ETag, If-None-Match, If-Match")
def conditional(t):
    _, path = fresh(t)
    tag = t.proxy.api("GET", path).headers["ETag"]
    equal(t.proxy.api("GET", path, headers={"If-None-Match": tag}).status, 304, "If-None-Match")
    problem(t.proxy.api("PATCH", path, {"maxBodyBytes": 1}, {"If-Match": '"other"'}), 412)
    equal(t.proxy.api("PATCH", path, {"maxBodyBytes": 1}, {"If-Match": tag}).status, 200, "If-Match")
    equal(t.proxy.api("GET", path, headers={"If-None-Match": tag}).status, 200, "If-None-Match after a change")
    problem(t.proxy.api("DELETE", path, headers={"If-Match": tag}), 412)


@case("?dryRun=true checks and changes nothing")
def dry_run(t):
    host = t.unique_host()
    one_of(t.proxy.api("POST", f"{ROUTES}?dryRun=true", good(host)).status, [200, 201], "status")
    problem(t.proxy.api("GET", f"{ROUTES}/{host}"), 404)
    problem(t.proxy.api("POST", f"{ROUTES}?dryRun=true", good(host, colour=1)), 422, "/colour")


# Backends.

@case("backends: POST, GET, PATCH, DELETE")
def backends(t):
    host, path = fresh(t)
    made = t.proxy.api("POST", f"{path}/backends", {"hostname": "127.0.0.2", "port": 10})
    equal(made.status, 201, "status of POST")
    number = made.json["id"]
    one = f"{path}/backends/{number}"
    contains(made.headers["Location"], one, "Location")
    equal(t.proxy.api("GET", one).json["hostname"], "127.0.0.2", "GET")
    equal(t.proxy.api("PATCH", one, {"weight": 5}).json["weight"], 5, "weight after PATCH")
    equal(len(t.proxy.api("GET", path).json["backends"]), 2, "backends of the route")
    problem(t.proxy.api("POST", f"{path}/backends", {"hostname": "127.0.0.2", "port": 10}), 409)
    problem(t.proxy.api("PATCH", one, {"port": 0}), 422, "/port")
    equal(t.proxy.api("DELETE", one).status, 204, "status of DELETE")
    problem(t.proxy.api("GET", one), 404)
    problem(t.proxy.api("POST", f"{ROUTES}/nobody.test/backends", BACKEND), 404)


@case("a backend added or taken away serves, or no longer serves, the very next request")
def backends_and_traffic(t):
    first, second = t.bare_origin(named("first")), t.bare_origin(named("second"))
    host = t.unique_host()
    t.proxy.add_route(host, first.backend | {"id": "one"})
    client = t.client()
    equal(client.fetch(host).text, "first", "before")
    equal(t.proxy.api("POST", f"{ROUTES}/{host}/backends", second.backend | {"id": "two"}).status, 201, "POST")
    equal({client.fetch(host).text for _ in range(2)}, {"first", "second"}, "with both")
    equal(t.proxy.api("DELETE", f"{ROUTES}/{host}/backends/one").status, 204, "DELETE")
    equal({client.fetch(host).text for _ in range(3)}, {"second"}, "without the first")
    equal(t.proxy.api("DELETE", f"{ROUTES}/{host}/backends/two").status, 204, "DELETE of the last")
    equal(client.fetch(host).status, 503, "status without any backend")


# What is refused, and how.

@cases([
    ("an unknown field is 422", {"colour": "red"}, "/colour"),
    ("an unknown field of a backend is 422", {"backends": [BACKEND | {"colour": 1}]}, "/backends/0/colour"),
    ("an unknown field of pool is 422", {"pool": {"depth": 1}}, "/pool/depth"),
    ("a pointer escapes its slashes", {"a/b~c": 1}, "/a~1b~0c"),
    ("a vHost with a blank is 422", {"vHost": "a b"}, "/vHost"),
    ("an empty vHost is 422", {"vHost": ""}, "/vHost"),
    ("a vHost with a port is 422", {"vHost": "a.test:80"}, "/vHost"),
    ("a vHost with a wildcard inside is 422", {"vHost": "a.*.test"}, "/vHost"),
    ("a vHost of half a wildcard is 422", {"vHost": "*a.test"}, "/vHost"),
    ("a vHost that is no string is 422", {"vHost": 5}, "/vHost"),
    ("an alias that is none is 422", {"aliases": ["ok.alias.test", "not ok"]}, "/aliases/1"),
    ("an unknown strategy is 422", {"strategy": "FASTEST"}, "/strategy"),
    ("a port of 0 is 422", {"backends": [BACKEND | {"port": 0}]}, "/backends/0/port"),
    ("a port of 65536 is 422", {"backends": [BACKEND | {"port": 65536}]}, "/backends/0/port"),
    ("a port of letters is 422", {"backends": [BACKEND | {"port": "80"}]}, "/backends/0/port"),
    ("a port with a fraction is 422", {"backends": [BACKEND | {"port": 80.5}]}, "/backends/0/port"),
    ("a backend without a port is 422", {"backends": [{"hostname": "127.0.0.1"}]}, "/backends/0/port"),
    ("a backend without a hostname is 422", {"backends": [{"port": 80}]}, "/backends/0/hostname"),
    ("a hostname with a slash is 422", {"backends": [BACKEND | {"hostname": "http://a"}]}, "/backends/0/hostname"),
    ("a weight over 1000 is 422", {"backends": [BACKEND | {"weight": 1001}]}, "/backends/0/weight"),
    ("a weight below nought is 422", {"backends": [BACKEND | {"weight": -1}]}, "/backends/0/weight"),
    ("backends that are no array are 422", {"backends": {}}, "/backends"),
    ("a time without a unit is 422", {"timeout": "5"}, "/timeout"),
    ("a time that is a number is 422", {"responseTimeout": 5}, "/responseTimeout"),
    ("a time below nought is 422", {"connectTimeout": "-1s"}, "/connectTimeout"),
    ("a count below nought is 422", {"retries": -1}, "/retries"),
    ("a size below nought is 422", {"maxBodyBytes": -1}, "/maxBodyBytes"),
    ("a flag that is no boolean is 422", {"abortOnClose": "yes"}, "/abortOnClose"),
    ("an auth provider that there is not is 422", {"authProvider": "x"}, "/authProvider"),
    ("an upgrade that is no token is 422", {"upgrades": ["a b"]}, "/upgrades/0"),
])
def bad_field(t, fields, pointer):
    host = fields.get("vHost", t.unique_host())
    problem(t.proxy.api("POST", ROUTES, good(host) | fields), 422, pointer)


@case("every bad field is named, not only the first")
def all_bad_fields(t):
    answer = t.proxy.api("POST", ROUTES, good("a b", colour=1, retries=-1, backends=[BACKEND | {"port": 0}]))
    pointers = {one["pointer"] for one in problem(answer, 422)["errors"]}
    equal({"/vHost", "/colour", "/retries", "/backends/0/port"} - pointers, set(), "pointers that are missing")


@case("every field at its default, and the run-time fields, are accepted")
def defaults(t):
    host = t.unique_host()
    route = {
        "id": host, "vHost": host, "aliases": [], "strategy": "ROUND_ROBIN", "autoHttps": False, "reqActiveLength": 0,
        "reqQueueLength": 0, "queueTimeout": "30s", "authProvider": None, "headers": {}, "responseHeaders": {},
        "retries": 2, "connectTimeout": None, "responseTimeout": None, "timeout": None, "abortOnClose": False,
        "upgrades": ["websocket"], "maxBodyBytes": 0,
        "health": {"maxFails": 1, "failWindow": "10s", "recheck": "60s", "probe": {"path": None, "timeout": "2s"}},
        "circuit": {"errorRate": 0.5, "minRequests": 20, "window": "10s", "open": "30s"},
        "pool": {"size": 256, "idle": "4s"}, "tunnelIdle": "5m",
        "backends": [{"id": "node-1", "hostname": "10.0.0.1", "port": 3000, "weight": 1, "protocol": "http/1.1",
                      "tls": False, "caCert": None, "serverName": None, "clientCert": None, "clientKey": None,
                      "proxyProtocol": 0, "isDead": False, "deadSince": None, "failureCount": 0, "state": "alive"}]}
    answer = t.proxy.api("POST", ROUTES, route)
    equal(answer.status, 201, f"status ({answer.body!r})")
    given = answer.json
    for name, value in route.items():
        if name != "backends":
            equal(given.get(name), value, name)


@cases([
    ("malformed JSON is 400", b'{"vHost": ', [400]),
    ("an empty body is 400", b"", [400]),
    ("a body of bad UTF-8 is 400", b'{"vHost": "\xff\xfe"}', [400, 422]),
    ("JSON with a tail is 400", b'{"vHost": "a.test"} x', [400]),
    ("an array is 422", b"[]", [400, 422]),
    ("a duplicate key is 422", b'{"vHost": "a.test", "vHost": "b.test", "backends": []}', [422]),
    ("a duplicate key inside a backend is 422",
     b'{"vHost": "a.test", "backends": [{"hostname": "h", "port": 1, "port": 2}]}', [422]),
    ("JSON nested ten thousand deep is refused", b'{"vHost": ' + b"[" * 10_000, [400, 422]),
    ("a number beyond any range is refused", b'{"vHost": "a.test", "retries": 1e999}', [400, 422]),
])
def bad_document(t, body, statuses):
    one_of(t.proxy.api("POST", ROUTES, body).status, statuses, "status")
    equal(t.proxy.api("GET", "/healthz").status, 200, "status of /healthz after it")


@case("a body of 10 MB is 413, and the process goes on")
def large_body(t):
    def post_large(body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", t.proxy.admin_port, timeout=10)
        try:
            connection.request("POST", ROUTES, body, {"Content-Type": "application/json"} | headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may answer and close before all is sent
        answer = connection.getresponse()
        connection.close()
        return answer.status
    body = json.dumps(good(t.unique_host()) | {"id": "x" * 10_000_000}).encode()
    equal(post_large(body, {}), 413, "status")
    equal(post_large(iter([body[at:at + 65536] for at in range(0, len(body), 65536)]), {}), 413, "status in chunks")
    fresh(t)


@case("just under 1 MiB is read")
def almost_large_body(t):
    host = t.unique_host()
    route = json.dumps(good(host)).encode()
    equal(t.proxy.api("POST", ROUTES, route + b" " * (1_048_000 - len(route))).status, 201, "status")


@cases([("text/plain is 415", "text/plain"), ("a form is 415", "application/x-www-form-urlencoded"),
        ("an empty media type is 415", "")])
def media_type(t, kind):
    problem(t.proxy.api("POST", ROUTES, good(t.unique_host()), {"Content-Type": kind}), 415)


@case("application/json with a charset is read")
def media_type_with_parameter(t):
    answer = t.proxy.api("POST", ROUTES, good(t.unique_host()), {"Content-Type": "Application/JSON; charset=utf-8"})
    equal(answer.status, 201, "status")


@cases([("a wrong method on the routes is 405", "DELETE", ROUTES, {"GET", "POST"}),
        ("a wrong method on a route is 405", "POST", "{path}", {"GET", "PUT", "PATCH", "DELETE"}),
        ("a wrong method on the backends is 405", "PUT", "{path}/backends", {"POST"}),
        ("a wrong method on /readyz is 405", "POST", "/readyz", {"GET"})])
def wrong_method(t, method, path, allowed):
    _, own = fresh(t)
    answer = t.proxy.api(method, path.replace("{path}", own), {} if method in ("POST", "PUT") else None)
    problem(answer, 405)
    listed = {one.strip() for one in answer.headers["Allow"].split(",")}
    expect(allowed <= listed and method not in listed, f"Allow: {listed}")


@cases([(f"{path} is 404", path) for path in
        ("/api", "/api/v1", "/api/v1/", "/api/v2/routes", "/api/v1/route", "/api/v1/routes/a.test/x", "/..")])
def no_such_path(t, path):
    equal(t.proxy.api("GET", path).status, 404, "status")


@cases([("/healthz", "/healthz"), ("/readyz", "/readyz"), ("the list of routes", ROUTES)])
def head(t, path):
    """HEAD answers as GET does, without the body."""
    answer = t.proxy.api("HEAD", path)
    equal((answer.status, answer.body), (200, b""), "status and body")


# Who may ask: no DNS rebinding, no cross-site posts.

@cases([
    ("Host localhost is answered", "localhost:{port}", True),
    ("Host 127.0.0.1 is answered", "127.0.0.1:{port}", True),
    ("Host [::1] is answered", "[::1]:{port}", True),
    ("Host localhost without a port is answered", "localhost", True),
    ("a foreign Host is 403", "evil.test", False),
    ("a foreign Host with the port is 403", "evil.test:{port}", False),
    ("a Host that begins like an address is 403", "127.0.0.1.evil.test", False),
    ("a Host that begins like localhost is 403", "localhost.evil.test", False),
])
def host_check(t, name, allowed):
    answer = t.proxy.api("GET", ROUTES, headers={"Host": name.replace("{port}", str(t.proxy.admin_port))})
    equal(answer.status, 200 if allowed else 403, "status")


@case("a further name that --admin-host gives is answered", flags=["--admin-host", "admin.test"])
def admin_host(t):
    for name, status in (("admin.test", 200), (f"Admin.Test:{t.proxy.admin_port}", 200), ("other.test", 403)):
        equal(t.proxy.api("GET", ROUTES, headers={"Host": name}).status, status, f"status for {name}")


@cases([("its own Origin passes", "http://127.0.0.1:{port}", 201), ("a foreign Origin is 403", "http://evil.test", 403),
        ("Origin: null is 403", "null", 403), ("its own host on another port is 403", "http://127.0.0.1:1", 403)])
def origin_check(t, origin, status):
    origin = origin.replace("{port}", str(t.proxy.admin_port))
    equal(t.proxy.api("POST", ROUTES, good(t.unique_host()), {"Origin": origin}).status, status, "status")


# A change is served by the very next request, on every worker.

@case("a route that was just added serves the very next request on every worker: 200 times", workers=4, deadline=60)
def serves_at_once(t):
    origin = t.bare_origin(named("here"))
    clients = [t.client() for _ in range(16)]  # held open, and spread over the workers by the kernel
    for number in range(t.scaled(200)):
        host = t.unique_host()
        t.proxy.add_route(host, origin.backend)
        for client in (clients[number % 16], clients[(number + 5) % 16], t.client()):
            equal(client.fetch(host).text, "here", f"the answer right after addition {number}")
        t.clients.pop().close()
        equal(t.proxy.api("DELETE", f"{ROUTES}/{host}").status, 204, "DELETE")
        equal(clients[(number + 9) % 16].fetch(host).status, 404, f"status right after deletion {number}")


@case("many writers at once lose nothing", workers=2, deadline=60)
def many_writers(t):
    hosts = [[t.unique_host() for _ in range(25)] for _ in range(8)]

    def write(mine):
        for host in mine:
            equal(t.proxy.api("POST", ROUTES, good(host)).status, 201, "status of POST")
        for host in mine[::2]:
            equal(t.proxy.api("DELETE", f"{ROUTES}/{host}").status, 204, "status of DELETE")
    in_threads(*[lambda mine=mine: write(mine) for mine in hosts])
    there = {one["vHost"] for one in t.proxy.api("GET", f"{ROUTES}?limit=1000").json}
    for mine in hosts:
        equal(set(mine) & there, set(mine[1::2]), "routes that are there")


@case("the list goes by pages: limit and after")
def pages(t):
    proxy = t.start()
    hosts = sorted(t.unique_host() for _ in range(25))
    for host in hosts:
        proxy.add_route(host, BACKEND)
    seen, after = [], ""
    while True:
        page = proxy.api("GET", f"{ROUTES}?limit=10{after}")
        equal(page.headers["X-Total-Count"], "25", "X-Total-Count")
        if not page.json:
            break
        expect(len(page.json) <= 10, "a page's length")
        seen += [one["vHost"] for one in page.json]
        after = f"&after={seen[-1]}"
    equal(sorted(seen), hosts, "all routes over the pages")
    one_of(proxy.api("GET", f"{ROUTES}?limit=many").status, [400, 422], "status of a limit of letters")


@case("the API keeps its connection, and reads strictly as the data plane does")
def api_connection(t):
    address = ("127.0.0.1", t.proxy.admin_port)
    client = t.client_at(address)
    for _ in range(3):
        equal(client.fetch("localhost", "/healthz").status, 200, "status")
    for raw in (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
                b"POST /api/v1/routes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n"):
        bad = t.client_at(address)
        equal(bad.ask(raw).status, 400, "status of a malformed request")
        bad.must_close()
    client.send(request("localhost", "/healthz") + request("localhost", "/readyz"))
    equal([client.read_response().status for _ in range(2)], [200, 200], "pipelined")
