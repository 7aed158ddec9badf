"""gRPC through the proxy: npm's @grpc/grpc-js on both sides, the backend by h2c; plain and under TLS to the client."""

import atexit
import contextlib
import json
import tempfile
import threading

import pki
from harness import PATIENCE, case, cases, equal, expect, free_port
from npm import node

WAIT = 40 * PATIENCE
NO = {"order": True, "messages": 0, "bytes": 0}


class Server:
    def __init__(self):
        self.process = node("grpc_server.js", needs="@grpc/grpc-js")
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.communicate()


_shared = []
_starting = threading.Lock()


def shared_server():
    """One for all cases that leave it as it was: node takes its time to start."""
    with _starting:
        if not _shared:
            _shared.append(Server())
            atexit.register(_shared[0].close)
        return _shared[0]


class Service:
    """A server, a route to it, and calls through the proxy."""

    def __init__(self, t, server, secured=False, **fields):
        self.port = free_port()
        self.proxy = t.start("--https", f"127.0.0.1:{self.port}") if secured else t.proxy
        self.host = t.unique_host(server.port)
        backend = {"hostname": "127.0.0.1", "port": server.port, "protocol": "h2c"}
        self.proxy.add_route(self.host, backend, **fields)  # skips where there is no HTTP/2 to backends
        self.pair = None
        if secured:
            self.pair = pki.make(self.host)
            answer = self.proxy.api("POST", "/api/v1/certificates",
                                    {"domain": self.host, "cert": self.pair.cert, "key": self.pair.key})
            equal(answer.status, 201, "status of the upload")
        else:
            self.port = self.proxy.port

    def call(self, scenario):
        """What the client saw."""
        with tempfile.NamedTemporaryFile("w") as ca:
            more = []
            if self.pair:
                ca.write(self.pair.cert)
                ca.flush()
                more = [ca.name]
            client = node("grpc_client.js", scenario, f"127.0.0.1:{self.port}", self.host, *more, needs="@grpc/grpc-js")
            try:
                out, err = client.communicate(timeout=WAIT)
            finally:
                client.kill()
        equal((client.returncode, err), (0, ""), "the client's exit code and complaints")
        return json.loads(out)


SCENARIOS = [
    ("a unary call, and its trailing metadata", "unary", {"text": "hello", "trailer": ["at the end"]}),
    ("3 MiB both ways", "large", {"same": True}),
    ("metadata both ways, binary too", "metadata", {"word": "one, two", "binary": [0, 1, 254, 255]}),
    ("an error in trailers alone", "error", {"code": 5, "details": "no: ünïcödé", "reason": ["asked for"]}),
    ("100 messages up", "client_stream", {"error": None, "count": 100, "total": 2_000_000}),
    ("an error while messages go up", "client_stream_refused", {"code": 8, "details": "no: enough", "reason": ["asked for"]}),
    ("1,000 messages down", "server_stream", NO | {"messages": 1000, "bytes": 10_000, "code": 0}),
    ("6 MiB of messages down", "large_server_stream", NO | {"messages": 100, "bytes": 6_553_600, "code": 0}),
    ("an error behind messages", "broken_server_stream", NO | {
        "messages": 3, "bytes": 3, "code": 14, "error": {"code": 14, "details": "no: half way", "reason": ["asked for"]}}),
    ("200 messages each way, in turn", "chat", NO | {"messages": 200, "code": 0}),
    ("an error in a conversation", "broken_chat", NO | {
        "messages": 1, "code": 10, "error": {"code": 10, "details": "no: stop", "reason": ["asked for"]}}),
    ("300 calls at once", "many", {"right": 300}),
]


@cases([(f"{name}{', under TLS' if secured else ''}", secured, *rest) for name, *rest in SCENARIOS for secured in (False, True)],
       deadline=60)
def calls(t, secured, scenario, wanted):
    equal(Service(t, shared_server(), secured).call(scenario), wanted, "what the client saw")


@cases([("a deadline that passes cancels the server's work", "deadline", {"code": 4, "soon": True}, "Say"),
        ("a cancelled stream cancels the server's work", "cancelled_server_stream", {"code": 1, "some": True}, "Repeat")], deadline=60)
def cancelled(t, scenario, wanted, method):
    with contextlib.closing(Server()) as server:
        equal(Service(t, server).call(scenario), wanted, "what the client saw")
        equal(server.process.stdout.readline().strip(), f"cancelled {method}", "what the server saw")


@case("a server that is gone is UNAVAILABLE (14)", deadline=60)
def gone(t):
    with contextlib.closing(Server()) as server:
        service = Service(t, server, retries=0)
        server.process.kill()
        server.process.wait()
        error = service.call("error")
        expect(error["code"] == 14, f"the status: {error}")
