"""Many clients at once, on one thread: each has a connection of its own, and asks as soon as it is told to.

For loads that threads cannot make simultaneous: a thousand requests leave in some ten milliseconds.
"""

import selectors
import socket
import struct
import time

import wire
from checks import Failed
from peer import DEADLINE


class Member:
    """One connection, with at most one request under way."""

    def __init__(self, address):
        self.sock = socket.create_connection(address, DEADLINE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.buffer = bytearray()
        self.is_waiting = False
        self.left = False

    def ask(self, data):
        self.is_waiting = True
        if self.sock.send(data) != len(data):
            raise Failed("a small request did not fit a socket's buffer")

    def leave(self, reset):
        """Goes away, whatever was under way: by a reset, or by a FIN."""
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        self.left = True

    def read(self):
        """The answer, where it has come as a whole; None: more is needed."""
        data = self.sock.recv(65536)
        if not data:
            raise Failed(f"a connection of the crowd was closed; it had said {bytes(self.buffer[:200])!r}")
        self.buffer += data
        head, end, _ = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        answer = wire.parse_response(bytes(head + end))
        length = wire.body_length(answer.fields) or 0
        whole = len(head) + len(end) + length
        if len(self.buffer) < whole:
            return None
        answer.body = bytes(self.buffer[len(head) + len(end):whole])
        del self.buffer[:whole]
        self.is_waiting = False
        return answer


class Crowd:
    def __init__(self, address, count):
        self.address = address
        self.selector = selectors.DefaultSelector()
        self.members = []
        self.join(count)

    def join(self, count):
        for _ in range(count):
            member = Member(self.address)
            self.members.append(member)
            self.selector.register(member.sock, selectors.EVENT_READ, member)

    def ask(self, host, target="/", members=None, method="GET", body=None):
        """One request from everybody (or from those), as fast as they can be sent."""
        data = wire.request(host, target, method=method, body=body)
        for member in members or self.members:
            member.ask(data)

    def collect(self, count, deadline=DEADLINE):
        """The next `count` answers."""
        answers = []
        ends = time.monotonic() + deadline
        while len(answers) < count:
            if time.monotonic() > ends:
                raise Failed(f"{len(answers)} of {count} answers came within {deadline:g} s")
            answers += self._some(ends)
        return answers

    def collect_until(self, when):
        """The answers that come until then."""
        answers = []
        while time.monotonic() < when:
            answers += self._some(when)
        return answers

    def _some(self, ends):
        events = self.selector.select(max(0.0, ends - time.monotonic()))
        return [answer for answer in (key.data.read() for key, _ in events) if answer]

    def waiting(self):
        return [member for member in self.members if member.is_waiting]

    def leave(self, members, reset=False):
        for member in members:
            self.selector.unregister(member.sock)
            member.leave(reset)
        self.members = [member for member in self.members if not member.left]

    def close(self):
        self.leave(self.members)
        self.selector.close()
