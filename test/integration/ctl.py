"""penstockctl on a running proxy: each command as a person and as a script sees it (docs/penstockctl.md)."""

import json
import tempfile
from pathlib import Path

import pki
from admin import private
from ctl import expect_ctl, run_ctl
from harness import case, cases, contains, equal, expect, free_port, lacks, never_answers, one_of

ROUTE = {"vHost": "a.test", "backends": [{"id": "one", "hostname": "127.0.0.1", "port": 9}]}


# Routes.

@case("routes: added, listed, shown and removed")
def routes(t):
    proxy = t.start()
    nothing = expect_ctl(proxy, "routes", "list")
    equal((nothing.out, nothing.err), ("", "penstockctl: there are no routes\n"), "the list of none")
    added = expect_ctl(proxy, "routes", "add", "a.test", "127.0.0.1:9", "[::1]:10", "--set", "retries=3",
                       "--set", "health.maxFails=0", "--set", "strategy=IP_HASH", "--set", "reqActiveLength=100")
    equal(added.out, "route a.test added\n", "stdout")
    route = proxy.api("GET", "/api/v1/routes/a.test").json
    equal((route["retries"], route["health"]["maxFails"], route["strategy"]), (3, 0, "IP_HASH"), "the fields set")
    equal([(one["hostname"], one["port"]) for one in route["backends"]], [("127.0.0.1", 9), ("::1", 10)], "its backends")
    listed = expect_ctl(proxy, "routes", "list")
    equal(listed.rows, [{"VHOST": "a.test", "STRATEGY": "IP_HASH", "BACKENDS": "2/2 alive", "ACTIVE": "0/100", "QUEUED": "0",
                         "RATE": "0.0/s", "AUTH": "-", "ALIASES": "-"}], "the table")
    equal(expect_ctl(proxy, "-o", "json", "routes", "list").json, proxy.api("GET", "/api/v1/routes").json, "the list as JSON")
    shown = expect_ctl(proxy, "routes", "get", "a.test")
    contains(shown.out, "strategy:          IP_HASH", "a fact")
    contains(shown.out, "requests at once:  100", "another")
    contains(shown.out, "[::1]:10", "the backends' table")
    equal(expect_ctl(proxy, "routes", "get", "A.test.", "-o", "json").json["vHost"], "a.test", "its JSON, by another spelling")
    equal(expect_ctl(proxy, "routes", "rm", "a.test", "--dry-run").out,
          "route a.test removed (dry run: nothing has changed)\n", "a dry run")
    equal(len(proxy.api("GET", "/api/v1/routes").json), 1, "routes after it")
    equal(expect_ctl(proxy, "-o", "json", "routes", "rm", "a.test").out, "", "what a 204 prints as JSON")
    equal(proxy.api("GET", "/api/v1/routes").json, [], "the routes")


@case("routes: a list is followed over all of its pages")
def pages(t):
    proxy = t.start()
    names = [f"r{number:04}.test" for number in range(2_050)]
    document = {"version": 1, "routes": [{"vHost": name, "backends": []} for name in names]}
    equal(proxy.api("PUT", "/api/v1/config", document).status, 200, "PUT")
    listed = expect_ctl(proxy, "routes", "list", "-o", "json")
    equal([one["vHost"] for one in listed.json], names, "the JSON")
    table = expect_ctl(proxy, "routes", "list")
    equal([row["VHOST"] for row in table.rows], names, "the table")


@case("a wildcard's vHost is one word of the path")
def wildcard(t):
    proxy = t.start()
    expect_ctl(proxy, "routes", "add", "*.a.test", "127.0.0.1:9")
    equal(expect_ctl(proxy, "routes", "get", "*.a.test", "-o", "json").json["vHost"], "*.a.test", "its JSON")
    missing = run_ctl(proxy, "routes", "get", "../stats?x#y%")
    equal(missing.code, 1, "exit code for a name that would be another path")
    contains(missing.err, 'There is no route "../stats?x#y%"', "stderr")


# Backends.

@case("backends: added, listed, drained, put back and removed")
def backends(t):
    proxy = t.start()
    proxy.add_route("a.test")
    equal(expect_ctl(proxy, "backends", "add", "a.test", "10.0.0.1:80", "--id", "one", "--weight", "3").out,
          "backend one added to a.test\n", "stdout")
    answered = expect_ctl(proxy, "-o", "json", "backends", "add", "a.test", "10.0.0.2:81", "--set", "protocol=h2c").json
    equal((answered["hostname"], answered["port"], answered["protocol"]), ("10.0.0.2", 81, "h2c"), "the API's answer")
    row = expect_ctl(proxy, "backends", "list", "a.test").rows[0]
    equal((row["BACKEND"], row["ADDRESS"], row["WEIGHT"], row["STATE"]), ("one", "10.0.0.1:80", "3", "alive"), "a row")
    contains(expect_ctl(proxy, "backends", "drain", "a.test", "one").out, "in maintenance", "drain")
    row = expect_ctl(proxy, "backends", "list").rows[0]
    equal((row["VHOST"], row["BACKEND"], row["STATE"]), ("a.test", "one", "maintenance"), "a row of all backends")
    equal(expect_ctl(proxy, "routes", "list").rows[0]["BACKENDS"], "1/2 alive", "health in the list of routes")
    contains(expect_ctl(proxy, "backends", "undrain", "a.test", "one").out, "back in use", "undrain")
    equal([one["id"] for one in expect_ctl(proxy, "-o", "json", "backends", "list", "a.test").json], ["one", answered["id"]],
          "the JSON of one route")
    equal(len(expect_ctl(proxy, "-o", "json", "backends", "list").json), 2, "the JSON of all")
    expect_ctl(proxy, "backends", "rm", "a.test", "one")
    equal(len(proxy.api("GET", "/api/v1/routes/a.test").json["backends"]), 1, "backends left")


# Certificates.

@case("certs: uploaded, listed with the days they have left, removed; the key is printed nowhere")
def certificates(t):
    proxy = t.start()
    with tempfile.TemporaryDirectory() as folder:
        for domain, days in (("soon.test", 10), ("late.test", 60)):
            pair = pki.make(domain, days=days)
            cert, key = private(folder, "cert", pair.cert), private(folder, "key", pair.key)
            added = expect_ctl(proxy, "certs", "add", domain, "--cert", cert, "--key", key)
            equal(added.out, f"certificate for {domain} added\n", "stdout")
            again = expect_ctl(proxy, "-o", "json", "certs", "add", domain, "--cert", cert, "--key", key)
            lacks(again.out, pair.secret, "the answer as JSON")
        other = private(folder, "key", pki.make("other.test").key)
        refused = run_ctl(proxy, "certs", "add", domain, "--cert", cert, "--key", other)
        equal(refused.code, 1, "exit code for a key of another certificate")
        contains(refused.err, "penstockctl: /key: ", "stderr")
        missing = run_ctl(proxy, "certs", "add", domain, "--cert", f"{folder}/none", "--key", key)
        equal((missing.code, missing.err), (1, f"penstockctl: {folder}/none: No such file or directory\n"), "a missing file")
    listed = expect_ctl(proxy, "certs", "list")
    equal([row["DOMAIN"] for row in listed.rows], ["late.test", "soon.test"], "rows")
    one_of(listed.rows[0]["DAYS"], ("59", "60"), "days left of 60")
    equal(listed.err, "penstockctl: 1 of them has fewer than 30 days left\n", "the warning")
    equal([one["domain"] for one in expect_ctl(proxy, "-o", "json", "certs", "list").json], ["late.test", "soon.test"], "JSON")
    equal(expect_ctl(proxy, "certs", "rm", "soon.test").out, "certificates for soon.test removed\n", "rm")
    equal(len(proxy.api("GET", "/api/v1/certificates").json), 1, "certificates left")


# What the API refuses, and what nobody answers.

@case("a refusal is exit 1, its title, detail and each field on a line of stderr, and nothing on stdout")
def refusals(t):
    proxy = t.start()
    ended = run_ctl(proxy, "routes", "add", "a.test", "127.0.0.1:9", "--set", "retries=99", "--set", "bakends=1")
    equal((ended.code, ended.out), (1, ""), "exit code and stdout")
    equal(ended.err.splitlines()[0],
          "penstockctl: Unprocessable Content (422): Some fields are not acceptable; nothing has changed.", "the first line")
    equal(sorted(ended.err.splitlines()[1:]),
          ["penstockctl: /bakends: unknown field", "penstockctl: /retries: must be from 0 to 10"], "the others")
    ended = run_ctl(proxy, "routes", "get", "none.test", "-o", "json")
    equal((ended.code, ended.out), (1, ""), "exit code and stdout for what is not there")
    equal(ended.err, 'penstockctl: Not Found (404): There is no route "none.test".\n', "stderr")


@case("an API that cannot be reached is exit 1 and one line that names the URL")
def unreachable(t):
    port = free_port()
    for admin in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}", "unix:/no/such/socket", "http://no-such-name.invalid"):
        ended = run_ctl(admin, "routes", "list")
        equal((ended.code, ended.out), (1, ""), f"{admin}: exit code and stdout")
        equal(len(ended.err.splitlines()), 1, f"{admin}: lines on stderr ({ended.err!r})")
        contains(ended.err, f"cannot connect to {admin}", "stderr")


@case("an API that does not answer is given up at --timeout")
def silent(t):
    origin = t.bare_origin(never_answers)
    ended = run_ctl(f"http://127.0.0.1:{origin.port}", "routes", "list", "--timeout", "200ms")
    equal((ended.code, ended.err),
          (1, f"penstockctl: no answer from http://127.0.0.1:{origin.port}: no answer in time\n"), "exit code and stderr")


@cases([
    ("no command", [], "subcommand"),
    ("a command that there is not", ["rouets"], "rouets"),
    ("a group without its command", ["routes"], "subcommand"),
    ("an argument too few", ["routes", "get"], "VHOST"),
    ("an argument too many", ["routes", "get", "a", "b"], "b"),
    ("a flag that there is not", ["routes", "list", "--al"], "--al"),
    ("another output", ["routes", "list", "-o", "xml"], "xml"),
    ("a time that is none", ["routes", "list", "--timeout", "soon"], "soon"),
    ("a backend that is none", ["routes", "add", "a.test", "nowhere"], "nowhere"),
    ("a backend without a port", ["backends", "add", "a.test", "10.0.0.1:"], "10.0.0.1:"),
    ("a field without a value", ["routes", "add", "a.test", "10.0.0.1:80", "--set", "retries"], "retries"),
    ("a revision that is no number", ["config", "rollback", "last"], "REVISION"),
    ("a shell that there is not", ["completion", "tcsh"], "tcsh"),
])
def usage(t, arguments, word):
    ended = run_ctl("http://127.0.0.1:1", *arguments)
    equal((ended.code, ended.out), (2, ""), "exit code and stdout")
    equal(len(ended.err.splitlines()), 1, f"lines on stderr ({ended.err!r})")
    expect(ended.err.startswith("penstockctl: ") and word in ended.err, f"stderr names {word}: {ended.err!r}")


@case("--help is there for every command")
def help_text(t):
    for arguments, words in (([], ("routes", "--token-file", "--admin")), (["routes"], ("apply", "rm")),
                             (["routes", "add"], ("VHOST", "--set", "--dry-run"))):
        ended = expect_ctl(None, *arguments, "--help")
        for word in words:
            contains(ended.out, word, f"help of {arguments}")


# stats, health and version.

@case("stats: of everything and of a route, as tables and as the API's JSON")
def stats(t):
    proxy = t.start()
    origin = t.origin(proxy=proxy, host="a.test", reqActiveLength=50)
    for _ in range(3):
        equal(t.client(proxy).fetch("a.test").status, 200, "a request")
    t.eventually(lambda: proxy.api("GET", "/api/v1/stats/a.test").json["requests"]["completed"] == 3, "three completed")
    everything = expect_ctl(proxy, "stats")
    contains(everything.out, "3 received, 3 completed, 0 rejected, 0 aborted", "the numbers of all")
    contains(everything.out, "\na.test ", "the route's line")
    route = expect_ctl(proxy, "stats", "a.test")
    contains(route.out, "active:    0/50", "active against its limit")
    contains(route.out, f"127.0.0.1:{origin.port}", "its backend")
    equal(expect_ctl(proxy, "stats", "a.test", "-o", "json").json["requests"]["completed"], 3, "its JSON")
    equal(expect_ctl(proxy, "stats", "-o", "json").json["routes"][0]["vHost"], "a.test", "the JSON of all")
    equal(run_ctl(proxy, "stats", "none.test").code, 1, "exit code for a route that there is not")


@case("health and status say whether it takes traffic, by the exit code too")
def health(t):
    proxy = t.start()
    equal(expect_ctl(proxy, "health").out, "ready\n", "health")
    equal(expect_ctl(proxy, "-o", "json", "health").json, {"status": "ready"}, "health as JSON")
    proxy.api("POST", "/api/v1/routes", ROUTE)
    proxy.api("POST", "/api/v1/routes/a.test/backends/one/dead")
    status = expect_ctl(proxy, "status").out
    for words in ("state:         ready", "routes:        1", "backends:      1, 1 in maintenance", "last change:   revision 2"):
        contains(status, words, "status")
    equal(expect_ctl(proxy, "-o", "json", "status").json["ready"], True, "status as JSON")


@case("upgrade: a new process has taken over when it says so")
def upgrade(t):
    proxy = t.start()
    proxy.add_route("a.test")
    old = proxy.process.pid
    answer = expect_ctl(proxy, "-o", "json", "upgrade").json
    proxy.follow(answer["pid"])
    equal(answer["replaces"], old, "who is replaced")
    equal(expect_ctl(proxy, "routes", "list", "-o", "json").json[0]["vHost"], "a.test", "the routes after it")
    again = expect_ctl(proxy, "upgrade").out
    proxy.follow(int(again.split()[1]))
    equal(again, f"process {proxy.process.pid} has taken over from {answer['pid']}, which ends its requests\n", "in words")


@case("version is that of the build")
def version(t):
    words = expect_ctl(None, "version").out.split()
    equal(words[0], "penstockctl", "the name")
    equal(expect_ctl(None, "-o", "json", "version").json["version"], words[1], "as JSON")
