"""/api/v1/auth-providers: the resource, the store behind it, and secrets that never leave (SPEC sections 8 and 9)."""

import hashlib
import signal
import tempfile

import pki
from auth import BCRYPT, BROKEN, PROVIDERS, add_provider, add_users, basic, bearer, unique_id
from harness import case, cases, contains, equal, expect, free_port, lacks, named
from secured import SecuredClient, context

CONFIG = "/api/v1/config"
ROUTES = "/api/v1/routes"
BACKEND = {"id": "b", "hostname": "127.0.0.1", "port": 9}
USERS = [{"name": "ann", "hash": BCRYPT}]
TOKEN = "a-token-of-the-test"
SHA256 = hashlib.sha256(TOKEN.encode()).hexdigest()


def pointers(answer, status):
    equal(answer.status, status, f"status ({answer.body[:500]!r})")
    return [one["pointer"] for one in answer.json.get("errors", [])]


def put(proxy, made, body, **headers):
    return proxy.api("PUT", f"{PROVIDERS}/{made}", body, {name.replace("_", "-"): value for name, value in headers.items()})


@case("POST, GET, PUT and DELETE: 201 with its place, then 200, 204 and 404; no answer holds a secret")
def life(t):
    proxy, made = t.start(), "who/is it?"
    created = proxy.api("POST", PROVIDERS, {"id": made, "type": "basic", "users": USERS})
    equal(created.status, 201, f"status {created.body!r}")
    place = created.headers["Location"]
    equal(place, f"{PROVIDERS}/who%2Fis%20it%3F", "Location")
    shown = {"id": made, "type": "basic", "forwardCredentials": False, "realm": "Restricted", "users": [{"name": "ann"}]}
    equal(created.json, shown, "what POST answers")
    got = proxy.api("GET", place)
    equal((got.json, got.headers["ETag"]), (shown, created.headers["ETag"]), "what GET gives")
    equal(proxy.api("GET", place, headers={"If-None-Match": got.headers["ETag"]}).status, 304, "If-None-Match")
    equal(pointers(proxy.api("POST", PROVIDERS, {"id": made, "type": "basic"}), 409), ["/id"], "pointers of a second POST")
    changed = proxy.api("PUT", place, {"type": "bearer", "tokens": [{"name": "a", "token": TOKEN}]})
    equal((changed.status, changed.json["tokens"]), (200, [{"name": "a"}]), "PUT of another type")
    for answer in (created, got, changed, proxy.api("GET", PROVIDERS), proxy.api("GET", CONFIG)):
        for secret in (BCRYPT, "$2", TOKEN, SHA256):
            lacks(answer.body.decode(), secret, "an answer")
    equal(proxy.api("DELETE", place).status, 204, "DELETE")
    equal([proxy.api(method, place).status for method in ("GET", "DELETE")], [404, 404], "statuses after it")
    lacks(proxy.stderr(), TOKEN, "the log")


@case("PUT creates; without an id POST gives one; the list is in order, by pages")
def listed(t):
    proxy = t.start()
    for made in ("c", "a", "b"):
        equal(put(proxy, made, {"type": "basic", "users": USERS}).status, 201, "status of PUT")
    page = proxy.api("GET", f"{PROVIDERS}?limit=2")
    equal(([one["id"] for one in page.json], page.headers["X-Total-Count"]), (["a", "b"], "3"), "a page")
    equal([one["id"] for one in proxy.api("GET", f"{PROVIDERS}?after=b").json], ["c"], "the rest")
    equal(len(proxy.api("POST", PROVIDERS, {"type": "basic"}).json["id"]), 36, "length of the id")
    equal(pointers(put(proxy, "a", {"id": "b", "type": "basic"}), 422), ["/id"], "pointers where path and body differ")


@cases([
    ("no type", {}, ["/type"]), ("an unknown type", {"type": "digest"}, ["/type"]),
    ("http without a host", {"type": "http", "url": "http:///a"}, ["/url"]),
    ("another type's field", {"type": "basic", "tokens": []}, ["/tokens"]),
    ("MD5 and SHA-1", {"type": "basic", "users": [{"name": name, "hash": hash} for name, hash in BROKEN.items()]},
     ["/users/0/hash", "/users/1/hash"]),
    ("no hash, an empty name, a colon", {"type": "basic", "users": [
        {"name": "a"}, {"name": "", "hash": BCRYPT}, {"name": "a:b", "hash": BCRYPT}]},
     ["/users/0/hash", "/users/1/name", "/users/2/name"]),
    ("no token", {"type": "bearer", "tokens": [{"name": "a"}]}, ["/tokens/0/token"])])
def refused(t, body, wanted):
    """422 names every field, and nothing has changed."""
    proxy, made = t.proxy, unique_id()
    equal(pointers(put(proxy, made, body), 422), wanted, "pointers")
    equal(proxy.api("GET", f"{PROVIDERS}/{made}").status, 404, "status of GET")


@case("a refused hash says what to do")
def advised(t):
    for hash in BROKEN.values():
        answer = t.proxy.api("POST", PROVIDERS, {"type": "basic", "users": [{"name": "a", "hash": hash}]})
        contains(answer.json["errors"][0]["detail"], "htpasswd -B", "the detail")
        lacks(answer.body.decode(), hash[-20:], "the answer")


@case("what GET gave can be PUT back: users and tokens keep their secrets by name; a new one wants its own")
def secrets_kept(t):
    made = add_users(t.proxy, "ann", "bob")
    origin = t.origin(named("inside"), authProvider=made)
    body = t.proxy.api("GET", f"{PROVIDERS}/{made}").json
    equal(put(t.proxy, made, body).status, 200, "status of PUT")
    equal(t.client().fetch(origin.host, "/", basic("bob")).status, 200, "status with the old password")
    body["users"].append({"name": "new"})
    equal(pointers(put(t.proxy, made, body), 422), ["/users/2/hash"], "pointers of one that has none")
    tokens = add_provider(t.proxy, "bearer", tokens=[{"name": "a", "token": TOKEN}])
    other = t.origin(named("inside"), authProvider=tokens)
    equal(put(t.proxy, tokens, t.proxy.api("GET", f"{PROVIDERS}/{tokens}").json).status, 200, "status of PUT")
    equal(t.client().fetch(other.host, "/", bearer(TOKEN)).status, 200, "status with the old token")


@case("If-Match guards secrets too: 412 when only a hash has changed")
def preconditions(t):
    made = add_users(t.proxy, "ann")
    tag = t.proxy.api("GET", f"{PROVIDERS}/{made}").headers["ETag"]
    body = {"type": "basic", "users": [{"name": "ann", "hash": BCRYPT.replace("D/O2G", "D/O2H")}]}
    equal(put(t.proxy, made, body, If_Match=tag).status, 200, "status with the tag of then")
    equal(put(t.proxy, made, body, If_Match=tag).status, 412, "status with it once more")
    equal(put(t.proxy, made, body, If_None_Match="*").status, 412, "status of creating what is there")
    equal(t.proxy.api("DELETE", f"{PROVIDERS}/{made}", headers={"If-Match": tag}).status, 412, "status of DELETE")


@case("?dryRun=true only checks")
def dry_run(t):
    proxy = t.start()
    equal(proxy.api("POST", f"{PROVIDERS}?dryRun=true", {"id": "a", "type": "basic"}).status, 201, "POST")
    equal(proxy.api("GET", PROVIDERS).json, [], "providers")
    put(proxy, "a", {"type": "basic", "users": USERS})
    equal(proxy.api("PUT", f"{PROVIDERS}/a?dryRun=true", {"type": "basic"}).status, 200, "PUT")
    equal(proxy.api("DELETE", f"{PROVIDERS}/a?dryRun=true").status, 204, "DELETE")
    equal(proxy.api("GET", f"{PROVIDERS}/a").json["users"], [{"name": "ann"}], "users")


@case("a route names a provider that there is, or 422; one that is in use cannot be deleted: 409 says by whom")
def references(t):
    proxy = t.start()
    for host in ("a.test", "b.test"):
        equal(pointers(proxy.api("POST", ROUTES, {"vHost": host, "authProvider": "staff"}), 422), ["/authProvider"], host)
    put(proxy, "staff", {"type": "basic", "users": USERS})
    for host in ("a.test", "b.test"):
        proxy.add_route(host, BACKEND, authProvider="staff")
    for query in ("", "?dryRun=true"):
        answer = proxy.api("DELETE", f"{PROVIDERS}/staff{query}")
        equal(answer.status, 409, "status of DELETE")
        contains(answer.json["detail"], "a.test, b.test", "the detail")
    equal(proxy.api("PATCH", f"{ROUTES}/a.test", {"authProvider": "nobody"}).status, 422, "PATCH to one that is not there")
    equal(proxy.api("PATCH", f"{ROUTES}/a.test", {"authProvider": None}).status, 200, "PATCH")
    equal(proxy.api("DELETE", f"{ROUTES}/b.test").status, 204, "DELETE of the route")
    equal(proxy.api("DELETE", f"{PROVIDERS}/staff").status, 204, "DELETE")


@case("a route is guarded, and is not, from the answer to its PATCH on")
def switched(t):
    made = add_users(t.proxy, "ann")
    origin = t.origin(named("inside"))
    client = t.client()
    for provider, status in ((made, 401), (None, 200), (made, 401)):
        equal(t.proxy.api("PATCH", f"{ROUTES}/{origin.host}", {"authProvider": provider}).status, 200, "PATCH")
        equal(client.fetch(origin.host).status, status, f"status with the provider {provider}")


class Stored:
    """A proxy with a store of its own, a guarded route and one behind tokens."""

    def __init__(self, t, folder):
        self.t = t
        self.flags = ["--store", f"sqlite:{folder}/penstock.db"]
        self.proxy = t.start(*self.flags)
        put(self.proxy, "staff", {"type": "basic", "users": USERS})
        put(self.proxy, "ci", {"type": "bearer", "forwardCredentials": True, "tokens": [{"name": "a", "token": TOKEN}]})
        t.origin(named("staff"), proxy=self.proxy, host="staff.test", authProvider="staff")
        t.origin(named("ci"), proxy=self.proxy, host="ci.test", authProvider="ci")

    def restart(self):
        self.proxy.signal(signal.SIGKILL)
        self.proxy.wait_exit()
        self.proxy.stop(code=-signal.SIGKILL)
        self.proxy = self.t.start(*self.flags)

    def statuses(self):
        """Without credentials, with a user's, with a token: at both."""
        client = self.t.client(self.proxy)
        return [client.fetch(host, "/", *lines).status for host in ("staff.test", "ci.test")
                for lines in ([], [basic("ann")], [bearer(TOKEN)])]

    def shown(self):
        return [self.proxy.api("GET", path).body for path in (CONFIG, PROVIDERS)]


GUARDED = [401, 200, 401, 401, 401, 200]


@case("a restart after kill -9 guards as before; the store holds no token")
def restart(t):
    with tempfile.TemporaryDirectory(prefix="penstock-store.") as folder:
        stored = Stored(t, folder)
        equal(stored.statuses(), GUARDED, "statuses")
        before = stored.shown()
        stored.restart()
        equal((stored.statuses(), stored.shown()), (GUARDED, before), "statuses, and what is shown, after kill -9")
        with open(f"{folder}/penstock.db", "rb") as database:
            lacks(database.read(), TOKEN.encode(), "the store")


@case("/config holds the providers; PUT back unchanged it keeps all secrets; what is absent goes, in one publication")
def document(t):
    with tempfile.TemporaryDirectory(prefix="penstock-store.") as folder:
        stored = Stored(t, folder)
        proxy = stored.proxy
        got = proxy.api("GET", CONFIG)
        equal([one["id"] for one in got.json["authProviders"]], ["ci", "staff"], "providers of the document")
        last = proxy.api("GET", f"{CONFIG}/revisions").json[0]["revision"]
        again = proxy.api("PUT", CONFIG, got.body)
        equal((again.status, again.body), (200, got.body), "what PUT answers")
        equal(proxy.api("GET", f"{CONFIG}/revisions").json[0]["revision"], last, "the newest revision: nothing has changed")
        equal(stored.statuses(), GUARDED, "statuses")
        without = got.json | {"authProviders": [one for one in got.json["authProviders"] if one["id"] == "ci"]}
        guarded = next(at for at, one in enumerate(without["routes"]) if one["vHost"] == "staff.test")
        equal(pointers(proxy.api("PUT", CONFIG, without), 422), [f"/routes/{guarded}/authProvider"], "one that is missing")
        without["routes"][guarded]["authProvider"] = None
        equal(proxy.api("PUT", CONFIG, without).status, 200, "status of PUT")
        equal(stored.statuses(), [200, 200, 200, 401, 401, 200], "statuses after it")
        equal([one["id"] for one in proxy.api("GET", PROVIDERS).json], ["ci"], "providers after it")
        twice = {"authProviders": [{"id": "a", "type": "basic"}, {"id": "a", "type": "basic"}]}
        equal(pointers(proxy.api("PUT", CONFIG, twice), 409), ["/authProviders/1/id"], "the same id twice")
        lost = {"authProviders": [{"id": "new", "type": "basic", "users": [{"name": "a"}]}]}
        equal(pointers(proxy.api("PUT", CONFIG, lost), 422), ["/authProviders/0/users/0/hash"], "a secret that is nowhere")


@case("rollback restores providers with their secrets, and what routes name, also after kill -9")
def rollback(t):
    with tempfile.TemporaryDirectory(prefix="penstock-store.") as folder:
        stored = Stored(t, folder)
        before, then = stored.shown(), stored.proxy.api("GET", f"{CONFIG}/revisions").json[0]["revision"]
        other = {"type": "basic", "users": [{"name": "eve", "hash": BCRYPT}]}
        equal(put(stored.proxy, "staff", other).status, 200, "PUT")
        equal(stored.proxy.api("PATCH", f"{ROUTES}/ci.test", {"authProvider": "staff"}).status, 200, "PATCH")
        equal(stored.proxy.api("DELETE", f"{PROVIDERS}/ci").status, 204, "DELETE")
        changed = stored.shown()
        expect(stored.statuses() != GUARDED, "something has changed")
        equal(stored.proxy.api("POST", f"{CONFIG}/rollback?dryRun=true", {"revision": then}).status, 200, "a dry run")
        equal(stored.shown(), changed, "what is shown after it")
        equal(stored.proxy.api("POST", f"{CONFIG}/rollback", {"revision": then}).status, 200, "rollback")
        for is_again in (False, True):
            if is_again:
                stored.restart()
            equal((stored.statuses(), stored.shown()), (GUARDED, before), f"after the rollback{' and kill -9' * is_again}")


@case("--config brings providers, whose secrets it must hold")
def config_file(t):
    with tempfile.TemporaryDirectory(prefix="penstock-config.") as folder:
        path = f"{folder}/penstock.json"
        origin = t.bare_origin(named("inside"))
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"authProviders": [{"id": "ci", "type": "bearer", "tokens": [{"name": "a", "sha256": "%s"}]}],'
                       '"routes": [{"vHost": "a.test", "authProvider": "ci", "backends": [{"hostname": "127.0.0.1",'
                       '"port": %d}]}]}' % (SHA256, origin.port))
        proxy = t.start("--config", path)
        statuses = [t.client(proxy).fetch("a.test", "/", *lines).status for lines in ([], [bearer(TOKEN)])]
        equal(statuses, [401, 200], "statuses")


@case("a TLS session is not resumed once its vHost's authentication has changed, nor at one with another")
def tickets(t):
    port, pair = free_port(), pki.make("*.auth.test")
    proxy = t.start("--https", f"127.0.0.1:{port}")
    equal(proxy.api("POST", "/api/v1/certificates", {"domain": "*.auth.test", "cert": pair.cert, "key": pair.key}).status,
          201, "the certificate")
    for made in ("one", "two"):
        put(proxy, made, {"type": "basic", "users": USERS, "realm": made})
    for name, provider in (("open", None), ("free", None), ("a", "one"), ("b", "one"), ("c", "two")):
        t.origin(named(name), proxy=proxy, host=f"{name}.auth.test", authProvider=provider)
    trust = context(pair)

    def connect(name, session=None):
        client = SecuredClient(("127.0.0.1", port), f"{name}.auth.test", trust, session=session)
        client.fetch(f"{name}.auth.test", "/", basic("ann"))  # by then its ticket has come
        t.clients.append(client)
        return client

    for first, second, is_resumed in (("open", "open", True), ("open", "free", True), ("a", "a", True), ("a", "b", True),
                                      ("open", "a", False), ("a", "open", False), ("a", "c", False), ("c", "b", False)):
        equal(connect(second, connect(first).session).was_resumed, is_resumed, f"a session of {first} resumed at {second}")
    session = connect("a").session
    put(proxy, "one", {"type": "basic", "users": USERS, "realm": "new"})
    equal(connect("a", session).was_resumed, False, "a session of before the change is resumed")
