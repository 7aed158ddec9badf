"""/api/v1/config: the whole configuration as one document, its revisions, and the way back (SPEC section 9)."""

import json
import signal
import tempfile

import pki
from harness import at_most, case, cases, contains, equal, expect, free_port, lacks, named
from secured import SecuredClient, context

CONFIG = "/api/v1/config"
REVISIONS = f"{CONFIG}/revisions"
ROUTES = "/api/v1/routes"
CERTIFICATES = "/api/v1/certificates"
BACKEND = {"id": "b", "hostname": "127.0.0.1", "port": 9}


def put(proxy, document, query="", **headers):
    return proxy.api("PUT", CONFIG + query, document, {name.replace("_", "-"): value for name, value in headers.items()})


def roll_back(proxy, number, query=""):
    return proxy.api("POST", f"{CONFIG}/rollback{query}", {"revision": number})


def newest(proxy):
    return proxy.api("GET", REVISIONS).json[0]["revision"]


def pointers(answer, status):
    equal(answer.status, status, f"status ({answer.body[:500]!r})")
    return [one["pointer"] for one in answer.json.get("errors", [])]


class Rich:
    """A proxy with something of each kind: routes, one with a certificate, uploaded certificates, maintenance."""

    def __init__(self, t, *flags):
        self.port = free_port()
        self.flags = [*flags, "--https", f"127.0.0.1:{self.port}"]
        self.proxy = t.start(*self.flags, workers=2)
        self.own, self.up, self.rsa = pki.make("own.test"), pki.make("up.test"), pki.make("up.test", kind="RSA")
        t.origin(named("here"), proxy=self.proxy, host="own.test", aliases=["up.test"],
                 ssl={"cert": self.own.cert, "key": self.own.key})
        for pair in (self.up, self.rsa):
            equal(self.upload("up.test", pair) // 100, 2, "the upload")
        mutual = BACKEND | {"tls": True, "clientCert": self.own.cert, "clientKey": self.own.key}
        self.proxy.add_route("plain.test", mutual)
        equal(self.proxy.api("POST", f"{ROUTES}/plain.test/backends/b/dead").status, 200, "maintenance")

    def upload(self, domain, pair):
        return self.proxy.api("POST", CERTIFICATES, {"domain": domain, "cert": pair.cert, "key": pair.key}).status

    def serves(self, name, pair):
        client = SecuredClient(("127.0.0.1", self.port), name, context(pair))
        equal(client.fetch(name).text, "here", f"the answer for {name}")
        client.close()

    def shown(self):
        """All that there is to see, byte by byte."""
        return [self.proxy.api("GET", path).body for path in (CONFIG, CERTIFICATES)]

    def marks(self):
        return [one["state"] for one in self.proxy.api("GET", f"{ROUTES}/plain.test").json["backends"]]


@case("GET gives one document without a key; PUT back unchanged, it changes nothing and all keys are kept")
def put_back(t):
    rich = Rich(t)
    got = rich.proxy.api("GET", CONFIG)
    equal(sorted(got.json), ["authProviders", "certificates", "process", "routes", "version"], "members")
    equal([one["vHost"] for one in got.json["routes"]], ["own.test", "plain.test"], "routes")
    equal([one["domain"] for one in got.json["certificates"]], ["up.test"] * 2, "certificates")
    for pair in (rich.own, rich.up, rich.rsa):
        lacks(got.body.decode(), pair.secret, "the document")
    equal(rich.proxy.api("GET", CONFIG, headers={"If-None-Match": got.headers["ETag"]}).status, 304, "If-None-Match")
    last = newest(rich.proxy)
    answer = put(rich.proxy, got.body)
    equal((answer.status, answer.body, answer.headers["ETag"]), (200, got.body, got.headers["ETag"]), "what PUT answers")
    equal(rich.proxy.api("GET", CONFIG).body, got.body, "the document after it")
    equal(newest(rich.proxy), last, "the newest revision: nothing has changed")
    equal(rich.marks(), ["maintenance"], "maintenance is kept")
    rich.serves("own.test", rich.own)
    rich.serves("up.test", rich.up)  # the route's own certificate is not for it, so the uploaded one is


@case("PUT replaces routes and certificates in one publication; what is absent goes")
def replaces(t):
    rich = Rich(t)
    new = pki.make("new.test")
    origin = t.bare_origin(named("new"))
    document = {"version": 1, "routes": [{"vHost": "new.test", "backends": [origin.backend]}],
                "certificates": [{"domain": "new.test", "cert": new.cert, "key": new.key}]}
    equal(put(rich.proxy, document, "?dryRun=true").status, 200, "status of a dry run")
    equal(len(rich.proxy.api("GET", ROUTES).json), 2, "routes after a dry run")
    answer = put(rich.proxy, document)
    equal(answer.status, 200, f"status {answer.body!r}")
    equal(answer.json, rich.proxy.api("GET", CONFIG).json, "what PUT answers is what GET gives")
    equal([one["vHost"] for one in rich.proxy.api("GET", ROUTES).json], ["new.test"], "routes")
    equal([one["domain"] for one in rich.proxy.api("GET", CERTIFICATES).json], ["new.test"], "certificates")
    equal(t.client(rich.proxy).fetch("own.test").status, 404, "status of a host that went")
    client = SecuredClient(("127.0.0.1", rich.port), "new.test", context(new))
    equal(client.fetch("new.test").text, "new", "the answer of the new one")
    client.close()


@case("If-Match guards the document: 412 when anything has changed")
def guarded(t):
    proxy = t.start()
    proxy.add_route("a.test", BACKEND)
    got = proxy.api("GET", CONFIG)
    proxy.add_route("b.test", BACKEND)
    equal(put(proxy, got.body, If_Match=got.headers["ETag"]).status, 412, "status with an old tag")
    equal(len(proxy.api("GET", ROUTES).json), 2, "routes")
    now = proxy.api("GET", CONFIG).headers["ETag"]
    equal(put(proxy, got.body, If_Match=now).status, 200, "status with the tag of now")
    equal(len(proxy.api("GET", ROUTES).json), 1, "routes after it")


@case("one bad route of 10,000: 422 names it, nothing has changed; without it all are there at once", deadline=90)
def one_of_many(t):
    proxy = t.start()
    t.origin(named("before"), proxy=proxy, host="before.test")
    before = proxy.api("GET", CONFIG).body
    count = t.scaled(10_000, 500)
    document = {"routes": [{"vHost": f"h{number}.test", "id": f"h{number}", "backends": [BACKEND],
                            "headers": {"X-Padding": "x" * 100}} for number in range(count)]}
    bad = count * 7 // 10
    document["routes"][bad]["backends"] = [BACKEND | {"port": 70_000}]
    equal(pointers(put(proxy, document), 422), [f"/routes/{bad}/backends/0/port"], "pointers")
    equal(proxy.api("GET", CONFIG).body, before, "the document")
    equal(t.client(proxy).fetch("before.test").text, "before", "the answer")
    document["routes"][bad]["backends"] = [BACKEND]
    expect(len(json.dumps(document)) > 1 << 20 or count < 10_000, "the document is past the other bodies' limit")
    equal(put(proxy, document).status, 200, "status of the good one")
    equal(int(proxy.api("GET", f"{ROUTES}?limit=1").headers["X-Total-Count"]), count, "routes")
    at_most(len(proxy.api("GET", REVISIONS).json), 2, "revisions: one for all")


@cases([
    ("a certificate without its key, of a domain that has none", lambda pair: {"certificates": [
        {"domain": "a.test", "cert": pair.cert}]}, 422, "/certificates/0/key"),
    ("a certificate for another name", lambda pair: {"certificates": [
        {"domain": "b.test", "cert": pair.cert, "key": pair.key}]}, 422, "/certificates/0/cert"),
    ("the same certificate twice", lambda pair: {"certificates": [
        {"domain": "a.test", "cert": pair.cert, "key": pair.key}] * 2}, 422, "/certificates/1"),
    ("an ssl without its key", lambda pair: {"routes": [
        {"vHost": "x.test"}, {"vHost": "a.test", "ssl": {"cert": pair.cert}}]}, 422, "/routes/1/ssl/key"),
    ("a vHost twice", lambda pair: {"routes": [{"vHost": "a.test"}, {"vHost": "A.test"}]}, 409, "/routes/1/vHost"),
    ("another version", lambda pair: {"version": 2}, 422, "/version"),
    ("an unknown section", lambda pair: {"rutes": []}, 422, "/rutes"),
    ("an auth provider of no type", lambda pair: {"authProviders": [{}]}, 422, "/authProviders/0/type"),
    ("a route whose auth provider is in force, but not in the document", lambda pair: {
        "routes": [{"vHost": "a.test", "authProvider": "x"}]}, 422, "/routes/0/authProvider"),
    ("a list instead of the document", lambda pair: [], 422, ""),
])
def refused(t, document, status, pointer):
    """Nothing has changed."""
    proxy = t.start()
    before = proxy.api("GET", CONFIG).body
    contains(pointers(put(proxy, document(pki.make("a.test"))), status), pointer, "pointers")
    equal(proxy.api("GET", CONFIG).body, before, "the document")


# Revisions.

@case("revisions say when, what and by whom; the last 100 are kept")
def revisions(t):
    proxy = t.start()
    equal(proxy.api("GET", REVISIONS).json, [], "revisions of a new store")
    for number in range(103):
        equal(proxy.api("PUT", f"{ROUTES}/a.test", {"maxBodyBytes": number + 1}).status // 100, 2, "status of PUT")
    listed = proxy.api("GET", REVISIONS)
    equal([one["revision"] for one in listed.json], list(range(103, 3, -1)), "numbers, the newest first")
    one = listed.json[0]
    equal((sorted(one), one["by"]), (["by", "revision", "what", "when"], "127.0.0.1"), "a revision")
    contains(one["what"], "a.test", "what")
    equal(proxy.api("GET", REVISIONS, headers={"If-None-Match": listed.headers["ETag"]}).status, 304, "If-None-Match")
    equal(pointers(roll_back(proxy, 3), 422), ["/revision"], "pointers of one that is not kept any more")
    equal(roll_back(proxy, 4).status, 200, "status of the oldest that is")
    equal(proxy.api("GET", f"{ROUTES}/a.test").json["maxBodyBytes"], 4, "the route of then")


@case("what changes nothing is no revision; nor is what was refused or only checked")
def no_revision(t):
    proxy = t.start()
    proxy.add_route("a.test", BACKEND)
    last = newest(proxy)
    body = proxy.api("GET", f"{ROUTES}/a.test").body
    equal(proxy.api("PUT", f"{ROUTES}/a.test", body).status, 200, "status of PUT of the same")
    equal(proxy.api("PUT", f"{ROUTES}/b.test?dryRun=true", {}).status, 201, "status of a dry run")
    equal(proxy.api("POST", ROUTES, {"vHost": "a.test"}).status, 409, "status of a conflict")
    equal(roll_back(proxy, last).json["revision"], last, "going back to the present")
    equal(newest(proxy), last, "the newest revision")


@case("rollback restores everything byte for byte, secrets and maintenance included, also after kill -9")
def rollback(t):
    with tempfile.TemporaryDirectory(prefix="penstock-store.") as folder:
        rich = Rich(t, "--store", f"sqlite:{folder}/penstock.db")
        before, then = rich.shown(), newest(rich.proxy)
        other = pki.make("up.test")
        equal(rich.upload("up.test", other), 200, "another certificate")
        equal(rich.proxy.api("DELETE", f"{ROUTES}/plain.test").status, 204, "DELETE")
        equal(rich.proxy.api("PATCH", f"{ROUTES}/own.test", {"ssl": None, "aliases": [], "retries": 0}).status, 200, "PATCH")
        equal(put(rich.proxy, {"routes": [{"vHost": "up.test"}]}).status, 200, "PUT of another whole")
        changed = rich.shown()
        equal(roll_back(rich.proxy, then, "?dryRun=true").status, 200, "status of a dry run")
        equal(rich.shown(), changed, "after a dry run")
        answer = roll_back(rich.proxy, then)
        equal(answer.status, 200, f"status {answer.body!r}")
        equal(answer.json["revision"], then + 5, "the rollback is a revision itself")
        for restart in (False, True):
            if restart:
                rich.proxy.signal(signal.SIGKILL)
                rich.proxy.wait_exit()
                rich.proxy.stop(code=-signal.SIGKILL)
                rich.proxy = t.start(*rich.flags, workers=2)
            equal(rich.shown(), before, f"what there is{' after kill -9' if restart else ''}")
            equal(rich.marks(), ["maintenance"], "maintenance")
            rich.serves("own.test", rich.own)
            rich.serves("up.test", rich.up)
            equal(t.client(rich.proxy).fetch("up.test").text, "here", "the answer for the alias")
        equal(roll_back(rich.proxy, then + 4).status, 200, "and forth again")
        equal(rich.shown(), changed, "what there was before the rollback")


@cases([
    ("back to nothing", {}, "/revision"), ("back to a word", {"revision": "last"}, "/revision"),
    ("back to a list", [], ""), ("back with more than is wanted", {"revision": 1, "force": True}, "/force"),
    ("back to the future", {"revision": 10**6}, "/revision")])
def bad_rollback(t, body, pointer):
    """A rollback to nothing that is there is 422."""
    contains(pointers(t.proxy.api("POST", f"{CONFIG}/rollback", body), 422), pointer, "pointers")
