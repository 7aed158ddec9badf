"""The PROXY protocol on listeners: believed from trusted proxies, wanted from them, and from nobody else."""

import socket
import struct

from harness import case, cases, equal, expect, request

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"


def v2(command, transport, block=b""):
    return SIGNATURE + bytes([command, transport]) + struct.pack("!H", len(block)) + block


V4_BLOCK = socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 40000, 443)
V6_BLOCK = (socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
            + struct.pack("!HH", 1, 2))


def start(t, *flags):
    proxy = t.start("--proxy-protocol", "--trusted-proxy", "127.0.0.0/8", *flags)
    return proxy, t.origin(proxy=proxy)


def seen_client(origin):
    fields = origin.requests[-1].fields
    return fields.get("X-Real-IP"), fields.get("X-Forwarded-For")


@cases([
    ("version 1", V1, b"192.0.2.7"),
    ("version 1, IPv6", b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n", b"2001:db8::7"),
    ("version 1, UNKNOWN", b"PROXY UNKNOWN\r\n", b"127.0.0.1"),
    ("version 2", v2(0x21, 0x11, V4_BLOCK), b"192.0.2.7"),
    ("version 2, IPv6", v2(0x21, 0x21, V6_BLOCK), b"2001:db8::7"),
    ("version 2 with TLVs", v2(0x21, 0x11, V4_BLOCK + b"\x04\x00\x0b" + b"x" * 11), b"192.0.2.7"),
    ("version 2, LOCAL", v2(0x20, 0x00), b"127.0.0.1"),
])
def told(t, header, address):
    """The client is who the header says, for each request of the connection."""
    proxy, origin = start(t)
    client = t.client(proxy)
    client.send(header + request(origin.host, "/first"))
    equal(client.read_response().status, 200, "status")
    equal(seen_client(origin), (address, address), "X-Real-IP and X-Forwarded-For")
    equal(client.fetch(origin.host, "/second").status, 200, "status of the second request")
    equal(seen_client(origin), (address, address), "the client of the second request")


@case("a PROXY header may come byte by byte")
def in_pieces(t):
    proxy, origin = start(t)
    for header in (V1, v2(0x21, 0x11, V4_BLOCK)):
        client = t.client(proxy)
        for byte in header:
            client.send(bytes([byte]))
        client.send(request(origin.host, "/"))
        equal(client.read_response().status, 200, "status")
        equal(seen_client(origin)[0], b"192.0.2.7", "X-Real-IP")


@case("a client behind a layer 4 proxy is not believed about X-Forwarded-For")
def forwarded_is_not_believed(t):
    proxy, origin = start(t)
    client = t.client(proxy)
    client.send(V1 + request(origin.host, "/", "X-Forwarded-For: 10.9.9.9"))
    equal(client.read_response().status, 200, "status")
    equal(seen_client(origin), (b"192.0.2.7", b"192.0.2.7"), "X-Real-IP and X-Forwarded-For")


@cases([("plain HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ("a malformed line", b"PROXY TCP4 1.2.3.4\r\n"),
        ("another version", v2(0x31, 0x11, V4_BLOCK)), ("a header of 64 KiB", SIGNATURE + b"\x21\x11\xff\xff"),
        ("a second header", None)])
def refused(t, data):
    """A trusted proxy that sends no header, or a wrong one, is not listened to; the next connection is."""
    proxy, origin = start(t)
    client = t.client(proxy)
    if data is None:
        client.send(V1 + V1 + request(origin.host, "/refused"))
        equal(client.read_response().status, 400, "status")
    else:
        client.send(data)
        client.must_close_without_answer()
    other = t.client(proxy)
    other.send(V1 + request(origin.host, "/next"))
    equal(other.read_response().status, 200, "status of the next connection")
    equal([target for target in origin.targets if target != b"/next"], [], "other requests at the origin")


@case("who is not trusted speaks HTTP, and a PROXY header is none")
def untrusted(t):
    proxy = t.start("--proxy-protocol", "--trusted-proxy", "192.0.2.0/24")
    origin = t.origin(proxy=proxy)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status of plain HTTP")
    equal(seen_client(origin)[0], b"127.0.0.1", "X-Real-IP")
    client = t.client(proxy)
    client.send(V1 + request(origin.host, "/"))
    equal(client.read_response().status, 400, "status")
    client.must_close()


@case("a PROXY header that does not come ends the connection in time")
def silent(t):
    proxy, _ = start(t, "--header-timeout", "300ms")
    client = t.client(proxy)
    client.send(V1[:10])
    client.must_close_without_answer()


@case("--max-per-address counts the clients behind a proxy, not the proxy")
def counted_by_client(t):
    proxy, origin = start(t, "--max-per-address", "1")
    clients = []
    for last in range(1, 5):
        client = t.client(proxy)
        client.send(b"PROXY TCP4 192.0.2.%d 198.51.100.1 1 2\r\n" % last + request(origin.host, "/"))
        equal(client.read_response().status, 200, f"status of client {last}")
        clients.append(client)
    again = t.client(proxy)
    again.send(b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n" + request(origin.host, "/again"))
    again.must_close_without_answer()
    expect(b"/again" not in origin.targets, "nothing of the second connection goes upstream")
    clients[0].close()

    def back():
        client = t.client(proxy)
        client.try_send(b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n" + request(origin.host, "/back"))
        try:
            return client.read_response().status == 200
        except Exception:
            return False

    t.eventually(back, "the place of a client that left is given back")
