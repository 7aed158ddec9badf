"""The load of tools/proofs/failover: clients that ask one request after the other, each with an id of its own.

One thread drives them all. What became of each request is kept: its status where a whole answer came, else whether a
part of one had come when the connection ended.
"""

import itertools
import pathlib
import selectors
import socket
import sys
import threading
import time
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'test' / 'support'))

import wire  # noqa: E402
from checks import Failed  # noqa: E402

BODY = b'paid once'
HALVES = 2000  # bytes in an answer that comes in two halves
LAST_CHUNK = b'0\r\n\r\n'
STUCK = 10.0  # seconds after which a request has got stuck

ABORTED = 'aborted'  # the connection ended within the answer
LOST = 'lost'        # the connection ended before a byte of it
WRONG = 'wrong'      # a whole answer, but not the one


@dataclass
class Asked:
    """One request and what became of it. Times are time.monotonic()'s."""
    number: int
    method: str
    path: str
    sent: float
    outcome: object = None  # a status, or one of the words above
    ended: float = 0.0

    @property
    def comes_in_halves(self):
        return self.path.startswith(('/halves/', '/chunks/'))


class Caller:
    """One client: a connection, and the request that is under way on it."""

    def __init__(self, address, method, path):
        self.address, self.method, self.path = address, method, path
        self.asked = None
        self.connect()

    def connect(self):
        self.sock = socket.create_connection(self.address, STUCK)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.buffer = bytearray()

    def ask(self, host, number):
        target = f'{self.path}?id={number}'
        body = BODY if self.method == 'POST' else None
        data = wire.request(host, target, method=self.method, body=body)
        self.asked = Asked(number, self.method, self.path, time.monotonic())
        try:
            whole = self.sock.send(data) == len(data)
        except OSError:
            return  # the end of the connection is read next
        if not whole:
            raise Failed('a small request did not fit a socket\'s buffer')

    def read(self):
        """(outcome, keeps the connection) once the request has ended, else None."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            data = b''
        if not data:
            return (ABORTED if self.buffer else LOST), False
        self.buffer += data
        head, end, body = self.buffer.partition(b'\r\n\r\n')
        if not end:
            return None
        answer = wire.parse_response(bytes(head + end))
        framing, length = wire.framing_of_response(answer, self.method.encode())
        if framing == 'chunked':
            if not body.endswith(LAST_CHUNK):
                return None
            is_right = body.count(b'x') == HALVES
        elif framing == 'length':
            if len(body) < length:
                return None
            is_right = self.is_answer(answer.status, bytes(body))
        else:
            return WRONG, False
        self.buffer.clear()
        return (answer.status if is_right else WRONG), not answer.fields.has('Connection')

    def is_answer(self, status, body):
        if status != 200:
            return True
        return body == b'x' * HALVES if self.asked.comes_in_halves else body.startswith(b'Hello from ')


class Load:
    """`kinds`: (how many callers, method, path)."""

    _numbers = itertools.count(1)

    def __init__(self, address, host, kinds):
        self.host = host
        self.done = []
        self.fault = None
        self.stopping = threading.Event()
        self.selector = selectors.DefaultSelector()
        self.callers = [Caller(address, method, path) for count, method, path in kinds for _ in range(count)]
        for caller in self.callers:
            self.selector.register(caller.sock, selectors.EVENT_READ, caller)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def newest(self):
        """The greatest id so far, or less: every later request has a greater one."""
        return max((caller.asked.number for caller in self.callers if caller.asked), default=0)

    def stop(self):
        """No new requests; those under way end. Gives all that were asked."""
        self.stopping.set()
        self.thread.join(2 * STUCK)
        if self.fault or self.thread.is_alive():
            raise Failed(f'the load broke: {self.fault or "it does not end"}')
        for caller in self.callers:
            caller.sock.close()
        self.selector.close()
        return self.done

    def _run(self):
        try:
            for caller in self.callers:
                caller.ask(self.host, next(self._numbers))
            while any(caller.asked for caller in self.callers):
                for key, _ in self.selector.select(0.1):
                    self._advance(key.data)
                now = time.monotonic()
                for caller in self.callers:
                    if caller.asked and now - caller.asked.sent > STUCK:
                        raise Failed(f'stuck for {STUCK:g} s: {caller.asked}')
        except Exception as error:  # stop() reports it
            self.fault = error

    def _advance(self, caller):
        ended = caller.read()
        if ended is None:
            return
        outcome, keeps = ended
        if caller.asked is None:
            raise Failed('a connection without a request was ended')
        caller.asked.outcome, caller.asked.ended = outcome, time.monotonic()
        self.done.append(caller.asked)
        caller.asked = None
        if not keeps:
            self.selector.unregister(caller.sock)
            caller.sock.close()
            caller.connect()
            self.selector.register(caller.sock, selectors.EVENT_READ, caller)
        if not self.stopping.is_set():
            caller.ask(self.host, next(self._numbers))
