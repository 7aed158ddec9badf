"""The store (docs/store.md): what was acknowledged outlives the process, a full disk and a damaged file."""

import os
import random
import re
import signal
import sqlite3
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pki
from durable import Writer, kill_and_judge
from harness import case, cases, contains, equal, expect, expect_refused, free_port, named, run_program
from secured import SecuredClient, context

ROUTES = "/api/v1/routes"
CERTIFICATES = "/api/v1/certificates"
BACKEND = {"id": "b", "hostname": "127.0.0.1", "port": 9}


@contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="penstock-store.") as made:
        yield Path(made)


def kill(proxy):
    proxy.signal(signal.SIGKILL)
    proxy.wait_exit()
    proxy.stop(code=-signal.SIGKILL)


def addresses():
    return ["--http", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}"]


def shown(proxy):
    """All that the API shows of the configuration, byte by byte, but for since when a backend is out of use."""
    bodies = [proxy.api("GET", path).body for path in (ROUTES, CERTIFICATES)]
    return [re.sub(rb'"deadSince":"[^"]*"', b'"deadSince":""', body) for body in bodies]


# What survives.

@case("kill -9: routes, certificates, their keys and maintenance are there again, byte for byte")
def killed(t):
    with folder() as at:
        flags = ["--store", f"sqlite:{at}/penstock.db", "--https", f"127.0.0.1:{(port := free_port())}"]
        proxy = t.start(*flags)
        own, uploaded, rsa = pki.make("own.test"), pki.make("up.test"), pki.make("up.test", kind="RSA")
        origin = t.origin(named("kept"), proxy=proxy, host="own.test", aliases=["*.own.test", "up.test"],
                          ssl={"cert": own.cert, "key": own.key}, headers={"X-A": None, "X-B": "ü\"\\"},
                          circuit=None, health={"maxFails": 3})
        for pair in (uploaded, rsa):
            expect(proxy.api("POST", CERTIFICATES, {"domain": "up.test", "cert": pair.cert, "key": pair.key}).status < 300,
                   "the upload")
        proxy.add_route("resting.test", BACKEND)
        equal(proxy.api("POST", f"{ROUTES}/resting.test/backends/b/dead").status, 200, "status of maintenance")
        equal(proxy.api("POST", ROUTES, {"vHost": "gone.test"}).status, 201, "status of POST")
        equal(proxy.api("DELETE", f"{ROUTES}/gone.test").status, 204, "status of DELETE")
        before = shown(proxy)
        kill(proxy)
        proxy = t.start(*flags)
        equal(shown(proxy), before, "after the restart")
        contains(before[0].decode(), '"state":"maintenance"', "the routes")
        equal(t.client(proxy).fetch("x.own.test").text, "kept", "the answer")
        equal(t.client(proxy).fetch("resting.test").status, 503, "status for what is in maintenance")
        for name, trusted in (("own.test", own), ("up.test", uploaded)):
            client = SecuredClient(("127.0.0.1", port), name, context(trusted))
            equal(client.fetch(name).text, "kept", f"the answer under TLS for {name}")
            client.close()
        expect(origin.port, "the origin lives")


@case("maintenance that ended, and marks of a backend that went, are not there after a restart")
def maintenance_ends(t):
    with folder() as at:
        flags = ["--store", f"sqlite:{at}/penstock.db"]
        proxy = t.start(*flags)
        other = BACKEND | {"id": "c", "port": 10}
        proxy.add_route("a.test", BACKEND, other)
        for one in ("b", "c"):
            equal(proxy.api("POST", f"{ROUTES}/a.test/backends/{one}/dead").status, 200, "status of maintenance")
        equal(proxy.api("DELETE", f"{ROUTES}/a.test/backends/b/dead").status, 204, "status of its end")
        equal(proxy.api("DELETE", f"{ROUTES}/a.test/backends/c").status, 204, "status of DELETE")
        kill(proxy)
        proxy = t.start(*flags)
        equal(proxy.api("POST", f"{ROUTES}/a.test/backends", other).status, 201, "status of POST")
        states = [one["state"] for one in proxy.api("GET", f"{ROUTES}/a.test").json["backends"]]
        equal(states, ["alive", "alive"], "states of the backends")


@case("the node's name in Via is stored; --node-name goes before it")
def node_name(t):
    with folder() as at:
        flags = ["--store", f"sqlite:{at}/penstock.db"]
        seen = []
        for more in ([], [], ["--node-name", "edge"]):
            proxy = t.start(*flags, *more)
            if not seen:
                t.origin(proxy=proxy, host="a.test")
            seen.append(t.client(proxy).fetch("a.test").fields.get("Via"))
            kill(proxy)
        equal(seen[1], seen[0], "Via after a restart")
        expect(seen[0].startswith(b"1.1 penstock-") and len(seen[0]) == len("1.1 penstock-01234567"), f"Via {seen[0]}")
        equal(seen[2], b"1.1 edge", "Via with --node-name")
        lone = t.start()
        t.origin(proxy=lone, host="a.test")
        expect(t.client(lone).fetch("a.test").fields.get("Via") != seen[0], "another store, another name")


@case("a TLS ticket resumes after a restart")
def tickets(t):
    with folder() as at:
        port = free_port()
        flags = ["--store", f"sqlite:{at}/penstock.db", "--https", f"127.0.0.1:{port}"]
        proxy = t.start(*flags)
        pair = pki.make("a.test")
        t.origin(proxy=proxy, host="a.test")
        proxy.api("POST", CERTIFICATES, {"domain": "a.test", "cert": pair.cert, "key": pair.key})
        with_context = context(pair)
        client = SecuredClient(("127.0.0.1", port), "a.test", with_context)
        equal(client.fetch("a.test").status, 200, "status")
        session = client.session
        client.close()
        kill(proxy)
        t.start(*flags)
        client = SecuredClient(("127.0.0.1", port), "a.test", with_context, session=session)
        equal((client.fetch("a.test").status, client.was_resumed), (200, True), "status, and whether it was resumed")
        client.close()


@case("kill -9 under 8 writers, again and again: all that was acknowledged, nothing by halves", deadline=120)
def killed_under_load(t):
    with folder() as at:
        chance = random.Random(12)
        writers = [Writer(number, 12) for number in range(8)]
        current = []

        def start():
            if current and current[0].alive():
                return current[0]
            current[:] = [t.start("--store", f"sqlite:{at}/penstock.db")]
            return current[0]
        for _ in range(t.scaled(6, 2)):
            kill_and_judge(start, writers, 10_000, chance.uniform(0.02, 0.5))
        expect(sum(writer.count for writer in writers) > 20, "writes were acknowledged")


# The file.

@case("the file is its owner's alone, and so is a folder that had to be made")
def permissions(t):
    with folder() as at:
        path = at / "made" / "below" / "penstock.db"
        proxy = t.start("--store", f"sqlite:{path}")
        equal(proxy.api("POST", ROUTES, {"vHost": "a.test"}).status, 201, "status of POST")
        modes = {one: (at / one).stat().st_mode & 0o777 for one in (
            "made", "made/below", "made/below/penstock.db", "made/below/penstock.db-wal")}
        equal(modes, {"made": 0o700, "made/below": 0o700, "made/below/penstock.db": 0o600,
                      "made/below/penstock.db-wal": 0o600}, "modes")
        proxy.stop()
        equal(os.listdir(path.parent), ["penstock.db"], "what a clean stop leaves")


@case("a second process on the same file is refused; the first goes on")
def in_use(t):
    with folder() as at:
        path = f"{at}/penstock.db"
        first = t.start("--store", f"sqlite:{path}")
        expect_refused(run_program(*addresses(), "--store", f"sqlite:{path}"), path, "another process uses it")
        equal(first.api("POST", ROUTES, {"vHost": "a.test"}).status, 201, "status of a write to the first")


def truncated(path):
    os.truncate(path, path.stat().st_size // 2)


def emptied(path):
    os.truncate(path, 0)


def overwritten(path):
    path.write_bytes(b"no database\n" * 1000)


def of_others(path):
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()


def from_the_future(path):
    with sqlite3.connect(path) as store:
        store.execute("PRAGMA user_version = 99")
    store.close()


def one_bit(path):
    """In the text of a row, where SQLite itself does not look."""
    content = bytearray(path.read_bytes())
    content[content.rindex(b'"a.test"') + 1] ^= 1
    path.write_bytes(content)


def scribbled(path):
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(random.Random(3).randbytes(4096))


@cases([("cut in half", truncated, "damaged"), ("emptied", emptied, "damaged"), ("overwritten", overwritten, "damaged"),
        ("with a page of noise", scribbled, "damaged"), ("with one bit turned", one_bit, "damaged"),
        ("another program's", of_others, "another program"), ("a newer Penstock's", from_the_future, "newer")])
def damaged(t, damage, word):
    """Refused with what to do, and left as it is."""
    with folder() as at:
        path = at / "penstock.db"
        proxy = t.start("--store", f"sqlite:{path}")
        equal(proxy.api("POST", ROUTES, {"vHost": "a.test"}).status, 201, "status of POST")
        proxy.stop()
        damage(path)
        before = {one.name: one.read_bytes() for one in at.iterdir()}
        expect_refused(run_program(*addresses(), "--store", f"sqlite:{path}"), str(path), word)
        equal({one.name: one.read_bytes() for one in at.iterdir() if one.stat().st_size > 0},
              {name: content for name, content in before.items() if content}, "the files")


@case("a database that is gone while its write-ahead log is there is refused")
def orphan(t):
    with folder() as at:
        path = at / "penstock.db"
        proxy = t.start("--store", f"sqlite:{path}")
        equal(proxy.api("POST", ROUTES, {"vHost": "a.test"}).status, 201, "status of POST")
        kill(proxy)
        aside = path.rename(at / "aside.db")
        expect_refused(run_program(*addresses(), "--store", f"sqlite:{path}"), "penstock.db-wal")
        aside.rename(path)
        equal(len(t.start("--store", f"sqlite:{path}").api("GET", ROUTES).json), 1, "routes once it is back")


# Disks that do not take it.

def mount(t, *arguments):
    try:
        subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError):
        t.skip("mounting is not allowed here")


def unmount(path):
    subprocess.run(["umount", "-l", str(path)], capture_output=True, timeout=20, check=False)


def refused_507(answer, what):
    equal(answer.status, 507, f"status of {what} ({answer.body!r})")
    equal(answer.headers.get_content_type(), "application/problem+json", "Content-Type")
    return answer.json["detail"]


def big(host):
    """A route of some hundred KiB."""
    name = f"{'x' * 60}.{'y' * 60}.{'z' * 60}.test"
    backends = [{"id": f"{host}-{number}", "hostname": "127.0.0.1", "port": 1 + number, "serverName": name, "tls": True}
                for number in range(900)]
    return {"vHost": host, "id": host, "backends": backends}


@case("a full disk: 507 and nothing of it, traffic untouched, also after a restart; with room again, writes again")
def full(t):
    with folder() as at:
        mount(t, "-t", "tmpfs", "-o", "size=1m", "none", at)
        try:
            flags = ["--store", f"sqlite:{at}/penstock.db"]
            proxy = t.start(*flags)
            t.origin(named("here"), proxy=proxy, host="a.test")
            ballast = at / "ballast"
            ballast.write_bytes(b"")
            refused = fill_up(proxy, ballast)
            contains(refused, "space", "the problem's detail")
            before = shown(proxy)
            for method, path, body in (("POST", ROUTES, big("late.test")), ("PUT", f"{ROUTES}/a.test", big("a.test"))):
                refused_507(proxy.api(method, path, body), f"{method} on a full disk")
            equal(shown(proxy), before, "the configuration after refusals")
            equal(t.client(proxy).fetch("a.test").text, "here", "the answer")
            kill(proxy)
            proxy = t.start(*flags)
            equal(shown(proxy), before, "the configuration after a restart on the full disk")
            equal(t.client(proxy).fetch("a.test").text, "here", "the answer after the restart")
            refused_507(proxy.api("POST", ROUTES, big("late.test")), "POST after the restart")
            ballast.unlink()
            equal(proxy.api("POST", ROUTES, {"vHost": "room.test"}).status, 201, "status with room")
            kill(proxy)
            proxy = t.start(*flags)
            equal(proxy.api("GET", f"{ROUTES}/room.test").status, 200, "status of what came with room, after a restart")
            proxy.stop()
        finally:
            unmount(at)


def fill_up(proxy, ballast):
    """Takes what space is left; gives the words of the first refusal."""
    with ballast.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass
    answer = proxy.api("POST", ROUTES, big("early.test"))
    return refused_507(answer, "POST on a full disk")


@case("a read-only medium: it serves what is stored, 507 for writes; writable again, it writes again")
def read_only(t):
    with folder() as at:
        (at / "disk").mkdir()
        path = at / "disk" / "penstock.db"
        proxy = t.start("--store", f"sqlite:{path}")
        t.origin(named("here"), proxy=proxy, host="a.test")
        proxy.stop()
        mount(t, "--bind", at / "disk", at / "disk")
        try:
            mount(t, "-o", "remount,bind,ro", at / "disk")
            proxy = t.start("--store", f"sqlite:{path}")
            before = shown(proxy)
            contains(refused_507(proxy.api("POST", ROUTES, {"vHost": "b.test"}), "POST"), "read-only", "the detail")
            refused_507(proxy.api("DELETE", f"{ROUTES}/a.test"), "DELETE")
            equal(shown(proxy), before, "the configuration after refusals")
            equal(t.client(proxy).fetch("a.test").text, "here", "the answer")
            mount(t, "-o", "remount,bind,rw", at / "disk")
            equal(proxy.api("POST", ROUTES, {"vHost": "b.test"}).status, 201, "status once it can be written to")
            kill(proxy)
            proxy = t.start("--store", f"sqlite:{path}")
            equal(len(proxy.api("GET", ROUTES).json), 2, "routes after a restart")
            proxy.stop()
        finally:
            unmount(at / "disk")


# --config.

@case("--config is applied to an empty store and when the file has changed, else what is stored stays")
def config_file(t):
    with folder() as at:
        path = at / "config.json"

        def hosts(*flags):
            proxy = t.start("--store", f"sqlite:{at}/penstock.db", "--config", path, *flags)
            found = [one["vHost"] for one in proxy.api("GET", ROUTES).json]
            expect(proxy.api("POST", ROUTES, {"vHost": f"more{len(found)}.test"}).status in (201, 409), "a route more")
            kill(proxy)
            return found
        path.write_text('{"routes": [{"vHost": "a.test"}]}')
        equal(hosts(), ["a.test"], "with an empty store")
        equal(hosts(), ["a.test", "more1.test"], "with the same file")
        path.write_text('{"routes": [{"vHost": "b.test"}]}')
        equal(hosts(), ["b.test"], "with another file")
        equal(hosts("--config-always"), ["b.test"], "with --config-always")
        path.write_text('{"routes": [{"vHost": "a b"}]}')
        code, _, err = run_program(*addresses(), "--store", f"sqlite:{at}/penstock.db", "--config", str(path))
        equal(code, 2, f"exit code with a bad file ({err})")
        path.write_text('{"routes": [{"vHost": "b.test"}]}')
        equal(hosts(), ["b.test", "more1.test"], "a bad file has changed nothing")


@case("a store that cannot be made is one line that names it")
def nowhere(t):
    with folder() as at:
        (at / "file").write_text("")
        for path in (at / "file" / "penstock.db", at):
            expect_refused(run_program(*addresses(), "--store", f"sqlite:{path}"), str(path))
