"""HTTP/2 under TLS: ALPN (RFC 7301), the listener's scheme, and requests that came to the wrong host (421)."""

import ssl

import h2_frames as h2
import pki
from h2 import connect_secured
from harness import case, cases, contains, equal, expect, free_port, in_threads, named, response
from secured import SecuredClient, context


class Secured:
    """A proxy of a case's own that listens for TLS."""

    def __init__(self, t):
        self.t = t
        self.address = ("127.0.0.1", free_port())
        self.proxy = t.start("--https", f"127.0.0.1:{self.address[1]}")

    def route(self, host, script=None, names=(), certificate=True):
        """An origin behind a host, and the host's certificate."""
        origin = self.t.origin(script or named(host), proxy=self.proxy, host=host)
        if not certificate:
            return origin, None
        pair = pki.make(host, *names)
        answer = self.proxy.api("POST", "/api/v1/certificates", {"domain": host, "cert": pair.cert, "key": pair.key})
        expect(answer.status in (200, 201), f"the upload: {answer.status} {answer.body!r}")
        return origin, pair

    def client(self, name, pair, protocols=("h2",), version=None, **more):
        return connect_secured(self.t, self.address, name, context(pair, protocols, version), **more)


@cases([(f"ALPN: {', '.join(offered) or 'nothing'} is offered, {chosen} is chosen", offered, chosen) for offered, chosen in (
    (("h2",), "h2"), (("h2", "http/1.1"), "h2"), (("http/1.1", "h2"), "h2"), (("http/1.1",), "http/1.1"),
    (("spdy/3", "h2"), "h2"), ((), None))])
def alpn(t, offered, chosen):
    """The proxy's own preference holds: h2 first."""
    secured = Secured(t)
    _, pair = secured.route("a.test")
    if chosen == "h2":
        client = secured.client("a.test", pair, offered)
        equal(client.sock.selected_alpn_protocol(), "h2", "the protocol")
        equal(client.fetch("a.test").text, "a.test", "the answer")
    else:
        client = SecuredClient(secured.address, "a.test", context(pair, offered))
        equal(client.alpn, chosen, "the protocol")
        equal(client.fetch("a.test").text, "a.test", "the answer")
        client.close()


@case("ALPN: nothing in common is the alert no_application_protocol")
def no_common_protocol(t):
    secured = Secured(t)
    _, pair = secured.route("a.test")
    try:
        secured.client("a.test", pair, ("foo", "http/1.0"), shake=False)
    except ssl.SSLError as error:
        contains((error.reason or str(error)).lower().replace("_", " "), "no application protocol", "the alert")
    else:
        expect(False, "the handshake succeeded")


@cases([("HTTP/1.1 where h2 was agreed on ends the connection", ("h2",)),
        ("a preface where http/1.1 was agreed on is refused", ("http/1.1",))])
def broken_promise(t, protocols):
    secured = Secured(t)
    origin, pair = secured.route("a.test")
    client = secured.client("a.test", pair, protocols, shake=False)
    client.unacknowledged.append({})
    if protocols == ("h2",):
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        client.wait_closed()
        equal(client.streams, {}, "streams")
    else:
        client.send(h2.PREFACE + h2.frame(h2.SETTINGS))
        rest = client.wait_end()
        expect(not rest or rest.startswith(b"HTTP/1.1 "), f"what came: {rest[:100]!r}")
    equal(origin.targets, [], "requests upstream")


@cases([(f"requests and bodies both ways: {name}", version)
        for name, version in (("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3))])
def bodies(t, version):
    secured = Secured(t)
    origin, pair = secured.route("a.test", lambda backend: [backend.send(response("200 OK", one.body)) for one in backend])
    client = secured.client("a.test", pair, version=version)
    for size in (1, 16_383, 16_384, 70_000, t.scaled(1_000_000, 200_000)):
        body = bytes(index * 7 % 251 for index in range(1000)) * (size // 1000 + 1)
        answer = client.fetch("a.test", "/", method="POST", body=body[:size])
        expect(answer.body == body[:size], f"the echo of {size} bytes")
    equal(origin.requests[0].fields.get("x-forwarded-proto"), b"https", "X-Forwarded-Proto")
    contains(origin.requests[0].fields.need("via"), b"2", "Via upstream")


@case("X-Forwarded-Proto is https whatever :scheme says")
def scheme_is_not_believed(t):
    secured = Secured(t)
    origin, pair = secured.route("a.test")
    client = secured.client("a.test", pair)
    client.scheme = "http"
    equal(client.fetch("a.test").status, 200, "status")
    equal(origin.requests[0].fields.get("x-forwarded-proto"), b"https", "X-Forwarded-Proto")


@case("421 for a host that the certificate does not cover and that has one of its own; its connection goes on")
def misdirected(t):
    secured = Secured(t)
    _, pair = secured.route("a.test", names=["also.test"])
    other, _ = secured.route("b.test")
    secured.route("also.test", certificate=False)
    secured.route("c.test", certificate=False)
    client = secured.client("a.test", pair)
    equal(client.fetch("b.test").status, 421, "status for another's host")
    equal(client.fetch("b.test", "/", method="POST", body=b"x" * 100_000).status, 421, "status of an upload for another's host")
    for host in ("also.test", "c.test", "a.test"):
        equal(client.fetch(host).text, host, "the answer")
    equal(other.targets, [], "requests to the other host")


@case("a hundred connections that shake hands at once and use both protocols are all served")
def both_protocols(t):
    secured = Secured(t)
    _, pair = secured.route("a.test")

    def run(number):
        for turn in range(5):
            if (number + turn) % 2:
                equal(secured.client("a.test", pair).fetch("a.test").text, "a.test", "the answer over HTTP/2")
            else:
                client = SecuredClient(secured.address, "a.test", context(pair, ["http/1.1"]))
                equal(client.fetch("a.test").text, "a.test", "the answer over HTTP/1.1")
                client.close()
    in_threads(*(lambda number=number: run(number) for number in range(20)))


@case("a client's end without close_notify ends its streams' work")
def abrupt_end(t):
    def never(backend):
        backend.read_request()
        backend.wait_end()
    secured = Secured(t)
    origin, pair = secured.route("a.test", never)
    client = secured.client("a.test", pair)
    client.request("a.test")
    origin.wait_requests(1)
    client.reset()
    origin.wait_ended(0)
