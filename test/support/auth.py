"""Auth providers for the tests: through the API, and credentials for requests. Every password is "sesame".

Field names are in lower case, as HTTP/2 wants them.
"""

import base64
import hashlib
import itertools

from checks import equal

PROVIDERS = "/api/v1/auth-providers"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_numbers = itertools.count(1)

BCRYPT = "$2y$04$VxXzOUwtwdvs1px9wmVNpuTiuXoOtTkvdCwOjWw6E8gEfU/pD/O2G"
BCRYPT_SLOW = "$2y$13$gtwApw0nmzYVOmxabFTGyORGjIBm6TGnxwxnvz.jgj/nbG4VJA8b2"  # some hundred milliseconds
HASHES = {
    "bcrypt": BCRYPT,
    "bcrypt of htpasswd -B": "$2y$10$XNCqZIpSKKcbHenMxbzabuNNMW.TbXQ.wxGXatJiq60Bi3gU/k0j2",
    "yescrypt": "$y$j75$abcdefgh$vd9GBZ0X.Wgh3dsxBvCnIOYDItsueGfttJXG763.dDA",
    "scrypt": "$7$6/..../....abcdefgh$ZDKdZ8Bio1maP/GO.6p51FheKdQKuaOk0i/xYnD4sC.",
    "SHA-256-crypt": "$5$abcdefgh$4PbtPZdUc33o7LmNsM4HTsjYbIhyCeh4aCe.rEbHkq1",
    "SHA-512-crypt": "$6$abcdefgh$Bk2D4uYVcw0FbFPsWa0iJZ1DNfy8v6OjKcRcuBfMkWD1KdADPVnmQf5cr0O8HfAYpq1XrrjdgIRINkwgSKJ8/1",
}
BROKEN = {
    "apr1": "$apr1$abcdefgh$GQVaHFsauSKl0cgw4bVFJ/",
    "SHA-1": "{SHA}CEo1Ae3vaEXy8eQZjsOiuBz1xrw=",
}


def unique_id():
    return f"provider-{next(_numbers)}"


def add_provider(proxy, kind, **fields):
    """Gives its id."""
    made = unique_id()
    answer = proxy.api("POST", PROVIDERS, {"id": made, "type": kind} | fields)
    equal(answer.status, 201, f"status of POST {PROVIDERS} ({answer.body!r})")
    return made


def add_users(proxy, *names, hash=BCRYPT, **fields):
    return add_provider(proxy, "basic", users=[{"name": name, "hash": hash} for name in names], **fields)


def basic(name, password="sesame"):
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return f"authorization: Basic {pair}"


def bearer(token):
    return f"authorization: Bearer {token}"


def echo_tunnel(backend):
    """A backend's script: takes a WebSocket upgrade and gives back what it gets."""
    request = backend.read_request_head()
    accept = base64.b64encode(hashlib.sha1(request.fields.need("Sec-WebSocket-Key") + _GUID).digest())
    backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
                 + accept + b"\r\n\r\n")
    while piece := backend.read_some():
        backend.send(piece)
