"""What the program keeps itself from (docs/hardening.md): seen from outside, and that everything still works within."""

import json
import os
import pwd
import tempfile

from admin import bearer, private
from harness import SANITIZED, case, cases, contains, equal, expect, expect_refused, run_program

CONFINED = '"message":"confined"'
TOKEN, NEXT_TOKEN = "the-first-token-0123456789", "the-second-token-0123456789"


def threads_of(proxy):
    """The status of each thread, as /proc has it."""
    folder = f"/proc/{proxy.process.pid}/task"
    for task in os.listdir(folder):
        with open(f"{folder}/{task}/status", encoding="ascii") as file:
            yield dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def confined_line(proxy):
    return next((json.loads(line) for line in proxy.stderr_lines() if CONFINED in line), None)


@case("no thread has a capability or gains a privilege, and each is under the list of system calls")
def every_thread(t):
    t.skip_if_sanitized()
    proxy = t.start("--auth-threads", "2", workers=2)
    origin = t.origin(proxy=proxy)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status")
    threads = list(threads_of(proxy))
    expect(len(threads) >= 6, f"{len(threads)} threads were seen")
    for status in threads:
        for name, wanted in (("NoNewPrivs", "1"), ("Seccomp", "2"), ("CapEff", "0" * 16), ("CapPrm", "0" * 16),
                             ("CapAmb", "0" * 16), ("CapInh", "0" * 16)):
            equal(status[name], wanted, f"{name} of {status['Name']}")
    line = confined_line(proxy)
    expect(line, "the log says what is in force")
    equal(line["systemCalls"], "restricted", "system calls")


@case("--user: the same, once root has become somebody else")
def after_user(t):
    t.skip_if_sanitized()
    if os.getuid() != 0:
        t.skip("needs root")
    proxy = t.start("--user", "nobody", workers=2)
    origin = t.origin(proxy=proxy)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status")
    for status in threads_of(proxy):
        equal(status["Uid"].split()[1], str(pwd.getpwnam("nobody").pw_uid), f"user of {status['Name']}")
        for name, wanted in (("NoNewPrivs", "1"), ("Seccomp", "2"), ("CapEff", "0" * 16), ("CapPrm", "0" * 16)):
            equal(status[name], wanted, f"{name} of {status['Name']}")


@case("--sandbox off: no new privileges, and nothing else")
def switched_off(t):
    proxy = t.start("--sandbox", "off")
    for status in threads_of(proxy):
        equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "0"), "NoNewPrivs and Seccomp")
    expect(confined_line(proxy) is None, "the log does not speak of confinement")


@case("--sandbox on in a build for a sanitizer is refused, elsewhere it starts where the kernel has all of it")
def insisted_on(t):
    if SANITIZED:
        expect_refused(run_program("--sandbox", "on", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"), "--sandbox on")
        return
    proxy = t.start("--sandbox", "on")
    origin = t.origin(proxy=proxy)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status")
    contains(confined_line(proxy)["files"], "Landlock", "what is said of files")


@cases([("--sandbox with another word", "yes"), ("--sandbox in capitals", "ON")])
def bad_values(t, value):
    expect_refused(run_program("--sandbox", value), "--sandbox", value)


@case("confined, the store is written, files of secrets that are replaced are read again, and a restart finds it all")
def works_within(t):
    folder = t.folder()
    tokens = private(folder, "tokens", f"{TOKEN}\n")
    flags = ("--store", f"sqlite:{folder}/data/store.db", "--admin-token-file", tokens, "--pid-file", f"{folder}/pid")
    proxy = t.start(*flags)
    route = {"vHost": "kept.test", "backends": [{"hostname": "127.0.0.1", "port": 9}]}
    equal(proxy.api("POST", "/api/v1/routes", route, bearer(TOKEN)).status, 201, "a write")
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
        file.write(f"{NEXT_TOKEN}\n")
    os.replace(file.name, tokens)
    t.eventually(lambda: proxy.api("GET", "/api/v1/routes", headers=bearer(NEXT_TOKEN)).status == 200,
                 "the token of the file that has taken the name")
    equal(proxy.api("GET", "/api/v1/routes", headers=bearer(TOKEN)).status, 401, "the token from before")
    proxy.stop()
    expect(not os.path.exists(f"{folder}/pid"), "the pid file is gone")
    again = t.start(*flags)
    listed = again.api("GET", "/api/v1/routes", headers=bearer(NEXT_TOKEN)).json
    equal([one["vHost"] for one in listed], ["kept.test"], "routes after a restart")


@case("confined, Unix sockets are there, and gone with the process")
def unix_sockets(t):
    folder = t.folder()
    path = f"{folder}/clients.sock"
    proxy = t.start("--http", f"unix:{path}")
    expect(os.path.exists(path), "the socket's file")
    proxy.stop()
    expect(not os.path.exists(path), "no file after the end")
