"""The program under test: started on free ports, spoken to through its REST API, stopped and judged."""

import http.client
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

from adopted import Adopted, adopt_orphans
from checks import Failed, equal
from client import Client
from peer import DEADLINE, PATIENCE
from ports import free_port

SANITIZED = os.environ.get("PENSTOCK_SANITIZED") == "1"
SCALE = float(os.environ.get("PENSTOCK_TEST_SCALE", "1"))
SANITIZER_REPORT = re.compile(r"(Address|Thread|Leak|UndefinedBehavior|Memory)Sanitizer|runtime error:")


def binary():
    path = os.environ.get("PENSTOCK_BIN")
    if not path:
        raise SystemExit("PENSTOCK_BIN must name the penstock binary")
    if not os.access(path, os.X_OK):
        raise SystemExit(f"PENSTOCK_BIN: {path} cannot be run")
    return os.path.abspath(path)


def environment(extra=None):
    """This process's environment without its own PENSTOCK_*, which would be flags to the program; no store is made here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    return kept | {"PENSTOCK_STORE": "memory:"} | (extra or {})


@dataclass
class ApiAnswer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def run_program(*arguments, env=None, preexec=None, pass_fds=(), deadline=DEADLINE):
    """The binary with just these arguments, to its end: (exit code, stdout, stderr)."""
    process = subprocess.Popen([binary(), *arguments], env=environment(env), preexec_fn=preexec, pass_fds=pass_fds,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = process.communicate(timeout=deadline)
    except subprocess.TimeoutExpired as error:
        process.kill()
        out, err = process.communicate()
        raise Failed(f"{' '.join(arguments)}: still running after {deadline:g} s; stderr: {err}") from error
    return process.returncode, out, err


class Proxy:
    def __init__(self, *flags, io="epoll", workers=1, env=None, preexec=None, pass_fds=(), nofile=None,
                 listen=True, admin=True, admin_context=None, within=(), program=None):
        adopt_orphans()
        self.admin_context = admin_context  # of ssl, where the API is under TLS
        self.port = free_port()
        self.admin_port = free_port()
        self.address = ("127.0.0.1", self.port)
        arguments = [*within, program or binary()]  # `within`: the command that starts it
        if listen:
            arguments += ["--http", f"127.0.0.1:{self.port}"]
        if admin:
            arguments += ["--admin", f"127.0.0.1:{self.admin_port}"]
        for flag, value in (("--store", "memory:"), ("--workers", workers), ("--io", io)):
            if value is not None and flag not in flags:
                arguments += [flag, str(value)]
        self.arguments = arguments + [str(flag) for flag in flags]
        self.stderr_file = tempfile.TemporaryFile()
        self.stopped = False
        self.replaced = []  # processes whose place `process` has taken
        self.process = subprocess.Popen(
            self.arguments, env=environment(env), pass_fds=pass_fds, stdin=subprocess.DEVNULL,
            stdout=self.stderr_file, stderr=self.stderr_file, preexec_fn=self._before_exec(preexec, nofile))

    @staticmethod
    def _before_exec(preexec, nofile):
        if not preexec and not nofile:
            return None

        def prepare():
            if nofile:
                resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
            if preexec:
                preexec()
        return prepare

    # Life

    def wait_ready(self, deadline=None):
        deadline = time.monotonic() + (deadline or DEADLINE)
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failed(f"{' '.join(self.arguments)}: ended with {self.process.returncode} before it was ready; "
                             f"stderr:\n{self.stderr()}")
            try:
                if self.api("GET", "/readyz").status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.005)
        raise Failed(f"not ready in time; stderr:\n{self.stderr()}")

    def alive(self):
        return self.process.poll() is None

    def stderr(self):
        """What it has written to stderr and stdout (pread: the file's offset is the child's as well)."""
        if self.stderr_file.closed:
            return ""
        fd = self.stderr_file.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode("utf-8", "replace")

    def stderr_lines(self):
        return [line for line in self.stderr().splitlines() if line.strip()]

    def signal(self, number):
        self.process.send_signal(number)

    def upgrade(self):
        """Asks the API for a new process, and follows it where it serves."""
        answer = self.api("POST", "/api/v1/process/upgrade")
        if answer.status == 200:
            equal(answer.json["replaces"], self.process.pid, "who has been replaced")
            self.follow(answer.json["pid"])
        return answer

    def follow(self, pid):
        self.replaced.append(self.process)
        self.process = Adopted(pid)

    def wait_exit(self, deadline=DEADLINE):
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"still running {deadline:g} s after it should have ended; stderr:\n{self.stderr()}") from error

    def stop(self, code=0):
        """SIGTERM twice (drain, then at once), and the judgement: exit code and no sanitizer report."""
        if self.stopped:
            return
        self.stopped = True
        try:
            if self.alive():
                self.signal(signal.SIGTERM)
                try:
                    self.process.wait(1.0)
                except subprocess.TimeoutExpired:
                    self.signal(signal.SIGTERM)
                self._end_replaced()
                self.wait_exit()
            self._end_replaced()
            self.judge(code)
        finally:
            for process in [*self.replaced, self.process]:
                if process.poll() is None:
                    process.kill()
                    process.wait(DEADLINE)
            self.stderr_file.close()

    def _end_replaced(self):
        """The oldest first: each is the next one's parent."""
        for process in self.replaced:
            process.send_signal(signal.SIGTERM)
            try:
                equal(process.wait(DEADLINE), 0, "exit code of a process that was replaced")
            except subprocess.TimeoutExpired as error:
                raise Failed(f"process {process.pid}, which was replaced, does not end; stderr:\n{self.stderr()}") from error

    def judge(self, code=0):
        report = self.stderr()
        if SANITIZER_REPORT.search(report):
            raise Failed(f"a sanitizer's report:\n{report[-8000:]}")
        if self.process.returncode != code:
            raise Failed(f"exit code {self.process.returncode}, wanted {code}; stderr:\n{report[-4000:]}")

    # Its REST API

    def api(self, method, path, body=None, headers=None):
        """One call on a connection of its own. `body`: bytes as they are, anything else as JSON."""
        kind, more = http.client.HTTPConnection, {}
        if self.admin_context:
            kind, more = http.client.HTTPSConnection, {"context": self.admin_context}
        connection = kind("127.0.0.1", self.admin_port, timeout=DEADLINE, **more)
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return ApiAnswer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def add_route(self, host, *backends, **fields):
        route = {"vHost": host, "backends": list(backends)} | fields
        answer = self.api("POST", "/api/v1/routes", route)
        if answer.status != 201:
            raise Failed(f"POST /api/v1/routes {json.dumps(route)}: {answer.status} {answer.body!r}")
        return answer

    def client(self, label="client", **options):
        return Client(self.address, label, **options)

    # What it takes

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            parts = stat.read().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


class ProxyPool:
    """Processes that cases share: one for each set of flags, started when first asked for."""

    def __init__(self, io):
        self.io = io
        self.lock = threading.Lock()
        self.proxies = {}
        self.fallen = []

    def get(self, flags, workers):
        with self.lock:
            proxy = self.proxies.get((flags, workers))
            if proxy is None or not proxy.alive():
                if proxy:
                    self.fallen.append(((flags, workers), proxy))
                proxy = Proxy(*flags, io=self.io, workers=workers).wait_ready(DEADLINE * PATIENCE)
                self.proxies[flags, workers] = proxy
            return proxy

    def stop(self):
        """Gives what is wrong with each of them, if anything."""
        faults = []
        for (flags, workers), proxy in self.fallen + list(self.proxies.items()):
            try:
                proxy.stop()
            except Failed as error:
                faults.append(f"the shared proxy ({workers} workers, {' '.join(flags) or 'no further flags'}): {error}")
        return faults


def expect_refused(result, *names):
    """(exit code, stdout, stderr) of a start that must fail with one line that names the culprit."""
    code, _, err = result
    equal(code, 2, f"exit code (stderr: {err!r})")
    lines = [line for line in err.splitlines() if line.strip()]
    equal(len(lines), 1, f"lines on stderr ({err!r})")
    for name in names:
        if name not in lines[0]:
            raise Failed(f"stderr does not name {name!r}: {lines[0]!r}")
