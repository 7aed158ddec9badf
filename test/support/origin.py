"""A scripted backend: it records every byte, reads requests strictly, and answers exactly what the test says.

A script is a function of one connection and runs on a thread of its own:

    def script(backend):
        request = backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

Cut and closed connections end a script quietly (the case looks at `connection.ended`); anything else it raises,
a malformed request above all, is kept in `faults` and fails the case.
"""

import contextlib
import itertools
import socket
import threading
import time

import wire
from checks import Failed
from peer import DEADLINE, Cut, Peer, Silent
from ports import free_port


class OriginConnection(Peer):
    def __init__(self, sock, origin, index):
        super().__init__(sock, f"origin {origin.port} connection {index}")
        self.origin = origin
        self.index = index
        self.requests = []

    def read_request_head(self, deadline=None):
        """The next request's head; None when the proxy closed the idle connection."""
        try:
            while not self.buffer:
                # An idle pooled connection waits as long as the test lives.
                if not self._receive(deadline or time.monotonic() + 600):
                    return None
            return wire.parse_request(self.read_until(b"\r\n\r\n"))
        except OSError:
            return None

    def read_request_body(self, request, sink=None):
        framing, length = wire.framing_of(request, "none")
        self.read_body(request, framing, length, sink)
        return request

    def read_request(self, sink=None):
        """The next whole request (counted in `requests`); None when the idle connection was closed."""
        request = self.read_request_head()
        if request is None:
            return None
        self.read_request_body(request, sink)
        with self.origin.changed:
            self.requests.append(request)
            self.origin.requests.append(request)
            self.origin.changed.notify_all()
        return request

    def __iter__(self):
        """The requests of this connection, one after another."""
        return iter(self.read_request, None)


class Origin:
    connection_class = OriginConnection

    def __init__(self, script, send_buffer=None, receive_buffer=None, port=0, address="127.0.0.1"):
        self.script = script
        self.changed = threading.Condition()
        self.connections = []
        self.requests = []
        self.faults = []
        self.stopping = False
        self.host = None  # the route's vHost, once it has one
        self.listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if send_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.port = port or free_port()
        self.listener.bind((address, self.port))
        self.listener.listen(512)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def backend(self):
        return {"hostname": "127.0.0.1", "port": self.port}

    @property
    def received(self):
        """Every byte that reached this origin, connection after connection."""
        return b"".join(bytes(connection.received) for connection in list(self.connections))

    @property
    def targets(self):
        return [request.target for request in list(self.requests)]

    def wait(self, condition, what):
        """Blocks until `condition()` holds; it is looked at whenever something happens here."""
        deadline = time.monotonic() + DEADLINE
        with self.changed:
            while not condition():
                if self.faults:
                    raise self.faults[0]
                if time.monotonic() > deadline:
                    raise Failed(f"origin {self.port}: {what} did not happen")
                self.changed.wait(0.05)

    def wait_requests(self, count):
        self.wait(lambda: len(self.requests) >= count, f"request number {count}")

    def wait_connections(self, count):
        self.wait(lambda: len(self.connections) >= count, f"connection number {count}")

    def wait_ended(self, index=0):
        """Until the proxy has ended that connection (its script must be reading, or done)."""
        def ended():
            return len(self.connections) > index and (self.connections[index].ended or self.connections[index].unsendable)
        self.wait(ended, f"the end of connection {index}")

    def _accept(self):
        for index in itertools.count():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            connection = self.connection_class(sock, self, index)
            with self.changed:
                self.connections.append(connection)
                self.changed.notify_all()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @contextlib.contextmanager
    def judged(self):
        """What a script raises: that its other side has ended is no fault, the rest is the case's to report."""
        try:
            yield
        except (Cut, OSError):
            pass
        except Silent as error:
            if not self.stopping:
                self.faults.append(error)
        except Exception as error:
            self.faults.append(error)

    def _serve(self, connection):
        try:
            with self.judged():
                self._run(connection)
        finally:
            connection.close()
            with self.changed:
                self.changed.notify_all()

    def _run(self, connection):
        self.script(connection)

    def stop_listening(self):
        """Connections that exist go on; new ones are refused."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def stop(self):
        self.stopping = True
        self.stop_listening()
        for connection in list(self.connections):
            connection.break_off()


# Scripts that many cases share.

OK = wire.response()


def answers(*raws):
    """The n-th request at this origin gets the n-th answer; the last one stands for all that follow."""
    turn = itertools.count()

    def script(backend):
        for _ in backend:
            backend.send(raws[min(next(turn), len(raws) - 1)])
    return script


def answers_then_closes(raw):
    """One answer a connection, which then is closed as its end."""
    def script(backend):
        backend.read_request()
        backend.send(raw)
        backend.finish_sending()
        backend.wait_end()
    return script


def held(go):
    """Answers every request only when `go` is set."""
    def script(backend):
        for _ in backend:
            go.wait(20)
            backend.send(OK)
    return script


def never_answers(backend):
    """Takes whole requests and says nothing until the proxy gives up."""
    for _ in backend:
        pass


ENDLESS = wire.response("200 OK", None, f"Content-Length: {1 << 40}")


def endless(backend):
    """An answer that goes on as long as somebody takes it."""
    backend.read_request()
    backend.send(ENDLESS)
    while backend.try_send(b"x" * 65536):
        pass


def echoes(backend):
    """Answers with the request's body, under Content-Length."""
    for request in backend:
        backend.send(wire.response("200 OK", request.body))


def named(name):
    """Answers with its own name, to tell backends apart."""
    return answers(wire.response("200 OK", name.encode()))
