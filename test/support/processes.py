"""Backends that are processes of their own, to be killed and brought back; and one behind a wire of its own, whose
packets can be made to vanish."""

import itertools
import os
import socket
import subprocess
import time

from checks import Failed, Skipped
from peer import DEADLINE
from ports import free_port

_numbers = itertools.count(1)


def origin_binary():
    path = os.environ.get("ORIGIN_BIN")
    if not path:
        raise Skipped("ORIGIN_BIN does not name the scripted backend (test/support/origin)")
    return os.path.abspath(path)


class OriginProcess:
    """test/support/origin on a port that it keeps from life to life."""

    def __init__(self, name="one", address="127.0.0.1", port=None, within=(), flags=()):
        self.name = name
        self.address = address
        self.port = port or free_port()
        self.within = list(within)  # the command that starts it somewhere else
        self.flags = list(flags)
        self.process = None
        self.start()

    @property
    def backend(self):
        return {"hostname": self.address, "port": self.port}

    def start(self):
        self.process = subprocess.Popen(
            [*self.within, origin_binary(), "--listen", f"{self.address}:{self.port}", "--name", self.name, *map(str, self.flags)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                socket.create_connection((self.address, self.port), 1).close()
                return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise Failed(f"the origin at {self.address}:{self.port} does not listen") from error
                time.sleep(0.005)

    def kill(self):
        """SIGKILL: its connections are reset, new ones refused."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Wire:
    """A pair of network interfaces, the far end in a namespace of its own, where a backend can listen at `address`."""

    def __init__(self):
        self.name = f"ps{os.getpid() % 100_000}n{next(_numbers)}"
        number = (os.getpid() * 31 + next(_numbers)) % 16_000
        base = f"10.{200 + number // 4_000}.{number // 64 % 64 * 4}.{number % 64 * 4}"
        prefix, _, last = base.rpartition(".")
        self.address = f"{prefix}.{int(last) + 2}"
        near = f"{prefix}.{int(last) + 1}/30"
        self.made = False
        try:
            self._ip("netns", "add", self.name)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Skipped(f"no network namespace can be made here: {getattr(error, 'stderr', '') or error}") from error
        self.made = True
        try:
            self._ip("link", "add", f"{self.name}a", "type", "veth", "peer", "name", f"{self.name}b")
            self._ip("link", "set", f"{self.name}b", "netns", self.name)
            self._ip("address", "add", near, "dev", f"{self.name}a")
            self._ip("link", "set", f"{self.name}a", "up")
            self._far("link", "set", f"{self.name}b", "up")
            shown = self._far("-brief", "link", "show", f"{self.name}b")
            # Known for good: the far end need not answer to be sent packets.
            self._ip("neighbour", "replace", self.address, "lladdr", shown.split()[2], "dev", f"{self.name}a",
                     "nud", "permanent")
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            raise Skipped(f"no veth pair can be made here: {getattr(error, 'stderr', '') or error}") from error
        self.connect()

    @property
    def inside(self):
        """The command that runs another at the far end."""
        return ["ip", "netns", "exec", self.name]

    @property
    def near_interface(self):
        return f"{self.name}a"

    def connect(self):
        self._far("address", "add", f"{self.address}/30", "dev", f"{self.name}b")

    def cut(self):
        """From now on packets arrive and nothing answers them: no reset, no ICMP."""
        self._far("address", "del", f"{self.address}/30", "dev", f"{self.name}b")

    def close(self):
        if self.made:
            self.made = False
            self._ip("netns", "delete", self.name)  # its interfaces go with it

    @staticmethod
    def _ip(*arguments):
        return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=30).stdout

    def _far(self, *arguments):
        return self._ip("-netns", self.name, *arguments)
