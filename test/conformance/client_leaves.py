"""A client that leaves: an RST cancels the backend's work; a FIN does not, unless the route says abortOnClose."""

import threading
import time

from harness import OK, answers, case, cases, chunk, chunked, endless, equal, expect, never_answers, request, response


@case("a client's RST while it waits cancels the backend's work")
def reset_while_waiting(t):
    origin = t.origin(never_answers)
    client = t.client()
    client.send(request(origin.host))
    origin.wait_requests(1)
    client.reset()
    origin.wait_ended(0)


@case("a client's RST while its body goes up cuts the backend's request")
def reset_while_sending(t):
    def script(backend):
        head = backend.read_request_head()
        arrived.set()
        backend.read_request_body(head)
    arrived = threading.Event()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", "Transfer-Encoding: chunked", method="POST") + chunk(b"part"))
    expect(arrived.wait(10), "the head is at the origin")
    client.reset()
    origin.wait_ended(0)
    equal(origin.requests, [], "whole requests at the origin")


@case("a client's RST while the answer comes down cancels the backend's work")
def reset_while_reading(t):
    origin = t.origin(endless)
    client = t.client()
    client.send(request(origin.host))
    client.read_exactly(200_000)
    client.reset()
    origin.wait_ended(0)


def answers_when_told(told):
    def script(backend):
        for _ in backend:
            told.wait(10)
            backend.send(OK)
    return script


@case("a client's FIN after its request does not cost it the answer")
def half_close(t):
    told = threading.Event()
    origin = t.origin(answers_when_told(told))
    client = t.client()
    client.send(request(origin.host))
    client.finish_sending()
    origin.wait_requests(1)
    told.set()
    equal(client.read_response().body, b"ok", "the answer after the FIN")
    client.must_close()


@case("a client's FIN right behind a POST does not cost it the answer")
def half_close_post(t):
    told = threading.Event()
    origin = t.origin(answers_when_told(told))
    client = t.client()
    client.send(request(origin.host, "/", method="POST", body=b"x" * 100_000))
    client.finish_sending()
    origin.wait_requests(1)
    told.set()
    equal(client.read_response().body, b"ok", "the answer after the FIN")


@case("a client's FIN in the middle of the answer does not cost it the rest")
def half_close_in_answer(t):
    told = threading.Event()

    def script(backend):
        backend.read_request()
        backend.send(response("200 OK", None, "Content-Length: 10") + b"hello")
        told.wait(10)
        backend.send(b"world")
        backend.wait_end()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host))
    client.read_head()
    equal(client.read_exactly(5), b"hello", "the first half")
    client.finish_sending()
    told.set()
    equal(client.read_exactly(5), b"world", "the second half")
    client.must_close()


@case("with abortOnClose a client's FIN cancels the backend's work")
def abort_on_close(t):
    origin = t.origin(never_answers, abortOnClose=True)
    client = t.client()
    client.send(request(origin.host))
    origin.wait_requests(1)
    client.finish_sending()
    origin.wait_ended(0)
    client.must_close()


@case("with abortOnClose a FIN right behind the request, which comes with it, cancels the backend's work too", deadline=20)
def close_at_once(t):
    origin = t.origin(never_answers, abortOnClose=True)
    for _ in range(20):
        client = t.client()
        client.send(request(origin.host))
        client.close()
    t.eventually(lambda: t.proxy.api("GET", f"/api/v1/stats/{origin.host}").json["requests"]["active"] == 0, "an end of all requests")


@case("with abortOnClose a client that stays gets its answer")
def abort_on_close_unused(t):
    origin = t.origin(abortOnClose=True)
    client = t.client()
    for _ in range(3):
        equal(client.fetch(origin.host).body, b"ok", "the answer")


@case("a client that leaves in the middle of its head leaves nothing upstream")
def leaves_in_head(t):
    origin = t.origin()
    client = t.client()
    client.send(f"GET / HTTP/1.1\r\nHost: {origin.host}\r\n".encode())
    client.finish_sending()
    rest = client.wait_end()
    expect(rest == b"" or rest.startswith(b"HTTP/1.1 400 "), f"no answer but a 400: {rest!r}")
    t.nothing_upstream(origin)


@cases([("a client that leaves before it says anything is no error", False), ("an RST likewise", True)])
def leaves_at_once(t, reset):
    origin = t.origin()
    for _ in range(20):
        client = t.client()
        if reset:
            client.reset()
        else:
            client.finish_sending()
            equal(client.wait_end(), b"", "what the proxy says")
    t.nothing_upstream(origin)


@case("fifty clients that reset at any moment leave the others alone")
def many_resets(t):
    origin = t.origin()
    faithful = t.client()
    for number in range(50):
        client = t.client()
        client.send(request(origin.host, f"/{number}", method="POST", body=b"x" * 2000)[:number * 40 + 1])
        client.reset()
        equal(faithful.fetch(origin.host, "/faithful").body, b"ok", "the faithful client's answer")


@case("what clients that leave at any moment leave in the pool serves the next, a POST at once; each is told by its address",
      deadline=60)
def left_in_pool(t):
    raw = response("200 OK", None, "Transfer-Encoding: chunked") + chunked(b"y" * 3000, trailers=b"X-Sum: 1\r\n")
    origin = t.origin(answers(raw), circuit=None, retries=0)
    faithful = t.client()
    for turn in range(t.scaled(200, 50)):
        clients = [t.client() for _ in range(3)]
        for client in clients:
            client.send(request(origin.host))
        if turn % 3 == 1:
            clients[1].read_head()
        for client in clients:
            (client.reset if turn % 2 else client.close)()
            t.clients.remove(client)
        answer = faithful.fetch(origin.host, "/", method="POST", body=b"once")
        equal((answer.status, answer.fields.get("Proxy-Status")), (200, None), f"the answer to the POST in turn {turn}")
    equal({one.fields.get("X-Forwarded-For") for one in origin.requests}, {b"127.0.0.1"}, "the clients' addresses")


@case("an RST right behind a part of the upload, while the backend has begun to answer, cancels its work", deadline=20)
def reset_behind_part(t):
    """Whichever of the two directions sees it first."""
    def script(backend):
        backend.read_request_head()
        backend.send(response("200 OK", None, "Transfer-Encoding: chunked"))
        backend.wait_end()
    origin = t.origin(script, circuit=None, health={"maxFails": 0})
    raw = request(origin.host, method="POST", body=bytes(5000))[:-100]
    for turn in range(100):
        client = t.client()
        client.send(raw)
        time.sleep(turn % 3 * 0.0003)  # at several moments
        client.reset()
    t.eventually(lambda: t.proxy.api("GET", f"/api/v1/stats/{origin.host}").json["requests"]["active"] == 0, "an end of all requests")
