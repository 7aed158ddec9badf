"""Cases that clients of HTTP/1 and of HTTP/2 must see alike."""

from h2 import connect
from runner import cases


def http1(t, proxy=None):
    return t.client(proxy)


def http2(t, proxy=None):
    return connect(t, proxy)


KINDS = (("h1 client", http1), ("h2 client", http2))


def from_both(name, **options):
    """A case for a client of each version; it is given what makes one."""
    return cases(for_both([(name,)]), **options)


def for_both(rows):
    """Each row for a client of each version: (name, what makes the client, the row's others)."""
    return [(f"{name}: {kind}", make, *rest) for name, *rest in rows for kind, make in KINDS]


def version_of(client):
    return b"2" if hasattr(client, "streams") else b"1.1"
