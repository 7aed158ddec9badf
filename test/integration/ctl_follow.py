"""penstockctl stats --watch and events: what goes on until Ctrl-C."""

import json
import re
import signal
import socket
import threading

from ctl import RunningCtl, expect_ctl, run_ctl
from harness import DEADLINE, case, cases, contains, equal, expect, free_port, lacks


# stats --watch

@cases([("Ctrl-C", signal.SIGINT), ("SIGTERM", signal.SIGTERM)])
def watch(t, number):
    """stats --watch appends blocks where it is not on a terminal, and ends cleanly."""
    proxy = t.start()
    t.origin(proxy=proxy, host="a.test")
    with RunningCtl(proxy, "stats", "--watch", "--interval", "20ms") as running:
        running.read_until(lambda text: text.count("uptime:") >= 3)
        contains(running.text, "\n\nuptime:", "an empty line between blocks")
        lacks(running.text, "\x1b", "what is not for a terminal")
        running.signal(number)
        equal(running.wait(), 0, "exit code")


@case("stats VHOST --watch -o json is a line of JSON each time")
def watch_json(t):
    proxy = t.start()
    t.origin(proxy=proxy, host="a.test")
    with RunningCtl(proxy, "stats", "a.test", "--watch", "--interval", "20ms", "-o", "json") as running:
        text = running.read_until(lambda text: text.count("\n") >= 3)
        running.signal()
        equal(running.wait(), 0, "exit code")
    equal([json.loads(line)["vHost"] for line in text.splitlines()[:3]], ["a.test"] * 3, "the lines")


@case("on a terminal the table is drawn again in its place, and Ctrl-C leaves the terminal as it was")
def watch_on_a_terminal(t):
    proxy = t.start()
    t.origin(proxy=proxy, host="a.test")
    with RunningCtl(proxy, "stats", "a.test", "--watch", "--interval", "20ms", terminal=True) as running:
        running.read_until(lambda text: text.count("\x1b[H") >= 2)
        proxy.api("POST", f"/api/v1/routes/a.test/backends/{backend_id(proxy)}/dead")
        running.read_until(lambda text: "\x1b[33mmaintenance\x1b[0m" in text)
        running.write("\x03")  # as the key does it: the terminal sends the signal
        equal(running.wait(), 0, "exit code")
        # What hides or moves must have its counterpart: the cursor is shown, no other screen is left on.
        equal(running.text.count("\x1b[?1049h"), running.text.count("\x1b[?1049l"), "screens begun and left")
        equal(running.text.count("\x1b[?25l"), running.text.count("\x1b[?25h"), "cursor hidden and shown")
        expect(running.text.endswith("\r\n"), f"the shell's prompt begins a line: {running.text[-40:]!r}")


def backend_id(proxy):
    return proxy.api("GET", "/api/v1/routes/a.test").json["backends"][0]["id"]


@case("Ctrl-C ends an answer that does not come, at once")
def interrupted_answer(t):
    listener = socket.create_server(("127.0.0.1", 0))
    with RunningCtl(f"http://127.0.0.1:{listener.getsockname()[1]}", "stats", "--watch") as running:
        connection, _ = listener.accept()
        connection.settimeout(DEADLINE)
        expect(connection.recv(65536).startswith(b"GET /api/v1/stats"), "the request")
        running.signal()
        equal(running.wait(), 0, "exit code")
        connection.close()
    listener.close()


@case("stats --watch ends with exit 1 when the API goes away")
def watch_without_api(t):
    proxy = t.start()
    with RunningCtl(proxy, "stats", "--watch", "--interval", "20ms") as running:
        running.read_until(lambda text: text.count("uptime:") >= 2)
        proxy.stop()
        equal(running.wait(), 1, "exit code")
        said = running.process.stderr.read().decode()  # by where in a request the end came
        expect("cannot connect to" in said or "no answer from" in said, f"stderr: {said}")
    expect_usage = run_ctl(None, "stats", "--watch", "--interval", "often")
    equal(expect_usage.code, 2, "exit code of an interval that is none")


# events, from a server of the test's own: it can cut connections as it likes.

class Stream:
    """Server-sent events to whoever connects; `blocks` are lists of what each connection is told before it is cut."""

    def __init__(self, *connections, status=b"200 OK"):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.heads = []
        self.script = list(connections)
        self.status = status
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        for blocks in self.script:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(DEADLINE)
            self.heads.append(connection.recv(65536).decode())
            if blocks is not None:
                connection.sendall(b"HTTP/1.1 " + self.status + b"\r\nContent-Type: text/event-stream\r\n"
                                   b"Transfer-Encoding: chunked\r\n\r\n")
                for block in blocks:
                    data = block.encode()
                    connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))
            connection.close()

    def last_ids(self):
        return [re.search(r"^Last-Event-ID: (.*?)\r$", head, re.MULTILINE) for head in self.heads]

    def close(self):
        self.listener.close()
        self.thread.join(DEADLINE)


def event(number, kind="backend.dead", **data):
    return f"id: p-{number}\nevent: {kind}\ndata: {json.dumps({'sequence': number, 'time': '2026-11-27T08:00:00.000Z'} | data)}\n\n"


@case("events: a connection that is cut is made anew, from the last whole event on")
def resumed(t):
    stream = Stream(["retry: 100\nid: p-0\n\n", event(1, vHost="a.test", id="one")],
                    [event(2, "backend.alive"), event(3)[:-1]],  # the third is not whole
                    None,  # cut before any answer
                    [event(3, "route.changed", vHost="b.test")])
    with RunningCtl(stream.url, "events", "-o", "json") as running:
        text = running.read_until(lambda text: text.count("\n") >= 3)
        running.signal()
        equal(running.wait(), 0, "exit code")
    lines = [json.loads(line) for line in text.splitlines()]
    equal([(one["id"], one["event"], one["data"]["sequence"]) for one in lines],
          [("p-1", "backend.dead", 1), ("p-2", "backend.alive", 2), ("p-3", "route.changed", 3)], "the events")
    equal([found and found[1] for found in stream.last_ids()[:4]], [None, "p-1", "p-2", "p-2"], "Last-Event-ID of each connection")
    expect(all("Accept: text/event-stream" in head for head in stream.heads), "what it accepts")
    stream.close()


@case("events as lines for people, in colour on a terminal")
def event_lines(t):
    stream = Stream([event(1, vHost="a.test", id="one", reason="connect timed out", note="a\x1b[2J"), ": silence\n\n"], None)
    with RunningCtl(stream.url, "events", terminal=True) as running:
        text = running.read_until(lambda text: "\n" in text)
        running.write("\x03")
        equal(running.wait(), 0, "exit code")
    contains(text, '2026-11-27T08:00:00.000Z  \x1b[31mbackend.dead       \x1b[0m vHost=a.test id=one '
                   'reason="connect timed out"', "the line")
    lacks(text, "\x1b[2J", "the terminal")
    stream.close()


@case("events: an API that cannot be reached, or refuses, is exit 1 at once")
def no_events(t):
    equal(run_ctl(f"http://127.0.0.1:{free_port()}", "events").code, 1, "exit code where nobody listens")
    stream = Stream([], status=b"401 Unauthorized")
    ended = run_ctl(stream.url, "events")
    equal((ended.code, ended.out), (1, ""), "exit code and stdout of a refusal")
    stream.close()


@case("events: SIGTERM while it waits to connect anew ends it")
def interrupted_wait(t):
    stream = Stream(["retry: 30000\nid: p-0\n\n", event(1)])
    with RunningCtl(stream.url, "events") as running:
        running.read_until(lambda text: "backend.dead" in text)
        stream.close()
        running.signal(signal.SIGTERM)
        equal(running.wait(), 0, "exit code")
