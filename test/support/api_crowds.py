"""Attacks on the REST API that are slow, large or many (api_attacks.py has the others)."""

import socket
import struct
import time

from api_victim import KEPT, ROUTES, attack
from checks import contains, equal, expect
from peer import DEADLINE, Silent

@attack("heads that are too large")
def heads(v):
    v.refuses(v.head(f"GET {ROUTES}", "X-Large: " + "x" * 100_000), 431)
    v.refuses(v.head(f"GET {ROUTES}", *(f"X-{i}: y" for i in range(5_000))), 431)
    v.refuses(v.head(f"GET {ROUTES}/" + "a" * 60_000), 414, 431)
    v.refuses(v.head(f"GET {ROUTES}/{KEPT}", "If-Match: " + '"x", ' * 4_000 + '"y"'), 412)


def _trickle(client, data):
    try:
        client.send(data)
    except OSError:
        pass


@attack("a hundred heads that never end, a byte at a time")
def slow_heads(v):
    clients = [v.raw() for _ in range(100)]
    for client in clients:
        _trickle(client, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    for _ in range(20):
        for client in clients:
            _trickle(client, b"x")
        v.kept()


@attack("a hundred bodies that never end")
def slow_bodies(v):
    clients = [v.raw() for _ in range(100)]
    for client in clients:
        _trickle(client, v.head(f"POST {ROUTES}", "Content-Length: 1000000") + b'{"vHost":')
    for _ in range(20):
        for client in clients:
            _trickle(client, b" ")
        v.kept()


@attack("heads and bodies that stall are ended", takes_long=True)
def stalled(v):
    head, body, silent = v.raw(), v.raw(), v.raw()
    head.send(b"GET /healthz HTTP/1.1\r\nHost: loc")
    body.send(v.head(f"POST {ROUTES}", "Content-Length: 1000") + b"{")
    ends = time.monotonic() + 20 * max(1.0, DEADLINE / 10)
    for client, method in ((head, "GET"), (body, "POST")):
        while True:
            try:
                equal(client.read_response(method).status, 408, "status")
                break
            except Silent:
                expect(time.monotonic() < ends, "what stalls is ended")
    silent.close()


def idle_connections(v, count):
    made = []
    try:
        for _ in range(count):
            sock = socket.create_connection(v.address, DEADLINE)
            made.append(sock)
        v.kept()
        for sock in made[-10:]:
            sock.sendall(v.head("GET /healthz", token=None))
            contains(sock.recv(4096), b"200 OK", "an answer to one of those that came last")
    finally:
        for sock in made:
            sock.close()


@attack("1,100 idle connections, more than there is room for")
def idle(v):
    idle_connections(v, 1_100)


@attack("1,100 connections that have been answered and wait")
def kept_alive(v):
    made = []
    try:
        for _ in range(1_100):
            made.append(socket.create_connection(v.address, DEADLINE))
            made[-1].sendall(v.head("GET /healthz", token=None))
        v.kept()
    finally:
        for sock in made:
            sock.close()


@attack("1,100 probes without a token that promise a body: none is read, and they lock nobody out")
def probes_with_bodies(v):
    v.refuses(v.head("GET /healthz", "Content-Length: 1", token=None) + b"x", 413)
    v.refuses(v.head("POST /readyz", "Transfer-Encoding: chunked", token=None) + b"1\r\nx\r\n0\r\n\r\n", 413, method="POST")
    made = []
    try:
        for _ in range(1_100):
            made.append(socket.create_connection(v.address, DEADLINE))
            made[-1].sendall(v.head("POST /healthz", "Transfer-Encoding: chunked", token=None))
        v.kept()
    finally:
        for sock in made:
            sock.close()


@attack("reads with bodies: none is read, not even with a token")
def reads_with_bodies(v):
    v.refuses(v.head(f"GET {ROUTES}", "Content-Length: 60000000"), 413)
    v.refuses(v.head("GET /api/v1/config", "Transfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n\r\n", 413)
    v.refuses(v.head(f"HEAD {ROUTES}", "Content-Length: 1") + b"x", 413, method="HEAD")


@attack("a refused client that sends on without a pause is cut off")
def without_pause(v):
    client, piece = v.raw(), bytes(1 << 20)
    client.send(v.head("PUT /api/v1/config", "Content-Length: 1000000000", token=None))
    began = time.monotonic()
    sent = client.send_until_stalled(piece, limit=1 << 30)
    expect(client.unsendable, f"it is cut off ({sent >> 20} MiB sent in {time.monotonic() - began:.1f} s)")
    v.kept()


@attack("2,000 connections that are reset at once")
def resets(v):
    for _ in range(2_000):
        sock = socket.create_connection(v.address, DEADLINE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.send(b"GET / HT")
        sock.close()


@attack("answers that nobody reads")
def unread(v):
    for _ in range(50):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(v.address)
        sock.sendall(v.head("GET /api/v1/stats") * 20)
        v.open.append(sock)
    v.kept()
