"""The REST API of a proxy as an attacker sees it, and the list that attacks on it are entered in."""

import functools
import json
import time
from dataclasses import dataclass

from checks import equal, expect, lacks, one_of
from client import Client
from peer import DEADLINE, Cut
from wire import Malformed

WRITER, READER = "writer-token-0123456789", "reader-token-0123456789"
TOKENS = f"{WRITER} read-write deploy\n{READER} read-only dashboard\n"
ROUTES = "/api/v1/routes"
KEPT = "kept.test"  # the vHost of a route that no attack may change

ATTACKS = []


@dataclass
class Attack:
    name: str
    run: object
    takes_long: bool = False


def attack(name, takes_long=False):
    def register(function):
        ATTACKS.append(Attack(name, function, takes_long))
        return function
    return register


def requests(table):
    """An attack for each row: its name, the request, and the statuses that may answer it."""
    def register(function):
        for name, *columns in table:
            ATTACKS.append(Attack(name, functools.partial(_with_columns, function, columns)))
        return function
    return register


def _with_columns(function, columns, victim):
    function(victim, *columns)


class Victim:
    """The API of a proxy that was started with TOKENS."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.address = ("127.0.0.1", proxy.admin_port)
        self.own = f"127.0.0.1:{proxy.admin_port}"
        self.open = []

    def raw(self, **sockets):
        self.open.append(Client(self.address, "attacker", **sockets))
        return self.open[-1]

    def close(self):
        for client in self.open:
            client.close()
        self.open = []

    def head(self, line, *fields, token=WRITER, host=True):
        """A request's head. `host`: our own, another, or None for no such field."""
        lines = [line if line.endswith("HTTP/1.1") else f"{line} HTTP/1.1"]
        if host:
            lines.append(f"Host: {self.own if host is True else host}")
        if token:
            lines.append(f"Authorization: Bearer {token}")
        return ("\r\n".join([*lines, *fields]) + "\r\n\r\n").encode("latin-1")

    def with_body(self, line, body, *fields, token=WRITER, kind="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        more = [f"Content-Type: {kind}"] if kind else []
        return self.head(line, *more, f"Content-Length: {len(body)}", *fields, token=token) + body

    def ask(self, data, method="GET"):
        client = self.raw()
        client.send(data)
        return client.read_response(method)

    def refuses(self, data, *statuses, method="GET"):
        answer = self.ask(data, method)
        one_of(answer.status, statuses, f"status ({answer.body[:200]!r})")
        self.gives_nothing_away(answer)
        return answer

    def gives_nothing_away(self, answer):
        for secret in (WRITER, READER, "PRIVATE KEY"):
            lacks(answer.head + answer.body, secret.encode(), "the answer")
        for field in ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods"):
            expect(not answer.fields.has(field), f"{field} is in no answer")

    def breaks_off(self, data, *statuses):
        """The connection ends, with one of these statuses before that, or with nothing."""
        client = self.raw()
        client.send(data)
        try:
            one_of(client.read_response().status, statuses, "status")
            client.wait_end()
        except (Cut, Malformed):
            return

    # What must be so after every attack

    def answers_others(self, within):
        """Both with and without a token, on connections of their own."""
        began = time.monotonic()
        equal(self.proxy.api("GET", "/healthz").status, 200, "status of /healthz for another client")
        answer = self.proxy.api("GET", f"{ROUTES}/{KEPT}", headers={"Authorization": f"Bearer {WRITER}"})
        equal(answer.status, 200, "status of the route that no attack may change")
        expect(time.monotonic() - began < within, f"another client is answered within {within} s")
        return answer.json

    def kept(self):
        return self.answers_others(DEADLINE)
