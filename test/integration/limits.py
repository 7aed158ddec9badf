"""Limits on connections, rates, descriptors and memory: what is past them waits, is cut or is refused; all recovers."""

import os
import resource
import socket
import time

import h2
from harness import (PATIENCE, Cut, Silent, answers, at_least, at_most, case, contains, equal, expect, named, one_of,
                     request, response)
from polling import readable, writable


@case("past --max-connections a client waits in the accept queue, and is served when another leaves")
def max_connections(t):
    proxy = t.start("--max-connections", "4", workers=2)
    origin = t.origin(proxy=proxy)
    inside = [t.client(proxy) for _ in range(4)]
    for client in inside:
        equal(client.fetch(origin.host).status, 200, "status within the limit")
    waiting = [t.client(proxy) for _ in range(3)]
    for client in waiting:
        client.send(request(origin.host, "/waited"))
    equal(readable(0.5, *[client.sock for client in waiting]), [], "clients past the limit that heard something")
    for client in inside:
        equal(client.fetch(origin.host).status, 200, "status of those inside meanwhile")
    for number, client in enumerate(inside[:3]):
        client.close()
        # Which of the waiting comes next is the kernel's choice; one of them does.
        ready = readable(10 * PATIENCE, *[one.sock for one in waiting])
        expect(ready, f"a waiting client is served after {number + 1} have left")
        served = next(one for one in waiting if one.sock in ready)
        equal(served.read_response().status, 200, "status of the one that waited")
        waiting.remove(served)


@case("--max-connections counts over all workers, and gives every place back", deadline=60)
def max_connections_turnover(t):
    proxy = t.start("--max-connections", "8", workers=4)
    origin = t.origin(proxy=proxy)
    for _ in range(t.scaled(25)):
        clients = [t.client(proxy) for _ in range(16)]
        for client in clients:
            client.send(request(origin.host, "/", "Connection: close"))
        for client in clients:
            equal(client.read_response().status, 200, "status")
            client.close()


@case("past --max-per-address a client is not served until another of the address leaves")
def max_per_address(t):
    proxy = t.start("--max-per-address", "3", workers=2)
    origin = t.origin(proxy=proxy)
    inside = [t.client(proxy) for _ in range(3)]
    for client in inside:
        equal(client.fetch(origin.host).status, 200, "status within the limit")
    extra = t.client(proxy)
    extra.try_send(request(origin.host, "/extra"))
    try:
        status = extra.read_response().status
        expect(status in (429, 503), f"status {status} past the limit")
    except Cut:
        pass
    except Silent:
        extra.close()
    equal([target for target in origin.targets if target == b"/extra"], [], "requests past the limit at the origin")
    for client in inside:
        equal(client.fetch(origin.host).status, 200, "status of those inside")
    inside.pop().close()

    def served_again():
        try:
            return t.client(proxy).fetch(origin.host).status == 200
        except (Cut, OSError):
            return False
    t.eventually(served_again, "service after one has left")


@case("a body slower than --min-rate is 408 after 30 s; a slow but fair one is not", deadline=60)
def min_rate(t):
    if t.scaled(10) < 10:
        t.skip("takes 35 s")
    origin = t.origin()
    slow, fair = t.client(), t.client()
    head = request(origin.host, "/", "Content-Length: 1000000", method="POST")
    for client in (slow, fair):
        client.send(head)
    began = time.monotonic()
    while slow.quiet_for(0.5) and time.monotonic() - began < 45:
        slow.try_send(b"x" * 20)      # 40 bytes a second
        fair.send(b"x" * 2000)        # 4,000 bytes a second
    took = time.monotonic() - began
    equal(slow.read_response().status, 408, "status of the slow one")
    expect(28 < took < 45, f"it was cut after {took:.1f} s")
    slow.must_close()
    expect(fair.quiet_for(1), "the fair one goes on")
    fair.send(b"x" * (1000000 + len(head) - fair.bytes_sent))
    equal(fair.read_response().status, 200, "status of the fair one")


@case("on HTTP/2 a body slower than --min-rate ends its stream, and the connection goes on", deadline=60)
def min_rate_of_a_stream(t):
    if t.scaled(10) < 10:
        t.skip("takes 35 s")
    origin = t.origin()
    client = h2.connect(t)
    slow = client.request(origin.host, "/slow", "content-length: 1000000", method="POST", end=False)
    began = time.monotonic()
    while not slow.over and time.monotonic() - began < 45:
        slow.send(b"x" * 20)
        client.listen(0.5)
    expect(28 < time.monotonic() - began < 45, f"it was cut after {time.monotonic() - began:.1f} s")
    equal(slow.response().status, 408, "status of the slow one")
    equal(client.fetch(origin.host).status, 200, "status of another stream afterwards")


@case("on HTTP/2 too --max-per-address counts connections, not their streams")
def max_per_address_of_streams(t):
    proxy = t.start("--max-per-address", "1")
    origin = t.origin(proxy=proxy)
    inside = h2.connect(t, proxy)
    for stream in [inside.request(origin.host) for _ in range(10)]:
        equal(stream.response().status, 200, "status of a stream")
    second = t.client(proxy)
    second.try_send(request(origin.host, "/second"))
    try:
        equal(second.read_to_end(), b"", "what the second connection hears")
    except Cut:
        pass
    equal(b"/second" in origin.targets, False, "its request is at the origin")
    equal(inside.fetch(origin.host).status, 200, "status of those inside")


@case("out of descriptors it serves what it can, complains once a second at most, idles, and recovers",
      alone=True, deadline=60)
def out_of_descriptors(t):
    proxy = t.start("--max-connections", "1000", workers=2, nofile=120)
    origin = t.origin(answers(response("200 OK", b"ok", "Connection: close")), proxy=proxy)
    for _ in range(16):  # on every worker: UBSan needs descriptors when it first meets an object's type
        client = t.client(proxy)
        client.fetch(origin.host)
        client.close()
    began = time.monotonic()
    crowd = [t.client(proxy) for _ in range(200)]
    for client in crowd:
        client.try_send(request(origin.host))
    t.eventually(lambda: sum(bool(readable(0, one.sock)) for one in crowd) >= 20, "20 answers")
    cpu = proxy.cpu_seconds()
    time.sleep(2)  # it is stuck now: what does it do meanwhile?
    at_most(proxy.cpu_seconds() - cpu, 1.0 * PATIENCE, "seconds of CPU in two seconds without descriptors")
    expect(proxy.alive(), "it runs")
    complaints = [line for line in proxy.stderr_lines() if "serving" not in line]
    at_most(len(complaints), time.monotonic() - began + 3, "lines of complaint over the seconds")
    for client in crowd:
        client.reset()
    t.eventually(lambda: t.client(proxy).fetch(origin.host).status == 200, "service again")
    for _ in range(50):
        equal(t.client(proxy).fetch(origin.host).status, 200, "status after it")
        t.clients.pop().close()
    equal(proxy.api("GET", "/readyz").status, 200, "the API after it")


def no_more_files(proxy):
    """The running process keeps the descriptors that it has, and gets no other: the limit is on their numbers."""
    hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (3, hard))


@case("a limit on descriptors that falls while it runs: who is in is served, new backends are 503, nobody dies of it",
      alone=True, deadline=60)
def descriptors_taken_away(t):
    proxy = t.start("--max-connections", "1000", workers=1)
    served, other = t.origin(proxy=proxy), t.origin(proxy=proxy)
    inside = t.client(proxy)
    for _ in range(2):  # the first has ended then: UBSan needs descriptors when it first meets an object's type
        equal(inside.fetch(served.host).status, 200, "status before")
    began = time.monotonic()
    no_more_files(proxy)
    equal(inside.fetch(served.host).status, 200, "status on what is connected at both ends")
    refused = inside.fetch(other.host)
    equal(refused.status, 503, "status where a backend wants a connection")
    contains(refused.fields.need("Proxy-Status"), b"connection_limit_reached", "Proxy-Status")
    waiting = [t.client(proxy) for _ in range(20)]
    for client in waiting:
        client.send(request(served.host))
    t.eventually(lambda: "cannot accept connections" in proxy.stderr(), "a complaint")
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (4096, 4096))
    for client in waiting:
        one_of(client.read_response().status, (200, 503), "status of those who waited")
    equal(t.client(proxy).fetch(other.host).status, 200, "the backend that had no connection is alive")
    complaints = [line for line in proxy.stderr_lines() if "cannot accept" in line]
    at_most(len(complaints), time.monotonic() - began + 2, "complaints")


@case("without descriptors the API waits, says so, and answers again", alone=True, deadline=60)
def descriptors_of_the_control_thread(t):
    proxy = t.start(workers=1)
    origin = t.origin(proxy=proxy)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status before")
    no_more_files(proxy)
    # io_uring takes one more: an accept under way goes by the limit that it has begun with.
    waiting = [socket.create_connection(("127.0.0.1", proxy.admin_port), timeout=10 * PATIENCE) for _ in range(3)]
    for one in waiting:
        one.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    t.eventually(lambda: "cannot accept connections to the API" in proxy.stderr(), "a complaint")
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (4096, 4096))
    for one in waiting:
        expect(one.recv(4096).startswith(b"HTTP/1.1 200"), "the API answers who waited")
        one.close()
    equal(proxy.api("GET", "/readyz").status, 200, "the API afterwards")
    equal(t.client(proxy).fetch(origin.host).status, 200, "status afterwards")


@case("idle keep-alive connections cost at most 1 KiB each", alone=True, deadline=120)
def idle_memory(t):
    t.skip_if_sanitized()
    count = t.scaled(8000, 200)
    proxy = t.start("--max-connections", "15000", "--idle-timeout", "300s", workers=2)
    origin = t.origin(proxy=proxy)

    def open_idle(how_many):
        opened = []
        for _ in range(how_many):
            client = t.client(proxy)
            equal(client.fetch(origin.host).status, 200, "status")
            opened.append(client)
        return opened
    open_idle(200)  # pools and tables at their first size
    before = proxy.rss_bytes()
    idle = open_idle(count)
    each = (proxy.rss_bytes() - before) / count
    at_most(round(each), 1024, f"bytes of memory for each of {count} idle connections")
    for client in idle[::97]:
        equal(client.fetch(origin.host).status, 200, "status of an idle connection used again")


@case("crowds with bodies of 100 KB leave no memory behind: no growth after the first, little kept after the last",
      alone=True, deadline=60)
def memory_after_crowd(t):
    t.skip_if_sanitized()
    proxy = t.start(workers=2)
    body = b"x" * 100_000
    origin = t.origin(answers(response("200 OK", body)), proxy=proxy)
    at_start = proxy.rss_bytes()

    def crowds(count):
        for _ in range(count):
            clients = [t.client(proxy) for _ in range(100)]
            for client in clients:
                client.send(request(origin.host, "/", method="POST", body=body))
            for client in clients:
                equal(len(client.read_response().body), len(body), "bytes")
                client.close()
            del t.clients[:]
    crowds(12)
    warm = proxy.rss_bytes()
    crowds(t.scaled(12))
    at_most(proxy.rss_bytes() - warm, 8 << 20, "growth over as many crowds again")
    # 100 connections were 10 MB in flight each way; pools may keep some of it, not many times as much.
    t.eventually(lambda: proxy.rss_bytes() - at_start < 64 << 20,
                 f"memory given back ({(proxy.rss_bytes() - at_start) >> 20} MiB are kept, wanted below 64)", 5)


@case("connections that come and go leave no descriptor behind", workers=2)
def no_descriptor_leak(t):
    proxy = t.start("--idle-timeout", "500ms")
    origin = t.origin(named("x"), proxy=proxy)

    def descriptors():
        return len(os.listdir(f"/proc/{proxy.process.pid}/fd"))
    equal(t.client(proxy).fetch(origin.host).status, 200, "status")
    before = descriptors()
    for number in range(t.scaled(150)):
        client = t.client(proxy)
        client.send(request(origin.host))
        if number % 3 == 0:
            client.reset()
        elif number % 3 == 1:
            client.read_response()
            client.close()
        else:
            client.finish_sending()
            client.read_response()
    t.eventually(lambda: descriptors() <= before + 4, "the descriptors' return", 8 * PATIENCE)


@case("a listener's backlog takes a burst of 500 connections")
def burst(t):
    proxy = t.start(workers=2)
    origin = t.origin(proxy=proxy)
    socks = []
    for _ in range(500):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(proxy.address)
        socks.append(sock)
    answered = 0
    for sock in socks:
        sock.settimeout(10 * PATIENCE)
        writable(10 * PATIENCE, sock)
        sock.sendall(request(origin.host, "/", "Connection: close"))
    for sock in socks:
        answered += sock.recv(20).startswith(b"HTTP/1.1 200")
        sock.close()
    at_least(answered, 500, "answers")


def hold_memory(t, proxy, host, count):
    """Clients that ask for much and read nothing: what the proxy has read for them, it holds."""
    held = []
    for _ in range(count):
        client = t.client(proxy, receive_buffer=4096)
        client.send(request(host, "/much"))
        held.append(client)
    return held


@case("short of memory it turns requests away, closes what idles, says so, and recovers", alone=True, deadline=120)
def shedding(t):
    t.skip_if_sanitized()
    proxy = t.start("--max-memory", "40m", "--body-timeout", "60s", workers=1)
    much = b"x" * (8 * 1024 * 1024)

    def serve(backend):
        while head := backend.read_request_head():
            backend.read_request_body(head)
            backend.try_send(response("200 OK", much if head.target == b"/much" else b"ok"))
    origin = t.origin(serve, proxy=proxy)
    stats = lambda: proxy.api("GET", "/api/v1/stats").json  # noqa: E731
    idle = [t.client(proxy) for _ in range(20)]
    for client in idle:
        equal(client.fetch(origin.host).status, 200, "status before")
    equal(stats()["shedding"], {"now": False, "episodes": 0, "requests": 0}, "shedding before")
    busy = h2.connect(t, proxy)
    slow = busy.request(origin.host, "/slow", "content-length: 3", method="POST", end=False)
    began = time.monotonic()
    held = []
    while not stats()["shedding"]["now"]:
        expect(len(held) < 1000, f"{len(held)} clients hold {proxy.rss_bytes()} bytes, and nothing is shed")
        held += hold_memory(t, proxy, origin.host, 10)
    refused = busy.fetch(origin.host)
    equal(refused.status, 503, "status of a request meanwhile")
    contains(refused.fields.need("proxy-status"), b"short of memory", "Proxy-Status")
    equal(refused.fields.need("retry-after"), b"5", "Retry-After")
    for client in idle:
        client.must_close("an idle connection")
    slow.send(b"abc", end=True)
    equal(slow.response().status, 200, "status of what was under way")
    waiting = t.client(proxy)
    waiting.send(request(origin.host, "/waited"))
    expect(waiting.quiet_for(0.3), "a new connection waits")
    expect(proxy.alive(), "it lives")
    for client in held:
        client.reset()
    t.eventually(lambda: not stats()["shedding"]["now"], "shedding ends", 30 * PATIENCE)
    equal(waiting.read_response().status, 200, "status of the one that waited")
    equal(t.client(proxy).fetch(origin.host).status, 200, "status afterwards")
    shed = stats()["shedding"]
    metrics = proxy.api("GET", "/metrics").body.decode()
    for name, number in (("shedding", 0), ("shedding_episodes_total", shed["episodes"]), ("requests_shed_total", shed["requests"])):
        contains(metrics, f"\npenstock_{name} {number}\n", "in /metrics")
    expect(shed["episodes"] >= 1 and shed["requests"] >= 1, f"counted: {shed}")
    complaints = [line for line in proxy.stderr_lines() if "memory runs short" in line]
    expect(complaints, "the log speaks of it")
    at_most(len(complaints), time.monotonic() - began + 2, "complaints")
