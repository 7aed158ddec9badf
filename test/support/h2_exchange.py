"""One stream of an HTTP/2 connection at the backend's end: the request as it comes, and the answer that a script gives."""

import threading

import h2_frames as h2
import wire
from checks import expect
from h2_stream import Stream
from peer import Cut

PSEUDO = [b":authority", b":method", b":path", b":scheme"]


class Exchange(Stream):
    """`head` is the request's (a wire.Request, without its pseudo-fields, which are in `pseudo`)."""

    def __init__(self, connection, number):
        super().__init__(connection, number)
        self.connection = connection
        self.origin = connection.origin
        self.pseudo = {}
        self.finished = False      # END_STREAM has been sent
        self.own_reset = None      # the code of a RST_STREAM of ours
        self.unread = bytearray()
        self.reading = threading.Lock()

    # Reading

    @property
    def closed(self):
        return self.reset_code is not None or self.own_reset is not None or (self.ended and self.finished)

    def read_request(self):
        """The whole request."""
        self.connection.wait(lambda: self.over, f"the end of the request on stream {self.number}")
        self.check_reset()
        return self.head

    def pieces(self):
        """The body, as it comes."""
        while True:
            self.connection.wait(lambda: self.unread or self.over, f"more of the request on stream {self.number}")
            with self.reading:
                piece, self.unread = bytes(self.unread), bytearray()
            if piece:
                yield piece
            elif self.ended:
                return
            else:
                self.check_reset()

    def start_reading(self):
        """Gives back the window of what has come, and from now on as it comes."""
        self.refill = True
        owed, self.owed = self.owed, 0
        if owed:
            self.grant(owed)

    def wait_reset(self):
        """Until the proxy resets it; gives the code."""
        self.connection.wait(lambda: self.reset_code is not None, f"RST_STREAM of stream {self.number}")
        return self.reset_code

    def check_reset(self):
        if self.reset_code is not None:
            raise Cut("reset", f"stream {self.number}: {h2.code_name(self.reset_code)}")

    # Answering

    def head_fields(self, status, lines):
        return h2.pairs_of([(":status", str(status)), *lines])

    def answer_head(self, status, *lines, end=False):
        self.finished = self.finished or end  # before the proxy can know of it: what comes next is counted by it
        self.connection.headers(self.head_fields(status, lines), end=end, stream=self)
        return self

    def trailers(self, *lines):
        self.finished = True
        return super().trailers(*lines)

    def respond(self, status=200, body=b"ok", *lines, trailers=(), length=True):
        """A whole answer; `length`: with content-length. A body of None is none at all."""
        lines = list(lines)
        if body is not None and length:
            lines.append(f"content-length: {len(body)}")
        self.answer_head(status, *lines, end=not body and not trailers)
        if body:
            self.send(body, end=not trailers)
        if trailers:
            self.trailers(*trailers)
        return self

    def reset(self, code=h2.CANCEL):
        self.own_reset = code
        super().reset(code)

    def raw_head(self, *fields, end=True):
        """A head as HPACK can write it, whatever is in it."""
        flags = h2.END_HEADERS | (h2.END_STREAM if end else 0)
        self.connection.frame(h2.HEADERS, flags, self.number, h2.plain_block(fields))

    def raw_data(self, data=b"", end=False):
        """DATA, whatever its windows say."""
        self.connection.frame(h2.DATA, h2.END_STREAM if end else 0, self.number, data)

    # What comes

    def on_fields(self, fields, end):
        if self.head:
            expect(end, f"stream {self.number}: a second head, or trailers that do not end the stream")
            expect(not any(name.startswith(b":") for name, _ in fields), f"a pseudo-field in trailers: {fields}")
            self.head.trailers.extend(fields)
            self.on_end()
            return
        self._take_pseudo(fields)
        rest = wire.Fields(pair for pair in fields if not pair[0].startswith(b":"))
        te = rest.all("te")
        if rest.has("host") or te not in ([], [b"trailers"]):
            raise wire.Malformed(f"Host, or TE but trailers: {rest}")
        wire.body_length(rest)
        self.method = self.pseudo[b":method"]
        self.head = wire.Request(self.method, self.pseudo[b":path"], b"2", rest, b"")
        refill = self.origin.refill
        self.refill = refill(self) if callable(refill) else refill
        if end:
            self.on_end()
        self.origin.begin(self)

    def _take_pseudo(self, fields):
        names = [name for name, _ in fields if name.startswith(b":")]
        if sorted(names) != PSEUDO or any(name.startswith(b":") for name, _ in fields[4:]):
            raise wire.Malformed(f"the request's pseudo-fields: {fields}")
        self.pseudo = dict(fields[:4])
        path = self.pseudo[b":path"]
        if self.pseudo[b":scheme"] != self.origin.scheme.encode() or not path or not self.pseudo[b":authority"]:
            raise wire.Malformed(f"the request's pseudo-fields: {self.pseudo}")

    def on_data(self, data, end):
        with self.reading:
            self.unread += data
        self.count += len(data)
        (self.sink or self.body.extend)(data)
        if end:
            self.on_end()

    def on_end(self):
        length = wire.body_length(self.head.fields)
        if length is not None and length != self.count:
            raise wire.Malformed(f"{self.count} bytes on stream {self.number}, and content-length: {length}")
        self.head.body = bytes(self.body)
        self.ended = True
        self.connection.requests.append(self.head)
        self.origin.requests.append(self.head)
