"""A proxy that listens for TLS, routes with certificates of their own, and clients that trust them."""

import pki
from checks import expect
from origin import named
from ports import free_port
from secured import SecuredClient, context

CERTIFICATES = "/api/v1/certificates"


class Secured:
    """A proxy of a case's own that listens for TLS, and what clients need of it."""

    def __init__(self, t, *flags, workers=2):
        self.t = t
        self.port = free_port()
        self.proxy = t.start("--https", f"127.0.0.1:{self.port}", *flags, workers=workers)
        self.address = ("127.0.0.1", self.port)

    def upload(self, domain, pair):
        answer = self.proxy.api("POST", CERTIFICATES, {"domain": domain, "cert": pair.cert, "key": pair.key})
        expect(answer.status in (200, 201), f"the upload: {answer.status} {answer.body!r}")
        return pair

    def route(self, host, script=None, names=(), **fields):
        """A route with a certificate of its own: (origin, certificate)."""
        origin = self.t.origin(script or named("here"), proxy=self.proxy, host=host, **fields)
        return origin, self.upload(host, pki.make(host, *names))

    def client(self, name, trusted=None, **more):
        made = SecuredClient(self.address, name, context(trusted, more.pop("protocols", ()), more.pop("version", None)),
                             **more)
        self.t.clients.append(made)
        return made
