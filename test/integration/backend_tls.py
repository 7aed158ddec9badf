"""TLS to backends (SPEC section 7): who is trusted, what goes over it, what failures are, and how it changes live."""

import ssl
import tempfile
import threading

import pki
from harness import (case, cases, contains, equal, expect, lacks, named, request, response)
from secured_origin import SecuredOrigin

ROUTES = "/api/v1/routes"
NEVER_DEAD = {"maxFails": 0}


def versions(what):
    return cases([(f"{what}: {name}", version)
                  for name, version in (("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3))])


def secured_origin(t, pair, script=None, **options):
    made = SecuredOrigin(script or named("secured"), pair, **options)
    t.origins.append(made)
    return made


def backend(origin, hostname="localhost", **fields):
    return {"hostname": hostname, "port": origin.port, "tls": True} | fields


def route(t, *backends, proxy=None, **fields):
    host = t.unique_host(backends[0]["port"])
    (proxy or t.proxy).add_route(host, *backends, **({"health": NEVER_DEAD} | fields))
    return host


def trusted(t, script=None, **options):
    """(host, origin) of a route whose backend is trusted."""
    pair = pki.make("localhost")
    origin = secured_origin(t, pair, script, **options)
    return route(t, backend(origin, caCert=pair.cert)), origin


def failure_of(answer):
    """(status, error, details) of an answer of the proxy's own."""
    parts = (answer.fields.get("Proxy-Status") or b"").decode().split("; ")
    found = dict(part.partition("=")[::2] for part in parts[1:])
    return answer.status, found.get("error"), found.get("details", "").strip('"')


def closing(backend):
    """Ends each connection with its first answer, as a server that keeps none."""
    backend.read_request()
    backend.send(response("200 OK", b"closing", "Connection: close"))
    backend.wait_end()


# Who is trusted

@cases([
    ("its own certificate", lambda: (pki.make("localhost"),) * 2),
    ("the CA that issued it", lambda: issued("localhost")),
    ("a wildcard for it", lambda: issued("b.a.test", "*.a.test"), "b.a.test"),
    ("one of several CAs", lambda: several()),
    ("an address, as its hostname is one", lambda: issued("IP:127.0.0.1"), None, "127.0.0.1"),
])
def verified(t, made, server_name=None, hostname="localhost"):
    """A backend is reached whose certificate caCert answers for."""
    trusted_pair, pair = made()
    origin = secured_origin(t, pair)
    host = route(t, backend(origin, hostname, caCert=trusted_pair.cert, serverName=server_name))
    answer = t.client().fetch(host)
    equal((answer.status, answer.text), (200, "secured"), "the answer")
    equal(origin.names, [server_name or (hostname if hostname != "127.0.0.1" else None)], "SNI")
    equal(origin.agreed, ["http/1.1"], "ALPN")
    equal(origin.requests[0].fields.get("Host"), host.encode(), "Host")


def issued(*names):
    ca = pki.make("The CA", ca=True)
    return ca, pki.make(*names, issuer=ca)


def several():
    ca, pair = issued("localhost")
    return pki.Pair(pki.make("Another CA", ca=True).cert + ca.cert, ""), pair


@cases([
    ("a certificate for another name", lambda: (pki.make("other.test"),) * 2, "hostname mismatch"),
    ("a certificate without names", lambda: (pki.make(),) * 2, "hostname mismatch"),
    ("another address's", lambda: (pki.make("IP:127.0.0.2"),) * 2, "IP address mismatch", "127.0.0.1"),
    ("a name where an address is meant", lambda: (pki.make("localhost"),) * 2, "IP address mismatch", "127.0.0.1"),
    ("a CA that is not trusted", lambda: (pki.make("The CA", ca=True), issued("localhost")[1]),
     "unable to get local issuer certificate"),
    ("one signed by itself", lambda: (pki.make("The CA", ca=True), pki.make("localhost")), "self-signed certificate"),
    ("one that has expired", lambda: (pki.make("localhost", days=-1),) * 2, "certificate has expired"),
])
def refused(t, made, why, hostname="localhost"):
    """What caCert does not answer for is 502 with the reason, and no byte of the request is sent."""
    trusted_pair, pair = made()
    origin = secured_origin(t, pair)
    host = route(t, backend(origin, hostname, caCert=trusted_pair.cert))
    client = t.client()
    equal(failure_of(client.fetch(host, method="POST", body=b"secret")), (502, "tls_certificate_error", why), "the answer")
    equal(client.fetch(host).status, 502, "status on the client's same connection")
    equal(origin.requests, [], "requests at the origin")
    origin.wait(lambda: len(origin.refusals) == 2, "handshakes that the proxy broke off")


@case("without caCert the system's store decides")
def system_store(t):
    ca, pair = issued("localhost")
    origin = secured_origin(t, pair)
    host = route(t, backend(origin))
    equal(failure_of(t.client().fetch(host))[:2], (502, "tls_certificate_error"), "the answer by the system's own store")
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(ca.cert)
        file.flush()
        proxy = t.start(env={"SSL_CERT_FILE": file.name})
        host = route(t, backend(origin), proxy=proxy)
        equal(t.client(proxy).fetch(host).text, "secured", "the answer where the store has the CA")


@case("serverName is asked for and verified in the place of the hostname")
def server_name(t):
    pair = pki.make("inner.test")
    origin = secured_origin(t, pair)
    host = route(t, backend(origin, "127.0.0.1", caCert=pair.cert, serverName="Inner.Test"))
    equal(t.client().fetch(host).text, "secured", "the answer")
    equal(origin.names, ["inner.test"], "SNI")
    host = route(t, backend(origin, "127.0.0.1", caCert=pair.cert, serverName="outer.test"))
    equal(failure_of(t.client().fetch(host)), (502, "tls_certificate_error", "hostname mismatch"), "under another name")


@versions("a backend that demands a certificate gets the configured one; without, its alert is told of")
def client_certificate(t, version):
    pair, clients = pki.make("localhost"), pki.make("Clients' CA", ca=True)
    own = pki.make("penstock.test", issuer=clients)
    origin = secured_origin(t, pair, clients=clients, version=version)
    host = route(t, backend(origin, caCert=pair.cert, clientCert=own.cert, clientKey=own.key))
    equal(t.client().fetch(host).text, "secured", "the answer with a certificate")
    contains(str(origin.shown[0]), "penstock.test", "the certificate that the backend saw")
    host = route(t, backend(origin, caCert=pair.cert), retries=0)
    status, error, _ = failure_of(t.client().fetch(host))
    equal(status, 502, "status without one")
    expect(error in ("tls_alert_received", "connection_terminated"), f"the error without one: {error}")
    if version == ssl.TLSVersion.TLSv1_2:  # in 1.3 a RST may overtake the alert, which follows the handshake
        equal(error, "tls_alert_received", "the error without one")


# What goes over it

@versions("requests that follow one another share a connection, tickets or not")
def kept(t, version):
    host, origin = trusted(t, version=version)
    client = t.client()
    for _ in range(5):
        equal(client.fetch(host, method="POST", body=b"x" * 5000).text, "secured", "an answer")
    equal(len(origin.connections), 1, "connections at the origin")


@versions("new connections resume the session of those before")
def resumed(t, version):
    host, origin = trusted(t, closing, version=version)
    client = t.client()
    for _ in range(8):
        equal(client.fetch(host).text, "closing", "an answer")
    equal(origin.resumed, [False] + [True] * 7, "which handshakes resumed a session")


@case("long bodies go both ways at once, to the byte", deadline=60)
def bodies(t):
    def echo(backend):
        for one in backend:
            backend.send(response("200 OK", one.body))
    host, origin = trusted(t, echo)
    client = t.client()
    for size in (1, 16_383, 16_384, 65_536, 70_000, t.scaled(8_000_000, 500_000)):
        body = bytes(index * 7 % 251 for index in range(1000)) * (size // 1000 + 1)
        answer = client.fetch(host, method="POST", body=body[:size])
        expect(answer.body == body[:size], f"the echo of {size} bytes")
    equal(len(origin.connections), 1, "connections at the origin")


@case("a body that ends with the connection ends with close_notify; a FIN without it cuts the body short")
def until_close(t):
    def ends(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
        backend.sock.unwrap()
    host, _ = trusted(t, ends)
    equal(t.client().fetch(host).text, "all of it", "the body")

    def breaks(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf")
    host, _ = trusted(t, breaks)
    client = t.client()
    client.send(request(host))
    lacks(client.read_to_end(), b"\r\n0\r\n\r\n", "what came of the body that was cut")


@case("an upgraded connection carries bytes both ways")
def upgraded(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
        backend.send(backend.read_exactly(5).upper())
        backend.wait_end()
    host, _ = trusted(t, script)
    client = t.client()
    client.send(request(host, "/", "Connection: Upgrade", "Upgrade: websocket"))
    equal(client.read_head().status, 101, "status")
    equal(client.read_exactly(5), b"first", "what came right behind the head")
    client.send(b"hello")
    equal(client.read_exactly(5), b"HELLO", "what came back")


# Failures

@case("a backend that does not answer the handshake: 504 within connectTimeout")
def silent(t):
    origin = t.bare_origin(lambda backend: backend.wait_end())
    host = route(t, backend(origin), connectTimeout="300ms", retries=0)
    equal(failure_of(t.client().fetch(host))[:2], (504, "connection_timeout"), "the answer")


@case("a backend that does not speak TLS, and one of TLS 1.1: 502 tls_protocol_error; one that closes: 502")
def no_tls(t):
    origin = t.bare_origin(lambda backend: backend.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    host = route(t, backend(origin), retries=0)
    equal(failure_of(t.client().fetch(host)), (502, "tls_protocol_error", "wrong version number"), "plain HTTP")
    closes = t.bare_origin(lambda backend: backend.read_some())
    host = route(t, backend(closes), retries=0)
    equal(failure_of(t.client().fetch(host))[:2], (502, "connection_terminated"), "one that closes")


@case("an alert of the backend's is named")
def alert(t):
    pair = pki.make("localhost")
    origin = secured_origin(t, pair, protocols=())
    origin.context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    host = route(t, backend(origin, caCert=pair.cert), retries=0)
    equal(failure_of(t.client().fetch(host)), (502, "tls_alert_received", "tlsv1 unrecognized name"), "the answer")


@case("a request moves on from a backend that is not trusted, whatever its method, and that one is dead then")
def retry(t):
    bad, good = pki.make("localhost", days=-1), pki.make("localhost")
    origins = [secured_origin(t, bad), secured_origin(t, good, named("good"))]
    host = route(t, backend(origins[0], caCert=bad.cert, id="bad"), backend(origins[1], caCert=good.cert, id="good"),
                 health={"recheck": "1h"})
    client = t.client()
    for _ in range(4):
        equal(client.fetch(host, method="POST", body=b"once").text, "good", "the answer")
    equal(len(origins[1].requests), 4, "requests at the good backend")
    equal(len(origins[0].refusals), 1, "handshakes with the bad one: it was dead after the first")
    state = {one["id"]: one["state"] for one in t.proxy.api("GET", f"{ROUTES}/{host}").json["backends"]}
    equal(state, {"bad": "dead", "good": "alive"}, "states")
    contains(t.proxy.stderr(), '"reason":"TLS: certificate has expired"', "the log")


@cases([("connecting", {}), ("a GET", {"path": "/health"})])
def probe(t, fields):
    """A dead backend is revived only once its certificate is good."""
    ca = pki.make("The CA", ca=True)
    bad, good = pki.make("other.test", issuer=ca), pki.make("localhost", issuer=ca)
    origin = secured_origin(t, bad)
    host = route(t, backend(origin, caCert=ca.cert), retries=0,
                 health={"recheck": "100ms", "probe": {"timeout": "1s"} | fields})
    client = t.client()
    equal(client.fetch(host).status, 502, "status")
    origin.wait(lambda: len(origin.refusals) >= 4, "probes that were broken off")
    equal(t.proxy.api("GET", f"{ROUTES}/{host}").json["backends"][0]["state"], "dead", "its state under probes")
    origin.show(good)
    t.eventually(lambda: t.proxy.api("GET", f"{ROUTES}/{host}").json["backends"][0]["state"] == "alive", "its return")
    equal(client.fetch(host).text, "secured", "the answer then")


# Changes

@case("a changed caCert is in force with the next request: nothing made under the old one is used any more")
def live_change(t):
    host, origin = trusted(t)
    client = t.client()
    equal(client.fetch(host).status, 200, "status before")
    stranger = pki.make("localhost")
    at = f"{ROUTES}/{host}/backends/" + t.proxy.api("GET", f"{ROUTES}/{host}").json["backends"][0]["id"]
    equal(t.proxy.api("PATCH", at, {"caCert": stranger.cert}).status, 200, "status of the PATCH")
    equal(failure_of(client.fetch(host))[:2], (502, "tls_certificate_error"), "the answer under a CA that did not issue it")
    origin.wait_ended(0)
    origin.show(stranger)
    equal(client.fetch(host).text, "secured", "the answer when its certificate has followed")
    equal(origin.resumed, [False, False], "which handshakes resumed a session")
    equal(t.proxy.api("PATCH", at, {"tls": False, "caCert": None}).status, 200, "status of the PATCH to plain")
    equal(client.fetch(host).status, 502, "status over plain TCP, which this origin does not speak")


@case("changes of other fields, and of other backends, leave the connection alone")
def unchanged(t):
    host, origin = trusted(t)
    client = t.client()
    equal(client.fetch(host).status, 200, "status before")
    equal(t.proxy.api("PATCH", f"{ROUTES}/{host}", {"retries": 1}).status, 200, "status of the PATCH")
    equal(client.fetch(host).status, 200, "status after")
    equal(len(origin.connections), 1, "connections at the origin")


@case("handshakes go on while caCert changes under load; none is made under half a change", deadline=60)
def changes_under_load(t):
    proxy = t.start(workers=2)
    ca = pki.make("The CA", ca=True)
    pair = pki.make("localhost", issuer=ca)
    origin = secured_origin(t, pair, closing)
    good = backend(origin, caCert=ca.cert, id="one")
    host = route(t, good, proxy=proxy, retries=0)
    at = f"{ROUTES}/{host}/backends/one"
    done = threading.Event()
    answers = []

    def ask():
        client = t.client(proxy)
        while not done.is_set():
            answers.append(client.fetch(host).status)
    threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        turns = 0
        while turns < t.scaled(60, 10) or len(answers) < 10:
            turns += 1
            equal(proxy.api("PATCH", at, {"caCert": pair.cert if turns % 2 == 0 else ca.cert}).status, 200, "status")
    finally:
        done.set()
        for thread in threads:
            thread.join(10)
    equal(set(answers), {200}, "their statuses")


# The API

@case("clientKey is never shown, and kept where it is not given again")
def keys(t):
    pair, clients = pki.make("localhost"), pki.make("Clients' CA", ca=True)
    own, other = (pki.make("penstock.test", issuer=clients) for _ in range(2))
    origin = secured_origin(t, pair, clients=clients)
    shown = backend(origin, caCert=pair.cert, clientCert=own.cert, id="one")
    host = t.unique_host(origin.port)
    api = t.proxy.api
    answers = [api("POST", ROUTES, {"vHost": host, "backends": [shown | {"clientKey": own.key}]}),
               api("PUT", f"{ROUTES}/{host}", {"vHost": host, "backends": [shown]}),
               api("PUT", f"{ROUTES}/{host}", {"vHost": host, "backends": [{**shown, "id": ""}]}),
               api("PATCH", f"{ROUTES}/{host}", {"retries": 1}),
               api("PATCH", f"{ROUTES}/{host}", {"backends": [shown]}),
               api("PATCH", f"{ROUTES}/{host}/backends/one", {"weight": 2}),
               api("PATCH", f"{ROUTES}/{host}/backends/one", {"clientCert": other.cert, "clientKey": other.key}),
               api("GET", f"{ROUTES}/{host}"), api("GET", f"{ROUTES}/{host}/backends/one"), api("GET", ROUTES)]
    equal([answer.status for answer in answers], [201] + [200] * 9, "statuses")
    for answer in answers:
        for pem in (own, other):
            lacks(answer.body.decode(), pem.secret, "an answer")
        lacks(answer.body.decode(), "clientKey", "an answer")
    equal(t.client().fetch(host).text, "secured", "the answer")
    answer = api("PATCH", f"{ROUTES}/{host}/backends/one", {"clientCert": own.cert})
    equal((answer.status, [one["pointer"] for one in answer.json["errors"]]), (422, ["/clientKey"]),
          "another certificate with the key before")
    equal(api("PATCH", f"{ROUTES}/{host}/backends/one", {"clientCert": None}).status, 200, "status without a certificate")
    answer = api("PATCH", f"{ROUTES}/{host}/backends/one", {"clientCert": own.cert})
    equal((answer.status, [one["pointer"] for one in answer.json["errors"]]), (422, ["/clientKey"]),
          "a certificate whose key has gone")
    lacks(t.proxy.stderr(), own.secret, "the log")


@cases([
    ("caCert that is no PEM", lambda pair: {"caCert": "PEM"}, "/caCert"),
    ("caCert that is empty", lambda pair: {"caCert": ""}, "/caCert"),
    ("caCert that holds a key", lambda pair: {"caCert": pair.cert + pair.key}, "/caCert"),
    ("clientCert without its key", lambda pair: {"clientCert": pair.cert}, "/clientKey"),
    ("clientKey without its certificate", lambda pair: {"clientKey": pair.key}, "/clientCert"),
    ("clientCert that is no PEM", lambda pair: {"clientCert": "x", "clientKey": pair.key}, "/clientCert"),
    ("clientKey that is no PEM", lambda pair: {"clientCert": pair.cert, "clientKey": "x"}, "/clientKey"),
    ("clientKey under a passphrase", lambda pair: {"clientCert": pair.cert, "clientKey": pki.encrypted(pair.key)}, "/clientKey"),
    ("clientKey of another certificate", lambda pair: {"clientCert": pair.cert, "clientKey": pki.make_key()}, "/clientKey"),
    ("serverName that is no name", lambda pair: {"serverName": "a b"}, "/serverName"),
    ("caCert without tls", lambda pair: {"tls": False, "caCert": pair.cert}, "/caCert"),
    ("serverName without tls", lambda pair: {"tls": False, "serverName": "a.test"}, "/serverName"),
    ("clientCert without tls", lambda pair: {"tls": False, "clientCert": pair.cert, "clientKey": pair.key}, "/clientCert"),
])
def invalid(t, fields, pointer):
    """What cannot be is refused with its place."""
    pair = pki.make("a.test")
    given = {"hostname": "127.0.0.1", "port": 1, "tls": True} | fields(pair)
    host = t.unique_host()
    answer = t.proxy.api("POST", ROUTES, {"vHost": host, "backends": [given]})
    equal(answer.status, 422, "status")
    contains([one["pointer"] for one in answer.json["errors"]], "/backends/0" + pointer, "pointers")
    lacks(answer.body.decode(), pair.secret, "the answer")
    t.proxy.add_route(host, {"hostname": "127.0.0.1", "port": 2})
    answer = t.proxy.api("POST", f"{ROUTES}/{host}/backends", given)
    equal(answer.status, 422, "status of the backend alone")
    contains([one["pointer"] for one in answer.json["errors"]], pointer, "its pointers")
