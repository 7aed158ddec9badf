"""A route with limits, seen from outside: an origin that holds its requests, clients that surely are with it or wait."""

import threading
import time

from checks import Failed, contains, equal, expect
from origin import OK
from peer import DEADLINE
from polling import readable
from wire import request

WORKERS = 4
ROUTES = "/api/v1/routes"


class Held:
    """An origin's script: keeps each request until the case lets it go, the oldest first, and knows how many it has."""

    def __init__(self):
        self.changed = threading.Condition()
        self.now = self.peak = 0
        self.targets = []
        self.company = {}  # target: how many there were, itself included, when it came
        self.free = 0      # the first so many to come may go

    def __call__(self, backend):
        for one in backend:
            with self.changed:
                place = len(self.targets)
                self.targets.append(one.target.decode())
                self.now += 1
                self.peak = max(self.peak, self.now)
                self.company[one.target.decode()] = self.now
                self.changed.notify_all()
                gone = not self.changed.wait_for(lambda place=place: self.free > place, DEADLINE * 3)
                self.now -= 1
                self.changed.notify_all()
            if gone:
                return
            backend.send(OK)

    def let_go(self, count=1):
        with self.changed:
            self.free += count
            self.changed.notify_all()

    def let_all_go(self):
        self.let_go(1 << 30)

    def wait(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(condition, DEADLINE):
                raise Failed(f"{what} did not happen; at the origin: {self.now} of {self.targets}")

    def wait_now(self, count):
        self.wait(lambda: self.now == count, f"{count} requests at the origin at once")

    def wait_came(self, count):
        self.wait(lambda: len(self.targets) >= count, f"request number {count} at the origin")


class Gate:
    """A route with limits in a process of its own, before an origin that holds its requests."""

    def __init__(self, t, active, queued, workers=WORKERS, **fields):
        self.t = t
        self.held = Held()
        self.proxy = t.start(workers=workers)
        self.origin = t.origin(self.held, proxy=self.proxy, reqActiveLength=active, reqQueueLength=queued, **fields)
        self.host = self.origin.host

    def patch(self, **fields):
        answer = self.proxy.api("PATCH", f"{ROUTES}/{self.host}", fields, {"Content-Type": "application/merge-patch+json"})
        equal(answer.status, 200, f"status of PATCH {fields}")

    def send(self, target, **more):
        """A client whose request is under way."""
        client = self.t.client(self.proxy)
        client.send(request(self.host, target, **more))
        return client

    def active(self, count, name="active"):
        """Clients whose requests are at the origin."""
        before = self.held.now
        clients = [self.send(f"/{name}-{number}") for number in range(count)]
        self.held.wait_now(before + count)
        return clients

    def queued(self, place, target, **more):
        """A client whose request is the queue's last, with `place` as its length: there is room for one of two, so it
        is the one that is not refused. No sleep could tell that a request waits."""
        self.patch(reqQueueLength=place)
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends:
            pair = [self.send(target, **more), self.send(target, **more)]
            first = self.first_answered(pair)
            refused(first.read_response())
            (other,) = [client for client in pair if client is not first]
            if other.quiet_for(0):
                return other
            refused(other.read_response())  # nobody has left the queue yet
        raise Failed(f"nothing could queue in place {place}")

    @staticmethod
    def first_answered(clients):
        answered = readable(DEADLINE, *[client.sock for client in clients])
        if not answered:
            raise Failed("neither of two requests was refused, though there is room for one")
        return next(client for client in clients if client.sock is answered[0])

    def end(self, clients):
        """All may go, and all are answered; then nobody is left: the next request finds a slot."""
        self.held.let_all_go()
        for client in clients:
            equal(client.read_response().status, 200, "status of a request that had its turn")
        self.held.wait_now(0)
        equal(self.t.client(self.proxy).fetch(self.host, "/last").status, 200, "status of the request after all")


def refused(answer):
    """One that finds the queue full: told when to come back, and why."""
    equal(answer.status, 503, "status of a request past the queue's limit")
    equal(answer.fields.all("Retry-After"), [b"10"], "Retry-After")
    contains(answer.fields.all("Proxy-Status")[0], b"error=connection_limit_reached", "Proxy-Status")


def turned_away(answer):
    """One that waited in vain."""
    equal(answer.status, 503, "status of a request that waited in vain")
    equal(answer.fields.all("Retry-After"), [], "Retry-After")
    expect(answer.fields.all("Proxy-Status"), "no Proxy-Status")
