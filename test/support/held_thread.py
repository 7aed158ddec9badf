"""A thread of another process, held where it is (ptrace(2), PTRACE_SEIZE): as stuck as a thread can be."""

import ctypes
import os
import threading

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def _ptrace(what, thread):
    if _libc.ptrace(what, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace({what:#x}) of {thread}: {os.strerror(ctypes.get_errno())}")


def thread_named(pid, name):
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm", encoding="ascii") as file:
            if file.read().strip() == name:
                return int(task)
    raise LookupError(f"process {pid} has no thread {name}")


class HeldThread:
    """Until let_go(). A tracer is one thread: it has its own."""

    def __init__(self, thread):
        self.thread = thread
        self.held, self.free = threading.Event(), threading.Event()
        self.error = None
        self.tracer = threading.Thread(target=self._trace, daemon=True)
        self.tracer.start()
        self.held.wait()
        if self.error:
            raise self.error

    def _trace(self):
        try:
            _ptrace(PTRACE_SEIZE, self.thread)
            _ptrace(PTRACE_INTERRUPT, self.thread)
            os.waitpid(self.thread, WALL)
        except OSError as error:
            self.error = error
        self.held.set()
        if self.error:
            return
        while not self.free.wait(0.02):
            if os.waitpid(self.thread, WALL | os.WNOHANG)[0]:
                return  # it has ended with its process, which waits for that to be noticed
        try:
            _ptrace(PTRACE_DETACH, self.thread)
        except OSError:
            pass  # its process has ended

    def let_go(self):
        self.free.set()
        self.tracer.join()
