"""Publishing under load (SPEC section 9): a thousand route changes a second, and not one request fails or goes astray."""

import itertools
import json
import os
import threading
import time

from harness import (SANITIZED, Client, at_least, at_most, case, equal, expect, in_threads, named, request)

ROUTES = "/api/v1/routes"
CHANGES_A_SECOND = 1000
# How many of them must have been made: nearly all where tools/prove has the machine to itself, else what shows that
# there was a load at all.
LEAST_SHARE = 0.9 if "PENSTOCK_PROOF" in os.environ else 0.1
WRITERS = 4
READERS = 4


class Writer:
    """Changes routes of its own over one connection to the API, and now and then looks at what a change did."""

    def __init__(self, t, proxy, number, origins):
        self.number = number
        self.origins = origins  # {name: origin}
        self.api = t.client_at(("127.0.0.1", proxy.admin_port))
        self.traffic = t.client(proxy)
        self.hosts = [f"w{number}-{index}.moving.test" for index in range(8)]
        self.changes = 0

    def call(self, method, path, body=None):
        raw = None if body is None else json.dumps(body).encode()
        self.api.send(request("localhost", path, "Content-Type: application/json", method=method, body=raw))
        answer = self.api.read_response(method)
        self.changes += 1
        return answer.status

    def run(self, ends, rate):
        began = time.monotonic()
        for number in itertools.count():
            ahead = began + number / rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            if time.monotonic() > ends:
                return
            self.change(number)

    def change(self, number):
        host = self.hosts[number % len(self.hosts)]
        name, origin = self.origins[number // len(self.hosts) % len(self.origins)]
        if number % 40 == 39:
            equal(self.call("DELETE", f"{ROUTES}/{host}"), 204, f"status of DELETE {host}")
            name = None
        else:
            status = self.call("PUT", f"{ROUTES}/{host}", {"vHost": host, "backends": [origin.backend]})
            expect(status in (200, 201), f"status {status} of PUT {host}")
        if number % 10 == 9:
            answer = self.traffic.fetch(host)
            if name is None:
                equal(answer.status, 404, f"status of {host} right after its deletion")
            else:
                equal((answer.status, answer.text), (200, name), f"who answered for {host} right after its change")


class Reader:
    """Asks for routes that do not change, on connections it keeps, and for one whose answer is known either way."""

    def __init__(self, proxy, names):
        self.proxy = proxy
        self.names = names  # {host: the name that must answer}
        self.served = 0

    def run(self, ends):
        client = Client(self.proxy.address)
        for host, name in itertools.cycle(self.names.items()):
            if time.monotonic() > ends:
                client.close()
                return
            answer = client.fetch(host)
            equal((answer.status, answer.text), (200, name), f"who answered for {host}")
            self.served += 1
            if self.served % 200 == 0:  # and other workers, in time
                client.close()
                client = Client(self.proxy.address)


@case("1,000 route changes a second under load: no request fails or goes astray, and memory comes back",
      alone=True, deadline=90)
def thousand_changes(t):
    seconds = max(2.0, t.scaled(10))
    proxy = t.start(workers=2)
    stable = {}
    for name in ("a", "b", "c"):
        origin = t.origin(named(name), proxy=proxy)
        stable[origin.host] = name
    moving = [(name, t.bare_origin(named(name))) for name in ("x", "y", "z")]
    writers = [Writer(t, proxy, number, moving) for number in range(WRITERS)]
    readers = [Reader(proxy, stable) for _ in range(READERS)]

    def round_of(length, rate):
        ends = time.monotonic() + length
        in_threads(*[lambda one=one: one.run(ends, rate) for one in writers],
                   *[lambda one=one: one.run(ends) for one in readers], deadline=length + 30)
    round_of(1.0, CHANGES_A_SECOND / WRITERS)  # warm: pools, tables and retired snapshots at their usual size
    before = proxy.rss_bytes()
    changes, served = sum(one.changes for one in writers), sum(one.served for one in readers)
    began = time.monotonic()
    round_of(seconds, CHANGES_A_SECOND / WRITERS)
    took = time.monotonic() - began
    changes = sum(one.changes for one in writers) - changes
    served = sum(one.served for one in readers) - served
    at_least(served, 100, "requests served meanwhile")
    if not SANITIZED:
        at_least(round(changes / took), round(CHANGES_A_SECOND * LEAST_SHARE), "changes a second")
        t.eventually(lambda: proxy.rss_bytes() - before < 4 << 20, "the memory's return", 10)
    equal(proxy.api("GET", "/readyz").status, 200, "readiness after it")


@case("a thousand routes come and go in one process: memory comes back", alone=True, deadline=90)
def many_routes(t):
    t.skip_if_sanitized()
    proxy = t.start(workers=2)
    origin = t.bare_origin(named("here"))
    count = t.scaled(1000, 50)

    def come_and_go():
        api = Client(("127.0.0.1", proxy.admin_port))
        for method, wanted in (("PUT", 201), ("DELETE", 204)):
            for number in range(count):
                host = f"r{number}.many.test"
                body = json.dumps({"vHost": host, "backends": [origin.backend]}).encode() if method == "PUT" else None
                api.send(request("localhost", f"{ROUTES}/{host}", "Content-Type: application/json",
                                 method=method, body=body))
                equal(api.read_response().status, wanted, f"status of {method} {host}")
            if method == "PUT":
                for number in range(0, count, 50):
                    equal(t.client(proxy).fetch(f"r{number}.many.test").text, "here", "who answered")
                    t.clients.pop().close()
        api.close()
    come_and_go()
    before = proxy.rss_bytes()
    come_and_go()
    come_and_go()
    at_most(proxy.rss_bytes() - before, 4 << 20, "growth over two more rounds")


@case("a slow request holds its route, not the table: changes go on while it runs", alone=True)
def long_request(t):
    proxy = t.start(workers=2)
    go = threading.Event()

    def script(backend):
        for _ in backend:
            go.wait(30)
            backend.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
    slow = t.origin(script, proxy=proxy)
    client = t.client(proxy)
    client.send(request(slow.host))
    slow.wait_requests(1)
    origin = t.bare_origin(named("here"))
    began = time.monotonic()
    for number in range(t.scaled(200)):
        proxy.add_route(f"s{number}.slow.test", origin.backend)
    equal(proxy.api("DELETE", f"{ROUTES}/{slow.host}").status, 204, "status of DELETE")
    expect(time.monotonic() - began < 20, "changes do not wait for requests")
    go.set()
    equal(client.read_response().text, "slow", "the answer of the deleted route")
