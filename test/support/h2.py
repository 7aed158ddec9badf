"""The client's end of an HTTP/2 connection: sends any frames, reads strictly what the proxy answers.

Nothing reads in the background: whoever waits for something reads frames until it is there. Over plain TCP one thread
may send while another waits. A client gives window back as it reads, unless `refill` (its own, or a stream's) is off.
"""

import socket
import ssl
import struct
import threading
import time

import h2_frames as h2
import wire
from checks import Failed, equal, expect, one_of
from h2_stream import Stream
from peer import DEADLINE, Cut, Peer, Silent

FORBIDDEN = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}


class H2Client(Peer):
    """A connection. `settings`: what it says first; `shake=False`: it says nothing by itself, not even the preface."""

    def __init__(self, sock, label="h2 client", settings=None, shake=True, scheme="http"):
        super().__init__(sock, label)
        self.scheme = scheme
        self.own_settings = dict(settings or {})
        self.own_window = self.own_settings.get(h2.INITIAL_WINDOW_SIZE, h2.WINDOW)
        self.own_limit = self.own_settings.get(h2.MAX_FRAME_SIZE, h2.FRAME_SIZE)
        self.peer_settings = {}
        self.said_settings = False
        self.unacknowledged = []   # settings that were sent
        self.acknowledges = True   # the proxy's SETTINGS and PINGs
        self.refill = True
        self.owed = 0
        self.takes = h2.WINDOW
        self.window = h2.WINDOW
        self.granted = 0
        self.streams = {}
        self.next_number = 1
        self.goaways = []          # (last stream, code, debug data)
        self.pongs = []
        self.log = []              # (kind, flags, stream, length) of each frame that came
        self.block = None          # a header block that has begun: [stream, END_STREAM, bytes]
        self.encoder = h2.encoder()
        self.decoder = h2.decoder()
        if h2.HEADER_TABLE_SIZE in self.own_settings:
            self.decoder.max_allowed_table_size = self.own_settings[h2.HEADER_TABLE_SIZE]
        self.sending = threading.RLock()
        self.reading = threading.RLock()
        self.counting = threading.Lock()
        if shake:
            self.shake()

    def shake(self):
        """The preface, and SETTINGS both ways."""
        self.unacknowledged.append({})
        self.send(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0, h2.settings(self.own_settings)))
        self.wait(lambda: self.said_settings and not self.unacknowledged, "SETTINGS and their acknowledgement")

    # Sending

    def frame(self, kind, flags=0, stream=0, payload=b"", length=None):
        with self.sending:
            self.send(h2.frame(kind, flags, stream, payload, length))

    def try_frames(self, *frames):
        """Sends what the proxy may rightly hang up on."""
        with self.sending:
            return self.try_send(b"".join(frames))

    def block_of(self, fields):
        return bytes(self.encoder.encode(h2.pairs_of(fields)))

    def headers(self, fields, end=True, stream=None, block=None):
        """HEADERS, and CONTINUATION where they are long: opens a stream, or ends one with trailers."""
        with self.sending:
            if stream is None:
                method = dict(fields).get(b":method", b"GET")
                stream = self.stream(self.next_number, method)
            block = self.block_of(fields) if block is None else block
            pieces = [block[at:at + h2.FRAME_SIZE] for at in range(0, len(block), h2.FRAME_SIZE)] or [b""]
            for place, piece in enumerate(pieces):
                flags = h2.END_HEADERS if place == len(pieces) - 1 else 0
                if place == 0 and end:
                    flags |= h2.END_STREAM
                self.send(h2.frame(h2.CONTINUATION if place else h2.HEADERS, flags, stream.number, piece))
        return stream

    def stream(self, number=None, method=b"GET"):
        """A stream under this number (the next one), for frames that a case writes itself."""
        number = number or self.next_number
        self.next_number = max(self.next_number, number + 2)
        return self.streams.setdefault(number, Stream(self, number, method))

    def request(self, host, target="/", *lines, method="GET", body=None, end=True):
        """A well-formed request; `body` brings its content-length, `end=False` leaves the stream open."""
        lines = list(lines)
        if body is not None:
            lines.append(f"content-length: {len(body)}")
        fields = h2.request_fields(host, target, *lines, method=method, scheme=self.scheme)
        stream = self.headers(fields, end=end and not body)
        if body:
            stream.send(body, end)
        return stream

    def fetch(self, host, target="/", *lines, **more):
        """A well-formed request and its answer."""
        return self.request(host, target, *lines, **more).response()

    def change_settings(self, values):
        """SETTINGS, until they are acknowledged."""
        with self.reading:
            self.unacknowledged.append(dict(values))
        self.frame(h2.SETTINGS, 0, 0, h2.settings(values))
        self.wait(lambda: not self.unacknowledged, "the acknowledgement of SETTINGS")

    def ping(self, data=b"pingping"):
        """A round trip: all that was sent before has been read."""
        before = len(self.pongs)
        self.frame(h2.PING, 0, 0, data)
        self.wait(lambda: len(self.pongs) > before, "the PING's acknowledgement")
        return self.pongs[-1]

    def grant(self, size, stream=None):
        """WINDOW_UPDATE."""
        with self.counting:
            (stream or self).takes += size
        self.frame(h2.WINDOW_UPDATE, 0, stream.number if stream else 0, h2.uint32(size))

    def take_window(self, stream, wanted):
        """Waits until the windows let something through, and takes as much of it."""
        def open_now():
            return stream.reset_code is not None or min(self.window, stream.window) > 0
        while True:
            self.wait(open_now, f"window for stream {stream.number} ({stream.window}, connection {self.window})")
            if stream.ended and stream.reset_code == h2.NO_ERROR:
                return 0
            if stream.reset_code is not None:
                raise Cut("reset", f"stream {stream.number}: {h2.code_name(stream.reset_code)}")
            with self.counting:
                size = min(wanted, h2.FRAME_SIZE, self.window, stream.window)
                if size > 0:
                    self.window -= size
                    stream.window -= size
                    return size

    # Reading

    def wait(self, condition, what, deadline=None):
        """Reads frames until the condition holds."""
        deadline = deadline or time.monotonic() + DEADLINE
        while not condition():
            if self.reading.acquire(timeout=0.01):
                try:
                    if not condition():
                        self.read_frame(deadline)
                except Cut as cut:
                    raise Cut(cut.how, f"before {what}; GOAWAYs: {self.goaways}") from cut
                except Silent as silent:
                    raise Silent(f"{self.label}: in vain for {what}; the last frames: {self.log[-5:]}") from silent
                finally:
                    self.reading.release()
            elif time.monotonic() > deadline:
                raise Silent(f"{self.label}: in vain for {what}")

    def listen(self, seconds):
        """Reads what comes in that time, whatever it is."""
        try:
            self.wait(lambda: False, "nothing", time.monotonic() + seconds)
        except Silent:
            pass

    def _receive(self, deadline, size=65536):
        try:
            return super()._receive(deadline, size)
        except ssl.SSLEOFError:  # an end without close_notify is none
            self.ended = "reset"
            return False

    def read_frame(self, deadline):
        """Takes one frame and does what it says."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            self._need(deadline, "between frames" if not self.buffer else "within a frame")
        length = int.from_bytes(self.buffer[:3], "big")
        kind, flags, number = struct.unpack(">BBL", self.buffer[3:9])
        payload = self._take(9 + length)[9:]
        self.log.append((kind, flags, number, length))
        if length > self.own_limit:
            raise wire.Malformed(f"a frame of {length} bytes")
        if self.block and (kind != h2.CONTINUATION or number != self.block[0].number):
            raise wire.Malformed(f"a frame of kind {kind} within a header block")
        if not self.said_settings and kind != h2.SETTINGS:
            raise wire.Malformed(f"the first frame is {kind}")
        if kind < len(h2.NAMES):
            getattr(self, "_on_" + h2.NAMES[kind].lower())(flags, number, payload)

    def _known(self, number, what):
        if number not in self.streams:
            raise wire.Malformed(f"{what} on stream {number}, which nobody opened")
        stream = self.streams[number]
        if stream.over:
            raise wire.Malformed(f"{what} on stream {number}, which is over")
        return stream

    def _on_data(self, flags, number, payload):
        stream = self._known(number, "DATA")
        size = len(payload)
        with self.counting:
            self.takes -= size
            stream.takes -= size
        if self.takes < 0 or stream.takes < 0 < size:
            raise wire.Malformed(f"more DATA than the windows allow: {stream.takes}, connection {self.takes}")
        if flags & h2.PADDED:
            payload = payload[1:len(payload) - payload[0]]
        stream.on_data(payload, bool(flags & h2.END_STREAM))
        if not self.refill:
            return
        for one, whole in ((self, h2.WINDOW), (stream, self.own_window)):
            one.owed += size
            if one.owed * 2 >= min(whole, h2.WINDOW) and (one is self or stream.refill and not stream.over):
                if self._still_sends():
                    self.grant(one.owed, None if one is self else stream)
                one.owed = 0

    def _still_sends(self):
        return not self.unsendable

    def _on_headers(self, flags, number, payload):
        if flags & h2.PADDED:
            payload = payload[1:len(payload) - payload[0]]
        if flags & h2.WITH_PRIORITY:
            payload = payload[5:]
        self.block = [self._known(number, "HEADERS"), bool(flags & h2.END_STREAM), bytearray()]
        self._on_continuation(flags, number, payload)

    def _on_continuation(self, flags, number, payload):
        if not self.block:
            raise wire.Malformed("CONTINUATION without HEADERS")
        stream, end, block = self.block
        block += payload
        if not flags & h2.END_HEADERS:
            return
        self.block = None
        fields = wire.Fields(tuple(pair) for pair in self.decoder.decode(bytes(block), raw=True))
        for name, value in fields:
            bare = name[1:] if name.startswith(b":") else name
            if name != name.lower() or not wire.TOKEN.fullmatch(bare) or not wire.FIELD_VALUE.fullmatch(value):
                raise wire.Malformed(f"not a field: {name!r}: {value!r}")
            if name in FORBIDDEN or value != value.strip(b" \t"):
                raise wire.Malformed(f"a field that HTTP/2 forbids: {name!r}: {value!r}")
        stream.on_fields(fields, end)

    def _on_priority(self, _flags, _number, payload):
        equal(len(payload), 5, "bytes of PRIORITY")

    def _on_rst_stream(self, _flags, number, payload):
        stream = self.streams.get(number)
        if stream is None:
            raise wire.Malformed(f"RST_STREAM on stream {number}, which nobody opened")
        stream.reset_code = struct.unpack(">L", payload)[0]

    def _on_settings(self, flags, number, payload):
        equal(number, 0, "the stream of SETTINGS")
        if flags & h2.ACK:
            equal(payload, b"", "what acknowledges SETTINGS")
            self._on_acknowledgement(self.unacknowledged.pop(0))
            return
        said = dict(struct.iter_unpack(">HL", payload))
        if h2.INITIAL_WINDOW_SIZE in said:
            change = said[h2.INITIAL_WINDOW_SIZE] - self.peer_settings.get(h2.INITIAL_WINDOW_SIZE, h2.WINDOW)
            with self.counting:
                for stream in self.streams.values():
                    stream.window += change
        if h2.HEADER_TABLE_SIZE in said:
            self.encoder.header_table_size = min(said[h2.HEADER_TABLE_SIZE], 4096)
        self.peer_settings.update(said)
        self.said_settings = True
        if self.acknowledges and self._still_sends():
            self.try_frames(h2.frame(h2.SETTINGS, h2.ACK))

    def _on_acknowledgement(self, values):
        if h2.INITIAL_WINDOW_SIZE in values:
            change = values[h2.INITIAL_WINDOW_SIZE] - self.own_window
            self.own_window = values[h2.INITIAL_WINDOW_SIZE]
            with self.counting:
                for stream in self.streams.values():
                    stream.takes += change
        self.own_limit = values.get(h2.MAX_FRAME_SIZE, self.own_limit)
        if h2.HEADER_TABLE_SIZE in values:
            self.decoder.max_allowed_table_size = values[h2.HEADER_TABLE_SIZE]

    def _on_push_promise(self, _flags, number, _payload):
        raise wire.Malformed(f"PUSH_PROMISE on stream {number}")

    def _on_ping(self, flags, number, payload):
        equal((number, len(payload)), (0, 8), "stream and bytes of PING")
        if flags & h2.ACK:
            self.pongs.append(payload)
        elif self.acknowledges and self._still_sends():
            self.try_frames(h2.frame(h2.PING, h2.ACK, 0, payload))

    def _on_goaway(self, _flags, number, payload):
        equal(number, 0, "the stream of GOAWAY")
        last, code = struct.unpack(">LL", payload[:8])
        if self.goaways and last > self.goaways[-1][0]:
            raise wire.Malformed(f"GOAWAY names stream {last} after {self.goaways[-1][0]}")
        self.goaways.append((last, code, payload[8:]))

    def _on_window_update(self, _flags, number, payload):
        size = struct.unpack(">L", payload)[0]
        expect(0 < size <= h2.MAX_WINDOW, f"WINDOW_UPDATE of {size}")
        one = self if number == 0 else self.streams.get(number)
        if one is None:
            raise wire.Malformed(f"WINDOW_UPDATE on stream {number}, which nobody opened")
        with self.counting:
            one.window += size
            one.granted += size
        expect(one.window <= h2.MAX_WINDOW, f"a window of {one.window}")

    # What must come of it

    @property
    def faults(self):
        """GOAWAYs with an error."""
        return [(h2.code_name(code), debug) for _, code, debug in self.goaways if code != h2.NO_ERROR]

    def wait_closed(self, what="the connection"):
        """Reads on until the proxy ends the connection."""
        try:
            self.wait(lambda: False, f"the end of {what}")
        except Cut:
            return
        except Silent as error:
            raise Failed(f"{what} stayed open; the last frames: {self.log[-5:]}, GOAWAYs: {self.goaways}") from error

    def must_fail(self, *codes):
        """GOAWAY with one of these, and the end of the connection."""
        self.wait_closed()
        expect(self.faults, f"the connection ended without GOAWAY of an error ({self.ended}; {self.goaways})")
        one_of(self.faults[0][0], [h2.code_name(code) for code in codes], "GOAWAY's code")

    def must_fail_or_reset(self, stream, *codes):
        """An error of the stream, which may be treated as the connection's."""
        try:
            self.wait(lambda: stream.reset_code is not None or self.faults, f"RST_STREAM of {stream.number}, or GOAWAY")
        except Cut as error:
            raise Failed(f"the connection ended without a word: {error}") from error
        got = h2.code_name(stream.reset_code) if stream.reset_code is not None else self.faults[0][0]
        one_of(got, [h2.code_name(code) for code in codes], "the error's code")

    def must_stay_open_for(self, host):
        """The connection still serves a request, and nothing was wrong with it."""
        equal(self.fetch(host, "/still-open").status, 200, "status of the next request on the connection")
        equal(self.goaways, [], "GOAWAYs")


def connect(t, proxy=None, address=None, receive_buffer=None, **options):
    """A new connection with prior knowledge; it ends with the case."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(DEADLINE)
    sock.connect(address or (proxy or t.proxy).address)
    return _kept(t, H2Client(sock, f"h2 client {len(t.clients) + 1}", **options))


def connect_secured(t, address, name, with_context, **options):
    """A new connection under TLS, with whatever protocols the context offers."""
    raw = socket.create_connection(address, DEADLINE)
    secured = with_context.wrap_socket(raw, server_hostname=name, suppress_ragged_eofs=False)
    return _kept(t, H2Client(secured, f"h2 TLS client {len(t.clients) + 1}", scheme="https", **options))


def _kept(t, client):
    t.clients.append(client)
    return client
