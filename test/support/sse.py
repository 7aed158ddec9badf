"""One who follows /api/v1/events: a raw connection, and a strict reader of chunks and of server-sent events in them."""

import json
import time
from dataclasses import dataclass

from checks import equal, expect
from peer import DEADLINE, Silent

EVENTS = "/api/v1/events"
HEARTBEAT = object()


@dataclass
class Told:
    id: str
    event: str
    data: dict

    @property
    def sequence(self):
        return int(self.id.partition("-")[2])


class Follower:
    """Has read the head and, of a 200, the block that a stream opens with."""

    def __init__(self, t, proxy, *fields, path=EVENTS, method="GET", version="1.1", **options):
        self.client = t.client_at(("127.0.0.1", proxy.admin_port), **options)
        lines = [f"{method} {path} HTTP/{version}", f"Host: 127.0.0.1:{proxy.admin_port}", *fields]
        self.client.send("".join(line + "\r\n" for line in lines).encode() + b"\r\n")
        self.head = self.client.read_head()
        self.status = self.head.status
        self.text = ""
        self.ended = False
        self.is_chunked = self.head.fields.get("transfer-encoding") == b"chunked"
        if self.status == 200 and method == "GET":
            self.position = self._opening()

    def _opening(self):
        lines = self._block(time.monotonic() + DEADLINE)
        equal(lines[0], "retry: 1000", "the first line of a stream")
        expect(lines[1].startswith("id: ") and len(lines) == 2, f"an id and no data: {lines}")
        return lines[1][4:]

    def _chunk(self, deadline):
        if not self.is_chunked:
            piece = self.client.read_some()
            self.ended = not piece
            return piece.decode()
        size = int(self.client.read_until(b"\r\n", deadline), 16)
        data = self.client.read_exactly(size, deadline)
        equal(self.client.read_exactly(2, deadline), b"\r\n", "the end of a chunk")
        self.ended = size == 0
        return data.decode()

    def _block(self, deadline):
        """The lines of the next block; None at the end of the stream."""
        while "\n\n" not in self.text:
            if self.ended:
                equal(self.text, "", "what is left at the end of the stream")
                return None
            self.text += self._chunk(deadline)
        block, _, self.text = self.text.partition("\n\n")
        return block.split("\n")

    def next(self, deadline=DEADLINE):
        """The next event or HEARTBEAT; None at a clean end."""
        lines = self._block(time.monotonic() + deadline)
        if lines is None:
            return None
        if lines == [":"]:
            return HEARTBEAT
        fields = dict(line.split(": ", 1) for line in lines)
        equal(len(fields), len(lines), "each field stands once in a block")
        return Told(fields.get("id"), fields["event"], json.loads(fields["data"]))

    def take(self, count):
        """So many events, without the heartbeats between them."""
        told = []
        while len(told) < count:
            one = self.next()
            expect(one is not None, f"the stream ended after {len(told)} of {count} events")
            if one is not HEARTBEAT:
                told.append(one)
        return told

    def until(self, event, deadline=DEADLINE):
        """Reads on to the next event of this name."""
        end = time.monotonic() + deadline
        while True:
            one = self.next(max(0.01, end - time.monotonic()))
            expect(one is not None, f"the stream ended before {event}")
            if one is not HEARTBEAT and one.event == event:
                return one

    def there(self):
        """The events that have come already."""
        told = []
        while True:
            try:
                one = self.next(0.01)
            except Silent:
                return told
            expect(one is not None, "the stream goes on")
            if one is not HEARTBEAT:
                told.append(one)

    def rest(self, deadline=DEADLINE):
        """The events to the clean end of the stream."""
        told = []
        while (one := self.next(deadline)) is not None:
            if one is not HEARTBEAT:
                told.append(one)
        self.client.must_close("the stream's connection")
        return told

    def says_nothing(self, seconds):
        try:
            one = self.next(seconds)
        except Silent:
            return
        expect(one is HEARTBEAT, f"nothing is told: {one}")

    def close(self):
        self.client.close()
