"""An OpenTelemetry collector's end of OTLP over HTTP: it takes batches of spans, or does not."""

import json
import threading
import time

from checks import Failed, equal
from origin import Origin
from peer import DEADLINE
from wire import response

TAKEN = response("200 OK", b"{}")


class Collector:
    """`answers`: to the first batches, in turn; all that follow are taken. None: never answered."""

    def __init__(self, t, *answers, port=0):
        self.taken = []     # spans of the batches that were answered with 2xx
        self.refused = []   # of those that were not
        self.batches = []
        self.lock = threading.Lock()
        self.left = list(answers)
        self.origin = Origin(self._serve, port=port)
        t.origins.append(self.origin)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.origin.port}"

    @property
    def flags(self):
        return ["--otlp", self.url]

    def _serve(self, backend):
        request = backend.read_request()
        equal((request.method, request.target, request.fields.need("Content-Type")),
              (b"POST", b"/v1/traces", b"application/json"), "what a collector is sent")
        spans = spans_of(json.loads(request.body))
        with self.lock:
            answer = self.left.pop(0) if self.left else TAKEN
            if answer is None:
                self.batches.append(spans)
        if answer is None:
            backend.wait_end()
            return
        backend.send(answer)
        with self.lock:
            self.batches.append(spans)
            (self.taken if answer.startswith(b"HTTP/1.1 2") else self.refused).extend(spans)
        backend.finish_sending()
        backend.wait_end()

    def wait(self, count):
        """Until so many spans have been taken, which then are all."""
        ends = time.monotonic() + DEADLINE
        while len(self.taken) < count:
            if self.origin.faults:
                raise self.origin.faults[0]
            if time.monotonic() > ends:
                raise Failed(f"{len(self.taken)} spans, not {count}, in {DEADLINE:g} s")
            time.sleep(0.01)
        equal(len(self.taken), count, "spans")
        return list(self.taken)

    def one(self, count=1):
        return self.wait(count)[-1]


def attributes(of):
    return {one["key"]: next(iter(one["value"].values())) for one in of["attributes"]}


def spans_of(document):
    """Flat, each with its attributes as a plain mapping, the resource's among them."""
    spans = []
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                spans.append(span | {"attributes": attributes(span), "resource": attributes(resource["resource"])})
    return spans
