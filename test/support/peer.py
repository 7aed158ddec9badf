"""One end of a TCP (or unix) connection in a test: sends exact bytes, reads with deadlines, remembers both ways.

Every wait ends: with what was waited for, with Cut (the other side ended the connection), or with Silent (the
deadline passed). Nothing sleeps for luck.
"""

import os
import socket
import struct
import time

import wire
from polling import readable

PATIENCE = 4.0 if os.environ.get("PENSTOCK_SANITIZED") == "1" else 1.0
DEADLINE = 10.0 * PATIENCE
LOG_LIMIT = 256 * 1024


class Cut(Exception):
    """The connection ended while more was needed. `how` is "eof" or "reset"."""

    def __init__(self, how, what):
        super().__init__(f"connection ended ({how}) {what}")
        self.how = how


class Silent(Exception):
    """Nothing came before the deadline."""


class Peer:
    def __init__(self, sock, label):
        self.sock = sock
        self.label = label
        self.buffer = bytearray()
        self.sent = bytearray()       # the first LOG_LIMIT bytes each way
        self.received = bytearray()
        self.bytes_sent = 0
        self.bytes_received = 0
        self.ended = None             # "eof" or "reset" once the other side ended it and all of it was read
        self.unsendable = False       # a send has failed: the other side is gone, but what it said may still be read
        sock.settimeout(DEADLINE)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Sending

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            self.unsendable = True
            raise Cut("reset", "while sending") from error
        except TimeoutError as error:
            raise Silent(f"{self.label}: the other side stopped reading") from error
        self._note_sent(data)

    def try_send(self, data):
        """Sends where the other side may rightly have closed already; says whether all of it went."""
        try:
            self.send(data)
            return True
        except Cut:
            return False

    def send_until_stalled(self, piece, limit, quiet=0.7):
        """Sends `piece` over and over until nothing more is taken for `quiet` seconds; gives the bytes taken."""
        self.sock.settimeout(quiet * PATIENCE)
        taken = 0
        try:
            while taken < limit:
                taken += self.sock.send(piece)
        except TimeoutError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self.unsendable = True
        finally:
            self.sock.settimeout(DEADLINE)
            self.bytes_sent += taken
        return taken

    def _note_sent(self, data):
        self.bytes_sent += len(data)
        if len(self.sent) < LOG_LIMIT:
            self.sent += data[: LOG_LIMIT - len(self.sent)]

    # Receiving

    def _receive(self, deadline, size=65536):
        """Adds what comes to the buffer; False at the end of the stream."""
        if self.ended:
            return False
        left = DEADLINE if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise Silent(f"{self.label}: nothing more came in time")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(size)
        except ConnectionResetError:
            self.ended = "reset"
            return False
        except TimeoutError as error:
            raise Silent(f"{self.label}: nothing more came in time") from error
        finally:
            self._restore_timeout()
        if not data:
            self.ended = "reset" if self.unsendable else "eof"
            return False
        self.bytes_received += len(data)
        if len(self.received) < LOG_LIMIT:
            self.received += data[: LOG_LIMIT - len(self.received)]
        self.buffer += data
        return True

    def _restore_timeout(self):
        if self.sock.fileno() >= 0:
            self.sock.settimeout(DEADLINE)

    def _need(self, deadline, what, size=65536):
        if not self._receive(deadline, size):
            raise Cut(self.ended, what)

    def read_until(self, mark, deadline=None, limit=1 << 20):
        deadline = deadline or time.monotonic() + DEADLINE
        start = 0
        while True:
            at = self.buffer.find(mark, start)
            if at >= 0:
                return self._take(at + len(mark))
            if len(self.buffer) > limit:
                raise wire.Malformed(f"no {mark!r} in {limit} bytes")
            start = max(0, len(self.buffer) - len(mark) + 1)
            self._need(deadline, f"before {mark!r}; got {bytes(self.buffer[:200])!r}")

    def read_exactly(self, count, deadline=None):
        deadline = deadline or time.monotonic() + DEADLINE
        while len(self.buffer) < count:
            self._need(deadline, f"{count - len(self.buffer)} bytes early")
        return self._take(count)

    def read_some(self):
        """What is there, or comes next; empty at the end."""
        if not self.buffer:
            self._receive(None)
        return self._take(len(self.buffer))

    def read_to_end(self, deadline=None):
        """All that comes until the other side ends the connection, however it does."""
        deadline = deadline or time.monotonic() + DEADLINE
        while self._receive(deadline):
            pass
        return self._take(len(self.buffer))

    def pieces(self, count):
        """`count` bytes (None: until the connection ends) as they come, never held all at once."""
        while count is None or count > 0:
            if not self.buffer:
                if not self._receive(None, 1 << 20):
                    if count is None and self.ended == "eof":
                        return
                    raise Cut(self.ended, f"in the body, {count} bytes early")
            piece = self._take(len(self.buffer) if count is None else min(count, len(self.buffer)))
            if count is not None:
                count -= len(piece)
            yield piece

    def chunks(self, trailers):
        """A chunked body piece by piece; its trailer fields are added to `trailers`."""
        while True:
            line = self.read_until(wire.CRLF)[:-2]
            if not wire.CHUNK_SIZE.fullmatch(line):
                raise wire.Malformed(f"a chunk size of {line!r}")
            size = int(line, 16)
            if size == 0:
                break
            yield from self.pieces(size)
            if self.read_exactly(2) != wire.CRLF:
                raise wire.Malformed("no CRLF after a chunk's data")
        while line := self.read_until(wire.CRLF)[:-2]:
            trailers.extend(wire.parse_fields([line]))

    def read_body(self, message, framing, length, sink=None):
        message.framing = framing
        if framing == "none":
            return
        source = self.chunks(message.trailers) if framing == "chunked" else self.pieces(length)
        kept = bytearray()
        for piece in source:
            (sink or kept.extend)(piece)
        message.body = bytes(kept)

    def _take(self, count):
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    # What should not come, and ends

    def quiet_for(self, seconds):
        """True when neither a byte nor an end comes for that long. Only for what must NOT happen."""
        if self.buffer or self.ended:
            return False
        return not readable(seconds, self.sock)

    def wait_end(self, deadline=None):
        """Waits for the other side to end the connection; gives what came before it."""
        return self.read_to_end(deadline)

    def finish_sending(self):
        """A FIN: this side has said all it will."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise Cut("reset", "before this side had finished") from error

    def reset(self):
        """An RST instead of a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def break_off(self):
        """Wakes whoever is blocked on this connection, from any thread."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
