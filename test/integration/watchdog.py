"""The loop watchdog (SPEC section 1, --watchdog): what is stuck ends the process and says where; what only sleeps does not."""

import signal
import time

from harness import PATIENCE, SANITIZED, case, cases, contains, equal, expect, expect_refused, run_program
from held_thread import HeldThread, thread_named
from systemd import NotifySocket

LIMIT = int(400 * PATIENCE)  # milliseconds


def started(t, *flags, **options):
    if SANITIZED:
        t.skip("a sanitizer's own handlers answer signals")
    return t.start("--watchdog", f"{LIMIT}ms", *flags, **options)


def held(t, proxy, name):
    try:
        return HeldThread(thread_named(proxy.process.pid, name))
    except PermissionError as error:
        return t.skip(f"needs the right to trace: {error}")


@case("a worker that is stuck: its stack on stderr, and SIGABRT", alone=True)
def stuck_worker(t):
    proxy = started(t, workers=2)
    proxy.stopped = True  # judged here
    thread = held(t, proxy, "penstock-1")
    t.eventually(lambda: "worker 1 is stuck" in proxy.stderr(), "the complaint")
    thread.let_go()  # held, it could not answer for itself
    equal(proxy.wait_exit(), -signal.SIGABRT, "how it ended")
    words = proxy.stderr()
    contains(words, f"thread {thread.thread} has not come round", "the complaint")
    stack = words[words.index("is stuck"):].splitlines()[1:]
    expect(len(stack) > 3 and any("penstock" in line and "[0x" in line for line in stack), f"a stack: {stack}")


@case("a worker that does not even take signals: no stack, and SIGABRT all the same", alone=True)
def deaf_worker(t):
    proxy = started(t, workers=1)
    proxy.stopped = True
    thread = held(t, proxy, "penstock-0")
    equal(proxy.wait_exit(20 * PATIENCE), -signal.SIGABRT, "how it ended")
    contains(proxy.stderr(), "no stack", "what it says of that")
    thread.let_go()


@case("the control thread has thirty times as long: a slow disk is no fault of ours", alone=True)
def patient_control(t):
    proxy = started(t, workers=1)
    thread = held(t, proxy, "penstock-ctl")
    time.sleep(3 * LIMIT / 1000)  # a time in which a worker would have been stuck
    expect(proxy.alive(), "it goes on")
    thread.let_go()
    equal(proxy.api("GET", "/readyz").status, 200, "readiness")


@case("a process that was stopped for longer than the limit goes on, idle or busy", alone=True)
def stopped_process(t):
    proxy = started(t, workers=2)
    origin = t.origin(proxy=proxy)
    for _ in range(3):
        equal(t.client(proxy).fetch(origin.host).status, 200, "status")
        proxy.signal(signal.SIGSTOP)
        time.sleep(2 * LIMIT / 1000)  # what is tested: a time in which nothing runs
        proxy.signal(signal.SIGCONT)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status")


@case("--watchdog 0: nobody watches", alone=True)
def off(t):
    proxy = t.start("--watchdog", "0", workers=1)
    thread = held(t, proxy, "penstock-0")
    time.sleep(2 * LIMIT / 1000)
    expect(proxy.alive(), "it goes on")
    thread.let_go()


@cases([("nothing", ""), ("a word", "soon"), ("no unit", "2")])
def bad_limits(t, value):
    expect_refused(run_program("--watchdog", value), "--watchdog")


@case("systemd hears WATCHDOG=1 twice a period, and nothing while a worker is stuck", alone=True)
def systemd_watchdog(t):
    period = 2 * LIMIT / 1000
    notify = NotifySocket(f"{t.folder()}/notify")
    proxy = t.start("--watchdog", "0", workers=2, env=notify.env | {"WATCHDOG_USEC": str(int(period * 1e6))})
    notify.wait_for("WATCHDOG", "1")
    for _ in range(4):
        equal(notify.wait_for("WATCHDOG", "1", period)[0], proxy.process.pid, "who is alive")
    thread = held(t, proxy, "penstock-1")
    end = time.monotonic() + 2 * period
    late = 0
    notify.sock.settimeout(period)
    while time.monotonic() < end:
        try:
            notify.sock.recv(4096)
            late += 1
        except TimeoutError:
            break
    expect(late <= 2, f"{late} more while it was stuck")
    thread.let_go()
    notify.wait_for("WATCHDOG", "1", 2 * period)
    another = t.start(workers=1, env=notify.env | {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"})
    another.stop()
    expect(all(pid != another.process.pid or "WATCHDOG" not in said for pid, said in notify.heard), "another's watchdog is left alone")
    proxy.stop()
    notify.close()
