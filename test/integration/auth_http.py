"""`http` providers: a hook is asked about each request, and its answer holds (SPEC section 8)."""

import itertools
import threading
import time

import pki
from auth import PROVIDERS, add_provider, echo_tunnel
from both_clients import from_both
from counting import read_stats
from harness import case, cases, contains, equal, expect, lacks, named, response
from ports import free_port
from secured_origin import SecuredOrigin
from trial import in_threads

YES = response("200 OK", b"", "X-User: ann", "X-Groups: a", "X-Groups: b", "X-Inner: secret")


def answers_with(*raws):
    turn = itertools.count()

    def script(backend):
        for _ in backend:
            backend.send(raws[min(next(turn), len(raws) - 1)])
    return script


def hooked(t, script, *, inside=named("inside"), path="/check", proxy=None, **fields):
    """(hook, origin): a route that asks the hook."""
    hook = t.bare_origin(script)
    provider = add_provider(proxy or t.proxy, "http", url=f"http://127.0.0.1:{hook.port}{path}", **fields)
    return hook, t.origin(inside, proxy=proxy, authProvider=provider)


def lines_of(request, name):
    return request.fields.all(name)


@from_both("2xx lets it pass; the hook is told of the request, and its fields go to the backend")
def passes(t, make):
    hook, origin = hooked(t, answers_with(YES), path="/check?for=api", copyHeaders=["X-User", "x-groups"],
                          headers=["Authorization", "X-Tenant"])
    answer = make(t).fetch(origin.host, "/a/b?c=d", "authorization: Bearer abc", "x-tenant: 7", "x-user: eve",
                           "x-groups: root", "cookie: a=b", "x-other: 1")
    equal(answer.text, "inside", "the answer")
    asked = hook.requests[0]
    equal((asked.method, asked.target), (b"GET", b"/check?for=api"), "what the hook is asked")
    for name, value in (("Host", f"127.0.0.1:{hook.port}"), ("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/a/b?c=d"),
                        ("X-Forwarded-Host", origin.host), ("X-Forwarded-Proto", "http"), ("X-Forwarded-For", "127.0.0.1"),
                        ("Authorization", "Bearer abc"), ("X-Tenant", "7")):
        equal(lines_of(asked, name), [value.encode()], f"{name} at the hook")
    for name in ("Cookie", "X-Other", "X-User", "Content-Length", "Transfer-Encoding"):
        equal(lines_of(asked, name), [], f"{name} at the hook")
    got = origin.requests[0]
    equal(lines_of(got, "X-User"), [b"ann"], "X-User at the backend")
    equal(lines_of(got, "X-Groups"), [b"a", b"b"], "X-Groups at the backend")
    for name in ("X-Inner", "Authorization"):
        equal(lines_of(got, name), [], f"{name} at the backend")
    equal(lines_of(got, "Cookie"), [b"a=b"], "Cookie at the backend")


@from_both("a client's own fields of the names that a hook gives never pass, whether the hook gives them or not")
def spoofed(t, make):
    _, origin = hooked(t, answers_with(response("204 No Content", None)), copyHeaders=["X-User"])
    equal(make(t).fetch(origin.host, "/", "x-user: root", "x-user: admin", "x_user: root").status, 200, "status")
    for name in ("X-User", "X_User"):
        equal(lines_of(origin.requests[0], name), [], f"{name} at the backend")


@case("nor do they as trailers; others do")
def spoofed_trailers(t):
    _, origin = hooked(t, answers_with(response("204 No Content", None)), copyHeaders=["X-User"])
    answer = t.client().ask(f"POST / HTTP/1.1\r\nHost: {origin.host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
                            "X-User: root\r\nX-Sum: 1\r\nx_user: root\r\n\r\n".encode(), "POST")
    equal(answer.status, 200, "status")
    equal(origin.requests[0].trailers, [(b"X-Sum", b"1")], "trailers at the backend")


@from_both("another status is the client's answer, with what a log-in needs and nothing else")
def refusal(t, make):
    no = response("401 Unauthorized", b"who are you?", 'WWW-Authenticate: Basic realm="x"', "Set-Cookie: a=1",
                  "Set-Cookie: b=2", "Content-Type: text/html", "X-Inner: secret", "Connection: X-Inner")
    gone = response("302 Found", b"", "Location: https://login.example/?to=x")
    hook, origin = hooked(t, answers_with(no, gone))
    client = make(t)
    answer = client.fetch(origin.host)
    equal((answer.status, answer.text), (401, "who are you?"), "the answer")
    equal(lines_of(answer, "WWW-Authenticate"), [b'Basic realm="x"'], "WWW-Authenticate")
    equal(lines_of(answer, "Set-Cookie"), [b"a=1", b"b=2"], "Set-Cookie")
    equal(lines_of(answer, "Content-Type"), [b"text/html"], "Content-Type")
    equal(lines_of(answer, "X-Inner"), [], "X-Inner")
    answer = client.fetch(origin.host)
    equal((answer.status, lines_of(answer, "Location")), (302, [b"https://login.example/?to=x"]), "the redirect")
    equal(len(origin.connections), 0, "connections at the origin")
    equal(len(hook.connections), 1, "connections at the hook")
    counts = read_stats(t.proxy, origin.host)["requests"]
    equal((counts["rejected"], counts["queuedForAuth"]), (2, 0), "what is counted")


@case("a body is not for the hook: it goes to the backend")
def bodies(t):
    hook, origin = hooked(t, answers_with(YES), inside=lambda backend: [
        backend.send(response("200 OK", request.body)) for request in backend])
    answer = t.client().ask((f"POST /up HTTP/1.1\r\nHost: {origin.host}\r\nContent-Length: 5\r\n\r\nhello").encode(), "POST")
    equal(answer.text, "hello", "the echo")
    asked = hook.requests[0]
    equal((asked.method, lines_of(asked, "X-Forwarded-Method"), asked.body), (b"GET", [b"POST"], b""), "what the hook got")


def silent(backend):
    for _ in backend:
        pass


def says(raw, then_close=True):
    def script(backend):
        backend.read_request()
        backend.try_send(raw)
        if then_close:
            backend.finish_sending()
        backend.wait_end()
    return script


@cases([
    ("garbage", says(b"\x00\x01\x02 not HTTP\r\n\r\n")),
    ("a head without an end", says(b"HTTP/1.1 200 OK\r\n" + b"X-Field: y\r\n" * 20000)),
    ("nothing", says(b"")),
    ("half a head", says(b"HTTP/1.1 200 OK\r\nX-User: a")),
    ("half a refusal", says(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 10\r\n\r\nhalf")),
    ("a refusal without an end", says(response("401 Unauthorized", b"x" * 70000), False)),
    ("another protocol", says(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")),
    ("nothing but 1xx", says(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40, False)),
    ("too much to copy", says(response("200 OK", b"", *[f"X-User: {'a' * 1000}"] * 20))),
    ("no such status", says(b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"))])
def lies(t, script):
    """A hook that makes no sense lets nobody in: 503."""
    _, origin = hooked(t, script, copyHeaders=["X-User"], timeout="2s")
    for _ in range(2):
        answer = t.client().fetch(origin.host, "/", "Cookie: a=b")
        equal(answer.status, 503, "status")
        contains(answer.text, "auth hook", "the reason")
    equal(len(origin.connections), 0, "connections at the origin")


@from_both("a hook that is slow is given its time, then 503; other requests go on meanwhile")
def slow(t, make):
    _, origin = hooked(t, silent, timeout="400ms")
    free = t.origin(named("free"))
    client = make(t)
    began = time.monotonic()
    waited = []

    def wait():
        waited.append((client.fetch(origin.host).status, time.monotonic() - began))

    def go_on():
        equal(t.client().fetch(free.host).status, 200, "status of another route")
        expect(not waited, "the other route did not wait")
    in_threads(wait, go_on)
    equal(waited[0][0], 503, "status")
    expect(0.35 < waited[0][1] < 5, f"after its time ({waited[0][1]:.2f} s)")
    equal(len(origin.connections), 0, "connections at the origin")


@case("a hook that is down is 503, and asked again as soon as it is back")
def down(t):
    port = free_port()
    provider = add_provider(t.proxy, "http", url=f"http://127.0.0.1:{port}/")
    origin = t.origin(named("inside"), authProvider=provider)
    client = t.client()
    equal(client.fetch(origin.host).status, 503, "status")
    t.bare_origin(answers_with(YES), port=port)
    equal(client.fetch(origin.host).status, 200, "status once it is up")


@case("connections to a hook are kept; one that it has closed meanwhile is made anew, and nobody notices")
def kept(t):
    def few(backend):
        for turn, _ in enumerate(backend):
            backend.send(YES)
            if turn == 4:
                backend.finish_sending()
                return
    hook, origin = hooked(t, few)
    client = t.client()
    for _ in range(20):
        equal(client.fetch(origin.host).status, 200, "status")
    expect(4 <= len(hook.connections) <= 6, f"connections at the hook ({len(hook.connections)})")


@case("for cacheTtl a 2xx is believed, for the same question alone; a refusal is asked again")
def cached(t):
    hook, origin = hooked(t, answers_with(YES), cacheTtl="60s", copyHeaders=["X-User"])
    client = t.client()
    for _ in range(50):
        equal(client.fetch(origin.host, "/", "Cookie: a=1").status, 200, "status")
    equal(len(hook.requests), 1, "calls")
    equal(lines_of(origin.requests[-1], "X-User"), [b"ann"], "X-User of one that was not asked for")
    for target, *lines in (("/", "Cookie: a=2"), ("/", "Authorization: x"), ("/b", "Cookie: a=1"), ("/",)):
        client.fetch(origin.host, target, *lines)
    equal(len(hook.requests), 5, "calls, after four other questions")
    for answer in (response("403 Forbidden", b"no"), response("200 OK", b"", "Cache-Control: private, no-store")):
        hook, origin = hooked(t, answers_with(answer), cacheTtl="60s")
        for _ in range(3):
            client.fetch(origin.host)
        equal(len(hook.requests), 3, f"calls ({answer[:12]!r})")


@case("a provider that changes is asked anew, whatever was known")
def changed(t):
    hook, origin = hooked(t, answers_with(YES), cacheTtl="60s")
    client = t.client()
    client.fetch(origin.host)
    provider = t.proxy.api("GET", f"/api/v1/routes/{origin.host}").json["authProvider"]
    other = t.bare_origin(answers_with(response("403 Forbidden", b"no")))
    body = {"type": "http", "url": f"http://127.0.0.1:{other.port}/", "cacheTtl": "60s"}
    equal(t.proxy.api("PUT", f"{PROVIDERS}/{provider}", body).status, 200, "status of PUT")
    equal(client.fetch(origin.host).status, 403, "status")
    equal((len(hook.requests), len(other.requests)), (1, 1), "calls")


@case("those who ask the same at the same time share one call; an answer that sets a cookie is for one alone", deadline=60)
def single_flight(t):
    go = threading.Event()
    turn = itertools.count()
    answer = [lambda: YES]

    def script(backend):
        for _ in backend:
            go.wait(20)
            backend.send(answer[0]())
    hook, origin = hooked(t, script, timeout="20s")
    count = t.scaled(50, 10)

    def together():
        go.clear()
        clients = [t.client() for _ in range(count)]
        got = []

        def release():
            t.eventually(lambda: read_stats(t.proxy, origin.host)["requests"]["queuedForAuth"] == count, "all wait")
            go.set()
        in_threads(release, *[lambda client=client: got.append(client.fetch(origin.host)) for client in clients])
        return got
    equal({one.status for one in together()}, {200}, "statuses")
    equal(len(hook.requests), 1, "calls")
    answer[0] = lambda: response("302 Found", b"", "Location: /login", f"Set-Cookie: state={next(turn)}")
    cookies = [one.fields.need("Set-Cookie") for one in together()]
    equal(len(set(cookies)), count, "cookies that were set")


@case("1,000 requests a second on 100 connections are some calls of the hook", deadline=60)
def crowd(t):
    hook, origin = hooked(t, answers_with(YES), cacheTtl="60s")
    each = t.scaled(100, 10)

    def run():
        client = t.client()
        for turn in range(each):
            equal(client.fetch(origin.host, f"/{turn % 4}").status, 200, "status")
    began = time.monotonic()
    in_threads(*[run] * 20)
    rate = 20 * each / (time.monotonic() - began)
    equal(len(hook.requests), 4, f"calls for {20 * each} requests, {rate:.0f} a second")


@case("a client that leaves while the hook is asked ends the call")
def leaves(t):
    hook, origin = hooked(t, silent, timeout="20s")
    client = t.client()
    client.send(f"GET / HTTP/1.1\r\nHost: {origin.host}\r\n\r\n".encode())
    hook.wait_requests(1)
    client.close()
    hook.wait_ended()
    t.eventually(lambda: read_stats(t.proxy, origin.host)["requests"]["queued"] == 0, "nobody waits")


@case("a hook that is the guarded route itself is found out at once")
def loop(t):
    host = t.unique_host()
    provider = add_provider(t.proxy, "http", url=f"http://127.0.0.1:{t.proxy.port}/", timeout="10s")
    origin = t.origin(named("inside"), host=host, authProvider=provider)
    t.proxy.add_route("127.0.0.1", origin.backend, authProvider=provider)
    t.hosts.append("127.0.0.1")
    equal(t.client().fetch(host).status, 508, "status")
    equal(len(origin.connections), 0, "connections at the origin")


@case("a WebSocket's upgrade is asked about like any request")
def web_socket(t):
    hook, origin = hooked(t, answers_with(response("403 Forbidden", b"no"), YES), inside=echo_tunnel, copyHeaders=["X-User"])
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    client = t.client()
    equal(client.fetch(origin.host, "/", *upgrade).status, 403, "status of the refusal")
    equal(len(origin.connections), 0, "connections at the origin")
    client = t.client()
    equal(client.fetch(origin.host, "/", *upgrade).status, 101, "status")
    client.send(b"ping")
    equal(client.read_exactly(4), b"ping", "the echo")
    contains(origin.received, b"X-User: ann\r\n", "what the origin was sent")
    lacks(hook.received.lower(), b"upgrade", "what the hook was sent")


@case("a hook behind TLS proves who it is, or nobody gets in")
def secured(t):
    pair = pki.make("localhost")
    hook = SecuredOrigin(answers_with(YES), pair)
    t.origins.append(hook)
    url = f"https://localhost:{hook.port}/check"
    trusted = t.origin(named("inside"), authProvider=add_provider(t.proxy, "http", url=url, caCert=pair.cert))
    equal(t.client().fetch(trusted.host).status, 200, "status")
    doubted = t.origin(named("inside"), authProvider=add_provider(t.proxy, "http", url=url))
    answer = t.client().fetch(doubted.host)
    equal(answer.status, 503, "status without its authority")
    contains(answer.text, "TLS with the auth hook failed", "the reason")
    equal(len(hook.requests), 1, "calls")


@case("a hook's name is looked up, and looked up again; one that there is not lets nobody in")
def names(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    hook = t.bare_origin(answers_with(YES))
    dns.set("hook.test", "127.0.0.1", delay=0.3)
    for name, status in (("hook.test", 200), ("nobody.test", 503)):
        provider = add_provider(proxy, "http", url=f"http://{name}:{hook.port}/")
        origin = t.origin(named("inside"), proxy=proxy, authProvider=provider)
        equal(t.client(proxy).fetch(origin.host).status, status, f"status with {name}")
    contains(hook.received, f"Host: hook.test:{hook.port}\r\n".encode(), "what the hook was sent")


@case("what was PUT is what GET gives")
def resource(t):
    body = {"id": "hook-resource", "type": "http", "forwardCredentials": True, "url": "http://127.0.0.1:9/a?b",
            "headers": ["Cookie"], "copyHeaders": ["X-User"], "timeout": "500ms", "cacheTtl": "30s", "caCert": None}
    equal(t.proxy.api("POST", PROVIDERS, body).status, 201, "status of POST")
    equal(t.proxy.api("GET", f"{PROVIDERS}/hook-resource").json, body, "what GET gives")
    equal(t.proxy.api("DELETE", f"{PROVIDERS}/hook-resource").status, 204, "status of DELETE")
