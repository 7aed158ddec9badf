"""What clients and origins have counted, to be compared with what /stats says: to the request."""

import time
from collections import Counter
from dataclasses import dataclass, field

from checks import Failed, equal, expect
from origin import OK, answers
from peer import DEADLINE
from wire import request

STATS = "/api/v1/stats"
OUTCOMES = ("completed", "rejected", "aborted")
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


def adds_up(requests, what):
    parts = [requests[name] for name in (*OUTCOMES, "active", "queued")]
    equal(sum(parts), requests["received"], f"{what}: the sum of {parts}, against what was received")


def read_stats(proxy, host=None, query="?limit=1000"):
    """All that it says, or of one route; whatever it says must add up."""
    answer = proxy.api("GET", f"{STATS}/{host}" if host else STATS + query)
    equal(answer.status, 200, "status of /stats")
    numbers = answer.json
    adds_up(numbers["requests"], host or "everything")
    for route in numbers.get("routes", []):
        adds_up(route["requests"], route["vHost"])
    for backend in numbers.get("backends", []):
        attempts = backend["attempts"]
        equal(sum(attempts[name] for name in ("completed", "failed", "aborted", "active")), attempts["begun"],
              f"attempts at {backend['port']}")
    return numbers


def wait_stats(proxy, condition, what, host=None):
    """Reads until `condition` holds of what was read."""
    ends = time.monotonic() + DEADLINE
    while True:
        numbers = read_stats(proxy, host)
        if condition(numbers):
            return numbers
        if time.monotonic() > ends:
            raise Failed(f"{what}: not within {DEADLINE:g} s; last: {numbers}")
        time.sleep(0.01)


def fill(proxy, origin, client, count, most):
    """Sends large heads, 50 at a time, until `count` of what /stats says is no longer 0: what has sent so many has filled a ring.
    Gives the bytes of 50, and how many have been sent."""
    block = request(origin.host, "/" + "x" * 900, "User-Agent: " + "y" * 400) * 50
    sent = 0
    while count(read_stats(proxy)) == 0:
        client.send(block)
        for _ in range(50):
            equal(client.read_response().status, 200, "status")
        sent += 50
        expect(sent < most, "a ring is bounded")
    return block, sent


def settled(proxy, host=None):
    """Once nothing is under way: a client may have its answer before the request counts as ended."""
    def is_quiet(numbers):
        return numbers["requests"]["active"] == numbers["requests"]["queued"] == 0 \
            and all(backend["attempts"]["active"] == 0 for backend in numbers.get("backends", []))
    return wait_stats(proxy, is_quiet, "an end of all requests", host)


@dataclass
class Tally:
    """Of a route's requests, or of the attempts at one backend."""
    outcomes: Counter = field(default_factory=Counter)
    status: Counter = field(default_factory=Counter)
    errors: Counter = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    tunnels: int = 0

    def add(self, outcome, count=1, *, status=0, error=None, into=0, out=0, tunnel=False):
        """So many that ended so, each with so many bytes of body from and to the client."""
        self.outcomes[outcome] += count
        if status:
            self.status[f"{status // 100}xx"] += count
        if error:
            self.errors[error] += count
        self.bytes_in += count * into
        self.bytes_out += count * out
        self.tunnels += count if tunnel else 0

    def merge(self, other):
        for mine, theirs in ((self.outcomes, other.outcomes), (self.status, other.status), (self.errors, other.errors)):
            mine.update(theirs)
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.tunnels += other.tunnels

    def check(self, numbers, what, bytes_too=True):
        equal(numbers["status"], {name: self.status[name] for name in CLASSES}, f"statuses of {what}")
        equal(numbers["errors"], dict(self.errors), f"errors of {what}")
        equal((numbers["tunnels"], numbers["unmeasured"]), (self.tunnels, 0), f"tunnels and unmeasured of {what}")
        if bytes_too:
            equal(numbers["bytes"], {"in": self.bytes_in, "out": self.bytes_out}, f"bytes of {what}")

    def check_requests(self, numbers, what, bytes_too=True):
        wanted = {name: self.outcomes[name] for name in OUTCOMES}
        got = {name: numbers["requests"][name] for name in OUTCOMES}
        equal(got, wanted, f"requests of {what}")
        self.check(numbers, what, bytes_too)


class Load:
    """Requests of one kind to one route, and what became of them as their clients and origins saw it."""

    def __init__(self, t, proxy):
        self.t = t
        self.proxy = proxy
        self.host = None
        self.origins = []
        self.requests = Tally()
        self.attempts = []        # a Tally for each backend
        self.retries = 0
        self.queued = 0           # that waited
        self.connects = None      # requests with a connection of their own; None: all that the origins saw
        self.exact_bytes = True   # False: where somebody left, the kernel had bytes that nobody counted

    def route(self, *scripts, **fields):
        """With a backend for each script; None: one that refuses connections."""
        self.origins = [self.t.bare_origin(script or answers(OK)) for script in scripts]
        for origin, script in zip(self.origins, scripts):
            if script is None:
                origin.stop_listening()
        self.attempts = [Tally() for _ in scripts]
        self.host = self.t.unique_host(self.origins[0].port if self.origins else 0)
        fields = {"health": {"maxFails": 0}} | fields
        self.proxy.add_route(self.host, *[origin.backend for origin in self.origins], **fields)
        return self.origins[0] if self.origins else None

    def both(self, outcome, count=1, **more):
        """Ended so for the client and at the first backend."""
        self.requests.add(outcome, count, **more)
        self.attempts[0].add(outcome, count, **more)

    def client(self):
        return self.t.client(self.proxy)

    def ask(self, target="/", *fields, client=None, **more):
        """Sends a request on a connection of its own, unless there is one."""
        client = client or self.client()
        client.send(request(self.host, target, *fields, **more))
        return client

    def wait(self, **requests):
        """Until the route's numbers are these."""
        wait_stats(self.proxy, lambda numbers: all(numbers["requests"][name] == count for name, count in requests.items()),
                   f"{requests} of {self.host}", self.host)

    def check(self):
        numbers = settled(self.proxy, self.host)
        self.requests.check_requests(numbers, self.host, self.exact_bytes)
        equal(numbers["retries"], self.retries, "retries")
        equal(numbers["latency"]["queue"]["count"], self.queued, "requests that queued")
        equal(numbers["latency"]["total"]["count"], self.requests.outcomes["completed"] - self.requests.tunnels,
              "totals that were measured")
        made = [len(origin.connections) for origin in self.origins]
        equal(numbers["latency"]["connect"]["count"], sum(made) if self.connects is None else self.connects,
              "requests with a new connection")
        equal(len(numbers["backends"]), len(self.attempts), "backends")
        for tally, shown, connections in zip(self.attempts, numbers["backends"], made):
            what = f"attempts at {shown['port']}"
            got = {name: shown["attempts"][name] for name in ("completed", "failed", "aborted")}
            equal(got, {name: tally.outcomes[name] for name in got}, what)
            tally.check(shown, what, self.exact_bytes)
            equal(shown["latency"]["connect"]["count"], connections, f"new connections of {what}")
        expect(numbers["requests"]["received"] > 0, "nothing was asked for")
        return numbers
