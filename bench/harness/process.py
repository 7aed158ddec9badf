"""Programs under measurement: started on a CPU of their own, their CPU time read to the nanosecond, ended for sure."""
import ctypes
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
START_TIMEOUT_S = 20


class Failed(Exception):
    """Something that a person has to know, in words for them."""


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def children_of(pid):
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        for child in (task / 'children').read_text().split():
            yield int(child)
            yield from children_of(int(child))


class Process:
    """One program and its children, pinned to a CPU."""

    def __init__(self, command, cpu, log):
        self.name = command[0]
        self.log = pathlib.Path(log)
        libc = ctypes.CDLL(None)
        parent = os.getpid()
        _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)

        def settle():  # in the child, before it becomes the program
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)
            os.sched_setaffinity(0, {cpu})
            resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))

        with self.log.open('wb') as log_file:
            try:
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log_file,
                                                stderr=subprocess.STDOUT, preexec_fn=settle)
            except FileNotFoundError:
                raise Failed(f'there is no {command[0]}: tools/setup --bench installs the peers') from None

    def wait_for_port(self, port):
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failed(f'{self.name} ended at start: {self.log.read_text(errors="replace")[-2000:]}')
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', port)) == 0:
                    return
            time.sleep(0.02)
        raise Failed(f'{self.name} does not listen on port {port} after {START_TIMEOUT_S} s')

    def cpu_ns(self):
        """User and system time of all its threads so far (the scheduler's own count, not clock ticks)."""
        total = 0
        for pid in (self.process.pid, *children_of(self.process.pid)):
            for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
                total += int((task / 'schedstat').read_text().split()[0])
        return total

    def resident_kib(self):
        total = 0
        for pid in (self.process.pid, *children_of(self.process.pid)):
            for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
                if line.startswith('VmRSS:'):
                    total += int(line.split()[1])
        return total

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
