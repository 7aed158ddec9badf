"""The access log of a proxy under test, read back: lines, and what they add up to."""

import json
import os
import time
from collections import Counter

from checks import Failed, equal, expect
from counting import OUTCOMES, Tally
from peer import DEADLINE


class AccessLog:
    """A file that a proxy writes to; `flags` make it."""

    def __init__(self, folder, name="access.log"):
        self.path = os.path.join(folder, name)

    @property
    def flags(self):
        return ["--access-log", self.path]

    def text(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def lines(self):
        """All that are whole; each is an object."""
        return [json.loads(line) for line in self.text().splitlines(keepends=True) if line.endswith("\n")]

    def wait(self, count):
        """Until there are so many, which then are all."""
        ends = time.monotonic() + DEADLINE
        while len(found := self.lines()) < count:
            if time.monotonic() > ends:
                raise Failed(f"{len(found)} lines, not {count}, in {DEADLINE:g} s; the last: {found[-3:]}")
            time.sleep(0.01)
        equal(len(found), count, "lines of the access log")
        return found

    def one(self, count=1):
        return self.wait(count)[-1]


def tally(lines):
    """What they add up to, as clients and origins count; and their retries."""
    total = Tally()
    for line in lines:
        total.add(line["outcome"], status=line.get("status", 0), error=line.get("error"), into=line["bytesIn"],
                  out=line["bytesOut"], tunnel=line.get("status") == 101)
    return total, sum(line["retries"] for line in lines)


def agrees(lines, tallied, retries, what, bytes_too=True):
    """The lines say of these requests what their clients and origins do."""
    got, got_retries = tally(lines)
    for name in OUTCOMES:
        equal(got.outcomes[name], tallied.outcomes[name], f"{what}: lines that say {name}")
    equal(got.status, +Counter(tallied.status), f"{what}: statuses in the log")
    equal(got.errors, +Counter(tallied.errors), f"{what}: errors in the log")
    equal((got.tunnels, got_retries), (tallied.tunnels, retries), f"{what}: tunnels and retries in the log")
    if bytes_too:
        equal((got.bytes_in, got.bytes_out), (tallied.bytes_in, tallied.bytes_out), f"{what}: bytes in the log")
    ids = Counter(line["requestId"] for line in lines)
    expect(all(times == 1 for times in ids.values()), f"{what}: each request has one line")
