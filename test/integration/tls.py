"""TLS to clients (SPEC section 7): names, live swaps, resumption, and HTTP/1.1 through it as without it."""

import ssl
import threading

import pki
from harness import (OK, Client, at_least, at_most, case, cases, chunk, contains, equal, expect, in_threads, named, response,
                     request)
from secured import SecuredClient, context
from tls_place import CERTIFICATES, Secured


def alert(connect):
    """The alert that ends a handshake, in OpenSSL's words."""
    try:
        connect()
    except ssl.SSLError as error:
        return error.reason or str(error)  # Python does not know the names of all
    return "none"


VERSIONS = [("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3)]


@cases([(f"requests are answered as over plain TCP: {name}", version) for name, version in VERSIONS])
def requests(t, version):
    secured = Secured(t)
    origin, pair = secured.route("a.test")
    client = secured.client("a.test", pair, version=version)
    client.send(request("a.test") * 3)
    for _ in range(3):
        equal(client.read_response().text, "here", "an answer, of three that were pipelined")
    equal(client.fetch("a.test").status, 200, "status on the kept connection")
    equal(origin.requests[0].fields.get("x-forwarded-proto"), b"https", "X-Forwarded-Proto")
    plain = t.client(secured.proxy)
    equal(plain.fetch("a.test").status, 200, "status over plain TCP")
    equal(origin.requests[-1].fields.get("x-forwarded-proto"), b"http", "X-Forwarded-Proto over plain TCP")


@case("the certificate is that of the name: exact, then the wildcard, then the default; else unrecognized_name")
def names(t):
    secured = Secured(t)
    exact = secured.upload("a.test", pki.make("a.test"))
    wild = secured.upload("*.wild.test", pki.make("*.wild.test"))
    secured.client("a.test", exact)
    secured.client("any.wild.test", wild)
    equal(alert(lambda: secured.client("b.test")), "TLSV1_UNRECOGNIZED_NAME", "the alert")
    equal(alert(lambda: secured.client("a.test", wild)), "CERTIFICATE_VERIFY_FAILED", "whose certificate it is")
    first = secured.client(None)  # without SNI: the first by name
    expect(first.sock.getpeercert(binary_form=True), "a certificate without SNI")
    default = secured.upload("*", pki.make("default.test"))
    equal(secured.client("b.test").sock.getpeercert(binary_form=True), ssl.PEM_cert_to_DER_cert(default.cert),
          "the default's certificate")
    equal(secured.proxy.api("DELETE", f"{CERTIFICATES}/*").status, 204, "status of DELETE")
    equal(alert(lambda: secured.client("b.test")), "TLSV1_UNRECOGNIZED_NAME", "the alert after its deletion")


@case("a certificate changes live: the next handshake has the new one, a connection under the old one goes on")
def swap(t):
    secured = Secured(t)
    _, old = secured.route("a.test")
    before = secured.client("a.test", old)
    equal(before.fetch("a.test").status, 200, "status before")
    new = secured.upload("a.test", pki.make("a.test"))
    equal(alert(lambda: secured.client("a.test", old)), "CERTIFICATE_VERIFY_FAILED", "who trusts the old one alone")
    equal(secured.client("a.test", new).fetch("a.test").status, 200, "status under the new one")
    equal(before.fetch("a.test").status, 200, "status on the old connection")


@case("handshakes go on through swaps under load, none fails", deadline=60)
def swaps(t):
    secured = Secured(t)
    _, pair = secured.route("a.test")
    pairs = [pair, pki.make("a.test"), pki.make("a.test", kind="RSA")]
    ends = threading.Event()
    shaken = [0, 0]

    def change():
        try:
            for turn in range(t.scaled(200, 30)):
                secured.upload("a.test", pairs[turn % len(pairs)])
        finally:
            ends.set()

    def shake(number):
        while not ends.is_set():
            client = SecuredClient(secured.address, "a.test", context())
            equal(client.fetch("a.test").status, 200, "status")
            client.close()
            shaken[number] += 1
    in_threads(change, lambda: shake(0), lambda: shake(1), deadline=50)
    at_least(min(shaken), 3, "handshakes of each client")


@cases([(f"a ticket resumes on every worker, and under no other certificate: {name}", version)
        for name, version in VERSIONS])
def resumption(t, version):
    secured = Secured(t, workers=4)
    _, pair = secured.route("a.test")
    with_context = context(pair, version=version)
    client = SecuredClient(secured.address, "a.test", with_context)
    equal(client.fetch("a.test").status, 200, "status")
    session, resumed = client.session, 0
    client.close()
    for _ in range(12):  # the kernel deals them out to the workers
        client = SecuredClient(secured.address, "a.test", with_context, session=session)
        equal(client.fetch("a.test").status, 200, "status")
        resumed += client.was_resumed
        session = client.session
        client.close()
    equal(resumed, 12, "connections that were resumed, on whatever worker")
    new = secured.upload("a.test", pki.make("a.test"))
    after = context(new, version=version)
    first = SecuredClient(secured.address, "a.test", after)
    equal((first.fetch("a.test").status, first.was_resumed), (200, False), "after the certificate has changed")
    first.close()


@case("ALPN: http/1.1; a client that has nothing in common gets the alert")
def alpn(t):
    secured = Secured(t)
    secured.route("a.test")
    equal(secured.client("a.test", protocols=["http/1.1"]).alpn, "http/1.1", "the protocol")
    equal(secured.client("a.test").alpn, None, "the protocol where none is offered")
    contains(alert(lambda: secured.client("a.test", protocols=["foo"])).lower().replace("_", " "),
             "no application protocol", "the alert")


@case("what is no TLS, and who says nothing, is let go of; the listener serves on")
def nonsense(t):
    secured = Secured(t, "--header-timeout", "500ms")
    _, pair = secured.route("a.test")
    plain = Client(secured.address)
    plain.send(request("a.test"))
    expect(not plain.wait_end().startswith(b"HTTP"), "no HTTP answer over plain TCP")
    silent = Client(secured.address)
    silent.send(b"\x16\x03\x01")
    equal(silent.wait_end(), b"", "what the silent one got")
    equal(secured.client("a.test", pair).fetch("a.test").status, 200, "status for the next one")


@case("long bodies both ways at once, and chunks with a trailer, to the byte", deadline=60)
def bodies(t):
    def echo(backend):
        for one in backend:
            backend.send(response("200 OK", one.body))
    secured = Secured(t)
    _, pair = secured.route("a.test", echo)
    client = secured.client("a.test", pair)
    for size in (1, 16_383, 16_384, 70_000, t.scaled(8_000_000, 500_000)):
        body = bytes(index * 7 % 251 for index in range(1000)) * (size // 1000 + 1)
        answer = client.fetch("a.test", method="POST", body=body[:size])
        expect(answer.body == body[:size], f"the echo of {size} bytes")

    def chunked(backend):
        for _ in backend:
            backend.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"one") + chunk(b"two")
                         + b"0\r\nX-Sum: 6\r\n\r\n")
    _, pair = secured.route("chunks.test", chunked)
    answer = secured.client("chunks.test", pair).fetch("chunks.test", "/", "TE: trailers", "Connection: TE")
    equal((answer.text, answer.trailers), ("onetwo", [(b"X-Sum", b"6")]), "body and trailer")


@case("a client that does not read stops the backend; memory stays bounded, and nothing is lost", deadline=60)
def back_pressure(t):
    size = 40 << 20

    def endless(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        piece = b"x" * 65536
        for _ in range(size // len(piece)):
            backend.send(piece)
    secured = Secured(t, workers=1)
    origin, pair = secured.route("a.test", endless)
    before = secured.proxy.rss_bytes()
    client = secured.client("a.test", pair, receive_buffer=65536)
    client.send(request("a.test"))
    head = client.read_head()
    origin.wait_requests(1)
    at_most(secured.proxy.rss_bytes() - before, 24 << 20, "bytes of memory, of a body of 40 MiB that nobody reads")
    seen = 0

    def count(piece):
        nonlocal seen
        seen += len(piece)
    client.read_body(head, "length", size, count)
    equal(seen, size, "bytes that came")


@case("a reset of the client cancels the backend's work; a body that was cut has no clean end")
def broken(t):
    def never(backend):
        backend.read_request()
        backend.wait_end()
    secured = Secured(t)
    origin, pair = secured.route("a.test", never)
    client = secured.client("a.test", pair)
    client.send(request("a.test"))
    origin.wait_requests(1)
    client.reset()
    origin.wait(lambda: origin.connections[0].ended, "the end of the backend's connection")

    read = threading.Semaphore(0)

    def cut(backend):
        backend.read_request()
        backend.send(b"HTTP/1.0 200 OK\r\n\r\nhalf")
        read.acquire(timeout=10)
        backend.reset()
    _, pair = secured.route("cut.test", cut, retries=0)
    client = secured.client("cut.test", pair)
    client.send(request("cut.test"))
    equal(client.read_until(b"half\r\n")[-9:], b"4\r\nhalf\r\n", "what came")
    read.release()
    equal(client.wait_end(), b"", "what came then: no last chunk")
    client = secured.client("cut.test", pair)
    client.send(b"GET / HTTP/1.0\r\nHost: cut.test\r\n\r\n")
    client.read_until(b"half")
    read.release()
    client.wait_end()
    equal(client.ended, "reset", "how a body ends that nothing else would tell the end of")


@case("421 for a host that the connection's certificate does not cover and that has one of its own")
def misdirected(t):
    secured = Secured(t)
    _, pair = secured.route("a.test", names=["also.test"])
    secured.route("b.test")
    t.origin(named("covered"), proxy=secured.proxy, host="also.test")
    t.origin(named("no certificate"), proxy=secured.proxy, host="c.test")
    client = secured.client("a.test", pair)
    answer = client.fetch("b.test")
    equal((answer.status, b"http_request_denied" in answer.fields.get("proxy-status")), (421, True), "another's host")
    equal(client.fetch("also.test").text, "covered", "a host that the certificate covers")
    equal(client.fetch("c.test").text, "no certificate", "a host without one of its own")
    equal(client.fetch("a.test").text, "here", "the connection's own host")


@case("autoHttps: 308 once there is a certificate, HSTS on https alone")
def auto_https(t):
    secured = Secured(t)
    t.origin(named("plain"), proxy=secured.proxy, host="a.test", autoHttps=True)
    client = t.client(secured.proxy)
    equal(client.fetch("a.test").text, "plain", "what plain HTTP gives while there is no certificate")
    pair = secured.upload("a.test", pki.make("a.test"))
    answer = client.fetch("A.test:80", "/path?x=1", method="POST", body=b"kept by 308")
    equal((answer.status, answer.fields.get("location")), (308, b"https://a.test:%d/path?x=1" % secured.port), "the redirect")
    equal(answer.fields.get("strict-transport-security"), None, "HSTS over plain HTTP")
    safe = secured.client("a.test", pair)
    equal(safe.fetch("a.test").fields.get("strict-transport-security"), b"max-age=31536000", "HSTS")
    t.origin(lambda backend: [backend.send(b"HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\n"
                                           b"Content-Length: 0\r\n\r\n") for _ in backend],
             proxy=secured.proxy, host="own.test", autoHttps=True)
    own = secured.upload("own.test", pki.make("own.test"))
    answer = secured.client("own.test", own).fetch("own.test")
    equal(answer.fields.all("strict-transport-security"), [b"max-age=1"], "the backend's own HSTS")


@case("autoHttps: --https-public-port 443 is not shown, and what a trusted proxy took over TLS is not sent away")
def public_port(t):
    secured = Secured(t, "--https-public-port", "443", "--trusted-proxy", "127.0.0.0/8")
    t.origin(named("behind"), proxy=secured.proxy, host="a.test", autoHttps=True)
    secured.upload("a.test", pki.make("a.test"))
    client = t.client(secured.proxy)
    equal(client.fetch("a.test").fields.get("location"), b"https://a.test/", "the redirect")
    equal(client.fetch("a.test", "/", "X-Forwarded-Proto: https").text, "behind", "what came by https")


@case("an upgraded connection carries bytes both ways under TLS, and ends with its peer")
def upgraded(t):
    def script(backend):
        backend.read_request()
        backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
        backend.send(backend.read_exactly(5).upper())
        backend.wait_end()
    secured = Secured(t)
    _, pair = secured.route("a.test", script)
    client = secured.client("a.test", pair)
    client.send(request("a.test", "/", "Connection: Upgrade", "Upgrade: websocket"))
    equal(client.read_head().status, 101, "status")
    equal(client.read_exactly(5), b"first", "what came right behind the head")
    client.send(b"hello")
    equal(client.read_exactly(5), b"HELLO", "what came back")


@case("idle connections under TLS cost little", alone=True, deadline=120)
def idle(t):
    t.skip_if_sanitized()
    secured = Secured(t, "--idle-timeout", "5m", workers=1)
    _, pair = secured.route("a.test")
    with_context = context(pair)

    def connect(count):
        clients = [SecuredClient(secured.address, "a.test", with_context) for _ in range(count)]
        for one in clients:
            equal(one.fetch("a.test").status, 200, "status")
        t.clients += clients
    connect(100)  # pools and tables at their usual size
    before = secured.proxy.rss_bytes()
    count = t.scaled(1000, 200)
    connect(count)
    t.eventually(lambda: (secured.proxy.rss_bytes() - before) / count < 16 * 1024, "16 KiB a connection at most", 10)


@case("SIGTERM drains under TLS: the running request is answered, idle connections end cleanly")
def drain(t):
    go = threading.Event()

    def slow(backend):
        for _ in backend:
            go.wait(20)
            backend.send(OK)
    secured = Secured(t)
    origin, pair = secured.route("a.test", slow)
    _, other = secured.route("b.test")
    busy, quiet = secured.client("a.test", pair), secured.client("b.test", other)
    equal(quiet.fetch("b.test").status, 200, "status, after which it is idle")
    busy.send(request("a.test"))
    origin.wait_requests(1)
    secured.proxy.signal(15)
    equal(quiet.wait_end(), b"", "what the idle one got")
    equal(quiet.ended, "eof", "how it ended")
    go.set()
    answer = busy.read_response()
    equal((answer.status, answer.fields.get("connection")), (200, b"close"), "the running request's answer")
