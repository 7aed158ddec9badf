"""penstockctl as a test uses it: run to its end, on a terminal of its own, or for as long as the test likes."""

import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from checks import Failed
from peer import DEADLINE
from polling import readable
from proxy import SANITIZER_REPORT, binary


def ctl_binary():
    """That of the same build as the proxy."""
    path = os.environ.get("PENSTOCKCTL_BIN") or str(Path(binary()).parents[2] / "tools/ctl/penstockctl")
    if not os.access(path, os.X_OK):
        raise SystemExit(f"PENSTOCKCTL_BIN: {path} cannot be run")
    return path


def ctl_environment(extra=None):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_") and name != "NO_COLOR"}
    return kept | {"LC_ALL": "C", "TERM": "xterm"} | (extra or {})


def admin_of(proxy):
    return f"http://127.0.0.1:{proxy.admin_port}"


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def rows(self):
        """Of a table: a dictionary a line, by the headings; columns are two spaces apart."""
        lines = self.out.rstrip("\n").split("\n")
        headings = re.split(r"\s{2,}", lines[0].strip())
        return [dict(zip(headings, re.split(r"\s{2,}", line.strip()))) for line in lines[1:]]


def run_ctl(admin, *arguments, given=None, env=None, deadline=DEADLINE):
    """To its end, stdin and both outputs being pipes. `admin`: a Proxy, the text for --admin, or None for neither."""
    where = [] if admin is None else ["--admin", admin if isinstance(admin, str) else admin_of(admin)]
    command = [ctl_binary(), *where, *map(str, arguments)]
    try:
        ended = subprocess.run(command, env=ctl_environment(env), input=given or "", capture_output=True, text=True,
                               timeout=deadline)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(command)}: still running after {deadline:g} s") from error
    if SANITIZER_REPORT.search(ended.stderr):
        raise Failed(f"{' '.join(command)}: a sanitizer's report:\n{ended.stderr}")
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def expect_ctl(admin, *arguments, **options):
    """The same, where it has to succeed."""
    ended = run_ctl(admin, *arguments, **options)
    if ended.code != 0:
        raise Failed(f"penstockctl {' '.join(map(str, arguments))}: exit {ended.code}: {ended.out}{ended.err}")
    return ended


class RunningCtl:
    """One that goes on: what it writes is read as it comes."""

    def __init__(self, admin, *arguments, terminal=False, env=None):
        where = ["--admin", admin if isinstance(admin, str) else admin_of(admin)]
        command = [ctl_binary(), *where, *map(str, arguments)]
        self.text = ""
        if terminal:
            self.pid, self.fd = pty.fork()
            if self.pid == 0:
                os.execve(command[0], command, ctl_environment(env))
            self.process = None
        else:
            self.process = subprocess.Popen(command, env=ctl_environment(env), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.pid, self.fd = self.process.pid, self.process.stdout.fileno()
        self.code = None

    def write(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, condition, deadline=DEADLINE):
        """Until condition(all that was written so far) is true; gives that text."""
        end = time.monotonic() + deadline
        while not condition(self.text):
            if not readable(max(0, end - time.monotonic()), self.fd):
                raise Failed(f"not written in {deadline:g} s; so far: {self.text!r}")
            piece = self._read()
            if not piece:
                raise Failed(f"it ended; it had written {self.text!r}, {self._stderr()!r}")
            self.text += piece
        return self.text

    def _read(self):
        try:
            return os.read(self.fd, 65536).decode("utf-8", "replace")
        except OSError:  # EIO: a terminal whose other end has gone
            return ""

    def _stderr(self):
        return self.process.stderr.read().decode() if self.process else ""

    def signal(self, number=signal.SIGINT):
        os.kill(self.pid, number)

    def wait(self, deadline=DEADLINE):
        """Its end; gives the exit code (negative: the signal's number)."""
        reader = threading.Thread(target=self._drain, daemon=True)
        reader.start()
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.code = os.waitstatus_to_exitcode(status)
                if self.process:
                    self.process.returncode = self.code
                reader.join(deadline)
                return self.code
            time.sleep(0.005)
        raise Failed(f"still running after {deadline:g} s; it had written {self.text!r}")

    def _drain(self):
        while piece := self._read():
            self.text += piece

    def close(self):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            if self.process:
                self.process.returncode = -signal.SIGKILL
        if self.process:
            self.process.stdout.close()
            self.process.stderr.close()
        else:
            os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
