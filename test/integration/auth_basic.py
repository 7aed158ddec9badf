"""`basic` providers: user names and passwords, checked on threads of their own (SPEC section 8)."""

import select
import threading
import time

from auth import BCRYPT_SLOW, HASHES, PROVIDERS, add_users, basic
from counting import read_stats
from harness import at_least, at_most, case, cases, contains, equal, expect, in_threads, lacks, named, request

CHALLENGE = 'Basic realm="Restricted", charset="UTF-8"'


def guarded(t, *names, proxy=None, route=None, **fields):
    """An origin behind a provider with these users."""
    provider = add_users(proxy or t.proxy, *names, **fields)
    return t.origin(named("inside"), proxy=proxy, authProvider=provider, **(route or {}))


def statuses(t, origin, *fields, proxy=None):
    return [t.client(proxy).fetch(origin.host, "/", *lines).status for lines in fields]


@cases([(f"{name}: the password gets in, another does not", hash) for name, hash in HASHES.items()])
def every_hash(t, hash):
    origin = guarded(t, "ann", hash=hash)
    client = t.client()
    equal(client.fetch(origin.host, "/", basic("ann")).text, "inside", "the answer")
    equal(client.fetch(origin.host, "/", basic("ann", "open")).status, 401, "status with another password")
    equal(client.fetch(origin.host, "/", basic("ann")).status, 200, "status of the next on the connection")


@case("without credentials: 401 with the challenge, and nothing goes upstream")
def challenged(t):
    origin = guarded(t, "ann")
    answer = t.client().fetch(origin.host)
    equal((answer.status, answer.fields.need("WWW-Authenticate").decode()), (401, CHALLENGE), "the answer")
    contains(answer.fields.need("Proxy-Status").decode(), "http_request_denied", "Proxy-Status")
    equal(len(origin.connections), 0, "connections at the origin")


@case("the realm is quoted")
def realm(t):
    origin = guarded(t, "ann", realm='the "inner" \\ circle')
    value = t.client().fetch(origin.host).fields.need("WWW-Authenticate").decode()
    equal(value, 'Basic realm="the \\"inner\\" \\\\ circle", charset="UTF-8"', "the challenge")


@cases([
    ("another scheme", "Authorization: Bearer YW5uOnNlc2FtZQ=="), ("no scheme", "Authorization: YW5uOnNlc2FtZQ=="),
    ("no credentials", "Authorization: Basic"), ("no base64", "Authorization: Basic ann:sesame"),
    ("no padding", "Authorization: Basic YW5uOnNlc2FtZ"), ("no colon", "Authorization: Basic YW5u"),
    ("an empty pair", "Authorization: Basic Og=="), ("somebody unknown", basic("eve")),
    ("another case", basic("Ann")), ("a NUL behind the password", basic("ann", "sesame\0")),
    ("a password over the limit", basic("ann", "x" * 600)), ("a huge one", basic("ann", "x" * 20_000)),
    ("more behind it", basic("ann") + " x"), ("a gap in it", "Authorization: Basic YW5u OnNlc2FtZQ==")])
def refused(t, field):
    """Is 401."""
    origin = guarded(t, "ann")
    answer = t.client().fetch(origin.host, "/", field)
    equal(answer.status, 401, "status")
    equal(answer.fields.need("WWW-Authenticate").decode(), CHALLENGE, "the challenge")
    t.client().fetch(origin.host, "/", basic("ann"))
    equal(len(origin.targets), 1, "requests at the origin: the good one")


@case("the scheme is taken in any case; names are UTF-8")
def spelling(t):
    origin = guarded(t, "grün")
    field = basic("grün").replace("Basic", "bAsIc")
    equal(t.client().fetch(origin.host, "/", field).status, 200, "status")


@case("two Authorization fields: 400, and nothing goes upstream")
def twice(t):
    origin = guarded(t, "ann")
    for pair in ([basic("ann"), basic("eve")], [basic("ann")] * 2):
        equal(t.client().fetch(origin.host, "/", *pair).status, 400, "status")
    equal(len(origin.connections), 0, "connections at the origin")


@case("Authorization stops here unless the provider forwards it, whatever Connection and trailers say")
def stops_here(t):
    origin = guarded(t, "ann")
    tricks = ["Connection: close, authorization", "Trailer: Authorization"]
    for more in ([], tricks[:1], tricks):
        equal(t.client().fetch(origin.host, "/", basic("ann"), *more).status, 200, "status")
    body = b"1\r\nx\r\n0\r\nAuthorization: Basic eDp5\r\nX-Sum: 1\r\n\r\n"
    sent = request(origin.host, "/", basic("ann"), "Transfer-Encoding: chunked", method="POST") + body
    equal(t.client().ask(sent, "POST").status, 200, "status with a trailer")
    lacks(origin.received.lower(), b"authorization: ", "what the origin was sent")
    open_one = guarded(t, "ann", forwardCredentials=True)
    equal(t.client().fetch(open_one.host, "/", basic("ann")).status, 200, "status")
    contains(open_one.received, basic("ann").encode(), "what the origin was sent")
    unguarded = t.origin(named("open"))
    equal(t.client().fetch(unguarded.host, "/", basic("ann")).status, 200, "status")
    contains(unguarded.received, basic("ann").encode(), "what an unguarded origin was sent")


@case("the route's own Authorization goes to the backend in place of the client's")
def own_credentials(t):
    origin = guarded(t, "ann", route={"headers": {"Authorization": "Bearer ours"}})
    equal(t.client().fetch(origin.host, "/", basic("ann")).status, 200, "status")
    equal(origin.received.count(b"Authorization: "), 1, "Authorization fields at the origin")
    contains(origin.received, b"Authorization: Bearer ours\r\n", "what the origin was sent")


@case("a body is not read before the guard has spoken: 401 to Expect, and the next request is its own")
def before_the_body(t):
    origin = guarded(t, "ann")
    client = t.client()
    client.send(request(origin.host, "/", "Expect: 100-continue", "Content-Length: 5", method="POST"))
    answer = client.read_head()
    equal(answer.status, 401, "status, without a 100 before it")
    kept = t.client()
    kept.send(request(origin.host, "/", "Content-Length: 30", method="POST") + b"GET /smuggled HTTP/1.1\r\n\r\n....")
    equal(kept.read_response("POST").status, 401, "status")
    equal(kept.fetch(origin.host, "/", basic("ann")).status, 200, "status of the next")
    equal(origin.targets, [b"/"], "requests at the origin")


@case("a hundred requests at once with one password cost one check", deadline=60)
def one_check(t):
    proxy = t.start()
    origin = guarded(t, "ann", proxy=proxy, hash=BCRYPT_SLOW)
    began, cpu = time.monotonic(), proxy.cpu_seconds()
    clients = [t.client(proxy) for _ in range(100)]
    for client in clients:
        client.send(request(origin.host, "/", basic("ann")))
    equal({client.read_response().status for client in clients}, {200}, "statuses")
    spent, took = proxy.cpu_seconds() - cpu, time.monotonic() - began
    began_one, cpu = time.monotonic(), proxy.cpu_seconds()
    equal(statuses(t, origin, [basic("ann", "wrong")], proxy=proxy), [401], "status of another password")
    one = proxy.cpu_seconds() - cpu
    at_most(spent, 6 * one + 0.5, f"CPU seconds of 100 ({took:.1f} s), one check taking {one:.2f}")
    cpu = proxy.cpu_seconds()
    equal(set(statuses(t, origin, *[[basic("ann")]] * 20, proxy=proxy)), {200}, "statuses of 20 more")
    at_most(proxy.cpu_seconds() - cpu, one / 2 + 0.1, "CPU seconds of what is known")
    expect(began_one > began, "the clock goes on")


@case("other requests are served while passwords are checked, and /stats shows who waits", deadline=60)
def loop_goes_on(t):
    proxy = t.start()
    origin = guarded(t, "ann", proxy=proxy, hash=BCRYPT_SLOW)
    free = t.origin(named("free"), proxy=proxy)
    waiting = [t.client(proxy) for _ in range(8)]
    for number, client in enumerate(waiting):
        client.send(request(origin.host, "/", basic("ann", f"wrong {number}")))
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["queuedForAuth"] > 0, "a request that waits")
    client = t.client(proxy)
    for _ in range(20):
        equal(client.fetch(free.host).status, 200, "status of others")
    shown = read_stats(proxy, origin.host)["requests"]
    expect(shown["queuedForAuth"] <= shown["queued"], "those who wait for auth are among those who wait")
    equal(shown["received"], sum(shown[name] for name in ("completed", "rejected", "aborted", "active", "queued")),
          "received, by where they are")
    equal({one.read_response().status for one in waiting}, {401}, "statuses of those who waited")
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["rejected"] == 8, "the last of them counted")
    done = read_stats(proxy, origin.host)
    equal((done["requests"]["queuedForAuth"], done["errors"]), (0, {"http_request_denied": 8}), "nobody waits")


@case("clients that leave while their password is checked are aborted; their checks that have not begun are not made",
      deadline=60)
def leaving(t):
    proxy = t.start()
    origin = guarded(t, "ann", proxy=proxy, hash=BCRYPT_SLOW)
    cpu = proxy.cpu_seconds()
    clients = [t.client(proxy) for _ in range(60)]
    for number, client in enumerate(clients):
        client.send(request(origin.host, "/", basic("ann", f"wrong {number}")))
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["queuedForAuth"] > 20, "many that wait")
    for client in clients:
        client.close()
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["queued"] == 0, "nobody waits")
    equal(statuses(t, origin, [basic("ann")], proxy=proxy), [200], "status of one that stays")
    counts = read_stats(proxy, origin.host)["requests"]
    equal(counts["aborted"] + counts["rejected"], 60, "those that left")
    expect(counts["aborted"] > 20, f"most of them were aborted ({counts})")
    equal(len(origin.targets), 1, "requests at the origin")
    expect(proxy.cpu_seconds() - cpu < 20, "their checks were left out")


@case("past 1,024 checks that wait: 503", deadline=90)
def overload(t):
    proxy = t.start()
    origin = guarded(t, "ann", proxy=proxy, hash=BCRYPT_SLOW)
    clients = [t.client(proxy) for _ in range(1_100)]
    for number, client in enumerate(clients):
        client.send(request(origin.host, "/", basic("ann", f"wrong {number}")))
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["rejected"] >= 40, "refusals", deadline=30)
    poll = select.poll()  # in which order they came is open
    for client in clients:
        poll.register(client.sock, select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll(20_000)}
    answers = [client.read_response() for client in clients if client.sock.fileno() in ready]
    refused = [answer for answer in answers if answer.status == 503]
    equal({answer.status for answer in answers} - {401, 503}, set(), "other statuses")
    at_least(len(refused), 40, "refusals")
    equal({answer.fields.need("Retry-After") for answer in refused}, {b"10"}, "Retry-After")
    for client in clients:
        client.close()
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["queued"] == 0, "nobody waits")


@case("a proxy that is told to stop while passwords are checked answers them, then ends", deadline=60)
def drained(t):
    proxy = t.start()
    origin = guarded(t, "ann", proxy=proxy, hash=BCRYPT_SLOW)
    clients = [t.client(proxy) for _ in range(4)]
    for number, client in enumerate(clients):
        client.send(request(origin.host, "/", basic("ann", f"wrong {number}")))
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["queuedForAuth"] > 0, "a request that waits")
    proxy.signal(15)
    equal([one.read_response().status for one in clients], [401] * 4, "statuses")
    proxy.wait_exit()


@case("and one that is hurried ends without waiting for them", deadline=60)
def hurried(t):
    proxy = t.start()
    origin = guarded(t, "ann", proxy=proxy, hash=BCRYPT_SLOW)
    clients = [t.client(proxy) for _ in range(200)]
    for number, client in enumerate(clients):
        client.send(request(origin.host, "/", basic("ann", f"wrong {number}")))
    t.eventually(lambda: read_stats(proxy, origin.host)["requests"]["queuedForAuth"] > 100, "requests that wait")
    began = time.monotonic()
    proxy.signal(15)
    t.eventually(lambda: not listens(t, proxy), "the proxy has heard of it")
    proxy.signal(15)
    proxy.wait_exit()
    at_most(time.monotonic() - began, 15, "seconds to the end")


def listens(t, proxy):
    try:
        t.client(proxy).close()
        return True
    except OSError:
        return False


@case("a password that has changed is not good any more at the next request, nor is a user who went")
def changed(t):
    provider = add_users(t.proxy, "ann", "bob")
    origin = t.origin(named("inside"), authProvider=provider)
    both = [[basic("ann")], [basic("bob")]]
    equal(statuses(t, origin, *both), [200, 200], "statuses")
    users = [{"name": "ann"}]
    equal(t.proxy.api("PUT", f"{PROVIDERS}/{provider}", {"type": "basic", "users": users}).status, 200, "PUT")
    equal(statuses(t, origin, *both), [200, 401], "statuses without bob")
    users[0]["hash"] = HASHES["SHA-256-crypt"].replace("kq1", "kq2")
    equal(t.proxy.api("PUT", f"{PROVIDERS}/{provider}", {"type": "basic", "users": users}).status, 200, "PUT")
    equal(statuses(t, origin, *both), [401, 401], "statuses after the change")


@case("unknown users cost as much as wrong passwords", deadline=60, alone=True)
def same_time(t):
    proxy = t.start()
    origin = guarded(t, "ann", proxy=proxy, hash=HASHES["bcrypt of htpasswd -B"])

    def cost(name):
        client = t.client(proxy)
        took = []
        for number in range(7):
            began = time.monotonic()
            equal(client.fetch(origin.host, "/", basic(name, f"wrong {name} {number}")).status, 401, "status")
            took.append(time.monotonic() - began)
        return sorted(took)[3]

    known, unknown = cost("ann"), cost("eve")
    expect(known / 3 < unknown < known * 3, f"seconds: known {known:.4f}, unknown {unknown:.4f}")


@case("routes that share a provider, and workers, each know what they have checked", workers=2)
def shared(t):
    provider = add_users(t.proxy, "ann")
    origins = [t.origin(named(f"o{number}"), authProvider=provider) for number in range(3)]
    good = threading.Barrier(6)

    def ask(origin):
        good.wait(20)
        for _ in range(10):
            equal(t.client().fetch(origin.host, "/", basic("ann")).status, 200, "status")
            equal(t.client().fetch(origin.host, "/", basic("ann", "x")).status, 401, "status with a wrong one")

    in_threads(*[lambda one=one: ask(one) for one in origins * 2])
