"""Backends reached by name (SPEC section 3): resolved at once and as their TTL says, every address a target."""

import itertools
import json
import socket
import tempfile
import threading
import time
from pathlib import Path

from harness import (DEADLINE, SCALE, Failed, at_least, at_most, case, cases, contains, equal, expect, expect_refused,
                     free_port, in_threads, named, run_program)

ROUTES = "/api/v1/routes"
AAAA = 28


def by_name(name, port, **fields):
    return {"hostname": name, "port": port} | fields


def pair(t, first="127.0.0.1", second="127.0.0.2"):
    """Two origins at one port of two addresses, which answer with their names: a name's backends share its port."""
    one = t.bare_origin(named("one"), address=first)
    return one, t.bare_origin(named("two"), address=second, port=one.port)


def texts(client, host, count):
    answers = [client.fetch(host) for _ in range(count)]
    for answer in answers:
        equal(answer.status, 200, f"status of a request for {host}")
    return [answer.text for answer in answers]


def status_of(t, proxy, host):
    client = t.client(proxy)
    try:
        return client.fetch(host).status
    finally:
        client.close()


def log_lines(proxy, message):
    found = [json.loads(line) for line in proxy.stderr_lines() if line.startswith("{")]
    return [line for line in found if line["message"] == message]


def wait_for_text(t, client, host, wanted):
    """Asks until that origin answers; any failed request on the way fails the case."""
    t.eventually(lambda: texts(client, host, 1) == [wanted], f"the answer {wanted!r} for {host}")


class Steady:
    """A client that asks all the time: not one request may fail, whatever changes."""

    def __init__(self, t, proxy, host):
        self.client = t.client(proxy)
        self.host = host
        self.seen = []
        self.error = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.ended.is_set():
                self.seen += texts(self.client, self.host, 1)
        except Exception as error:
            self.error = error

    def end(self):
        self.ended.set()
        self.thread.join(DEADLINE)
        if self.error:
            raise self.error
        expect(self.seen, "the steady client asked nothing")
        return self.seen


@case("every address of a name is a target, and the request after the 201 finds them")
def several_addresses(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    dns.set("both.test", "127.0.0.1", "127.0.0.2", delay=0.3)
    began = time.monotonic()
    proxy.add_route("a.test", by_name("both.test", one.port))
    at_least(time.monotonic() - began, 0.3, "seconds until the 201: the lookup comes first")
    equal(sorted(texts(t.client(proxy), "a.test", 10)), ["one"] * 5 + ["two"] * 5, "who answered")
    equal(dns.count("both.test"), 1, "questions")


@case("a name that is known already, and localhost, are not waited for")
def known_names(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    dns.set("known.test", "127.0.0.1")
    proxy.add_route("a.test", by_name("known.test", one.port))
    dns.set("known.test", "127.0.0.1", delay=DEADLINE)
    proxy.add_route("b.test", by_name("known.test", one.port))
    proxy.add_route("c.test", by_name("localhost", one.port))
    for host in ("a.test", "b.test", "c.test"):
        equal(texts(t.client(proxy), host, 1), ["one"], "who answered")
    equal((dns.count("known.test"), dns.count("localhost")), (1, 0), "questions")


@case("a changed answer takes effect after its TTL, without a reload and without a failed request")
def changed_answer(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address, workers=2)
    one, two = pair(t)
    dns.set("moving.test", "127.0.0.1", ttl=1)
    proxy.add_route("a.test", by_name("moving.test", one.port))
    steady = [Steady(t, proxy, "a.test") for _ in range(3)]
    moved = time.monotonic()
    dns.set("moving.test", "127.0.0.2", ttl=1)
    wait_for_text(t, t.client(proxy), "a.test", "two")
    if SCALE == 1:
        at_most(time.monotonic() - moved, 3.0, "seconds until the change was seen (its TTL is one)")
    for index in range(len(one.connections)):
        one.wait_ended(index)  # the pools let go of the address that is no more
    dns.set("moving.test", "127.0.0.1", "127.0.0.2", ttl=1)
    wait_for_text(t, t.client(proxy), "a.test", "one")
    for client in steady:
        expect(set(client.end()) == {"one", "two"}, "both were asked, at their times")
    equal(len(two.faults), 0, "faults of the second origin")
    equal([line["addresses"] for line in log_lines(proxy, "a name's addresses have changed")],
          ["127.0.0.2", "127.0.0.1 127.0.0.2"], "changes in the log")


@case("another order of the same addresses is no change")
def rotation(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address, "--log-level", "debug")
    one, _ = pair(t)
    dns.set("turning.test", "127.0.0.1", "127.0.0.2", ttl=1)
    proxy.add_route("a.test", by_name("turning.test", one.port))
    client = t.client(proxy)
    dns.wait_asked("turning.test", 4)
    equal(sorted(texts(client, "a.test", 2)), ["one", "two"], "who answered")
    equal(len(log_lines(proxy, "a name's addresses have changed")), 1, "changes in the log")
    equal(len(one.connections), 1, "connections to the first origin")


@cases([("SERVFAIL keeps the last good answer", "SERVFAIL"), ("REFUSED keeps the last good answer", "REFUSED"),
        ("NXDOMAIN keeps the last good answer", "NXDOMAIN"), ("no answer at all keeps the last good one", "SILENCE"),
        ("a name without addresses keeps the last good answer", "NOERROR")], deadline=60)
def failures_keep(t, rcode):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    dns.set("shaky.test", "127.0.0.1", ttl=1)
    proxy.add_route("a.test", by_name("shaky.test", one.port))
    dns.fail("shaky.test", rcode)
    client = t.client(proxy)
    failed = "a name cannot be resolved"
    t.eventually(lambda: log_lines(proxy, failed), "the line that says so", 2 * DEADLINE)
    equal(log_lines(proxy, failed)[0]["kept_addresses"], "127.0.0.1", "what is kept")
    equal(texts(client, "a.test", 5), ["one"] * 5, "who answered meanwhile")
    dns.wait_asked("shaky.test", dns.count("shaky.test") + 2)
    equal(texts(client, "a.test", 5), ["one"] * 5, "who answered after further failures")
    equal(len(log_lines(proxy, failed)), 1, "lines about it")
    dns.set("shaky.test", "127.0.0.2", ttl=1)
    t.eventually(lambda: texts(client, "a.test", 1) == ["two"], "its recovery", 4 * DEADLINE)


@case("a failed question for one family keeps that family's addresses, and the other's are used")
def one_family_fails(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    dns.set("half.test", "127.0.0.1", ttl=1, rcode="SERVFAIL", fails=(AAAA,))
    proxy.add_route("a.test", by_name("half.test", one.port))
    client = t.client(proxy)
    equal(texts(client, "a.test", 3), ["one"] * 3, "who answered though AAAA fails")
    dns.set("half.test", "::1", ttl=1, rcode="SERVFAIL", fails=(1,))
    dns.wait_asked("half.test", dns.count("half.test") + 4)
    answers = {client.fetch("a.test").status for _ in range(4)}
    expect(200 in answers, "the IPv4 address is kept while only AAAA is answered")


@case("a name that does not exist: 503, until it does", deadline=60)
def late_name(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    proxy.add_route("a.test", by_name("late.test", one.port))
    equal(status_of(t, proxy, "a.test"), 503, "status without an address")
    backend = proxy.api("GET", "/api/v1/routes/a.test").json["backends"][0]
    equal((backend["isDead"], backend["state"]), (True, "dead"), "what the API says of a backend without an address")
    dns.set("late.test", "127.0.0.1")
    t.eventually(lambda: status_of(t, proxy, "a.test") == 200, "the first 200", 2 * DEADLINE)
    equal(len(log_lines(proxy, "a name cannot be resolved")), 1, "lines about it")


@case("a TTL of 0 counts as a second")
def no_ttl(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    dns.set("restless.test", "127.0.0.1", ttl=0)
    proxy.add_route("a.test", by_name("restless.test", one.port))
    dns.wait_asked("restless.test", 4)
    times = [asked.at for asked in dns.asked if asked.kind == 1]
    at_least(min(after - before for before, after in itertools.pairwise(times)), 0.9, "seconds between questions")


@case("an alias is followed, and the least TTL of the chain counts")
def alias(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    dns.set("front.test", cname="middle.test", ttl=300)
    dns.set("middle.test", cname="real.test", ttl=1)
    dns.set("real.test", "127.0.0.1", ttl=300)
    proxy.add_route("a.test", by_name("front.test", one.port))
    client = t.client(proxy)
    equal(texts(client, "a.test", 1), ["one"], "who answered")
    dns.set("middle.test", cname="other.test", ttl=1)
    dns.set("other.test", "127.0.0.2", ttl=300)
    wait_for_text(t, client, "a.test", "two")


@case("an answer that is too long for UDP comes over TCP, and sixteen of its addresses are used")
def truncated(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    dns.set("long.test", "127.0.0.1", *[f"127.0.0.{last}" for last in range(101, 160)], truncate=True)
    others = [t.bare_origin(named("other"), address=f"127.0.0.{last}", port=one.port) for last in range(101, 116)]
    proxy.add_route("a.test", by_name("long.test", one.port))
    equal({asked.over for asked in dns.asked}, {"udp", "tcp"}, "how it was asked")
    equal(sorted(texts(t.client(proxy), "a.test", 16)), ["one"] + ["other"] * 15, "who answered")
    equal([len(origin.requests) for origin in others], [1] * 15, "requests at each of the others")


@case("a route that moves to a name goes on as it was until the name is resolved")
def move_to_name(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address, workers=2)
    one, two = pair(t)
    proxy.add_route("a.test", one.backend)
    steady = Steady(t, proxy, "a.test")
    dns.set("slow.test", "127.0.0.2", delay=0.5)
    answer = proxy.api("PUT", f"{ROUTES}/a.test", {"backends": [by_name("slow.test", two.port)]})
    equal(answer.status, 200, "status of the PUT")
    equal(texts(t.client(proxy), "a.test", 1), ["two"], "who answered the next request")
    at_least(len(steady.end()), 1, "requests meanwhile, none of which failed")


@case("dryRun looks nothing up")
def dry_run(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    dns.set("real.test", "127.0.0.1")
    for method, path in (("POST", ROUTES), ("PUT", f"{ROUTES}/a.test")):
        answer = proxy.api(method, f"{path}?dryRun=true", {"vHost": "a.test", "backends": [by_name("dry.test", 80)]})
        equal(answer.status, 201, f"status of {method}?dryRun=true")
    proxy.add_route("b.test", by_name("real.test", 80))
    equal(dns.count("dry.test"), 0, "questions for the name of the dry runs")


@case("a change that is refused leaves no name behind")
def refused_change(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    dns.set("refused.test", "127.0.0.1", ttl=1)
    dns.set("clock.test", "127.0.0.1", ttl=1)
    proxy.add_route("a.test", by_name("clock.test", 80), id="taken")
    answer = proxy.api("POST", ROUTES, {"vHost": "b.test", "id": "taken", "backends": [by_name("refused.test", 80)]})
    equal(answer.status, 409, "status of a route whose id is taken")
    dns.wait_asked("clock.test", 3)
    equal(dns.count("refused.test"), 0, "questions for its name")


@case("a route's deletion ends the lookups of its names")
def deletion(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    for name in ("gone.test", "clock.test"):
        dns.set(name, "127.0.0.1", ttl=1)
    proxy.add_route("a.test", by_name("gone.test", 80), by_name("clock.test", 80))
    proxy.add_route("b.test", by_name("gone.test", 81))
    dns.wait_asked("gone.test", 2)
    equal(proxy.api("DELETE", f"{ROUTES}/b.test").status, 204, "status of the first DELETE")
    dns.wait_asked("gone.test", dns.count("gone.test") + 1)  # the other route still uses it
    answer = proxy.api("PATCH", f"{ROUTES}/a.test", {"backends": [by_name("clock.test", 80)]})
    equal(answer.status, 200, "status of the PATCH that drops the name")
    asked = dns.count("gone.test")
    dns.wait_asked("clock.test", dns.count("clock.test") + 3)
    at_most(dns.count("gone.test") - asked, 1, "questions after that (one may have been under way)")


def silent_server():
    """A bound UDP port that says nothing."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


@case("the first DNS server is dead or deaf: the next one answers")
def next_server(t):
    dns = t.dns()
    one, _ = pair(t)
    dns.set("found.test", "127.0.0.1", ttl=1)
    with silent_server() as deaf:
        dead = f"127.0.0.1:{free_port()}"
        for number, first in enumerate((dead, f"127.0.0.1:{deaf.getsockname()[1]}")):
            proxy = t.start("--resolver", first, "--resolver", dns.address)
            began = time.monotonic()
            proxy.add_route("a.test", by_name("found.test", one.port))
            if SCALE == 1:
                at_most(time.monotonic() - began, 4.0, "seconds until the 201")
            equal(texts(t.client(proxy), "a.test", 1), ["one"], f"who answered with dead server {number}")


@case("no DNS server answers: changes and the start end all the same, other routes serve, and so does the stop",
      deadline=60)
def no_server(t):
    one, _ = pair(t)
    with silent_server() as deaf, tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"routes": [{"vHost": "a.test", "backends": [by_name("lost.test", one.port)]},
                              {"vHost": "b.test", "backends": [one.backend]}]}, file)
        file.flush()
        began = time.monotonic()
        proxy = t.start("--resolver", f"127.0.0.1:{deaf.getsockname()[1]}", "--config", file.name)
        if SCALE == 1:
            at_most(time.monotonic() - began, 8.0, "seconds until it was ready")
        equal((status_of(t, proxy, "a.test"), status_of(t, proxy, "b.test")), (503, 200), "statuses")
        began = time.monotonic()
        proxy.add_route("c.test", by_name("lost-too.test", one.port))
        if SCALE == 1:
            at_most(time.monotonic() - began, 7.0, "seconds until the 201")
        equal(status_of(t, proxy, "c.test"), 503, "status")
        asking = threading.Thread(target=lambda: quiet_post(proxy, "d.test", by_name("third.test", 80)), daemon=True)
        asking.start()
        t.eventually(lambda: deaf_has_heard(deaf, b"third"), "the third name's lookup")
        began = time.monotonic()
        proxy.stop()
        at_most(time.monotonic() - began, 3.0, "seconds to stop with a lookup under way")
        asking.join(DEADLINE)


def quiet_post(proxy, host, backend):
    try:
        proxy.add_route(host, backend)
    except (OSError, Failed):
        pass  # it stops meanwhile


def deaf_has_heard(sock, part):
    sock.setblocking(False)
    try:
        while True:
            if part in sock.recv(4096):
                return True
    except BlockingIOError:
        return False


@case("500 names at the start, each asked for once, and every route finds its origin", alone=True, deadline=60)
def many_names(t):
    dns = t.dns()
    one, two = pair(t)
    count = t.scaled(500, 100)
    for number in range(count):
        dns.set(f"n{number}.many.test", f"127.0.0.{1 + number % 2}")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"routes": [{"vHost": f"r{number}.test", "backends": [by_name(f"n{number}.many.test", one.port)]}
                              for number in range(count)]}, file)
        file.flush()
        proxy = t.start("--resolver", dns.address, "--config", file.name)
    client = t.client(proxy)
    for number in range(count):
        equal(texts(client, f"r{number}.test", 1), [("one", "two")[number % 2]], f"who answered for route {number}")
    equal(len(one.requests) + len(two.requests), count, "requests at the origins")
    at_most(sum(asked.kind == 1 and asked.over == "udp" for asked in dns.asked), 2 * count, "questions")


@case("many changes that wait for names at once", deadline=60)
def many_waiters(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    for number in range(40):
        dns.set(f"w{number}.test", "127.0.0.1", delay=0.2)

    def add(number):
        proxy.add_route(f"h{number}.test", by_name(f"w{number % 20}.test", one.port), by_name(f"w{20 + number % 20}.test",
                                                                                                one.port))
        equal(texts(t.client(proxy), f"h{number}.test", 2), ["one", "one"], "who answered right after the 201")
    in_threads(*[lambda number=number: add(number) for number in range(40)])
    at_most(max(dns.count(f"w{number}.test") for number in range(40)), 2, "questions for one name")


@case("IPv6 addresses are targets too")
def v6(t):
    try:
        one, two = pair(t, "127.0.0.1", "::1")
    except OSError:
        t.skip("no IPv6 here")
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    dns.set("dual.test", "127.0.0.1", "::1")
    proxy.add_route("a.test", by_name("dual.test", one.port))
    equal(sorted(texts(t.client(proxy), "a.test", 4)), ["one", "one", "two", "two"], "who answered")
    equal(len(two.requests), 2, "requests over IPv6")


@case("IPv6 addresses that no route leads to are left out")
def v6_without_route(t):
    dns = t.dns()  # link-local addresses without an interface lead nowhere on any machine
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    dns.set("dual.test", "127.0.0.1", "fe80::1")
    dns.set("far.test", "fe80::2")
    proxy.add_route("a.test", by_name("dual.test", one.port), retries=0)
    equal(texts(t.client(proxy), "a.test", 4), ["one"] * 4, "who answered")
    proxy.add_route("b.test", by_name("far.test", one.port))
    equal(status_of(t, proxy, "b.test"), 503, "status of the route with no way to its backend")
    contains(log_lines(proxy, "a name cannot be resolved")[0]["reason"], "no way", "the reason in the log")


@case("the hosts file is asked first")
def hosts_file(t):
    name = next((word for line in open("/etc/hosts", encoding="utf-8")
                 for word in line.split("#")[0].split()[1:]
                 if word.lower() != "localhost" and not word.lower().endswith(".localhost")), None)
    if not name:
        t.skip("the hosts file has no name but localhost")
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    proxy.add_route("a.test", by_name(name, 80))
    equal(dns.asked, [], "questions")
    equal(log_lines(proxy, "a name cannot be resolved"), [], "complaints")


@case("a process whose backends are addresses has no resolver thread; one with names has one")
def thread_when_needed(t):
    def threads(proxy):
        found = []
        for task in Path(f"/proc/{proxy.process.pid}/task").iterdir():
            found.append((task / "comm").read_text().strip())
        return found.count("penstock-dns")
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    one, _ = pair(t)
    proxy.add_route("a.test", one.backend)
    equal(threads(proxy), 0, "resolver threads without names")
    proxy.add_route("b.test", by_name("some.test", one.port))
    equal(threads(proxy), 1, "resolver threads with a name")


@case("requests under way end at the address they were sent to, though it has gone from the answer")
def request_under_way(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    go = threading.Event()

    def slow(backend):
        for _ in backend:
            go.wait(DEADLINE)
            backend.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
    one = t.bare_origin(slow)
    t.bare_origin(named("two"), address="127.0.0.2", port=one.port)
    dns.set("moving.test", "127.0.0.1", ttl=1)
    proxy.add_route("a.test", by_name("moving.test", one.port))
    waiting = t.client(proxy)
    waiting.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    one.wait_requests(1)
    dns.set("moving.test", "127.0.0.2", ttl=1)
    dns.wait_asked("moving.test", dns.count("moving.test") + 2)  # the first of these answers is in force by then
    wait_for_text(t, t.client(proxy), "a.test", "two")
    go.set()
    equal(waiting.read_response().text, "slow", "the answer to the request that was under way")


@cases([(f"--resolver {value!r} is refused", value) for value in
        ("dns.example", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:", "[::1]:x", "unix:/run/dns", "1.2.3", "::1:53:")])
def bad_resolver(t, value):
    expect_refused(run_program("--http", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}",
                               "--resolver", value), "--resolver", value)
