"""Circuit breaking (SPEC section 6): opens on the error rate, lets one request try, closes on its success."""

import threading
import time

from harness import PATIENCE, at_most, case, chunk, equal, in_threads, request, response
from polling import readable

QUICK = {"errorRate": 0.5, "minRequests": 10, "window": "10s", "open": "500ms"}


class Moody:
    """Answers with the status that is set, and its name; may be held."""

    def __init__(self, t, name):
        self.status = "200 OK"
        self.go = threading.Event()
        self.go.set()
        self.origin = t.bare_origin(self.script)
        self.name = name

    def script(self, side):
        for _ in side:
            self.go.wait(30)
            side.send(response(self.status, self.name.encode()))

    @property
    def asked(self):
        return len(self.origin.requests)


def route_to(t, *moody, **fields):
    host = t.unique_host(moody[0].origin.port)
    t.proxy.add_route(host, *[one.origin.backend for one in moody], **({"retries": 0} | fields))
    return host


def until_tried_again(t, host, wanted):
    client = t.client()
    t.eventually(lambda: client.fetch(host).status == wanted, f"an answer of {wanted}")


def until_logged(t, host, event):
    t.eventually(lambda: any(f'"{event}"' in line and f'"{host}"' in line for line in t.proxy.stderr_lines()),
                 f"a line of {event} in the log")


@case("it opens on the error rate for every worker, and requests go to the others", workers=4)
def opens(t):
    bad, good = Moody(t, "bad"), Moody(t, "good")
    host = route_to(t, bad, good, circuit=QUICK | {"open": "60s", "errorRate": 1.0})
    bad.status = "503 Service Unavailable"
    for _ in range(20):
        t.client().fetch(host)
    equal(bad.asked, 10, "requests that the failing one got")
    equal([t.client().fetch(host).text for _ in range(10)], ["good"] * 10, "who answers then")
    equal(bad.asked, 10, "requests that it got since")
    until_logged(t, host, "circuit.opened")
    answer = t.proxy.api("GET", f"/api/v1/routes/{host}").json["backends"][0]
    equal((answer["state"], answer["failureCount"]), ("alive", 0), "an open circuit is no death")


@case("below the rate it stays closed, at the rate it opens", workers=2)
def rate(t):
    one = Moody(t, "one")
    host = route_to(t, one, circuit=QUICK | {"open": "60s"})
    client = t.client()
    for status in ["200 OK"] * 11 + ["500 Oops"] * 10:
        one.status = status
        equal(client.fetch(host).status, int(status[:3]), "status while it is closed")
    one.status = "500 Oops"
    equal(client.fetch(host).status, 500, "status of the eleventh error of 22")
    answer = client.fetch(host)
    equal(answer.status, 503, "status once it is open, with no other backend")
    equal(one.asked, 22, "requests that it got")


def opened(t):
    """A backend whose circuit has just been opened, the route's host, and a client of it."""
    one = Moody(t, "one")
    host = route_to(t, one, circuit=QUICK)
    one.status = "500 Oops"
    client = t.client()
    equal([client.fetch(host).status for _ in range(10)], [500] * 10, "statuses that open it")
    return one, host, client


@case("half-open one request at a time tries, and its success closes the circuit", workers=4)
def one_trial(t):
    one, host, client = opened(t)
    equal(client.fetch(host).status, 503, "status while it is open")
    asked = one.asked
    one.status = "200 OK"
    one.go.clear()
    began = time.monotonic()
    statuses = []

    def try_it():
        mine = t.client()
        while one.asked == asked:
            mine.send(request(host))
            answer = mine.read_response()
            statuses.append(answer.status)
    tries = threading.Thread(target=lambda: in_threads(*[try_it] * 4))
    tries.start()
    one.origin.wait_requests(asked + 1)
    at_most(time.monotonic() - began, 5 * PATIENCE, "seconds until the trial")
    # Held: whoever comes meanwhile is refused, and the backend sees nothing of it.
    equal([t.client().fetch(host).status for _ in range(8)], [503] * 8, "statuses beside the trial")
    equal(one.asked, asked + 1, "requests that it got")
    one.go.set()
    tries.join(30 * PATIENCE)
    equal(statuses.count(200), 1, "trials that were answered")
    equal([t.client().fetch(host).status for _ in range(8)], [200] * 8, "statuses once it is closed")
    for event in ("circuit.opened", "circuit.half_opened", "circuit.closed"):
        until_logged(t, host, event)


@case("a trial that fails opens it again; one whose client leaves makes room for another", workers=2)
def trial_fails(t):
    one, host, client = opened(t)
    until_tried_again(t, host, 500)
    equal(client.fetch(host).status, 503, "status once it is open again")
    asked = one.asked
    one.go.clear()
    leaver = t.client()
    t.eventually(lambda: try_once(leaver, host, one, asked), "the trial that is abandoned")
    leaver.reset()
    t.eventually(lambda: t.proxy.api("GET", f"/api/v1/stats/{host}").json["requests"]["aborted"] > 0,
                 "the abandoned request's end")
    one.status = "200 OK"
    one.go.set()
    until_tried_again(t, host, 200)


@case("a trial's response need not end: its head closes the circuit")
def endless_trial(t):
    over = threading.Event()

    def fails_then_streams(backend):
        for _ in backend:
            if len(origin.requests) <= 10:
                backend.send(response("500 Oops"))
                continue
            backend.send(response("200 OK", None, "Transfer-Encoding: chunked") + chunk(b"event"))
            over.wait(30)
            backend.send(b"0\r\n\r\n")
    origin = t.origin(fails_then_streams, retries=0, circuit=QUICK)
    client = t.client()
    equal([client.fetch(origin.host).status for _ in range(10)], [500] * 10, "statuses that open it")

    def status_of_head():
        another = t.client()
        another.send(request(origin.host))
        return another.read_head().status
    t.eventually(lambda: status_of_head() == 200, "the trial's head")
    equal(status_of_head(), 200, "status beside the stream that was the trial")
    over.set()


def try_once(client, host, moody, asked):
    """True once a request of this client's has reached the backend; what is refused before is read."""
    client.send(request(host))
    end = time.monotonic() + 0.3 * PATIENCE
    while moody.asked == asked and time.monotonic() < end:
        if client.buffer or readable(0.01, client.sock):
            equal(client.read_response().status, 503, "status while it is open")
            return False
    return moody.asked > asked


@case("circuit null: errors change nothing, and an open one is closed by it")
def off(t):
    one = Moody(t, "one")
    host = route_to(t, one, circuit=None)
    one.status = "500 Oops"
    client = t.client()
    equal([client.fetch(host).status for _ in range(40)], [500] * 40, "statuses")
    path = f"/api/v1/routes/{host}"
    equal(t.proxy.api("PATCH", path, {"circuit": QUICK | {"open": "60s"}}).status, 200, "status of PATCH")
    t.eventually(lambda: client.fetch(host).status == 503, "the opening")
    route = t.proxy.api("GET", path).json | {"circuit": None}
    equal(t.proxy.api("PUT", path, route).status, 200, "status of PUT without a circuit")
    one.status = "200 OK"
    equal(client.fetch(host).status, 200, "status at once")
