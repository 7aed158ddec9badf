"""The PROXY protocol to backends: whose connection it is, before anything else, and for one client's request alone."""

import socket
import struct
import tempfile

import pki
from harness import case, cases, equal, expect, free_port, named, request, response
from origin import Origin
from secured_origin import SecuredOrigin

ROUTES = "/api/v1/routes"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
UNKNOWN = b"PROXY UNKNOWN\r\n"


def read_header(sock):
    """The header, byte by byte so that nothing of what follows is taken."""
    def take(count):
        data = b""
        while len(data) < count:
            piece = sock.recv(count - len(data))
            if not piece:
                raise ConnectionResetError("ended in its header")
            data += piece
        return data
    header = take(6)
    if header == b"PROXY ":
        while not header.endswith(b"\r\n"):
            header += take(1)
        return header
    header += take(10)
    return header + take(struct.unpack("!H", header[14:16])[0])


class Announced:
    """What comes before a connection's own bytes, in `headers`."""

    def __init__(self, *arguments, **options):
        self.headers = []
        super().__init__(*arguments, **options)

    def take_header(self, connection):
        header = read_header(connection.sock)
        with self.changed:
            self.headers.append(header)
            self.changed.notify_all()


class PlainOrigin(Announced, Origin):
    def _serve(self, connection):
        try:
            self.take_header(connection)
        except OSError:
            connection.close()
            return
        super()._serve(connection)


class SecuredAnnouncedOrigin(Announced, SecuredOrigin):
    def _before_handshake(self, connection):
        self.take_header(connection)


def start(t, version, script=None, kind=PlainOrigin, proxy=None, **fields):
    origin = kind(script or named("here"))
    t.origins.append(origin)
    origin.host = t.unique_host(origin.port)
    (proxy or t.proxy).add_route(origin.host, origin.backend | {"proxyProtocol": version}, **fields)
    return origin


def v2(source, destination, ports):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    block = socket.inet_pton(family, source) + socket.inet_pton(family, destination) + struct.pack("!HH", *ports)
    return SIGNATURE + bytes([0x21, 0x21 if family == socket.AF_INET6 else 0x11]) + struct.pack("!H", len(block)) + block


def written(version, source, destination, ports):
    if version == 2:
        return v2(source, destination, ports)
    return f"PROXY TCP{6 if ':' in source else 4} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()


def ports_of(client):
    return client.sock.getsockname()[1], client.sock.getpeername()[1]


BOTH = [("version 1", 1), ("version 2", 2)]


@cases([(f"the client and the address that it came to: {name}", version) for name, version in BOTH])
def told(t, version):
    origin = start(t, version)
    client = t.client()
    answer = client.fetch(origin.host, method="POST", body=b"x" * 50_000)
    equal((answer.status, answer.text), (200, "here"), "the answer")
    equal(origin.headers, [written(version, "127.0.0.1", "127.0.0.1", ports_of(client))], "the header")
    equal(len(origin.requests[0].body), 50_000, "bytes of the body")


@cases([(f"over IPv6: {name}", version) for name, version in BOTH])
def ipv6(t, version):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        t.skip("no IPv6 here")
    port = free_port()
    proxy = t.start("--http", f"[::1]:{port}")
    origin = start(t, version, proxy=proxy)
    client = t.client_at(("::1", port))
    equal(client.fetch(origin.host).text, "here", "the answer")
    equal(origin.headers, [written(version, "::1", "::1", ports_of(client))], "the header")


@cases([(f"the client that trusted proxies tell of, without a port: {name}", version) for name, version in BOTH])
def behind_proxies(t, version):
    proxy = t.start("--trusted-proxy", "127.0.0.0/8")
    origin = start(t, version, proxy=proxy)
    client = t.client(proxy)
    here = client.sock.getpeername()[1]
    equal(client.fetch(origin.host, "/", "X-Forwarded-For: 192.0.2.7").text, "here", "the answer")
    equal(client.fetch(origin.host, "/", "X-Forwarded-For: 2001:db8::7").text, "here", "the answer")
    equal(origin.headers[0], written(version, "192.0.2.7", "127.0.0.1", (0, here)), "the header")
    equal(origin.headers[1], written(version, "2001:db8::7", "::ffff:127.0.0.1", (0, here)),
          "the header where only the client's address is IPv6")


@case("what a PROXY header told us is passed on, with its port")
def chained(t):
    proxy = t.start("--proxy-protocol", "--trusted-proxy", "127.0.0.0/8")
    origin = start(t, 1, proxy=proxy)
    client = t.client(proxy)
    client.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n" + request(origin.host))
    equal(client.read_response().text, "here", "the answer")
    equal(origin.headers, [written(1, "192.0.2.7", "127.0.0.1", (40000, client.sock.getpeername()[1]))], "the header")


@cases([("version 1", 1, UNKNOWN), ("version 2", 2, SIGNATURE + b"\x21\x00\x00\x00")])
def unix_socket(t, version, header):
    """A client on a Unix socket has no address to be named by."""
    with tempfile.TemporaryDirectory() as folder:
        proxy = t.start("--http", f"unix:{folder}/socket")
        origin = start(t, version, proxy=proxy)
        equal(t.client_at(f"{folder}/socket").fetch(origin.host).text, "here", "the answer")
        equal(origin.headers, [header], "the header")


@cases([(f"over TLS, before the ClientHello: {name}", version) for name, version in BOTH])
def secured(t, version):
    pair = pki.make("localhost")
    origin = SecuredAnnouncedOrigin(named("secured"), pair)
    t.origins.append(origin)
    host = t.unique_host(origin.port)
    t.proxy.add_route(host, {"hostname": "localhost", "port": origin.port, "tls": True, "caCert": pair.cert,
                             "proxyProtocol": version})
    client = t.client()
    for _ in range(3):
        equal(client.fetch(host).text, "secured", "the answer")
    equal(origin.headers, [written(version, "127.0.0.1", "127.0.0.1", ports_of(client))] * 3, "the headers")
    equal(origin.resumed, [False, True, True], "which handshakes resumed a session")


@case("no connection is used for a second request: another client's would be under the wrong name")
def not_pooled(t):
    origin = start(t, 2)
    clients = [t.client(), t.client()]
    for client in clients * 2:
        equal(client.fetch(origin.host).text, "here", "the answer")
    equal(origin.headers, [v2("127.0.0.1", "127.0.0.1", ports_of(client)) for client in clients * 2], "the headers")
    for index in range(4):
        origin.wait_ended(index)


@case("switching it on and off is in force with the next request, kept connections notwithstanding")
def switched(t):
    headers = []

    def script(backend):
        start_of = backend.read_exactly(6)
        if start_of == b"PROXY ":
            headers.append(start_of + backend.read_until(b"\r\n"))
        else:
            headers.append(None)
            backend.buffer[:0] = start_of
        for _ in backend:
            backend.send(response("200 OK", b"either"))
    origin = t.origin(script)
    client = t.client()
    backend = t.proxy.api("GET", f"{ROUTES}/{origin.host}").json["backends"][0]["id"]
    for version in (0, 1, 0):
        equal(t.proxy.api("PATCH", f"{ROUTES}/{origin.host}/backends/{backend}", {"proxyProtocol": version}).status, 200,
              "status of the PATCH")
        equal(client.fetch(origin.host).text, "either", "the answer")
    equal([header is not None for header in headers], [False, True], "which connections began with a header")


@case("a retry on another backend tells it too")
def retried(t):
    def resets(backend):
        backend.read_request()
        backend.reset()
    origins = [PlainOrigin(resets), PlainOrigin(named("good"))]
    t.origins.extend(origins)
    host = t.unique_host(origins[0].port)
    t.proxy.add_route(host, *[one.backend | {"proxyProtocol": 1} for one in origins], health={"maxFails": 0})
    client = t.client()
    for _ in range(2):
        equal(client.fetch(host).text, "good", "the answer")
    expected = written(1, "127.0.0.1", "127.0.0.1", ports_of(client))
    equal(origins[1].headers, [expected] * 2, "headers at the good one")
    expect(set(origins[0].headers) == {expected}, f"headers at the other: {origins[0].headers}")


@case("an upgraded connection is announced once")
def upgraded(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        backend.send(backend.read_exactly(5).upper())
        backend.wait_end()
    origin = start(t, 2, script)
    client = t.client()
    client.send(request(origin.host, "/", "Connection: Upgrade", "Upgrade: websocket"))
    equal(client.read_head().status, 101, "status")
    client.send(b"hello")
    equal(client.read_exactly(5), b"HELLO", "what came back")
    equal(len(origin.headers), 1, "headers")


@cases([("version 1, connecting", 1, UNKNOWN, {}), ("version 2, connecting", 2, LOCAL, {}),
        ("version 1, a GET", 1, UNKNOWN, {"path": "/health"}), ("version 2, a GET", 2, LOCAL, {"path": "/health"})])
def probed(t, version, header, fields):
    """A probe is a connection of the proxy's own."""
    origin = start(t, version, retries=0, health={"recheck": "100ms", "probe": fields},
                   script=lambda backend: [backend.send(response("200 OK", b"lives")) for _ in backend])
    origin.stop_listening()
    client = t.client()
    equal(client.fetch(origin.host).status, 502, "status while it refuses")
    again = PlainOrigin(named("back"), port=origin.port)
    t.origins.append(again)
    again.wait(lambda: again.headers, "a probe")
    equal(again.headers[0], header, "the probe's header")
    t.eventually(lambda: client.fetch(origin.host).status == 200, "its return")
    equal(again.headers[-1], written(version, "127.0.0.1", "127.0.0.1", ports_of(client)), "the request's header")


@cases([(repr(value), value) for value in (-1, 3, 256, "2", True, None, 1.5)])
def refused(t, value):
    """Other values are 422."""
    host = t.unique_host()
    backend = {"hostname": "127.0.0.1", "port": 1, "proxyProtocol": value}
    answer = t.proxy.api("POST", ROUTES, {"vHost": host, "backends": [backend]})
    equal((answer.status, [one["pointer"] for one in answer.json.get("errors", [])]),
          (422, ["/backends/0/proxyProtocol"]), "the answer")
