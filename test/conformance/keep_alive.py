"""Persistence (RFC 9112 section 9): keep-alive and close of both versions, pipelining, early answers."""

import threading

from harness import (OK, answers, case, cases, chunked, equal, expect, lacks, request, response)


@cases([
    ("HTTP/1.1 stays open by default", "1.1", [], True),
    ("HTTP/1.1 with keep-alive stays open", "1.1", ["Connection: keep-alive"], True),
    ("HTTP/1.1 with close is closed", "1.1", ["Connection: close"], False),
    ("HTTP/1.1 with Close among others is closed", "1.1", ["Connection: x, Close"], False),
    ("HTTP/1.1 with close on a second line is closed", "1.1", ["Connection: x", "Connection: close"], False),
    ("HTTP/1.1 with keep-alive and close is closed", "1.1", ["Connection: keep-alive, close"], False),
    ("HTTP/1.0 is closed by default", "1.0", [], False),
    ("HTTP/1.0 with keep-alive stays open", "1.0", ["Connection: keep-alive"], True),
    ("HTTP/1.0 with close is closed", "1.0", ["Connection: close"], False),
])
def persistence(t, version, lines, stays):
    origin = t.origin()
    client = t.client()
    answer = client.fetch(origin.host, "/", *lines, version=version)
    equal((answer.status, answer.body), (200, b"ok"), "the answer")
    connection = answer.fields.tokens("Connection")
    if stays:
        lacks(connection, b"close", "Connection")
        if version == "1.0":
            expect(b"keep-alive" in connection, "a 1.0 client is told keep-alive")
        client.must_stay_open_for(origin.host)
    else:
        if version == "1.1":
            expect(b"close" in connection, "the answer says close")
        client.must_close()


@case("after Connection: close, what follows on the connection is not a request")
def bytes_after_close(t):
    origin = t.origin()
    client = t.client()
    client.send(request(origin.host, "/1", "Connection: close") + request(origin.host, "/2"))
    equal(client.read_response().status, 200, "status")
    client.must_close()
    equal(origin.targets, [b"/1"], "targets at the origin")


@case("HTTP/1.0 with keep-alive and a chunked answer is closed at its end")
def unknown_length_to_1_0(t):
    origin = t.origin(answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello")))
    client = t.client()
    answer = client.fetch(origin.host, "/", "Connection: keep-alive", version="1.0")
    equal((answer.body, answer.framing), (b"hello", "close"), "body and framing")


@case("20 pipelined requests are answered in order")
def pipelined(t):
    def script(backend):
        for one in backend:
            backend.send(response("200 OK", b"answer to " + one.target))
    origin = t.origin(script)
    client = t.client()
    client.send(b"".join(request(origin.host, f"/{number}") for number in range(20)))
    got = [client.read_response().text for _ in range(20)]
    equal(got, [f"answer to /{number}" for number in range(20)], "the answers in order")
    equal(origin.targets, [b"/%d" % number for number in range(20)], "targets at the origin")


@case("20 pipelined requests with bodies of both framings are answered in order")
def pipelined_bodies(t):
    def script(backend):
        for one in backend:
            backend.send(response("200 OK", one.target + b":" + one.body))
    origin = t.origin(script)
    client = t.client()
    raw, wanted = b"", []
    for number in range(20):
        body = b"b" * number * 37
        if number % 2:
            raw += request(origin.host, f"/{number}", method="POST", body=body)
        else:
            raw += request(origin.host, f"/{number}", "Transfer-Encoding: chunked", method="POST")
            raw += chunked(*[body[at:at + 50] for at in range(0, len(body), 50)])
        wanted.append(b"/%d:%s" % (number, body))
    client.send(raw)
    equal([client.read_response().body for _ in range(20)], wanted, "the answers in order")


@case("pipelined to two hosts, a slow first and a fast second: in order")
def pipelined_slow_first(t):
    def slow(backend):
        for _ in backend:
            fast_asked.wait(0.3)  # the second must not overtake the first, whether it is asked already or not
            backend.send(response("200 OK", b"slow"))

    def fast(backend):
        for _ in backend:
            fast_asked.set()
            backend.send(response("200 OK", b"fast"))
    fast_asked = threading.Event()
    first, second = t.origin(slow), t.origin(fast)
    client = t.client()
    client.send(request(first.host) + request(second.host) + request(first.host))
    equal([client.read_response().text for _ in range(3)], ["slow", "fast", "slow"], "the answers in order")


@case("pipelined requests with a 404 and HEAD between them stay in step")
def pipelined_mixed(t):
    origin = t.origin()
    client = t.client()
    client.send(request(origin.host, "/1") + request("nobody.test", "/2") + request(origin.host, "/3", method="HEAD")
                + request("nobody.test", "/4", method="HEAD") + request(origin.host, "/5"))
    equal([client.read_response(method).status for method in ("GET", "GET", "HEAD", "HEAD", "GET")],
          [200, 404, 200, 404, 200], "statuses in order")


@case("pipelined requests in torn pieces are the same requests")
def pipelined_torn(t):
    origin = t.origin()
    client = t.client()
    raw = b"".join(request(origin.host, f"/{number}", method="POST", body=b"x" * number) for number in range(6))
    for at in range(0, len(raw), 11):
        client.send(raw[at:at + 11])
    equal([client.read_response().status for _ in range(6)], [200] * 6, "statuses")
    equal([len(one.body) for one in origin.requests], list(range(6)), "bodies at the origin")


@case("a hundred pipelined requests and a client that closes its side get all their answers")
def pipelined_and_finished(t):
    origin = t.origin()
    client = t.client()
    client.send(b"".join(request(origin.host, f"/{number}") for number in range(100)))
    client.finish_sending()
    for number in range(100):
        equal(client.read_response().status, 200, f"status of number {number}")
    client.must_close()


@cases([("an early answer reaches a client that still sends", "Content-Length: 100000000"),
        ("an early answer reaches a client that still sends chunks", "Transfer-Encoding: chunked")])
def early_answer(t, framing):
    def script(backend):
        backend.read_request_head()
        backend.send(response("413 Content Too Large", b"stop", "Connection: close"))
        backend.wait_end()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", framing, method="POST"))
    client.send(b"10\r\n0123456789abcdef\r\n" * 10)
    answer = client.read_response()
    equal((answer.status, answer.body), (413, b"stop"), "the answer")
    client.must_close()
    origin.wait_ended(0)


@case("an early answer reaches a client that sends on and on before it reads")
def early_answer_to_busy_client(t):
    def script(backend):
        backend.read_request_head()
        backend.send(response("413 Content Too Large", b"stop"))
        backend.wait_end()
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", "Content-Length: 100000000", method="POST"))
    for _ in range(8):
        client.try_send(b"x" * 65536)
    answer = client.read_response()
    equal((answer.status, answer.body), (413, b"stop"), "the answer")
    client.wait_end()


@case("an early answer that is long is delivered whole while the client still sends")
def long_early_answer(t):
    body = b"0123456789abcdef" * 65536

    def script(backend):
        head = backend.read_request_head()
        backend.send(response("200 OK", body))
        backend.read_request_body(head, lambda piece: None)
    origin = t.origin(script)
    client = t.client()
    client.send(request(origin.host, "/", "Content-Length: 1000000", method="POST") + b"x" * 1000)
    answer = client.read_response()
    equal((answer.status, answer.body == body), (200, True), "the answer")


@case("a connection serves requests to different hosts")
def hosts_on_one_connection(t):
    first, second = t.origin(answers(response("200 OK", b"1"))), t.origin(answers(response("200 OK", b"2")))
    client = t.client()
    got = [client.fetch(host).text for host in (first.host, second.host, first.host, second.host)]
    equal(got, ["1", "2", "1", "2"], "who answered")
    equal((len(first.connections), len(second.connections)), (1, 1), "connections at the origins")


@case("a thousand requests on one connection, whose answers are all their own", deadline=60)
def thousand(t):
    def script(backend):
        for one in backend:
            backend.send(response("200 OK", one.target))
    origin = t.origin(script)
    client = t.client()
    for number in range(t.scaled(1000)):
        equal(client.fetch(origin.host, f"/{number}").text, f"/{number}", "the answer")
    equal(len(origin.connections), 1, "connections at the origin")


@case("an answer that comes with the end of its connection is whole")
def answer_and_close(t):
    def script(backend):
        backend.read_request()
        backend.send(OK)
    origin = t.origin(script)
    client = t.client()
    for _ in range(20):
        equal(client.fetch(origin.host).body, b"ok", "body")
