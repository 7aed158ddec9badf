"""Upgrades (SPEC section 12): a new process takes the sockets and the store, the old one drains; or nothing changes."""

import json
import os
import pwd
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path

from admin import audit_lines, bearer, private
from harness import PATIENCE, binary, case, cases, contains, equal, expect, lacks
from systemd import NotifySocket, activated


def log_lines(proxy, message):
    return [line for line in map(json.loads, (line for line in proxy.stderr_lines() if line.startswith("{")))
            if line["message"] == message]


def upgraded(t, proxy):
    """By SIGUSR2, until the new process serves; the old one's number."""
    done = len(log_lines(proxy, "upgrade: the new process serves, this one drains"))
    old = proxy.process
    proxy.signal(signal.SIGUSR2)
    t.eventually(lambda: len(log_lines(proxy, "upgrade: the new process serves, this one drains")) > done, "the upgrade")
    proxy.follow(log_lines(proxy, "upgrade: the new process serves, this one drains")[-1]["pid"])
    t.eventually(lambda: old.poll() is not None or old.pid in draining(proxy), "the drain of the old one")
    return old


def draining(proxy):
    return [process.pid for process in proxy.replaced if process.poll() is None]


def ended(t, process):
    t.eventually(lambda: process.poll() is not None, f"the end of {process.pid}", 5 * PATIENCE)
    equal(process.returncode, 0, "its exit code")


@case("SIGUSR2: a new process serves on the same ports, with what was configured; the old one ends")
def by_signal(t):
    folder = t.folder()
    proxy = t.start("--pid-file", f"{folder}/pid", workers=2)
    origin = t.origin(proxy=proxy)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status before")
    old = upgraded(t, proxy)
    ended(t, old)
    equal(int(Path(folder, "pid").read_text()), proxy.process.pid, "the number in the pid file")
    equal(t.client(proxy).fetch(origin.host).status, 200, "status after")
    equal(proxy.api("GET", "/readyz").status, 200, "readiness")
    equal(len(proxy.api("GET", "/api/v1/routes").json), 1, "routes")
    proxy.signal(signal.SIGTERM)
    proxy.wait_exit()
    expect(not os.path.exists(f"{folder}/pid"), "the pid file goes with the last one")


@cases([("memory:", False), ("sqlite", True)])
def store_moves(t, durable):
    """What was answered with success before is there afterwards, revisions too; and so again."""
    store = f"sqlite:{t.folder()}/store.db" if durable else "memory:"
    proxy = t.start("--store", store)
    for turn in range(3):
        equal(proxy.add_route(f"{turn}.test", {"hostname": "127.0.0.1", "port": 9}).status, 201, "status of POST")
        equal(proxy.upgrade().status, 200, "status of the upgrade")
        equal(len(proxy.api("GET", "/api/v1/routes").json), turn + 1, "routes")
        equal(len(proxy.api("GET", "/api/v1/config/revisions").json), turn + 1, "revisions")
    equal(proxy.api("POST", "/api/v1/config/rollback", {"revision": 1}).status, 200, "status of the way back")
    equal([one["vHost"] for one in proxy.api("GET", "/api/v1/routes").json], ["0.test"], "routes then")


@case("no write that was answered with success is lost, whenever it comes")
def writes_meanwhile(t):
    proxy = t.start("--store", f"sqlite:{t.folder()}/store.db", workers=2)
    answered, refused, stopping = [], [], threading.Event()

    def write():
        for number in range(100_000):
            if stopping.is_set():
                return
            route = {"vHost": f"w{number}.test", "backends": []}
            answer = proxy.api("POST", "/api/v1/routes", route)
            if answer.status == 201:
                answered.append(route["vHost"])
            else:
                refused.append(answer.status)
                equal(answer.headers["Retry-After"], "1", "Retry-After")
    errors = []

    def guarded():
        try:
            write()
        except Exception as error:
            errors.append(error)
    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    for _ in range(t.scaled(10, 3)):
        before = len(answered)
        t.eventually(lambda before=before: len(answered) > before + 5 or errors, "writes")
        equal(proxy.upgrade().status, 200, "status of the upgrade")
    stopping.set()
    thread.join(20)
    equal(errors, [], "errors of connections")
    equal(set(refused) - {503}, set(), "other refusals")
    there = {one["vHost"] for one in proxy.api("GET", "/api/v1/routes?limit=100000").json}
    equal(set(answered) - there, set(), "writes that were answered, and are gone")


@case("the API wants a token that may write, and leaves a line for the audit")
def tokens(t):
    reader, writer = "r" * 32, "w" * 32
    path = private(t.folder(), "tokens", f"{reader} read-only\n{writer} read-write ops\n")
    proxy = t.start("--admin-token-file", path)
    call = ("POST", "/api/v1/process/upgrade")
    equal(proxy.api(*call).status, 401, "status without a token")
    equal(proxy.api(*call, headers=bearer(reader)).status, 403, "status of one that may read")
    answer = proxy.api(*call, headers=bearer(writer))
    equal(answer.status, 200, f"status of one that may write ({answer.body})")
    proxy.follow(answer.json["pid"])
    t.eventually(lambda: [(line["who"], line["status"]) for line in audit_lines(proxy) if line["path"] == call[1]][-1:] ==
                 [("ops", 200)], "the line of the audit")
    equal(proxy.api("GET", call[1], headers=bearer(writer)).status, 405, "status of GET")


# New processes that come to nothing.

def script(*lines):
    return "\n".join([f"#!{sys.executable}", "import os, socket, time, signal",
                      "channel = socket.socket(fileno=int(os.environ['PENSTOCK_UPGRADE_FD']))", *lines]) + "\n"


ASKS = ["channel.send(b'store ')", "while channel.recv(9000).split(b' ')[0] != b'store': pass"]
FAILURES = [
    ("it exits", script("os._exit(3)"), "status 3"),
    ("it exits after it was lent the store", script(*ASKS, "os._exit(4)"), "status 4"),
    ("a signal ends it", script("os.kill(os.getpid(), signal.SIGSEGV)"), "signal 11"),
    ("it says why", script("channel.send(b'failed --http nowhere: bad')", "os._exit(2)"), "--http nowhere: bad"),
    ("it hangs", script("time.sleep(100)"), "--upgrade-timeout"),
    ("it hangs with the store", script(*ASKS, "time.sleep(100)"), "--upgrade-timeout"),
    ("it does not speak, and goes on", script("channel.close()", "time.sleep(100)"), "does not speak"),
    ("it is no program", "nothing\n", "Exec format error"),
    ("it is gone", None, "No such file"),
]


def replaceable(t, *flags, **options):
    """A proxy whose program can be replaced, by scripts too: their interpreter is where no program of ours is."""
    program = f"{t.folder()}/penstock"
    shutil.copy(binary(), program)
    return t.start("--upgrade-timeout", "1500ms", "--sandbox", "off", *flags, program=program, **options), Path(program)


def put(program, text):
    """Another program in its place: the file that runs cannot be written to."""
    fresh = program.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o755)
    fresh.rename(program)


@cases(FAILURES)
def comes_to_nothing(t, text, why):
    """The old process goes on, says why, and the next upgrade may succeed."""
    notify = NotifySocket(f"{t.folder()}/notify")
    proxy, program = replaceable(t, "--store", f"sqlite:{t.folder()}/store.db", env=notify.env)
    notify.wait_for("READY", "1")
    origin = t.origin(proxy=proxy)
    client = t.client(proxy)
    equal(client.fetch(origin.host).status, 200, "status before")
    if text is None:
        program.unlink()
    else:
        put(program, text)
    answer = proxy.upgrade()
    equal(answer.status, 500, "status of the upgrade")
    contains(answer.json["detail"], why, "what the API says")
    contains(log_lines(proxy, "upgrade failed: this process goes on")[-1]["reason"], why, "the line in the log")
    expect(notify.wait_for("RELOADING", "1")[1]["MONOTONIC_USEC"].isdigit(), "systemd hears of it")
    equal(notify.wait_for("READY", "1")[0], proxy.process.pid, "who is ready again")
    equal(client.fetch(origin.host).status, 200, "status on the same connection")
    equal(t.client(proxy).fetch(origin.host).status, 200, "status on a new one")
    equal(proxy.add_route("later.test", {"hostname": "127.0.0.1", "port": 9}).status, 201, "status of a write")
    shutil.copy(binary(), program.with_suffix(".good"))
    program.with_suffix(".good").rename(program)
    equal(proxy.upgrade().status, 200, "status of the next one")
    equal(t.client(proxy).fetch(origin.host).status, 200, "status then")
    equal(len(proxy.api("GET", "/api/v1/routes").json), 2, "routes then")
    notify.close()


@case("what a failed one has changed in the store is undone")
def undone(t):
    """A configuration that it applied: it is refused for a port of its `process` that is taken."""
    folder = t.folder()
    config = Path(folder, "config.json")
    config.write_text(json.dumps({"version": 1, "routes": [{"vHost": "one.test", "backends": []}]}))
    proxy, program = replaceable(t, "--config", str(config), "--store", f"sqlite:{folder}/store.db")
    config.write_text(json.dumps({"version": 1, "routes": [{"vHost": "two.test", "backends": []}]}))
    # A wrapper that lets the real one run until it has the store and its file, and then ends it.
    put(program, "\n".join([
        f"#!{sys.executable}", "import os, socket, sys", "here = socket.socket(fileno=int(os.environ['PENSTOCK_UPGRADE_FD']))",
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)",
        "child = os.fork()",
        "if child == 0:",
        "    os.environ['PENSTOCK_UPGRADE_FD'] = str(b.fileno()); b.set_inheritable(True)",
        f"    os.execv({binary()!r}, sys.argv)",
        "b.close()", "import threading",
        "def pump(source, target):",
        "    while True:",
        "        data, anc, _, _ = source.recvmsg(9000, 4096)",
        "        if not data: os._exit(1)",
        "        if data.startswith(b'ready'): os.kill(child, 9); os.waitpid(child, 0); os._exit(7)",
        "        target.sendmsg([data], anc)",
        "threading.Thread(target=pump, args=(here, a), daemon=True).start()", "pump(a, here)"]) + "\n")
    answer = proxy.upgrade()
    equal(answer.status, 500, "status of the upgrade")
    contains(answer.json["detail"], "status 7", "what it says")
    equal([one["vHost"] for one in proxy.api("GET", "/api/v1/routes").json], ["one.test"], "routes in force")
    equal(len(proxy.api("GET", "/api/v1/config/revisions").json), 1, "revisions")
    equal(proxy.add_route("three.test").status, 201, "status of a write")


@case("a new process that fails with the sockets in its hands leaves them as they were")
def late_failure(t):
    """It has bound everything and has the store when it finds that its tokens are nobody's secret."""
    folder = t.folder()
    unix, token = f"{folder}/http.sock", "w" * 32
    path = private(folder, "tokens", f"{token} read-write ops\n")
    proxy = t.start("--admin-token-file", path, "--http", f"unix:{unix}", "--store", f"sqlite:{folder}/store.db", workers=2)
    origin = t.bare_origin()
    route = {"vHost": "*", "backends": [origin.backend]}
    equal(proxy.api("POST", "/api/v1/routes", route, bearer(token)).status, 201, "status of POST")
    os.chmod(path, 0o666)
    for count in (1, 2):
        proxy.signal(signal.SIGUSR2)
        t.eventually(lambda count=count: len(log_lines(proxy, "upgrade failed: this process goes on")) == count, "the failure")
        contains(log_lines(proxy, "upgrade failed: this process goes on")[-1]["reason"], "--admin-token-file", "the reason")
        for _ in range(20):
            equal(t.client(proxy).fetch("any.test").status, 200, "status over TCP")
            equal(t.client_at(unix).fetch("any.test").status, 200, "status over the Unix socket")
        equal(proxy.api("GET", "/readyz").status, 200, "readiness: the API's socket")
    lacks(proxy.stderr(), "cannot accept", "the log")
    os.chmod(path, 0o600)
    answer = proxy.api("POST", "/api/v1/process/upgrade", headers=bearer(token))
    equal(answer.status, 200, f"status of the upgrade ({answer.body})")
    proxy.follow(answer.json["pid"])
    equal(t.client_at(unix).fetch("any.test").status, 200, "status then")


@case("one at a time: a second is refused while the first is under way; SIGTERM ends both")
def one_at_a_time(t):
    proxy, program = replaceable(t)
    marks = Path(t.folder(), "pid")
    put(program, script(f"open({str(marks)!r}, 'w').write(str(os.getpid()))", "time.sleep(100)"))
    proxy.signal(signal.SIGUSR2)
    t.eventually(lambda: marks.exists() and marks.read_text(), "its start")
    answer = proxy.upgrade()
    equal((answer.status, answer.json["title"]), (409, "Conflict"), "the second")
    proxy.signal(signal.SIGUSR2)
    t.eventually(lambda: len(log_lines(proxy, "upgrade refused: one is under way")) == 2, "the line of the third")
    proxy.signal(signal.SIGTERM)
    proxy.wait_exit()
    expect(not os.path.exists(f"/proc/{marks.read_text()}"), "the new one has ended, too")


@case("SIGHUP ends nothing and says what would")
def hang_up(t):
    proxy = t.start()
    proxy.signal(signal.SIGHUP)
    t.eventually(lambda: "SIGHUP" in proxy.stderr(), "the line")
    contains(proxy.stderr(), "SIGUSR2", "the line")
    equal(proxy.api("GET", "/readyz").status, 200, "readiness")


# What moves.

@case("more workers, or fewer: every socket is listened on")
def other_workers(t):
    folder = t.folder()
    proxy = t.start("--store", f"sqlite:{folder}/store.db", workers=None)
    origin = t.origin(proxy=proxy)
    for workers in (1, 4, 2, 3):
        document = proxy.api("GET", "/api/v1/config").json
        document["process"] = {"workers": workers}
        equal(proxy.api("PUT", "/api/v1/config", document).status, 200, "status of PUT")
        equal(proxy.upgrade().status, 200, "status of the upgrade")
        equal(proxy.api("GET", "/api/v1/stats").json["process"]["workers"], workers, "workers")
        for _ in range(40):  # the kernel picks a socket by the client's port
            equal(t.client(proxy).fetch(origin.host).status, 200, f"status with {workers} workers")


@case("from one engine to the other, which want the sockets' flags differently")
def other_engine(t):
    proxy = t.start("--store", f"sqlite:{t.folder()}/store.db", "--sandbox", "off", workers=2, io=None)
    origin = t.origin(proxy=proxy)
    for engine in ("epoll", "auto", "epoll", "auto"):
        document = proxy.api("GET", "/api/v1/config").json
        document["process"] = {"io": engine}
        equal(proxy.api("PUT", "/api/v1/config", document).status, 200, "status of PUT")
        equal(proxy.upgrade().status, 200, "status of the upgrade")
        for _ in range(20):
            equal(t.client(proxy).fetch(origin.host).status, 200, f"status with {engine}")


@case("Unix sockets move: their files stay until the last process ends")
def unix_sockets(t):
    folder = t.folder()
    path, admin = f"{folder}/http.sock", f"{folder}/admin.sock"
    proxy = t.start("--http", f"unix:{path}", "--admin", f"unix:{admin}", listen=False, admin=False, wait=False, workers=2)
    t.eventually(lambda: os.path.exists(admin), "its start")

    def call(method, target, body=b""):
        return t.client_at(admin).fetch("localhost", target, method=method, body=body)
    t.eventually(lambda: call("GET", "/readyz").status == 200, "readiness")
    before = os.stat(path).st_ino
    origin = t.bare_origin()
    route = json.dumps({"vHost": "*", "backends": [origin.backend]}).encode()
    equal(call("POST", "/api/v1/routes", route).status, 201, "status of POST")
    for _ in range(2):
        answer = call("POST", "/api/v1/process/upgrade")
        equal(answer.status, 200, "status of the upgrade")
        old = proxy.process
        proxy.follow(json.loads(answer.body)["pid"])
        ended(t, old)
        equal(os.stat(path).st_ino, before, "the file")
        equal(t.client_at(path).fetch("any.test").status, 200, "status")
    proxy.stop()
    expect(not os.path.exists(path) and not os.path.exists(admin), "the files go with the last one")


@case("sockets of systemd and of fd:N move, and MAINPID says whose turn it is")
def given_sockets(t):
    notify = NotifySocket(f"{t.folder()}/notify")
    http, admin = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    proxy = t.start(listen=False, admin=False, wait=False, workers=2, env=notify.env,
                    **activated(("http", http), ("admin", admin)))
    at = http.getsockname()
    proxy.admin_port = admin.getsockname()[1]
    http.close()
    admin.close()
    proxy.wait_ready()
    notify.wait_for("READY", "1")
    origin = t.origin(proxy=proxy)
    for _ in range(3):
        before = proxy.process.pid
        equal(proxy.upgrade().status, 200, "status of the upgrade")
        equal(notify.next()[1]["RELOADING"], "1", "the first that is said")
        pid, said = notify.next()
        equal((pid, said["MAINPID"], said["READY"]), (before, str(proxy.process.pid), "1"), "what the old one says")
        equal(notify.wait_for("READY", "1")[0], proxy.process.pid, "who is ready")
        equal(t.client_at(at).fetch(origin.host).status, 200, "status")
    proxy.signal(signal.SIGTERM)
    equal(notify.wait_for("STOPPING", "1")[0], proxy.process.pid, "who stops")
    proxy.wait_exit()
    notify.close()


@case("--user: the new process is that user from its start, and has store and pid file")
def unprivileged(t):
    if os.getuid() != 0:
        t.skip("needs root")
    user = pwd.getpwnam("nobody")
    folder = Path(t.folder())
    folder.chmod(0o755)
    (folder / "store").mkdir()
    os.chown(folder / "store", user.pw_uid, user.pw_gid)
    program = folder / "penstock"
    shutil.copy(binary(), program)  # where nobody may run it
    proxy = t.start("--user", "nobody", "--store", f"sqlite:{folder}/store/store.db", "--pid-file", str(folder / "pid"),
                    "--http", "127.0.0.1:0", program=str(program), workers=1)
    origin = t.origin(proxy=proxy)
    for _ in range(2):
        equal(proxy.upgrade().status, 200, "status of the upgrade")
        status = Path(f"/proc/{proxy.process.pid}/status").read_text()
        contains(status, f"Uid:\t{user.pw_uid}\t{user.pw_uid}\t{user.pw_uid}", "the new process's user")
        equal(t.client(proxy).fetch(origin.host).status, 200, "status")
        t.eventually(lambda: (folder / "pid").read_text() == f"{proxy.process.pid}\n", "the pid file")
        equal(proxy.add_route(t.unique_host(), origin.backend).status, 201, "status of a write")
