"""Loads that go on while processes come and go, each of which knows what a failure is."""

import asyncio
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'test' / 'support'))

import h2_frames as h2
from h2 import H2Client
from peer import Cut
from wire import request


class Repeated:
    """A program that loads, run again and again until the end; `read` makes (requests, faults) of what it prints."""

    def __init__(self, name, command, read):
        self.name, self.command, self.read = name, command, read
        self.requests, self.faults = 0, []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            done = subprocess.run(self.command, capture_output=True, text=True, check=False)
            requests, faults = self.read(done.stdout + done.stderr)
            self.requests += requests
            self.faults += faults
            if done.returncode:
                self.faults.append(f"exit code {done.returncode}: {done.stderr[-300:]}")

    def stop(self):
        self.stopping.set()
        self.thread.join(120)


def read_wrk(text):
    faults = [line.strip() for line in text.splitlines() if "Socket errors" in line or "Non-2xx" in line]
    found = re.search(r"(\d+) requests in", text)
    return (int(found.group(1)), faults) if found else (0, [f"wrk said: {text[-300:]}"])


def read_h2load(text):
    found = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    if not found:
        return 0, [f"h2load said: {text[-300:]}"]
    done, _, *bad = map(int, found.groups())
    return done, [found.group(0)] if any(bad) else []


def wrk(address):
    return Repeated("wrk", ["wrk", "-t1", "-c16", "-d10s", "--timeout", "30s", f"http://{address[0]}:{address[1]}/"], read_wrk)


def h2load(address):
    """Over HTTP/1.1: over HTTP/2 it ends at GOAWAY what it has not asked yet, and counts that as failed."""
    return Repeated("h2load", ["h2load", "--h1", "-t1", "-c8", "-n4000", f"http://{address[0]}:{address[1]}/"], read_h2load)


class Http2:
    """Clients that keep streams under way, and that go elsewhere when GOAWAY tells them to (RFC 9113 section 6.8)."""

    name = "HTTP/2"

    def __init__(self, address, connect, clients=4, streams=4):
        self.address, self.connect, self.streams = address, connect, streams
        self.requests, self.faults, self.again = 0, [], 0
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._keep_on, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _keep_on(self):
        while not self.stopping.is_set():
            try:
                self._one_connection()
            except Exception as error:
                self.faults.append(f"{type(error).__name__}: {error}")
                time.sleep(0.1)

    def _one_connection(self):
        client = H2Client(self.connect(self.address))
        under_way = []
        while True:
            told = len(client.goaways)
            while not told and not self.stopping.is_set() and len(under_way) < self.streams:
                under_way.append(client.request("any.test"))
            if not under_way:
                break
            client.wait(lambda told=told: len(client.goaways) > told or any(one.over for one in under_way), "an answer")
            under_way = [one for one in under_way if not self._is_done(client, one)]
        client.close()

    def _is_done(self, client, stream):
        """Answered; or, as GOAWAY says, never looked at: then it is asked on the next connection."""
        if client.goaways and stream.number > client.goaways[-1][0]:
            self.again += 1
            return True
        if not stream.over:
            return False
        if stream.reset_code is not None or stream.head.status != 200:
            raise Cut("reset", f"stream {stream.number}: {stream.reset_code and h2.code_name(stream.reset_code)}")
        self.requests += 1
        return True

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)


class Tunnels:
    """WebSockets (as far as the proxy sees) that echo all the time. Each is opened again when it has ended; when that
    may be is for `may_end(opened, ended)` to say."""

    name = "tunnels"

    def __init__(self, address, host, may_end, count=100):
        self.address, self.host, self.may_end, self.count = address, host, may_end, count
        self.echoes, self.ends, self.open, self.faults = 0, 0, 0, []
        self.begun, self.stopping = threading.Event(), threading.Event()
        self.port = None  # where the echo is
        started = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._all(started)), daemon=True)
        self.thread.start()
        started.wait()

    async def _all(self, started):
        server = await asyncio.start_server(self._echo, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await asyncio.to_thread(self.begun.wait)
        await asyncio.gather(*(self._keep_open() for _ in range(self.count)))
        server.close()

    def begin(self):
        self.begun.set()

    @staticmethod
    async def _echo(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the last one: the loop ends
        writer.close()

    async def _keep_open(self):
        while not self.stopping.is_set():
            try:
                await self._one()
            except Exception as error:
                self.faults.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.1)

    async def _one(self):
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(request(self.host, "/", "Connection: Upgrade", "Upgrade: websocket"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"no tunnel: {head[:100]!r}")
        opened = time.monotonic()
        self.open += 1
        number = 0
        while not self.stopping.is_set():
            message = b"%8d" % number
            try:
                writer.write(message)
                answer = await asyncio.wait_for(reader.readexactly(len(message)), 30)
            except (ConnectionError, asyncio.IncompleteReadError):
                ended = time.monotonic()
                self.ends += 1
                if fault := self.may_end(opened, ended):
                    self.faults.append(fault)
                break
            if answer != message:
                raise ConnectionError(f"{answer!r} in place of {message!r}")
            number += 1
            self.echoes += 1
            await asyncio.sleep(0.1)
        self.open -= 1
        writer.close()

    def stop(self):
        self.stopping.set()
        self.thread.join(60)
