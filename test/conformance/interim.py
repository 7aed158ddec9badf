"""1xx answers and Expect: 100-continue (RFC 9110 sections 10.1.1 and 15.2)."""

import threading
import time

from harness import PATIENCE, answers, case, cases, chunked, equal, expect, one_of, request, response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
EXPECT = "Expect: 100-continue"


@case("103 passes, then the final answer")
def early_hints(t):
    origin = t.origin(answers(HINTS + response()))
    client = t.client()
    answer = client.fetch(origin.host)
    equal([one.status for one in answer.interim], [103], "interim answers")
    equal(answer.interim[0].fields.get("Link"), b"</a.css>; rel=preload", "Link")
    equal(answer.status, 200, "status")
    client.must_stay_open_for(origin.host)


@case("103 passes before the final answer is there")
def early_hints_early(t):
    def script(backend):
        for _ in backend:
            backend.send(HINTS)
            seen.wait(10)
            backend.send(response())
    seen = threading.Event()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host))
    equal(client.read_head().status, 103, "the first head")
    seen.set()
    equal(client.read_response().status, 200, "status")


@case("several 1xx pass, each by itself")
def several_interim(t):
    origin = t.origin(answers(b"HTTP/1.1 102 Processing\r\n\r\n" + HINTS + HINTS + response()))
    answer = t.client().fetch(origin.host)
    equal([one.status for one in answer.interim], [102, 103, 103], "interim answers")


@case("1xx do not go to HTTP/1.0")
def interim_to_1_0(t):
    origin = t.origin(answers(HINTS + response()))
    client = t.client()
    answer = client.fetch(origin.host, "/", version="1.0")
    equal(([one.status for one in answer.interim], answer.status), ([], 200), "interim answers and status")
    client.must_close()


@case("Expect goes upstream, the backend's 100 comes down, then the body goes up")
def expect_continue(t):
    def script(backend):
        head = backend.read_request_head()
        equal(head.fields.get("Expect"), b"100-continue", "Expect at the origin")
        expect(backend.quiet_for(0.2), "the body waits for the 100")
        backend.send(CONTINUE)
        backend.read_request_body(head)
        backend.send(response("200 OK", head.body))
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", EXPECT, "Content-Length: 5", method="POST"))
    equal(client.read_head().status, 100, "the interim answer")
    client.send(b"hello")
    answer = client.read_response()
    equal((answer.status, answer.body), (200, b"hello"), "the final answer")


@cases([("a body under Content-Length that nobody asked for goes up", b"hello", "Content-Length: 5"),
        ("a chunked body that nobody asked for goes up", chunked(b"hello"), "Transfer-Encoding: chunked")])
def unasked_body(t, body, framing):
    origin = t.origin(answers(response()))
    client = t.client()
    client.send(request(origin.host, "/", EXPECT, framing, method="POST") + body)
    equal(client.read_response().status, 200, "status")
    equal(origin.requests[0].body, b"hello", "body at the origin")
    client.must_stay_open_for(origin.host)


@case("a backend that never says 100 gets the body all the same, once the client has waited")
def no_hundred(t):
    origin = t.origin(answers(response()))
    client = t.client()
    client.send(request(origin.host, "/", EXPECT, "Content-Length: 5", method="POST"))
    origin.wait_connections(1)
    expect(client.quiet_for(1.5) or client.read_head().status == 100, "nothing but a 100 came in the pause")
    client.send(b"hello")
    equal(client.read_response().status, 200, "status")
    equal(origin.requests[0].body, b"hello", "body at the origin")


@case("a final answer instead of 100 is delivered, and the body that never came is never awaited")
def refused_expectation(t):
    def script(backend):
        backend.read_request_head()
        backend.send(response("417 Expectation Failed", b"no"))
        backend.wait_end()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", EXPECT, "Content-Length: 1000000", method="POST"))
    began = time.monotonic()
    answer = client.read_response()
    equal((answer.status, answer.body), (417, b"no"), "the answer")
    client.must_close()
    expect(time.monotonic() - began < 5 * PATIENCE, "closed soon")
    equal(origin.connections[0].received.partition(b"\r\n\r\n")[2], bytearray(), "body bytes at the origin")
    origin.wait_ended(0)


@case("a final answer instead of 100, and then a small body: it is never the next request")
def refused_expectation_then_body(t):
    def script(backend):
        backend.read_request_head()
        backend.send(response("413 Content Too Large", b"no"))
        backend.wait_end()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", EXPECT, "Content-Length: 40", method="POST"))
    equal(client.read_response().status, 413, "the answer")
    client.try_send(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n".ljust(40))
    client.finish_sending()
    client.must_close()
    equal(len(origin.connections), 1, "connections at the origin: the body became no request")


@case("Expect in HTTP/1.0 is ignored, and 100 does not come down")
def expect_in_1_0(t):
    def script(backend):
        for one in backend:
            backend.send(CONTINUE + response("200 OK", one.body))
    origin = t.origin(script)
    client = t.client()
    answer = client.ask(request(origin.host, "/", EXPECT, method="POST", body=b"hello", version="1.0"))
    equal((answer.status, answer.body, answer.interim), (200, b"hello", []), "the answer")


@case("an unknown expectation is passed on or answered 417")
def unknown_expectation(t):
    origin = t.origin()
    answer = t.client().fetch(origin.host, "/", "Expect: the-unexpected")
    one_of(answer.status, [200, 417], "status")


@case("a 1xx with a framing is still only a head")
def interim_with_length(t):
    origin = t.origin(answers(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n" + response("200 OK", b"fine")))
    client = t.client()
    client.send(request(origin.host))
    answer = client.read_response()
    if answer.status == 200:
        equal(answer.body, b"fine", "body")
    else:
        equal(answer.status, 502, "status")
