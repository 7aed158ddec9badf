"""`jwt` providers whose keys are fetched (`jwksUrl`): before there are any, as they change, and when they cannot be had."""

import itertools
import json
import os

import pki
from auth import PROVIDERS, add_provider, bearer
from harness import case, cases, equal, named, response
from jwt import Signer
from ports import free_port
from secured_origin import SecuredOrigin

EARLY = 30.0  # more than passes between two fetches because of unknown keys


def keys_of(signer, kid):
    return [key | {"kid": kid} for key in signer.keys["keys"]]


def document(*keys, fields=()):
    return response("200 OK", json.dumps({"keys": keys}).encode(), "Content-Type: application/jwk-set+json", *fields)


class KeyServer:
    """Gives the document that it has at the time."""

    def __init__(self, t, raw, **sockets):
        self.raw = raw
        self.origin = t.bare_origin(self._serve, **sockets)

    def _serve(self, backend):
        for _ in backend:
            backend.send(self.raw)
            backend.finish_sending()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.origin.port}/jwks?x"

    @property
    def fetches(self):
        return len(self.origin.requests)


def guarded(t, url, **fields):
    return t.origin(named("inside"), authProvider=add_provider(t.proxy, "jwt", jwksUrl=url, **fields))


def status(t, origin, token):
    return t.client().fetch(origin.host, "/", bearer(token)).status


@case("keys are fetched once, and tokens verified with them", deadline=60)
def fetched(t):
    with Signer("ES256", "RS256") as signer:
        server = KeyServer(t, document(*signer.keys["keys"]))
        origin = guarded(t, server.url)
        t.eventually(lambda: status(t, origin, signer.sign("ES256")) == 200, "the keys are there")
        for alg in ("ES256", "RS256"):
            equal(status(t, origin, signer.sign(alg)), 200, f"status with {alg}")
        equal(t.client().fetch(origin.host).status, 401, "status without a token")
        equal(server.fetches, 1, "fetches")
        equal(server.origin.requests[0].target, b"/jwks?x", "what was asked for")
        equal(server.origin.requests[0].fields.need("Host"), f"127.0.0.1:{server.origin.port}".encode(), "Host")


@case("before there are keys nobody gets in: 503; it is tried again until there are some", deadline=60)
def late(t):
    with Signer("ES256") as signer:
        port = free_port()
        origin = guarded(t, f"http://127.0.0.1:{port}/jwks?x")
        token = signer.sign("ES256")
        equal(status(t, origin, token), 503, "status")
        KeyServer(t, document(*signer.keys["keys"]), port=port)
        t.eventually(lambda: status(t, origin, token) == 200, "the keys are there", deadline=EARLY)


@case("keys that have been exchanged are found by a token that names one; the old ones are good no more", deadline=90)
def rotated(t):
    with Signer("ES256") as old, Signer("ES256") as new:
        server = KeyServer(t, document(*keys_of(old, "old")))
        origin = guarded(t, server.url)
        t.eventually(lambda: status(t, origin, old.sign("ES256", kid="old")) == 200, "the keys are there")
        server.raw = document(*keys_of(new, "new"))
        t.eventually(lambda: status(t, origin, new.sign("ES256", kid="new")) == 200, "the new keys are there", deadline=EARLY)
        equal(status(t, origin, old.sign("ES256", {"sub": "late"}, kid="old")), 401, "status with an old key")
        equal(server.fetches, 2, "fetches")
        for _ in range(50):
            equal(status(t, origin, new.sign("ES256", kid="made up")), 401, "status with a made-up key")
        equal(server.fetches, 2, "fetches, however many keys are made up at once")


@cases([
    ("garbage", response("200 OK", b"<html>not now</html>")), ("no set", response("200 OK", b"{}")),
    ("an error", response("500 Internal Server Error", b"{}")), ("a redirect", response("302 Found", b"", "Location: /b")),
    ("too much", response("200 OK", b" " * 300000)), ("no HTTP", b"\x00\x01\r\n\r\n"),
    ("half of it", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\":[")], deadline=90)
def kept(t, lie):
    """A set that cannot be had, or read, keeps the last good one."""
    with Signer("ES256") as signer:
        server = KeyServer(t, document(*keys_of(signer, "good")))
        origin = guarded(t, server.url)
        t.eventually(lambda: status(t, origin, signer.sign("ES256", kid="good")) == 200, "the keys are there")
        server.raw = lie
        equal(status(t, origin, signer.sign("ES256", kid="unknown")), 401, "status with an unknown key")
        t.eventually(lambda: server.fetches >= 2, "another fetch", deadline=EARLY)
        for turn in range(5):
            token = signer.sign("ES256", {"sub": str(turn)}, kid="good")
            equal(status(t, origin, token), 200, "status with a good key")


@case("an issuer that withdraws all of its keys is believed: nobody gets in until it has new ones", deadline=90)
def withdrawn(t):
    with Signer("ES256") as signer:
        server = KeyServer(t, document(*keys_of(signer, "good")))
        origin = guarded(t, server.url)
        t.eventually(lambda: status(t, origin, signer.sign("ES256", kid="good")) == 200, "the keys are there")
        server.raw = document()
        equal(status(t, origin, signer.sign("ES256", kid="unknown")), 401, "status with an unknown key")
        turns = itertools.count()
        t.eventually(lambda: status(t, origin, signer.sign("ES256", {"sub": str(next(turns))}, kid="good")) == 401,
                     "the keys are gone", deadline=EARLY)
        server.raw = document(*keys_of(signer, "good"))
        t.eventually(lambda: status(t, origin, signer.sign("ES256", {"sub": "new"}, kid="good")) == 200, "they are back",
                     deadline=EARLY)


@case("an edit that leaves the URL alone leaves the keys, too", deadline=60)
def edited(t):
    with Signer("ES256") as signer:
        server = KeyServer(t, document(*signer.keys["keys"]))
        provider = add_provider(t.proxy, "jwt", jwksUrl=server.url)
        origin = t.origin(named("inside"), authProvider=provider)
        t.eventually(lambda: status(t, origin, signer.sign("ES256")) == 200, "the keys are there")
        server.raw = response("500 Internal Server Error", b"")
        edit = {"type": "jwt", "jwksUrl": server.url, "leeway": "31s"}
        equal(t.proxy.api("PUT", f"{PROVIDERS}/{provider}", edit).status, 200, "the edit")
        t.eventually(lambda: server.fetches >= 2, "another fetch")
        equal(status(t, origin, signer.sign("ES256", {"sub": "later"})), 200, "status")


@case("connections that are refused leave no descriptor behind", deadline=60)
def no_leak(t):
    proxy = t.start()
    files = f"/proc/{proxy.process.pid}/fd"
    before = len(os.listdir(files))
    for _ in range(20):
        add_provider(proxy, "jwt", jwksUrl=f"http://127.0.0.1:{free_port()}/jwks")
    t.eventually(lambda: proxy.stderr().count("keys cannot be fetched") == 20, "each has failed")
    t.eventually(lambda: len(os.listdir(files)) < before + 10, "the descriptors are given back")


@case("secrets and private keys are not taken from a URL; the others of the set are", deadline=60)
def left_out(t):
    with Signer("HS256", "ES256", "EdDSA") as signer:
        secret, public, other = signer.keys["keys"]
        server = KeyServer(t, document(secret, public, other | {"d": other["x"]}))
        origin = guarded(t, server.url)
        t.eventually(lambda: status(t, origin, signer.sign("ES256")) == 200, "the keys are there")
        for alg in ("HS256", "EdDSA"):
            equal(status(t, origin, signer.sign(alg)), 401, f"status with {alg}")


@case("over https, whoever gives the keys proves who it is", deadline=60)
def secured(t):
    pair = pki.make("localhost")
    with Signer("ES256") as signer:
        def serve(backend):
            for _ in backend:
                backend.send(document(*signer.keys["keys"]))
                backend.finish_sending()
        server = SecuredOrigin(serve, pair)
        t.origins.append(server)
        url = f"https://localhost:{server.port}/jwks"
        trusted = guarded(t, url, caCert=pair.cert)
        t.eventually(lambda: status(t, trusted, signer.sign("ES256")) == 200, "the keys are there")
        doubted = guarded(t, url)
        t.eventually(lambda: server.refusals, "a handshake that was refused")
        equal(status(t, doubted, signer.sign("ES256")), 503, "status without its authority")


@case("one of jwks, publicKeys and jwksUrl says what tokens are signed with")
def validated(t):
    for body in ({}, {"jwksUrl": "ftp://a"}, {"jwksUrl": "http://a", "publicKeys": "x"},
                 {"jwksUrl": "http://a", "jwks": {"keys": []}}, {"jwksUrl": "http://a", "caCert": "x"}):
        equal(t.proxy.api("POST", PROVIDERS, {"type": "jwt"} | body).status, 422, f"status of {body}")
