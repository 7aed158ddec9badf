"""What systemd does for a service, as far as tests need it: the notify socket, and sockets passed on."""

import os
import socket
import sys
import time
from pathlib import Path

from checks import Failed
from peer import DEADLINE


class NotifySocket:
    """Takes what a process says by sd_notify(3). `name`: a path, or "@..." for an abstract one."""

    def __init__(self, name):
        self.name = name
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.sock.bind("\0" + name[1:] if name.startswith("@") else name)
        self.heard = []  # (pid of who said it, {NAME: value})

    def close(self):
        self.sock.close()

    @property
    def env(self):
        return {"NOTIFY_SOCKET": self.name}

    def next(self, deadline=DEADLINE):
        """The next message: who said it, and its assignments."""
        self.sock.settimeout(max(0.001, deadline))
        try:
            data, ancillary, _, _ = self.sock.recvmsg(4096, 256)
        except TimeoutError as error:
            raise Failed(f"the notify socket heard nothing more; before: {self.heard}") from error
        pid = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
        self.heard.append((pid, dict(line.split("=", 1) for line in data.decode().splitlines())))
        return self.heard[-1]

    def wait_for(self, name, value=None, deadline=DEADLINE):
        """The first message from now on that says so."""
        end = time.monotonic() + deadline
        while True:
            pid, said = self.next(end - time.monotonic())
            if name in said and value in (None, said[name]):
                return pid, said


def activated(*named):
    """For Proxy(within=, pass_fds=): started with these (name, socket) as systemd starts a service with its sockets."""
    fds = [sock.fileno() for _, sock in named]
    return {"within": [sys.executable, str(Path(__file__).resolve()), ":".join(name for name, _ in named), *map(str, fds), "--"],
            "pass_fds": fds}


def _become(arguments):
    names, rest = arguments[0], arguments[1:]
    end = rest.index("--")
    fds, command = [int(fd) for fd in rest[:end]], rest[end + 1:]
    aside = [os.dup(fd) for fd in fds]
    aside = [os.dup2(fd, 100 + place) for place, fd in enumerate(aside)]
    for fd in range(3, 100):
        try:
            os.close(fd)
        except OSError:
            pass
    for place, fd in enumerate(aside):
        os.dup2(fd, 3 + place, inheritable=True)
        os.close(fd)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
    os.execv(command[0], command)


if __name__ == "__main__":
    _become(sys.argv[1:])
