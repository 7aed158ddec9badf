"""penstockctl apply, diff and rollback: what would change is shown first, and nothing is overwritten unseen."""

import json

from admin import private
from ctl import RunningCtl, expect_ctl, run_ctl
from harness import case, contains, equal, expect, lacks

ROUTE = {"vHost": "a.test", "retries": 2, "backends": [{"id": "one", "hostname": "127.0.0.1", "port": 9}]}


def start(t):
    proxy = t.start()
    equal(proxy.api("POST", "/api/v1/routes", ROUTE).status, 201, "the first route")
    return proxy, t.folder()


def written(folder, document):
    return private(folder, "document.json", json.dumps(document))


def revision_of(proxy):
    return proxy.api("GET", "/api/v1/config/revisions").json[0]["revision"]


@case("routes apply: shows each field that changes, then changes it; once more there is nothing to change")
def changes(t):
    proxy, folder = start(t)
    backends = [{"id": "two", "hostname": "127.0.0.1", "port": 10}] + ROUTE["backends"]
    file = written(folder, ROUTE | {"retries": 3, "backends": backends, "aliases": ["b.test"]})
    ended = expect_ctl(proxy, "routes", "apply", "-f", file)
    lines = ended.out.splitlines()
    equal(lines[0], "~ route a.test", "the first line")
    for line in ("    - retries: 2", "    + retries: 3", '    + aliases: ["b.test"]', '    + backends[two].id: "two"',
                 "    + backends[two].port: 10"):
        expect(line in lines, f"{line!r} is in {lines}")
    expect(not any("backends[one]" in line or "state" in line for line in lines), f"what does not change is not in {lines}")
    equal(lines[-2:], ["0 added, 1 changed, 0 removed", "applied"], "the last lines")
    equal(proxy.api("GET", "/api/v1/routes/a.test").json["retries"], 3, "retries")
    before = revision_of(proxy)
    equal(expect_ctl(proxy, "routes", "apply", "-f", file).out, "nothing to change\n", "the second time")
    equal(revision_of(proxy), before, "the revision after that")


@case("routes apply takes an array, from stdin too; -o json prints the API's answers alone")
def several(t):
    proxy, _ = start(t)
    document = [ROUTE | {"retries": 4}, {"vHost": "new.test", "backends": [{"hostname": "127.0.0.1", "port": 11}]}]
    ended = expect_ctl(proxy, "-o", "json", "routes", "apply", "-f", "-", given=json.dumps(document))
    answers = [json.loads(line) for line in ended.out.splitlines()]
    equal([(one["vHost"], one["retries"]) for one in answers], [("a.test", 4), ("new.test", 2)], "the answers")
    contains(ended.err, "+ route new.test\n    + id: (made when it is applied)\n", "what changed, on stderr")
    contains(ended.err, "    + backends[127.0.0.1:11].port: 11\n", "a backend without an id")
    equal(len(proxy.api("GET", "/api/v1/routes").json), 2, "routes")


@case("--dry-run shows, and changes nothing")
def dry_run(t):
    proxy, folder = start(t)
    before = revision_of(proxy)
    file = written(folder, ROUTE | {"retries": 5})
    contains(expect_ctl(proxy, "routes", "apply", "-f", file, "--dry-run").out, "    + retries: 5\n", "what would change")
    equal((revision_of(proxy), proxy.api("GET", "/api/v1/routes/a.test").json["retries"]), (before, 2), "after it")


@case("a document that the API refuses changes nothing, and each pointer is a line")
def refused(t):
    proxy, folder = start(t)
    file = written(folder, [ROUTE | {"retries": 3}, ROUTE | {"vHost": "b.test", "retries": 99}])
    ended = run_ctl(proxy, "routes", "apply", "-f", file)
    equal((ended.code, ended.out), (1, ""), "exit code and stdout")
    contains(ended.err, "penstockctl: route b.test: Unprocessable Content (422)", "stderr")
    contains(ended.err, "penstockctl: /retries: must be from 0 to 10\n", "stderr")
    equal(proxy.api("GET", "/api/v1/routes/a.test").json["retries"], 2, "the route before it")
    for text, words in (('{"backends": []}', "/vHost: is missing"), ("[1", "line 1, column 3"), ('[{"vHost": "a.test"}, 7]', "/1/vHost")):
        ended = run_ctl(proxy, "routes", "apply", "-f", "-", given=text)
        equal((ended.code, ended.out), (1, ""), f"{text}: exit code and stdout")
        contains(ended.err, words, text)


# Somebody else is faster.

@case("what somebody else changes between the diff and the answer is not overwritten: 412 says so")
def overtaken(t):
    proxy, folder = start(t)
    file = written(folder, ROUTE | {"retries": 6})
    with RunningCtl(proxy, "routes", "apply", "-f", file, terminal=True) as running:
        running.read_until(lambda text: "Apply this? [y/N]" in text)
        equal(proxy.api("PATCH", "/api/v1/routes/a.test", {"retries": 7}).status, 200, "the other one's change")
        running.write("y\n")
        equal(running.wait(), 1, "exit code")
        contains(running.text, "Precondition Failed (412)", "the terminal")
        contains(running.text, "nothing has been overwritten", "the terminal")
    equal(proxy.api("GET", "/api/v1/routes/a.test").json["retries"], 7, "retries")


@case("a route that somebody else adds between the diff and the answer is not overwritten either")
def overtaken_creation(t):
    proxy, folder = start(t)
    with RunningCtl(proxy, "routes", "apply", "-f", written(folder, ROUTE | {"vHost": "b.test"}), terminal=True) as running:
        running.read_until(lambda text: "Apply this? [y/N]" in text)
        equal(proxy.api("POST", "/api/v1/routes", ROUTE | {"vHost": "b.test", "retries": 1}).status, 201, "the other one's")
        running.write("y\n")
        equal(running.wait(), 1, "exit code")
    equal(proxy.api("GET", "/api/v1/routes/b.test").json["retries"], 1, "retries")


@case("on a terminal it asks, in colour; no is no, and --yes skips it")
def asked(t):
    proxy, folder = start(t)
    file = written(folder, ROUTE | {"retries": 8})
    for answer in ("n\n", "\n", "\x04"):
        with RunningCtl(proxy, "routes", "apply", "-f", file, terminal=True) as running:
            running.read_until(lambda text: "Apply this? [y/N]" in text)
            contains(running.text, "\x1b[32m    + retries: 8\x1b[0m", "the terminal")
            running.write(answer)
            equal(running.wait(), 1, "exit code")
            contains(running.text, "nothing has been applied", "the terminal")
    equal(proxy.api("GET", "/api/v1/routes/a.test").json["retries"], 2, "retries after no")
    with RunningCtl(proxy, "routes", "apply", "-f", file, "--yes", terminal=True, env={"NO_COLOR": "1"}) as running:
        equal(running.wait(), 0, "exit code with --yes")
        lacks(running.text, "Apply this?", "the terminal")
        lacks(running.text, "\x1b[", "the terminal with NO_COLOR")
    equal(proxy.api("GET", "/api/v1/routes/a.test").json["retries"], 8, "retries after --yes")


# Secrets.

@case("auth: applied, listed, shown and removed; a secret is named as not comparable, and set anew each time")
def providers(t):
    proxy, folder = start(t)
    token = "a-secret-token-0123456789"
    provider = {"id": "staff", "type": "bearer", "tokens": [{"name": "ci", "token": token}]}
    file = written(folder, [provider, {"id": "people", "type": "basic", "users": []}])
    ended = expect_ctl(proxy, "auth", "apply", "-f", file)
    contains(ended.out, "+ auth provider staff\n", "what is added")
    contains(ended.out, "  ? tokens[ci].token: is set anew, and cannot be compared\n", "the secret's line")
    equal([(row["PROVIDER"], row["TYPE"], row["DETAILS"]) for row in expect_ctl(proxy, "auth", "list").rows],
          [("people", "basic", "0 users, realm Restricted"), ("staff", "bearer", "1 tokens")], "the list")
    before = revision_of(proxy)
    again = expect_ctl(proxy, "auth", "apply", "-f", file)
    equal(again.out.splitlines()[-2:], ["0 added, 0 changed, 0 removed", "applied"], "the second time")
    fresh = "another-token-0123456789"
    provider["tokens"][0]["token"] = fresh
    expect_ctl(proxy, "auth", "apply", "-f", written(folder, provider))
    expect(revision_of(proxy) > before, "a token that cannot be compared is a change")
    proxy.api("PATCH", "/api/v1/routes/a.test", {"authProvider": "staff"})
    for value, status in ((token, 401), (fresh, 502)):
        answer = t.client(proxy).fetch("a.test", "/", f"Authorization: Bearer {value}")
        equal(answer.status, status, f"the request with {value}")
    shown = expect_ctl(proxy, "auth", "get", "staff")
    contains(shown.out, "tokens:              ci\n", "auth get")
    equal(expect_ctl(proxy, "auth", "get", "staff", "-o", "json").json["id"], "staff", "auth get as JSON")
    for one in (ended, again, shown):
        lacks(one.out + one.err, token, "what was printed")
    refused_ = run_ctl(proxy, "auth", "rm", "staff")
    equal(refused_.code, 1, "exit code of rm while a route names it")
    contains(refused_.err, "(409)", "stderr")
    equal(expect_ctl(proxy, "auth", "rm", "people").out, "auth provider people removed\n", "rm")


# The whole configuration.

@case("config: got, compared, applied in one step, and rolled back")
def configuration(t):
    proxy, folder = start(t)
    document = expect_ctl(proxy, "config", "get", "-o", "json").json
    equal(json.loads(expect_ctl(proxy, "config", "get").out), document, "the indented form")
    equal(expect_ctl(proxy, "config", "diff", "-f", written(folder, document)).out, "nothing to change\n", "its diff with itself")
    document["routes"][0]["retries"] = 9
    document["routes"].append({"vHost": "z.test", "backends": []})
    document["process"] = {"maxHeaders": 50}
    file = written(folder, document)
    compared = expect_ctl(proxy, "config", "diff", "-f", file)
    for line in ("~ process\n    + maxHeaders: 50", "~ route a.test\n    - retries: 2\n    + retries: 9", "+ route z.test"):
        contains(compared.out, line + "\n", "the diff")
    equal(run_ctl(proxy, "config", "diff", "-f", file, "--exit-code").code, 1, "exit code with --exit-code")
    equal(len(proxy.api("GET", "/api/v1/routes").json), 1, "routes after a diff")
    applied = expect_ctl(proxy, "config", "apply", "-f", file)
    equal(applied.out, compared.out + "applied\n", "apply's output")
    equal(proxy.api("GET", "/api/v1/routes/a.test").json["retries"], 9, "retries")
    revisions = expect_ctl(proxy, "config", "revisions")
    equal([row["REVISION"] for row in revisions.rows], ["2", "1"], "the revisions")
    equal(expect_ctl(proxy, "config", "revisions", "-o", "json").json[1]["revision"], 1, "as JSON")
    contains(expect_ctl(proxy, "config", "rollback", "1", "--dry-run").out, "(dry run: nothing has changed)", "a dry run")
    contains(expect_ctl(proxy, "config", "rollback", "1").out, "everything is as it was after revision 1", "rollback")
    equal([one["retries"] for one in proxy.api("GET", "/api/v1/routes").json], [2], "the routes")
    equal(run_ctl(proxy, "config", "rollback", "999").code, 1, "exit code for a revision that there is not")


@case("config apply: two at once from the same diff, one of them gets 412")
def two_at_once(t):
    proxy, folder = start(t)
    document = expect_ctl(proxy, "config", "get", "-o", "json").json
    document["routes"][0]["retries"] = 1
    file = written(folder, document)
    with RunningCtl(proxy, "config", "apply", "-f", file, terminal=True) as one, \
            RunningCtl(proxy, "config", "apply", "-f", file, terminal=True) as other:
        for running in (one, other):
            running.read_until(lambda text: "Apply this? [y/N]" in text)
        for running in (one, other):
            running.write("y\n")
        equal(sorted([one.wait(), other.wait()]), [0, 1], "their exit codes")
        expect("(412)" in one.text or "(412)" in other.text, "one of them names 412")


@case("a diff of 5,000 routes names the one that changes, quickly enough to be used")
def many_routes(t):
    proxy, folder = start(t)
    routes = [ROUTE | {"vHost": f"r{number:05}.test"} for number in range(t.scaled(5_000, least=500))]
    equal(proxy.api("PUT", "/api/v1/config", {"version": 1, "routes": routes}).status, 200, "PUT")
    routes[42]["retries"] = 0
    ended = expect_ctl(proxy, "config", "diff", "-f", written(folder, {"version": 1, "routes": routes}))
    equal(ended.out, "~ route r00042.test\n    - retries: 2\n    + retries: 0\n0 added, 1 changed, 0 removed\n", "the diff")
