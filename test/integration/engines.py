"""Both engines, and what becomes of a process that may not use io_uring (as in most containers)."""

import ctypes
import errno
import os
import re
import resource
import struct

from harness import Skipped, case, cases, contains, equal, expect, expect_refused, free_port, run_program

IO_URING_CALLS = (425, 426, 427)  # setup, enter, register: the same numbers on every architecture
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
UNUSED_USER = 64_321  # whose processes, and their rings, are ours alone
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06


def deny_io_uring(error):
    """A preexec function: a seccomp filter that answers the io_uring calls with this errno."""
    def instruction(code, value, if_true=0, if_false=0):
        return struct.pack("HBBI", code, if_true, if_false, value)

    count = len(IO_URING_CALLS)
    program = instruction(LOAD_WORD, 0)  # seccomp_data.nr
    for index, number in enumerate(IO_URING_CALLS):
        program += instruction(JUMP_IF_EQUAL, number, if_true=count - index)
    program += instruction(RETURN, SECCOMP_RET_ALLOW) + instruction(RETURN, SECCOMP_RET_ERRNO | error)
    libc = ctypes.CDLL(None, use_errno=True)

    def apply():
        code = ctypes.create_string_buffer(program, len(program))
        filter_program = struct.pack("HP", len(program) // 8, ctypes.addressof(code))
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
        if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_program, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")
    return apply


def serves(t, proxy):
    origin = t.origin(proxy=proxy)
    client = t.client(proxy)
    for _ in range(3):
        equal(client.fetch(origin.host).status, 200, "status")


@cases([("--io uring serves", "uring"), ("--io epoll serves", "epoll"), ("--io auto serves", "auto")])
def engine(t, io):
    proxy = t.start(io=io, workers=2)
    serves(t, proxy)
    expect(not [line for line in proxy.stderr_lines() if "warn" in line.lower()], f"no warning: {proxy.stderr()}")
    if io != "auto":
        t.eventually(lambda: f'"engine":"{io}"' in proxy.stderr(), "a line of the log that names the engine")


@cases([("--io auto without io_uring (EPERM) serves on epoll, with one warning", errno.EPERM),
        ("--io auto without io_uring (ENOSYS) serves on epoll, with one warning", errno.ENOSYS)])
def falls_back(t, error):
    proxy = t.start(io="auto", workers=3, preexec=deny_io_uring(error))
    serves(t, proxy)
    warnings = [line for line in proxy.stderr_lines() if "warn" in line.lower()]
    equal(len(warnings), 1, f"warnings on stderr ({proxy.stderr()!r})")
    contains(warnings[0], "io_uring", "the warning says what is missing")
    contains(warnings[0], "epoll", "the warning says what is taken instead")


def as_nobody_with_little_locked_memory():
    """A preexec function's: rings count against the limit, but not those of root."""
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (2 << 20, 2 << 20))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(UNUSED_USER)
        os.setuid(UNUSED_USER)


@case("--io auto serves on epoll where not all of its rings can be had")
def too_little_locked_memory(t):
    kernel = tuple(int(number) for number in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
    if kernel < (6, 14):
        raise Skipped("this kernel does not count rings as locked memory")
    proxy = t.start(io="auto", workers=16, preexec=as_nobody_with_little_locked_memory)
    serves(t, proxy)
    warnings = [line for line in proxy.stderr_lines() if "epoll" in line and "warn" in line.lower()]
    equal(len(warnings), 1, f"warnings on stderr ({proxy.stderr()!r})")
    contains(warnings[0], "locked memory", "the warning says what is missing")


@case("--io uring without io_uring exits 2 with one line")
def no_fall_back(t):
    result = run_program("--io", "uring", "--http", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}",
                         preexec=deny_io_uring(errno.EPERM))
    expect_refused(result, "io_uring")


@case("--version without io_uring does not list it")
def version_without_uring(t):
    _, out, _ = run_program("--version", preexec=deny_io_uring(errno.EPERM))
    listed = [line.partition("(")[0] for line in out.splitlines() if line.startswith("engines")]
    expect(listed and "epoll" in listed[0] and "uring" not in listed[0], f"epoll alone is listed: {listed}")


@case("--io epoll makes no io_uring call")
def epoll_is_epoll(t):
    proxy = t.start(io="epoll", preexec=deny_io_uring(errno.EPERM))
    serves(t, proxy)
    expect(not [line for line in proxy.stderr_lines() if "warn" in line.lower()], f"no warning: {proxy.stderr()}")
