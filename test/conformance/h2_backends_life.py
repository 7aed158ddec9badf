"""HTTP/2 to backends: under TLS, at the API, through changes and the end; and requests for an upgrade."""

import signal
import socket
import ssl
import threading
import time

import h2_frames as h2
import pki
from both_clients import for_both, from_both, version_of
from counting import read_stats, settled
from h2 import connect
from h2_origin import answers, bare_h2_origin, echoes, h2_origin, never_answers
from harness import (case, cases, contains, equal, expect, in_threads, named, request)
from secured_origin import SecuredOrigin

ROUTES = "/api/v1/routes"
MERGE = {"Content-Type": "application/merge-patch+json"}
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def failure_of(answer):
    """(status, error) of an answer of the proxy's own."""
    return answer.status, (answer.fields.get("Proxy-Status") or b"").partition(b"error=")[2].partition(b";")[0].decode()


# TLS.

@cases(for_both([(f"h2 is chosen by ALPN under {name}; :scheme is https", version)
                 for name, version in (("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3))]), deadline=20)
def alpn(t, make, version):
    origin = h2_origin(t, secured=True, options={"version": version, "protocols": ("h2", "http/1.1")})
    client = make(t)
    for _ in range(20):
        answer = client.fetch(origin.host, "/", method="POST", body=b"x" * 1000)
        equal((answer.status, answer.text), (200, "ok"), "the answer")
    equal((origin.agreed, origin.names), (["h2"], ["localhost"]), "ALPN and SNI of the one connection")
    equal({stream.pseudo[b":scheme"] for stream in origin.streams}, {b"https"}, ":scheme")
    equal(origin.requests[0].fields.get("x-forwarded-proto"), b"http", "X-Forwarded-Proto is the client's side")


@case("large bodies both ways under TLS, 10 streams at once", deadline=60)
def secured_bodies(t):
    origin = h2_origin(t, echoes, secured=True)
    body = bytes(index % 251 for index in range(300_000))
    client = connect(t)
    seen = []

    def converse():
        seen.append(client.fetch(origin.host, "/", method="POST", body=body).body == body)
    in_threads(*[converse] * 10)
    equal(seen, [True] * 10, "each echo is what was sent")
    equal(len(origin.connections), 1, "connections")


@cases(for_both([("one that offers http/1.1 alone", ("http/1.1",)), ("one without ALPN", ())]), deadline=20)
def does_not_speak_h2(t, make, protocols):
    """A backend that does not speak h2: 502 tls_protocol_error, and nothing of the request is sent."""
    pair = pki.make("localhost")
    origin = SecuredOrigin(named("secret"), pair, protocols=protocols)
    t.origins.append(origin)
    host = t.unique_host(origin.port)
    backend = {"hostname": "localhost", "port": origin.port, "protocol": "h2", "tls": True, "caCert": pair.cert}
    t.proxy.add_route(host, backend, retries=0, health={"maxFails": 0}, circuit=None)
    client = make(t)
    for _ in range(2):
        equal(failure_of(client.fetch(host)), (502, "tls_protocol_error"), "the answer")
    equal(origin.requests, [], "requests at the backend")


@cases(for_both([("a CA that is not trusted", lambda: (pki.make("localhost"), pki.make("localhost"))),
                 ("another name's certificate", lambda: (pki.make("other.test"),) * 2),
                 ("an expired certificate", lambda: (pki.make("localhost", days=-1),) * 2)]), deadline=20)
def bad_certificate(t, make, made):
    """502 tls_certificate_error for each that waits for the connection."""
    trusted, pair = made()
    origin = bare_h2_origin(t, secured=True, pair=pair)
    host = t.unique_host(origin.port)
    t.proxy.add_route(host, origin.backend | {"caCert": trusted.cert}, retries=0, health={"maxFails": 0}, circuit=None)
    client = make(t)
    if version_of(client) == b"2":
        streams = [client.request(host) for _ in range(5)]
        equal({failure_of(stream.response()) for stream in streams}, {(502, "tls_certificate_error")}, "the answers")
    else:
        equal(failure_of(client.fetch(host)), (502, "tls_certificate_error"), "the answer")
    equal(origin.streams, [], "streams at the backend")


@case("a client certificate is shown, and a handshake that is not answered is 504", deadline=20)
def client_certificate(t):
    ca = pki.make("Clients' CA", ca=True)
    own = pki.make("penstock.test", issuer=ca)
    origin = bare_h2_origin(t, secured=True, clients=ca)
    host = t.unique_host(origin.port)
    t.proxy.add_route(host, origin.backend | {"clientCert": own.cert, "clientKey": own.key})
    equal(t.client().fetch(host).status, 200, "status")
    contains(str(origin.shown[0]), "penstock.test", "the certificate that the backend saw")
    mute = t.bare_origin(lambda connection: connection.wait_end())
    host = t.unique_host(mute.port)
    t.proxy.add_route(host, origin.backend | {"port": mute.port}, connectTimeout="300ms", retries=0, circuit=None)
    equal(t.client().fetch(host).status, 504, "status where the handshake is not answered")


@case("a session is resumed by the next connection", deadline=20)
def resumed(t):
    origin = h2_origin(t, secured=True, options={"version": ssl.TLSVersion.TLSv1_2}, pool={"idle": "100ms"})
    for turn in range(2):
        equal(t.client().fetch(origin.host).status, 200, "status")
        origin.connections[turn].wait_closed()
    equal(origin.resumed, [False, True], "handshakes that resumed a session")


# The API.

@cases([("h2 without tls", {"protocol": "h2"}), ("h2c with tls", {"protocol": "h2c", "tls": True}),
        ("h2c with proxyProtocol", {"protocol": "h2c", "proxyProtocol": 1}),
        ("h2 with proxyProtocol", {"protocol": "h2", "tls": True, "proxyProtocol": 2}),
        ("an unknown protocol", {"protocol": "h3"})])
def refused_by_the_api(t, fields):
    """422, with a pointer into the backend."""
    host = t.unique_host()
    backend = {"hostname": "127.0.0.1", "port": 8080} | fields
    answer = t.proxy.api("POST", ROUTES, {"vHost": host, "backends": [backend]})
    equal(answer.status, 422, "status")
    expect(answer.json["errors"][0]["pointer"].startswith("/backends/0"), f"the pointer: {answer.json['errors']}")
    equal(t.proxy.api("GET", f"{ROUTES}/{host}").status, 404, "status of the route after all")


@case("the protocol is shown, is http/1.1 by itself, and PATCHed it is judged with what is there")
def shown(t):
    origin = h2_origin(t)
    one = t.proxy.api("GET", f"{ROUTES}/{origin.host}").json["backends"][0]
    equal((one["protocol"], one["tls"]), ("h2c", False), "what the API shows")
    path = f"{ROUTES}/{origin.host}/backends/{one['id']}"
    equal(t.proxy.api("PATCH", path, {"protocol": "h2"}, MERGE).status, 422, "status of h2 without tls")
    equal(t.proxy.api("PATCH", path, {"tls": True}, MERGE).status, 422, "status of tls with h2c")
    equal(t.client().fetch(origin.host).status, 200, "status of a request after all")
    plain = t.origin()
    equal(t.proxy.api("GET", f"{ROUTES}/{plain.host}").json["backends"][0]["protocol"], "http/1.1", "the default")


@from_both("the protocol, changed live, holds for the next request, there and back", deadline=20)
def changed_live(t, make):
    """The port stays: an HTTP/2 origin that is asked in HTTP/1 sees no preface, and the other way round."""
    speaks = Either(t)
    path = f"{ROUTES}/{speaks.host}/backends/{speaks.id}"
    client = make(t)
    for protocol, answer in (("h2c", "2"), ("http/1.1", "1"), ("h2c", "2"), ("http/1.1", "1")):
        equal(t.proxy.api("PATCH", path, {"protocol": protocol}, MERGE).status, 200, "status of the change")
        for _ in range(3):
            equal(client.fetch(speaks.host).text, answer, f"what the backend was asked in, as {protocol}")


class Either:
    """An origin on one port that takes HTTP/1 and HTTP/2 by prior knowledge, and says which."""

    def __init__(self, t):
        old = t.bare_origin(named("1"))
        new = bare_h2_origin(t, answers(200, b"2"))
        self.front = t.bare_origin(lambda connection: self.serve(connection, old, new))
        self.host = t.unique_host(self.front.port)
        t.proxy.add_route(self.host, self.front.backend)
        self.id = t.proxy.api("GET", f"{ROUTES}/{self.host}").json["backends"][0]["id"]

    @staticmethod
    def serve(connection, old, new):
        """Bytes both ways to the one that understands them."""
        first = connection.read_some()
        if not first:
            return
        target = new if first.startswith(b"PRI") else old
        other = socket.create_connection(("127.0.0.1", target.port))
        other.sendall(first)

        def back():
            while data := other.recv(65536):
                connection.send(data)
        thread = threading.Thread(target=lambda: quietly(back), daemon=True)
        thread.start()
        while data := connection.read_some():
            other.sendall(data)
        other.close()


def quietly(function):
    try:
        function()
    except Exception:  # either side has gone
        pass


@case("the route is deleted while its stream runs: the stream ends well, then its connection closes", deadline=20)
def deleted(t):
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        stream.answer_head(200)
        stream.send(b"begun")
        go_on.wait(10)
        stream.send(b" and done", end=True)
    origin = h2_origin(t, script)
    stream = connect(t).request(origin.host)
    stream.wait_body(5)
    equal(t.proxy.api("DELETE", f"{ROUTES}/{origin.host}").status, 204, "status of the deletion")
    equal(t.client().fetch(origin.host).status, 404, "status of the next request")
    go_on.set()
    equal(stream.response().text, "begun and done", "the body")
    origin.connections[0].wait_closed()
    equal(origin.goaways(h2.NO_ERROR) != [], True, "GOAWAY(NO_ERROR)")


@case("a backend is removed: its idle connection closes at once", deadline=20)
def removed(t):
    origin = h2_origin(t)
    equal(t.client().fetch(origin.host).status, 200, "status")
    began = time.monotonic()
    equal(t.proxy.api("DELETE", f"{ROUTES}/{origin.host}").status, 204, "status of the deletion")
    origin.connections[0].wait_closed()
    expect(time.monotonic() - began < 3, "at once, not when it would have been idle for long enough")


@case("maintenance: streams that are there finish, and nothing new comes", deadline=20)
def maintenance(t):
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        go_on.wait(10)
        stream.respond(200, b"first")
    first, second = bare_h2_origin(t, script), bare_h2_origin(t, answers(200, b"second"))
    host = t.unique_host(first.port)
    t.proxy.add_route(host, first.backend, second.backend)
    client = connect(t)
    streams = [client.request(host) for _ in range(2)]
    first.wait_streams(1)
    path = f"{ROUTES}/{host}/backends/{t.proxy.api('GET', f'{ROUTES}/{host}').json['backends'][0]['id']}/dead"
    equal(t.proxy.api("POST", path).status in (200, 204), True, "maintenance")
    equal([client.fetch(host).text for _ in range(5)], ["second"] * 5, "who answers")
    go_on.set()
    equal(sorted(stream.response().text for stream in streams), ["first", "second"], "the answers of those that were there")
    equal(len(first.streams), 1, "streams at the one in maintenance")


# The end.

@from_both("SIGTERM: streams at a backend finish, then its connection is closed and the process ends", deadline=30)
def drained(t, make):
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        stream.answer_head(200, "content-length: 10")
        stream.send(b"begun")
        go_on.wait(10)
        stream.send(b" done", end=True)
    proxy = t.start()
    origin = h2_origin(t, script, proxy=proxy)
    idle = h2_origin(t, proxy=proxy)
    equal(t.client(proxy).fetch(idle.host).status, 200, "status of the one whose connection is idle")
    client = make(t, proxy)
    if version_of(client) == b"2":
        stream = client.request(origin.host)
    else:
        client.send(request(origin.host))
    origin.wait_streams(1)
    proxy.signal(signal.SIGTERM)
    idle.connections[0].wait_closed("the idle connection")
    go_on.set()
    answer = stream.response() if version_of(client) == b"2" else client.read_response()
    equal(answer.text, "begun done", "the body")
    origin.connections[0].wait_closed()
    equal(proxy.wait_exit(), 0, "exit code")
    equal(origin.connections[0].resets, [], "resets upstream")


@case("a second SIGTERM ends at once what is at a backend that does not answer", deadline=30)
def second_signal(t):
    proxy = t.start()
    origin = h2_origin(t, never_answers, proxy=proxy)
    client = connect(t, proxy)
    for _ in range(3):
        client.request(origin.host)
    origin.wait_streams(3)
    proxy.signal(signal.SIGTERM)
    t.eventually(lambda: "drain" in proxy.stderr().lower() or client_told(client), "the drain's begin")
    proxy.signal(signal.SIGTERM)
    began = time.monotonic()
    equal(proxy.wait_exit(), 0, "exit code")
    expect(time.monotonic() - began < 3, "at once")


def client_told(client):
    client.listen(0.05)
    return bool(client.goaways)


@case("--drain-timeout ends what is at a backend that does not answer", deadline=30)
def drain_timeout(t):
    proxy = t.start("--drain-timeout", "500ms")
    origin = h2_origin(t, never_answers, proxy=proxy)
    t.client(proxy).send(request(origin.host))
    origin.wait_streams(1)
    proxy.signal(signal.SIGTERM)
    equal(proxy.wait_exit(5), 0, "exit code")


# Upgrades: HTTP/2 knows none; the request goes up without it, or is refused, and the connections go on.

@case("an HTTP/1 WebSocket request goes up as a plain GET, and its answer comes down", deadline=20)
def web_socket(t):
    origin = h2_origin(t, answers(426, b"upgrade required"))
    client = t.client()
    answer = client.fetch(origin.host, "/chat", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                          f"Sec-WebSocket-Key: {KEY}")
    equal((answer.status, answer.text), (426, "upgrade required"), "the answer")
    stream = origin.streams[0]
    equal((stream.pseudo[b":method"], stream.head.fields.has("upgrade")), (b"GET", False), "the request upstream")
    equal(client.fetch(origin.host).status, 426, "status of the next request on the connection")


@case("an extended CONNECT from an HTTP/2 client is no success over an HTTP/2 backend, and harms nobody", deadline=20)
def extended_connect(t):
    origin = h2_origin(t)
    client = connect(t)
    pseudo = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"), (":authority", origin.host)]
    stream = client.headers(h2.pairs_of([*pseudo, "sec-websocket-version: 13"]), end=False)
    client.wait(lambda: stream.over or stream.head, "an answer")
    expect(stream.head and stream.head.status >= 400, f"no success: {stream.head}")
    stream.reset()
    client.must_stay_open_for(origin.host)


# Statistics.

@from_both("/stats counts requests and attempts, bytes and errors over HTTP/2 backends", deadline=20)
def counted(t, make):
    proxy = t.start()

    def script(stream):
        stream.read_request()
        if stream.head.target == b"/reset":
            stream.reset(h2.INTERNAL_ERROR)
        else:
            stream.respond(200, b"12345")
    origin = h2_origin(t, script, proxy=proxy, retries=0, health={"maxFails": 0}, circuit=None)
    client = make(t, proxy)
    for _ in range(10):
        equal(client.fetch(origin.host, "/", method="POST", body=b"123").status, 200, "status")
    for _ in range(3):
        equal(client.fetch(origin.host, "/reset", method="POST", body=b"123").status, 502, "status")
    numbers = settled(proxy, origin.host)
    equal((numbers["requests"]["received"], numbers["requests"]["completed"]), (13, 13), "requests")
    attempts = numbers["backends"][0]["attempts"]
    equal((attempts["begun"], attempts["completed"], attempts["failed"]), (13, 10, 3), "attempts")
    equal(numbers["backends"][0]["bytes"]["out"], 50, "bytes from the backend")
    expect(read_stats(proxy, origin.host)["status"]["5xx"] == 3, "5xx")


@case("8 clients, 400 requests over one connection under TLS", deadline=60)
def secured_load(t):
    origin = h2_origin(t, answers(200, b"x" * 2000), secured=True)

    def ask():
        client = t.client()
        for _ in range(t.scaled(50)):
            equal(len(client.fetch(origin.host).body), 2000, "bytes")
    in_threads(*[ask] * 8)
    equal(len(origin.connections), 1, "connections")
