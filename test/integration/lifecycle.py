"""Stopping (SPEC section 12), dropping privileges, and backends that go and come back."""

import grp
import os
import pwd
import signal
import socket
import threading
import time

from harness import (PATIENCE, Origin, answers, case, cases, chunk, equal, expect, held, lacks, one_of, request, response)


def refuses_connections(proxy):
    with socket.socket() as sock:
        return sock.connect_ex(proxy.address) != 0


def must_exit(proxy, seconds, what):
    began = time.monotonic()
    proxy.wait_exit(seconds * PATIENCE + 5)
    took = time.monotonic() - began
    expect(took < seconds * PATIENCE, f"{what} took {took:.1f} s")
    proxy.judge()


@cases([("SIGTERM", signal.SIGTERM), ("SIGINT", signal.SIGINT)])
def drains(t, number):
    """It refuses new connections, finishes what is in flight with Connection: close, and exits 0."""
    proxy = t.start(workers=2)
    go = threading.Event()
    origin = t.origin(held(go), proxy=proxy)
    clients = [t.client(proxy) for _ in range(6)]
    for client in clients:
        client.send(request(origin.host))
    origin.wait_requests(6)
    proxy.signal(number)
    t.eventually(lambda: refuses_connections(proxy), "the refusal of new connections")
    expect(proxy.alive(), "it waits for the requests in flight")
    go.set()
    for client in clients:
        answer = client.read_response()
        equal((answer.status, answer.body), (200, b"ok"), "the answer in flight")
        expect(b"close" in answer.fields.tokens("Connection"), "the answer says close")
        client.must_close()
    must_exit(proxy, 3, "the exit after the last answer")


@case("SIGTERM with nothing but idle connections exits after their last call, and closes them cleanly")
def idle_connections(t):
    proxy = t.start(workers=2)
    origin = t.origin(proxy=proxy)
    used, unused = [t.client(proxy) for _ in range(5)], [t.client(proxy) for _ in range(5)]
    for client in used:
        equal(client.fetch(origin.host).status, 200, "status")
    proxy.signal(signal.SIGTERM)
    must_exit(proxy, 3, "the exit")
    for client in used:
        equal(client.wait_end(), b"", "bytes at the end")
        equal(client.ended, "eof", "how the idle connection ended")
    for client in unused:  # the kernel may not have handed them over yet (TCP_DEFER_ACCEPT): they learn it when they speak
        client.send(request(origin.host))
        equal(client.wait_end(), b"", "bytes at the end")


@case("a long answer that is under way at SIGTERM is finished")
def long_answer(t):
    proxy = t.start()
    go = threading.Event()

    def script(backend):
        backend.read_request()
        backend.send(response("200 OK", None, "Transfer-Encoding: chunked") + chunk(b"before"))
        go.wait(20)
        for _ in range(200):
            backend.send(chunk(b"x" * 50_000))
        backend.send(b"0\r\n\r\n")
    origin = t.origin(script, proxy=proxy)
    client = t.client(proxy)
    client.send(request(origin.host))
    client.read_until(b"before\r\n")
    proxy.signal(signal.SIGTERM)
    t.eventually(lambda: refuses_connections(proxy), "the refusal of new connections")
    go.set()
    rest = client.wait_end()
    expect(rest.endswith(b"0\r\n\r\n"), "the answer came to its end")
    must_exit(proxy, 3, "the exit")


@case("a request that is half sent at SIGTERM is finished")
def half_sent(t):
    proxy = t.start()
    origin = t.origin(proxy=proxy)
    client = t.client(proxy)
    whole = request(origin.host, "/", method="POST", body=b"x" * 1000)
    client.send(whole[:-500])
    origin.wait_connections(1)  # its head is on its way upstream
    proxy.signal(signal.SIGTERM)
    t.eventually(lambda: refuses_connections(proxy), "the refusal of new connections")
    client.send(whole[-500:])
    equal(client.read_response().status, 200, "status")
    must_exit(proxy, 3, "the exit")


@case("a second signal ends it at once")
def second_signal(t):
    proxy = t.start()
    origin = t.origin(held(threading.Event()), proxy=proxy)
    client = t.client(proxy)
    client.send(request(origin.host))
    origin.wait_requests(1)
    proxy.signal(signal.SIGTERM)
    t.eventually(lambda: refuses_connections(proxy), "the refusal of new connections")
    proxy.signal(signal.SIGTERM)
    must_exit(proxy, 3, "the exit at the second signal")
    expect(not client.wait_end().startswith(b"HTTP/1.1 200"), "nobody got an answer that was not given")


@case("--drain-timeout ends the requests that do not end")
def drain_timeout(t):
    proxy = t.start("--drain-timeout", "700ms")
    origin = t.origin(held(threading.Event()), proxy=proxy)
    client = t.client(proxy)
    client.send(request(origin.host))
    origin.wait_requests(1)
    began = time.monotonic()
    proxy.signal(signal.SIGTERM)
    proxy.wait_exit()
    took = time.monotonic() - began
    expect(0.6 <= took < 4 * PATIENCE, f"it ended after {took:.2f} s")
    proxy.judge()
    client.wait_end()


@case("--drain-timeout ends a tunnel")
def drain_tunnel(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        backend.wait_end()
    proxy = t.start("--drain-timeout", "700ms")
    origin = t.origin(script, proxy=proxy)
    client = t.client(proxy)
    client.send(request(origin.host, "/", "Connection: Upgrade", "Upgrade: websocket"))
    equal(client.read_head().status, 101, "status")
    proxy.signal(signal.SIGTERM)
    must_exit(proxy, 4, "the exit")
    client.wait_end()
    origin.wait_ended(0)


@case("SIGTERM in the middle of traffic loses no answer that was promised", workers=2)
def under_load(t):
    """A connection ends between two answers or with a refusal, never inside one."""
    proxy = t.start(workers=2)
    origin = t.origin(proxy=proxy)
    torn, served = [], []

    def one_client():
        try:
            while True:
                with_client = t.client(proxy)
                while True:
                    with_client.send(request(origin.host))
                    answer = with_client.read_response()
                    served.append(answer.status)
                    if b"close" in answer.fields.tokens("Connection"):
                        break
        except OSError:
            return  # refused: it no longer listens
        except Exception as error:
            if with_client.buffer:
                torn.append(f"{error}: {bytes(with_client.buffer)!r}")
    threads = [threading.Thread(target=one_client, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    t.eventually(lambda: len(served) > 300, "some traffic")
    proxy.signal(signal.SIGTERM)
    must_exit(proxy, 5, "the exit")
    for thread in threads:
        thread.join(10)
    equal(torn, [], "answers that were cut")
    equal(set(served), {200}, "statuses")


@case("--user and --group are taken on after binding, with no way back")
def privileges(t):
    if os.getuid() != 0:
        t.skip("needs root")
    user = pwd.getpwnam("nobody")
    group = grp.getgrnam("nogroup")
    proxy = t.start("--user", "nobody", "--group", "nogroup", workers=2)
    origin = t.origin(proxy=proxy)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status")
    for task in os.listdir(f"/proc/{proxy.process.pid}/task"):
        with open(f"/proc/{proxy.process.pid}/task/{task}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
        equal(status["Uid"].split(), [str(user.pw_uid)] * 4, "user ids: real, effective, saved, of files")
        equal(status["Gid"].split(), [str(group.gr_gid)] * 4, "group ids")
        lacks(status["Groups"].split(), "0", "root's group among the further ones")
        equal(int(status["CapEff"], 16), 0, "effective capabilities")


@case("--user alone takes on the user's own group")
def user_alone(t):
    if os.getuid() != 0:
        t.skip("needs root")
    proxy = t.start("--user", "nobody")
    with open(f"/proc/{proxy.process.pid}/status", encoding="ascii") as file:
        status = dict(line.split(":", 1) for line in file if ":" in line)
    equal(status["Gid"].split(), [str(pwd.getpwnam("nobody").pw_gid)] * 4, "group ids")


@case("a backend that is killed and comes back is served again")
def killed_and_back(t):
    proxy = t.start(workers=2)
    origin = t.origin(proxy=proxy)
    client = t.client(proxy)
    for _ in range(4):
        equal(client.fetch(origin.host).status, 200, "status before")
    origin.stop()
    for _ in range(4):
        one_of(client.fetch(origin.host).status, [502, 503], "status while it is down")
    back = Origin(answers(response("200 OK", b"back")), port=origin.port)
    t.origins.append(back)
    # At once, or after a probe of the dead backend (every second while a route has none alive).
    t.eventually(lambda: client.fetch(origin.host).text == "back", "the first answer of the new one", 5 * PATIENCE)
    for _ in range(10):
        equal(client.fetch(origin.host).text, "back", "the answers after it")


@case("deleting a route lets its requests in flight end")
def delete_in_flight(t):
    proxy = t.start(workers=2)
    go = threading.Event()
    origin = t.origin(held(go), proxy=proxy)
    clients = [t.client(proxy) for _ in range(5)]
    for client in clients:
        client.send(request(origin.host))
    origin.wait_requests(5)
    equal(proxy.api("DELETE", f"/api/v1/routes/{origin.host}").status, 204, "status of DELETE")
    equal(t.client(proxy).fetch(origin.host).status, 404, "status of a new request")
    go.set()
    for client in clients:
        equal(client.read_response().body, b"ok", "the answer in flight")
    equal(clients[0].fetch(origin.host).status, 404, "status of the next on that connection")
