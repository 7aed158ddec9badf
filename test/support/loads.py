"""Kinds of load: each asks for something, and says of every request how it ended (counting.Load)."""

import functools
import threading
import time

from counting import read_stats
from gate import Held, refused
from harness import OK, at_least, at_most, chunk, chunked, echoes, equal, named, never_answers, request, response


def plain(load):
    load.route(echoes)
    client, other = load.client(), load.client()
    for size in (0, 1, 3_000, 200_000):
        answer = client.fetch(load.host, "/echo", method="POST", body=b"x" * size)
        equal(answer.body, b"x" * size, "the echo")
        load.both("completed", status=200, into=size, out=size)
    other.send(request(load.host, "/", "Transfer-Encoding: chunked", method="POST") + chunked(b"four", b"more"))
    equal(other.read_response().body, b"fourmore", "the echo of chunks")
    load.both("completed", status=200, into=8, out=8)
    for _ in range(10):
        equal(other.fetch(load.host).status, 200, "status")
    load.both("completed", 10, status=200)


def heads(load):
    def script(backend):
        for _ in backend:
            backend.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    load.route(script)
    client = load.client()
    for _ in range(7):
        equal(client.fetch(load.host, method="HEAD").status, 200, "status")
    load.both("completed", 7, status=200)


def pipelined(load):
    load.route(named("seven"))
    client = load.client()
    client.send(request(load.host) * 20)
    for _ in range(20):
        equal(client.read_response().text, "seven", "the answer")
    load.both("completed", 20, status=200, out=5)


def statuses(load):
    def script(backend):
        for one in backend:
            backend.send(response(one.target[1:].decode() + " As Asked", b"abc"))
    load.route(script, circuit=None)
    client = load.client()
    for status in (201, 301, 302, 404, 410, 418, 500, 503, 599):
        equal(client.fetch(load.host, f"/{status}").status, status, "status")
        load.both("completed", status=status, out=3)


def chunked_answer(load):
    def script(backend):
        for _ in backend:
            backend.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first") + chunk(b"second")
                         + b"0\r\n\r\n")
    load.route(script)
    client = load.client()
    for _ in range(3):
        equal(client.fetch(load.host).text, "firstsecond", "the answer")
    load.both("completed", 3, status=200, out=11)


def without_backend(load):
    load.route()
    client = load.client()
    for _ in range(5):
        answer = client.fetch(load.host)
        equal(answer.status, 503, "status")
        load.requests.add("rejected", status=503, error="destination_unavailable", out=len(answer.body))


def answered_by_us(load):
    load.route(named("never asked"))
    client = load.client()
    for _ in range(3):
        equal(client.fetch(load.host, "/", "Max-Forwards: 0", method="OPTIONS").status, 204, "status")
    load.requests.add("rejected", 3, status=204)


def too_large(load):
    load.route(never_answers, maxBodyBytes=1000)
    client = load.client()
    for _ in range(4):
        answer = client.fetch(load.host, method="POST", body=b"x" * 1001)
        equal(answer.status, 413, "status")
        load.requests.add("rejected", status=413, error="http_request_denied", into=1001, out=len(answer.body))


def grows_too_large(load):
    """The answer is ours, but a backend had been asked: no refusal before dispatch."""
    origin = load.route(never_answers, maxBodyBytes=1000)
    client = load.ask("/", "Transfer-Encoding: chunked", method="POST")
    client.send(chunk(b"x" * 600))
    origin.wait_connections(1)
    client.send(chunk(b"x" * 600) + b"0\r\n\r\n")
    equal(client.read_response().status, 413, "status")
    load.requests.add("completed", status=413, error="http_request_denied")
    load.attempts[0].add("aborted")
    load.exact_bytes = False


def queue_full(load):
    """One is served, of three that wait two leave, two are refused; then the first and the last waiting have their turn."""
    held = Held()
    load.route(held, reqActiveLength=1, reqQueueLength=3)
    clients = [load.ask("/first")]
    held.wait_now(1)
    for place in range(1, 4):
        clients.append(load.ask(f"/{place}"))
        load.wait(active=1, queued=place)
    for _ in range(2):
        answer = load.ask("/refused").read_response()
        refused(answer)
        load.requests.add("rejected", status=503, error="connection_limit_reached", out=len(answer.body))
    clients.pop(1).close()
    clients.pop(1).reset()
    load.wait(active=1, queued=1, aborted=2)
    load.requests.add("aborted", 2)
    held.let_all_go()
    for client in clients:
        equal(client.read_response().status, 200, "status")
    load.both("completed", 2, status=200, out=2)
    load.queued = 3


def waits_in_vain(load):
    held = Held()
    load.route(held, reqActiveLength=1, reqQueueLength=1, queueTimeout="200ms")
    client = load.ask("/first")
    held.wait_now(1)
    answer = load.ask("/late").read_response()
    equal(answer.status, 503, "status")
    load.requests.add("rejected", status=503, error="connection_limit_reached", out=len(answer.body))
    held.let_all_go()
    equal(client.read_response().status, 200, "status")
    load.both("completed", status=200, out=2)
    load.queued = 1


def leaves_before(load, leave="reset"):
    """The client is gone before there is an answer."""
    origin = load.route(never_answers, abortOnClose=True)
    for count in range(1, 4):
        client = load.ask()
        origin.wait_requests(count)
        getattr(client, leave)()
        load.wait(aborted=count)
    load.both("aborted", 3)


def leaves_within(load, leave="reset"):
    """The client is gone in the middle of the answer, which goes on until the proxy cuts it."""
    def endless(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            backend.send(b"x" * 4096)
            time.sleep(0.001)
    load.route(endless)
    for count in range(1, 4):
        client = load.ask()
        client.read_head()
        getattr(client, leave)()
        load.wait(aborted=count)
    load.both("aborted", 3, status=200)
    load.exact_bytes = False


def breaks_its_body(load):
    """The client promises more than it sends, and goes."""
    origin = load.route(never_answers)
    client = load.ask("/", "Content-Length: 100", method="POST")
    client.send(b"x" * 10)
    origin.wait_connections(1)
    client.finish_sending()
    client.wait_end()
    load.requests.add("aborted", into=10)
    load.attempts[0].add("aborted", into=10)


def breaks_off(load):
    """The backend does, in the middle of its body."""
    gate = threading.Event()

    def script(backend):
        backend.read_request()
        backend.send(response("200 OK", b"x" * 100)[:-40])
        gate.wait(10)
        backend.reset()
    load.route(script, circuit=None)
    clients = [load.ask() for _ in range(3)]
    for client in clients:
        client.read_head()
        client.read_exactly(60)
    gate.set()
    for client in clients:
        client.wait_end()
    load.both("aborted", 3, status=200, error="http_response_incomplete", out=60)


def makes_no_sense(load):
    """The backend's body, behind a part that did."""
    gate = threading.Event()

    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"good"))
        gate.wait(10)
        backend.send(b"xyz\r\n")
        backend.wait_end()
    load.route(script, circuit=None)
    client = load.ask()
    client.read_until(b"good")
    gate.set()
    client.wait_end()
    load.both("aborted", status=200, error="http_protocol_error", out=4)


def takes_too_long(load):
    """The route's limit ends it within the body."""
    def script(backend):
        backend.read_request()
        backend.send(response("200 OK", b"x" * 100)[:-40])
        backend.wait_end()
    load.route(script, timeout="1500ms", circuit=None)  # a busy origin has its head out by then
    client = load.ask()
    client.read_head()
    client.read_exactly(60)
    client.wait_end()
    load.requests.add("aborted", status=200, error="http_response_timeout", out=60)
    load.attempts[0].add("aborted", status=200, out=60)


def is_malformed(load):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 abc\r\n\r\n")
        backend.wait_end()
    load.route(script, circuit=None)
    for _ in range(2):
        answer = load.ask().read_response()
        equal(answer.status, 502, "status")
        load.requests.add("completed", status=502, error="http_protocol_error", out=len(answer.body))
    load.attempts[0].add("failed", 2, error="http_protocol_error")


def closes_unanswered(load):
    """A POST is not sent again."""
    def script(backend):
        backend.read_request()
        backend.reset()
    load.route(script, circuit=None)
    for _ in range(4):
        answer = load.ask("/", method="POST", body=b"once").read_response()
        equal(answer.status, 502, "status")
        load.requests.add("completed", status=502, error="connection_terminated", into=4, out=len(answer.body))
    load.attempts[0].add("failed", 4, error="connection_terminated", into=4)


def answers_late(load):
    load.route(never_answers, retries=0, responseTimeout="150ms", circuit=None)
    answer = load.ask().read_response()
    equal(answer.status, 504, "status")
    load.requests.add("completed", status=504, error="http_response_timeout", out=len(answer.body))
    load.attempts[0].add("failed", error="http_response_timeout")


def refuses(load):
    load.route(None, retries=0, circuit=None)
    client = load.client()
    for _ in range(6):
        answer = client.fetch(load.host)
        equal(answer.status, 502, "status")
        load.requests.add("completed", status=502, error="connection_refused", out=len(answer.body))
    load.attempts[0].add("failed", 6, error="connection_refused")
    load.connects = 0
    load.origins[0].connections.clear()


def retried(load):
    """Every other request meets the dead backend first; the client sees nothing of it."""
    load.route(None, named("good"), circuit=None)
    client = load.client()
    for _ in range(30):
        equal(client.fetch(load.host).text, "good", "the answer")
    load.requests.add("completed", 30, status=200, out=4)
    load.attempts[1].add("completed", 30, status=200, out=4)
    load.retries = read_stats(load.proxy, load.host)["backends"][0]["attempts"]["failed"]
    at_least(load.retries, 10, "requests that met the dead backend first")
    at_most(load.retries, 20, "requests that met the dead backend first")
    load.attempts[0].add("failed", load.retries, error="connection_refused")


def stale(load):
    """The backend closes each connection where the next request comes: no failure, no error, no retry."""
    def script(backend):
        backend.read_request()
        backend.send(OK)
        backend.read_request_head()
        backend.reset()
    load.route(script, retries=0)
    client = load.client()
    for _ in range(5):
        equal(client.fetch(load.host).status, 200, "status")
    load.both("completed", 5, status=200, out=2)
    equal(len(load.origins[0].connections), 5, "connections at the origin")


def tunnelled(load):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        backend.send(backend.read_exactly(5) + b"and more")
        backend.wait_end()
    load.route(script)
    client = load.ask("/", "Connection: Upgrade", "Upgrade: websocket")
    equal(client.read_head().status, 101, "status")
    load.wait(active=1, received=1)
    client.send(b"hello")
    equal(client.read_exactly(13), b"helloand more", "through the tunnel")
    client.finish_sending()
    client.wait_end()
    load.both("completed", status=101, into=5, out=13, tunnel=True)


KINDS = [
    ("bodies both ways", plain), ("HEAD", heads), ("pipelined requests", pipelined), ("each class of status", statuses),
    ("a chunked answer", chunked_answer), ("a route without backend", without_backend),
    ("Max-Forwards: 0", answered_by_us), ("413 by its length", too_large), ("413 as it comes", grows_too_large),
    ("a full queue, and clients that leave it", queue_full), ("a wait in vain", waits_in_vain),
    ("clients that reset before the answer", leaves_before),
    ("clients that close before the answer", functools.partial(leaves_before, leave="close")),
    ("clients that reset within the answer", leaves_within),
    ("clients that close within the answer", functools.partial(leaves_within, leave="close")),
    ("a client that breaks its body off", breaks_its_body), ("a backend that breaks its body off", breaks_off),
    ("a backend whose body makes no sense", makes_no_sense), ("a body that takes too long", takes_too_long),
    ("an answer that is none", is_malformed), ("a POST that is not answered", closes_unanswered),
    ("an answer that is late", answers_late), ("a backend that refuses", refuses), ("retries", retried),
    ("connections that are stale", stale), ("a tunnel", tunnelled),
]
