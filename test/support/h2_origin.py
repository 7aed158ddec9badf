"""A scripted HTTP/2 backend: h2c with prior knowledge, or h2 by ALPN. Strict about what the proxy sends.

A script is a function of one stream and runs on a thread of its own, from the stream's HEADERS on:

    def script(stream):
        request = stream.read_request()
        stream.respond(200, b"ok")

A connection's frames are read in the background, as they come. What the proxy does wrong is kept in `faults` and fails
the case. Cases that misbehave send raw frames, through `stream.connection` or `origin.connections[n]`.
"""

import ctypes
import ssl
import threading
import time

import h2_frames as h2
import pki
import wire
from checks import Failed, equal, expect
from h2 import H2Client
from h2_exchange import Exchange
from origin import Origin
from peer import Cut
from polling import readable
from secured_origin import SecuredOrigin


class H2Connection(H2Client):
    """The backend's end of a connection: what H2Client knows of frames, read in the background."""

    def __init__(self, sock, origin, index):
        super().__init__(sock, f"h2 origin {origin.port} connection {index}", shake=False)
        self.origin = origin
        self.index = index
        self.requests = []
        self.resets = []           # (stream, code) of the proxy's RST_STREAMs, in order
        self.greeted = False       # SETTINGS have been sent
        self.over = False          # nothing more is read
        self.last_served = h2.MAX_WINDOW  # by the latest GOAWAY of ours
        self.most_at_once = 0

    # Its life

    def serve(self):
        """Reads all that comes, to the end."""
        try:
            if self.read_exactly(len(h2.PREFACE), time.monotonic() + 600) != h2.PREFACE:
                raise wire.Malformed(f"the preface: {bytes(self.received[:100])!r}")
            self.origin.greet(self)
            while True:
                self.origin.reads.wait(600)
                self.read_frame(time.monotonic() + 600)
                self._changed()
        finally:
            self.over = True
            self._changed()

    def greet(self, settings=None):
        """SETTINGS, as the first frame must be."""
        self.greeted = True
        self.unacknowledged.append(dict(self.origin.settings if settings is None else settings))
        self.frame(h2.SETTINGS, 0, 0, h2.settings(self.unacknowledged[-1]))
        if self.origin.window > h2.WINDOW:
            self.grant(self.origin.window - h2.WINDOW)

    def _changed(self):
        with self.origin.changed:
            self.origin.changed.notify_all()

    def _receive(self, deadline, size=65536):
        """Waits without the TLS object, which only one thread may use at a time."""
        if not isinstance(self.sock, ssl.SSLSocket):
            return super()._receive(deadline, size)
        if not self.sock.pending():
            readable(max(0.0, deadline - time.monotonic()), self.sock)
        with self.sending:
            return super()._receive(deadline, size)

    def wait(self, condition, what, deadline=None):
        """Blocks until the condition holds; frames are read by the connection's own thread."""
        self.origin.wait(lambda: condition() or self.over, what)
        if not condition():
            raise Cut(self.ended, f"before {what}; GOAWAYs: {self.goaways}")

    def frame(self, kind, flags=0, stream=0, payload=b"", length=None):
        if kind in (h2.DATA, h2.HEADERS) and flags & h2.END_STREAM and stream in self.streams:
            self.streams[stream].finished = True
        super().frame(kind, flags, stream, payload, length)

    def change_settings(self, values, wait=True):
        self.unacknowledged.append(dict(values))
        self.frame(h2.SETTINGS, 0, 0, h2.settings(values))
        if wait:
            self.wait(lambda: not self.unacknowledged, "the acknowledgement of SETTINGS")

    def goaway(self, last=None, code=h2.NO_ERROR, debug=b""):
        """GOAWAY; by itself with the last stream that has come. None above it has been answered before."""
        with self.sending:
            last = min(self.last_served, max(self.streams, default=0)) if last is None else last
            self.last_served = last
            self.frame(h2.GOAWAY, 0, 0, h2.uint32(last) + h2.uint32(code) + debug)

    def reset(self):
        """An RST, though the reading thread holds the socket: a close would wait for it."""
        ctypes.CDLL(None).connect(self.sock.fileno(), bytes(16), 16)  # AF_UNSPEC

    # What the proxy may send

    def _known(self, number, what):
        if what == "HEADERS" and number not in self.streams:
            return self._open(number)
        return super()._known(number, what)

    def _open(self, number):
        if number % 2 == 0 or number < self.next_number:
            raise wire.Malformed(f"a new stream {number} after {self.next_number - 2}")
        self.next_number = number + 2
        stream = Exchange(self, number)
        self.streams[number] = stream
        now = self.open_streams()
        self.most_at_once = max(self.most_at_once, now)
        with self.origin.changed:
            everywhere = sum(one.open_streams() for one in self.origin.connections)
            self.origin.most_at_once = max(self.origin.most_at_once, everywhere)
        limit = self.own_settings.get(h2.MAX_CONCURRENT_STREAMS)
        settled = not self.unacknowledged
        if limit is not None and settled and now > limit:
            raise wire.Malformed(f"{now} streams at once, of {limit}")
        return stream

    def open_streams(self):
        return 0 if self.over else sum(1 for one in list(self.streams.values()) if not one.closed)

    def _on_acknowledgement(self, values):
        super()._on_acknowledgement(values)
        self.own_settings.update(values)

    def _on_settings(self, flags, number, payload):
        super()._on_settings(flags, number, payload)
        if not flags & h2.ACK:
            equal(self.peer_settings.get(h2.ENABLE_PUSH), 0, "ENABLE_PUSH")

    def _on_rst_stream(self, flags, number, payload):
        super()._on_rst_stream(flags, number, payload)
        self.resets.append((number, self.streams[number].reset_code))

    def _still_sends(self):
        return self.greeted and not self.unsendable

    # What must come of it

    def wait_closed(self, what="the connection"):
        try:
            self.origin.wait(lambda: self.over, f"the end of {what}")
        except Failed as error:
            raise Failed(f"{what} stayed open; the last frames: {self.log[-5:]}, GOAWAYs: {self.goaways}") from error


class H2Origin(Origin):
    """`settings`: what it says first. `refill`: whether bodies get their window back by themselves, or a function of the
    stream that says so. `window`: the connection's. `greet`: instead of SETTINGS, on each new connection."""

    connection_class = H2Connection
    scheme = "http"

    def __init__(self, script=None, settings=None, refill=True, window=1 << 30, greet=None, **sockets):
        self.settings = dict(settings or {})
        self.refill = refill
        self.window = window
        self.greet = greet or H2Connection.greet
        self.streams = []          # of all connections, as they came
        self.most_at_once = 0
        self.reads = threading.Event()  # cleared: nothing is taken from the sockets
        self.reads.set()
        super().__init__(script or answers(), **sockets)

    @property
    def backend(self):
        return {"hostname": "127.0.0.1", "port": self.port, "protocol": "h2c"}

    def _run(self, connection):
        connection.serve()

    def stop(self):
        self.reads.set()
        super().stop()

    def begin(self, stream):
        """A stream's head has come."""
        with self.changed:
            self.streams.append(stream)
            self.changed.notify_all()
        threading.Thread(target=self._run_script, args=(stream,), daemon=True).start()

    def _run_script(self, stream):
        with self.judged():
            self.script(stream)

    def wait_streams(self, count):
        self.wait(lambda: len(self.streams) >= count, f"stream number {count}")
        return self.streams[count - 1]

    def wait_reset(self, *codes, stream=-1):
        """Until the proxy has reset that stream, with one of these."""
        one = self.streams[stream]
        self.wait(lambda: one.reset_code is not None, f"RST_STREAM of stream {one.number}")
        expect(one.reset_code in codes, f"RST_STREAM({h2.code_name(one.reset_code)})")

    def goaways(self, code=None):
        return [one for connection in self.connections for one in connection.goaways if code in (None, one[1])]


class SecuredH2Origin(SecuredOrigin, H2Origin):
    """Under TLS; the certificate is for localhost, and trusted by the backend's description."""

    scheme = "https"

    def __init__(self, script=None, pair=None, **options):
        self.pair = pair or pki.make("localhost")
        super().__init__(script, self.pair, **({"protocols": ("h2",)} | options))

    @property
    def backend(self):
        return {"hostname": "localhost", "port": self.port, "protocol": "h2", "tls": True, "caCert": self.pair.cert}


def bare_h2_origin(t, script=None, secured=False, **options):
    """An origin without a route; it ends with the case."""
    made = (SecuredH2Origin if secured else H2Origin)(script, **options)
    t.origins.append(made)
    return made


def h2_origin(t, script=None, *, proxy=None, host=None, secured=False, options=None, **route):
    """An HTTP/2 origin and a route to it; `options` are the origin's."""
    made = bare_h2_origin(t, script, secured, **(options or {}))
    made.host = host or t.unique_host(made.port)
    (proxy or t.proxy).add_route(made.host, made.backend, **route)
    return made


# Scripts that many cases share.

def answers(status=200, body=b"ok", *lines, **more):
    """Whole requests get this answer."""
    def script(stream):
        stream.read_request()
        stream.respond(status, body, *lines, **more)
    return script


def never_answers(_stream):
    """Takes requests and says nothing."""


def echoes(stream):
    """The request's body, as it comes: both ways at once."""
    stream.answer_head(200)
    for piece in stream.pieces():
        stream.send(piece)
    stream.send(b"", end=True)
