"""Who is served while one process follows another (SPEC section 12): what is under way, what comes meanwhile, what waits."""

import json
import signal
import socket
import threading
import time
from pathlib import Path

from harness import PATIENCE, SANITIZED, case, equal, expect, held, lacks, request
from systemd import activated


@case("what is under way ends in the old process, tunnels at its limit; what is new begins in the new one")
def under_way(t):
    go = threading.Event()

    def echo(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while True:
            backend.send(backend.read_exactly(4))
    proxy = t.start("--drain-timeout", "4s", workers=2)
    slow, tunnel, quick = t.origin(held(go), proxy=proxy), t.origin(echo, proxy=proxy), t.origin(proxy=proxy)
    waiting, through, idle = t.client(proxy), t.client(proxy), t.client(proxy)
    waiting.send(request(slow.host))
    slow.wait_requests(1)
    through.send(request(tunnel.host, "/", "Connection: Upgrade", "Upgrade: websocket"))
    equal(through.read_head().status, 101, "status of the tunnel")
    equal(idle.fetch(quick.host).status, 200, "status")
    old = proxy.process
    began = time.monotonic()
    equal(proxy.upgrade().status, 200, "status of the upgrade")
    equal(idle.fetch(quick.host).status, 200, "a request on a connection that was idle")
    equal(t.client(proxy).fetch(quick.host).status, 200, "status of a new client")
    go.set()
    answer = waiting.read_response()
    equal((answer.status, answer.fields.tokens("Connection")), (200, [b"close"]), "the answer that was under way")
    while time.monotonic() - began < 3:
        through.send(b"ping")
        equal(through.read_exactly(4), b"ping", "the echo through the old process")
        time.sleep(0.05)
    expect(old.poll() is None, "it waits for the tunnel")
    through.wait_end()
    took = time.monotonic() - began
    expect(3.5 < took < 4 + 4 * PATIENCE, f"the limit came after {took:.1f} s")
    t.eventually(lambda: old.poll() is not None, "its end", 5 * PATIENCE)
    equal(old.returncode, 0, "its exit code")


class Crowd:
    """Clients that come back at once: each request that fails is one too many."""

    def __init__(self, t, address, host, count=6):
        self.t, self.address, self.host = t, address, host
        self.served, self.faults = 0, []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _ask(self):
        message = request(self.host)
        while not self.stopping.is_set() and not self.faults:
            try:
                with socket.create_connection(self.address, 10) as sock:
                    closes = False
                    while not closes and not self.stopping.is_set():
                        sock.sendall(message)
                        answer = b""
                        while b"\r\n\r\n" not in answer or not answer.endswith(b"ok"):
                            part = sock.recv(65536)
                            if not part:
                                raise ConnectionError(f"closed in the middle, after {answer!r}")
                            answer += part
                        expect(answer.startswith(b"HTTP/1.1 200"), f"{answer!r}")
                        closes = b"\r\nConnection: close" in answer
                        self.served += 1
            except Exception as error:
                self.faults.append(f"{type(error).__name__}: {error}")

    def served_more(self, count):
        before = self.served
        self.t.eventually(lambda: self.served >= before + count or self.faults, f"{count} more requests", 30 * PATIENCE)
        equal(self.faults, [], "requests that failed")

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(20)
        equal(self.faults, [], "requests that failed")


@case("under load: upgrades lose no request and refuse no connection", alone=True, deadline=60)
def loaded_upgrades(t):
    proxy = t.start("--drain-timeout", "3s", workers=2)
    origin = t.origin(proxy=proxy)
    crowd = Crowd(t, proxy.address, origin.host)
    for _ in range(t.scaled(5, 2)):
        crowd.served_more(100)
        equal(proxy.upgrade().status, 200, "status of the upgrade")
    crowd.served_more(100)
    crowd.stop()


@case("under load: SIGTERM drains lose no request, where somebody else holds the sockets for the next process",
      alone=True, deadline=60)
def loaded_drains(t):
    config = Path(t.folder(), "config.json")
    origin = t.bare_origin()
    config.write_text(json.dumps({"version": 1, "routes": [{"vHost": "*", "backends": [origin.backend]}]}))
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as http:
        def start():
            return t.start("--config", str(config), listen=False, workers=2, **activated(("http", http)))
        proxy = start()
        crowd = Crowd(t, http.getsockname(), "any.test")
        for _ in range(t.scaled(5, 2)):
            crowd.served_more(100)
            proxy.signal(signal.SIGTERM)
            equal(proxy.wait_exit(), 0, "exit code")
            proxy = start()
        crowd.served_more(100)
        crowd.stop()


@case("SIGTERM: a connection that the kernel has taken is served, though nobody had accepted it", alone=True)
def backlog(t):
    """The workers cannot accept while the process is stopped; the connections wait in the kernel's queue."""
    if SANITIZED:
        t.skip("a stopped process is no matter of sanitizers")
    proxy = t.start(workers=2)
    origin = t.origin(proxy=proxy)
    proxy.signal(signal.SIGSTOP)
    clients = [t.client(proxy) for _ in range(50)]
    for client in clients:
        client.send(request(origin.host))
    proxy.signal(signal.SIGTERM)
    proxy.signal(signal.SIGCONT)
    for client in clients:
        equal(client.read_response().status, 200, "status")
    equal(proxy.wait_exit(), 0, "exit code")
    lacks(proxy.stderr(), "error", "the log")
