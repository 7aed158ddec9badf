"""One stream of an HTTP/2 connection at the client's end: what is sent on it, and what came."""

import h2_frames as h2
import wire
from checks import Failed, equal, expect, one_of

WITHOUT_BODY = (204, 304)


class Stream:
    """One request and what came for it."""

    def __init__(self, client, number, method=b"GET"):
        self.client = client
        self.number = number
        self.method = method
        self.interim = []
        self.head = None           # a wire.Response once it is there
        self.body = bytearray()
        self.sink = None           # takes the body's pieces instead
        self.count = 0             # bytes of the body so far
        self.ended = False         # the proxy has said END_STREAM
        self.reset_code = None     # of the proxy's RST_STREAM
        self.refill = True
        self.owed = 0              # bytes read that were not given back
        self.takes = client.own_window    # what the proxy may still send
        self.window = client.peer_settings.get(h2.INITIAL_WINDOW_SIZE, h2.WINDOW)  # what it may still be sent
        self.granted = 0           # by the proxy's WINDOW_UPDATEs

    # Sending

    def send(self, data=b"", end=False):
        """DATA, as much at a time as the windows let through; waits for them. The rest is not sent where the proxy has
        answered in full and says that it does not want it."""
        data = memoryview(data)
        while True:
            size = self.client.take_window(self, len(data)) if data else 0
            if self.ended and self.reset_code == h2.NO_ERROR:
                return self
            last = size == len(data)
            self.client.frame(h2.DATA, h2.END_STREAM if last and end else 0, self.number, bytes(data[:size]))
            data = data[size:]
            if last:
                return self

    def trailers(self, *lines):
        self.client.headers(h2.pairs_of(lines), end=True, stream=self)
        return self

    def reset(self, code=h2.CANCEL):
        self.client.frame(h2.RST_STREAM, 0, self.number, h2.uint32(code))

    def grant(self, size):
        self.client.grant(size, self)

    # Reading

    @property
    def over(self):
        return self.ended or self.reset_code is not None

    def wait_head(self):
        """The final head (what came before it is in `interim`)."""
        self.client.wait(lambda: self.head or self.over, f"the head of stream {self.number}")
        if not self.head:
            raise Failed(f"stream {self.number} was reset before its head: {h2.code_name(self.reset_code)}")
        return self.head

    def wait_body(self, count):
        """Until so many bytes of the body are there."""
        self.client.wait(lambda: self.count >= count or self.over, f"{count} bytes of stream {self.number}")
        expect(self.count >= count, f"stream {self.number} was over after {self.count} bytes, of {count}")

    def response(self):
        """The whole answer."""
        self.client.wait(lambda: self.over, f"the end of stream {self.number}")
        if not self.ended:
            raise Failed(f"stream {self.number} was reset: {h2.code_name(self.reset_code)}")
        self.head.body = bytes(self.body)
        return self.head

    def must_reset(self, *codes):
        """The proxy ends this stream alone, with one of these."""
        self.client.wait(lambda: self.over, f"RST_STREAM of stream {self.number}")
        if self.reset_code is None:
            raise Failed(f"stream {self.number} ended cleanly ({self.head.status}, {self.count} bytes)")
        one_of(h2.code_name(self.reset_code), [h2.code_name(code) for code in codes], "the reset's code")
        equal(self.client.faults, [], "GOAWAY with an error")

    def quiet(self):
        """Nothing has come for this stream once the proxy has read all that was sent (a PING comes back)."""
        self.client.ping()
        expect(not self.over and not self.head, f"stream {self.number} was answered or reset: {self.head or self.reset_code}")

    # What comes

    def on_fields(self, fields, end):
        if self.head:
            expect(end, f"stream {self.number}: a second head, or trailers that do not end the stream")
            expect(not any(name.startswith(b":") for name, _ in fields), f"a pseudo-field in trailers: {fields}")
            self.head.trailers.extend(fields)
            self.on_end()
            return
        names = [name for name, _ in fields if name.startswith(b":")]
        if names != [b":status"] or fields[0][0] != b":status":
            raise wire.Malformed(f"the head's pseudo-fields: {fields}")
        status = int(fields[0][1])
        head = wire.Response(b"2", status, b"", wire.Fields(fields[1:]), b"")
        if status < 200:
            expect(not end, f"END_STREAM on {status}")
            expect(status != 101, "101 in HTTP/2")
            self.interim.append(head)
            return
        head.interim = self.interim
        self.head = head
        if end:
            self.on_end()

    def on_data(self, data, end):
        expect(self.head, f"stream {self.number}: DATA before the head")
        self.count += len(data)
        (self.sink or self.body.extend)(data)
        if end:
            self.on_end()

    def on_end(self):
        self.ended = True
        length = wire.body_length(self.head.fields)
        if self.method == b"HEAD" or self.head.status in WITHOUT_BODY:
            equal(self.count, 0, f"bytes of a body that {self.method} {self.head.status} has not")
        elif length is not None:
            equal(self.count, length, f"bytes of stream {self.number}, and its content-length")
