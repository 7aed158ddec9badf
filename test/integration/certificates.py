"""Certificates through the REST API (SPEC sections 7 and 9): checked before anything changes, their keys never shown."""

import base64

from harness import case, cases, contains, equal, expect, lacks
from pki import encrypted, make, make_key

CERTIFICATES = "/api/v1/certificates"
ROUTES = "/api/v1/routes"
TYPE = "urn:problem-type:penstock:"


def body_of(domain, pair, **more):
    return {"domain": domain, "cert": pair.cert, "key": pair.key} | more


def put(t, domain, pair, query="", **more):
    return t.proxy.api("POST", CERTIFICATES + query, body_of(domain, pair, **more))


def kinds_of(answer):
    return [one["keyKind"] for one in answer.json["certificates"]]


def refused(answer, pointer, kind):
    """422 that names the field and says in its type what is wrong with it."""
    equal(answer.status, 422, f"status ({answer.body!r})")
    equal(answer.headers.get_content_type(), "application/problem+json", "Content-Type")
    document = answer.json
    equal([one["pointer"] for one in document["errors"]], [pointer], "pointers")
    equal(document["errors"][0].get("type"), TYPE + kind, "type of the error")
    equal(document["type"], TYPE + kind, "type of the document")
    expect(document["errors"][0]["detail"], "a detail")
    lacks(answer.body.decode(), "PRIVATE", "the answer")


@case("POST creates with 201, shows what the certificate is, and updates with 200")
def life(t):
    host = t.unique_host()
    created = put(t, host.upper(), make(host, f"www.{host}"))
    equal(created.status, 201, f"status ({created.body!r})")
    equal(created.headers["Location"], f"{CERTIFICATES}/{host}", "Location")
    equal(created.json["domain"], host, "domain")
    one = created.json["certificates"][0]
    equal((one["keyKind"], one["keyBits"], one["issuer"]), ("ECDSA", 256, "CN=test"), "what it is")
    equal(one["names"], [host, f"www.{host}"], "names")
    expect(len(one["fingerprint"]) == 64 and one["serial"] and one["notAfter"] > one["notBefore"], f"{one}")

    got = t.proxy.api("GET", created.headers["Location"])
    equal((got.status, got.body, got.headers["ETag"]), (200, created.body, created.headers["ETag"]), "GET")
    updated = put(t, host, make(host))
    equal(updated.status, 200, "status of the update")
    expect(updated.json["certificates"][0]["fingerprint"] != one["fingerprint"], "another certificate")
    equal(t.proxy.api("DELETE", created.headers["Location"]).status, 204, "status of DELETE")
    equal(t.proxy.api("GET", created.headers["Location"]).status, 404, "status after it")
    equal(t.proxy.api("DELETE", created.headers["Location"]).status, 404, "status of DELETE again")


@case("RSA and ECDSA stand side by side for one name")
def two_kinds(t):
    host = t.unique_host()
    equal(put(t, host, make(host)).status, 201, "status")
    both = put(t, host, make(host, kind="RSA"))
    equal((both.status, kinds_of(both)), (200, ["RSA", "ECDSA"]), "after the second")


@case("wildcards and the default are addressed as they are written, encoded or not")
def patterns(t):
    host = t.unique_host()
    wildcard = f"*.{host}"
    equal(put(t, wildcard, make(wildcard)).status, 201, "status")
    for path in (wildcard, f"%2A.{host}", wildcard.upper()):
        equal(t.proxy.api("GET", f"{CERTIFICATES}/{path}").json["domain"], wildcard, path)
    equal(put(t, "*", make(host)).status in (200, 201), True, "any certificate may be the default")
    equal(t.proxy.api("GET", f"{CERTIFICATES}/*").json["domain"], "*", "the default")


@case("the list comes in pages")
def pages(t):
    names = sorted(t.unique_host() for _ in range(3))
    for name in names:
        equal(put(t, name, make(name)).status, 201, "status")
    whole = t.proxy.api("GET", CERTIFICATES)
    listed = [one["domain"] for one in whole.json]
    equal(listed, sorted(listed), "order")
    expect(set(names) <= set(listed), "all are listed")
    page = t.proxy.api("GET", f"{CERTIFICATES}?limit=1&after={names[0]}")
    expect(len(page.json) == 1 and page.json[0]["domain"] > names[0], f"a page ({page.json})")
    expect(int(page.headers["X-Total-Count"]) >= 3, "X-Total-Count")


@case("entity tags: 304 for what is known, 412 for what has changed")
def tags(t):
    host = t.unique_host()
    path = f"{CERTIFICATES}/{host}"
    tag = put(t, host, make(host)).headers["ETag"]
    equal(t.proxy.api("GET", path, headers={"If-None-Match": tag}).status, 304, "If-None-Match")
    body = body_of(host, make(host))
    equal(t.proxy.api("POST", CERTIFICATES, body, {"If-None-Match": "*"}).status, 412, "POST of what exists")
    equal(t.proxy.api("POST", CERTIFICATES, body, {"If-Match": tag}).status, 200, "POST of what is known")
    equal(t.proxy.api("POST", CERTIFICATES, body, {"If-Match": tag}).status, 412, "POST of what has changed")
    equal(t.proxy.api("DELETE", path, headers={"If-Match": tag}).status, 412, "DELETE of what has changed")
    equal(t.proxy.api("GET", path).status, 200, "it is still there")


@case("?dryRun=true checks and changes nothing")
def dry_run(t):
    host = t.unique_host()
    equal(put(t, host, make(host), "?dryRun=true").status, 201, "status")
    equal(t.proxy.api("GET", f"{CERTIFICATES}/{host}").status, 404, "nothing is there")
    equal(put(t, host, make("other.test"), "?dryRun=true").status, 422, "status of what would be refused")
    put(t, host, make(host))
    equal(t.proxy.api("DELETE", f"{CERTIFICATES}/{host}?dryRun=true").status, 204, "status of DELETE")
    equal(t.proxy.api("GET", f"{CERTIFICATES}/{host}").status, 200, "it is still there")


def _authority():
    return make("authority", ca=True)


@cases([
    ("no PEM", lambda host: body_of(host, make(host)) | {"cert": "nonsense"}, "/cert", "certificate-missing"),
    ("half a certificate", lambda host: (lambda pair: body_of(host, pair) | {"cert": pair.cert[:300]})(make(host)),
     "/cert", "certificate-malformed"),
    ("a key among the certificates", lambda host: (lambda pair: body_of(host, pair) | {"cert": pair.cert + pair.key})(
        make(host)), "/cert", "certificate-holds-key"),
    ("a chain out of order", lambda host: (lambda pair: body_of(host, pair) | {"cert": pair.cert + make("x.test").cert})(
        make(host, issuer=_authority())), "/cert", "certificate-chain-out-of-order"),
    ("an expired certificate", lambda host: body_of(host, make(host, days=-1)), "/cert", "certificate-expired"),
    ("a certificate without names", lambda host: body_of(host, make()), "/cert", "certificate-without-names"),
    ("a certificate for other names", lambda host: body_of(host, make("other.test")), "/cert",
     "certificate-for-other-names"),
    ("a weak key", lambda host: body_of(host, make(host, kind="weak RSA")), "/cert", "certificate-too-weak"),
    ("a key that does not fit", lambda host: body_of(host, make(host)) | {"key": make_key()}, "/key", "key-mismatch"),
    ("an encrypted key", lambda host: (lambda pair: body_of(host, pair) | {"key": encrypted(pair.key)})(make(host)),
     "/key", "key-encrypted"),
    ("two keys", lambda host: (lambda pair: body_of(host, pair) | {"key": pair.key * 2})(make(host)), "/key",
     "several-keys"),
    ("no key", lambda host: body_of(host, make(host)) | {"key": "nonsense"}, "/key", "key-missing"),
    ("an OCSP response that is none", lambda host: body_of(host, make(host)) | {
        "ocsp": base64.b64encode(b"nonsense").decode()}, "/ocsp", "ocsp-malformed"),
    ("an OCSP response that is no base64", lambda host: body_of(host, make(host)) | {"ocsp": "%"}, "/ocsp",
     "ocsp-malformed"),
])
def faults(t, body, pointer, kind):
    host = t.unique_host()
    refused(t.proxy.api("POST", CERTIFICATES, body(host)), pointer, kind)
    equal(t.proxy.api("GET", f"{CERTIFICATES}/{host}").status, 404, "nothing has changed")


@case("every bad field is named")
def all_fields(t):
    answer = t.proxy.api("POST", CERTIFICATES, {"domain": "a b", "cert": "x", "key": "y", "colour": 1})
    equal(answer.status, 422, "status")
    equal({one["pointer"] for one in answer.json["errors"]}, {"/domain", "/cert", "/key", "/colour"}, "pointers")
    equal(t.proxy.api("POST", CERTIFICATES, b"{").status, 400, "status of no JSON")


# Inside a route.

@case("a route's certificate is shown without its key, which stays where it is not sent again")
def in_route(t):
    host = t.unique_host()
    path = f"{ROUTES}/{host}"
    pair = make(host)
    created = t.proxy.api("POST", ROUTES, {"vHost": host, "ssl": {"cert": pair.cert, "key": pair.key}})
    equal((created.status, created.json["ssl"]), (201, {"cert": pair.cert}), "what POST answers")
    equal(t.proxy.api("PUT", path, created.body).status, 200, "PUT of what was got")
    equal(t.proxy.api("PATCH", path, {"retries": 1}).status, 200, "PATCH of something else")
    renewed = make(host, key=pair.key)
    patched = t.proxy.api("PATCH", path, {"ssl": {"cert": renewed.cert}})
    equal((patched.status, patched.json["ssl"]["cert"]), (200, renewed.cert), "the same key certified anew")
    refused(t.proxy.api("PATCH", path, {"ssl": {"cert": make(host).cert}}), "/ssl/key", "key-mismatch")
    equal(t.proxy.api("PATCH", path, {"ssl": None}).json["ssl"], None, "without a certificate")
    answer = t.proxy.api("PUT", path, {"ssl": {"cert": pair.cert}})
    equal((answer.status, answer.json["errors"][0]["pointer"]), (422, "/ssl/key"), "no key is left to keep")


@case("a route's certificate is checked like any other")
def route_faults(t):
    host = t.unique_host()
    good, old = make(host), make(host, days=-1)
    for ssl, pointer, kind in [
            ({"cert": good.cert, "key": make_key()}, "/ssl/key", "key-mismatch"),
            ({"cert": old.cert, "key": old.key}, "/ssl/cert", "certificate-expired"),
            ({"cert": "x", "key": good.key}, "/ssl/cert", "certificate-missing")]:
        refused(t.proxy.api("POST", ROUTES, {"vHost": host, "ssl": ssl}), pointer, kind)
    other = make("other.test")
    refused(t.proxy.api("POST", ROUTES, {"vHost": host, "ssl": {"cert": other.cert, "key": other.key}}),
            "/ssl/cert", "certificate-for-other-names")
    alias = t.proxy.api("POST", ROUTES, {"vHost": host, "aliases": [f"x.{host}"],
                                         "ssl": {"cert": (pair := make(f"*.{host}")).cert, "key": pair.key}})
    equal(alias.status, 201, f"a certificate for an alias alone ({alias.body!r})")


@case("autoHttps is a field like any other")
def auto_https(t):
    host = t.unique_host()
    equal(t.proxy.api("POST", ROUTES, {"vHost": host, "autoHttps": True}).json["autoHttps"], True, "autoHttps")


@case("no answer and no line of the log ever holds a key")
def secrets(t):
    host = t.unique_host()
    proxy = t.start("--log-level", "debug")
    pair, unfit = make(host), make(host)
    answers = [
        proxy.api("POST", CERTIFICATES, body_of(host, pair)),
        proxy.api("POST", CERTIFICATES, body_of(host, pair) | {"key": unfit.key}),
        proxy.api("POST", CERTIFICATES, {"domain": pair.key, "cert": pair.key, "key": pair.cert}),
        proxy.api("POST", CERTIFICATES, {"domain": host, "cert": pair.cert, "key": [pair.key]}),
        proxy.api("GET", CERTIFICATES),
        proxy.api("GET", f"{CERTIFICATES}/{host}"),
        proxy.api("POST", ROUTES, {"vHost": host, "ssl": {"cert": pair.cert, "key": pair.key}}),
        proxy.api("PATCH", f"{ROUTES}/{host}", {"ssl": {"key": unfit.key}}),
        proxy.api("GET", ROUTES),
        proxy.api("GET", f"{ROUTES}/{host}"),
    ]
    equal([one.status for one in answers], [201, 422, 422, 422, 200, 200, 201, 422, 200, 200], "statuses")
    contains(proxy.stderr(), "certificate.created", "the log")
    for text in [*(one.body.decode() for one in answers), proxy.stderr()]:
        for secret in (pair.secret, unfit.secret):
            lacks(text, secret, "what was said")
