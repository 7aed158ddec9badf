"""`jwt` providers: tokens that npm's `jose` has signed, and those that others would have wanted to pass (SPEC section 8)."""

import base64
import hashlib
import hmac
import json
import subprocess
import tempfile
import time

from auth import PROVIDERS, add_provider, bearer
from both_clients import from_both
from harness import case, cases, contains, equal, lacks, named
from jwt import Signer, encoded, unsigned

ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"]


def guarded(t, jwks, **fields):
    return t.origin(named("inside"), authProvider=add_provider(t.proxy, "jwt", jwks=jwks, **fields))


def status(t, origin, token):
    return t.client().fetch(origin.host, "/", bearer(token)).status


def now(seconds=0):
    return int(time.time()) + seconds


@case("tokens of every kind of key get in, and stop at the guard", deadline=60)
def kinds(t):
    with Signer(*ALGORITHMS) as signer:
        origin = guarded(t, signer.keys)
        for alg in ALGORITHMS:
            token = signer.sign(alg)
            equal([status(t, origin, token) for _ in range(2)], [200, 200], f"statuses with {alg}")
            equal(status(t, origin, token[:-8] + "AAAAAAAA"), 401, f"status with a changed signature of {alg}")
        lacks(origin.received.lower(), b"authorization", "what the origin was sent")
        answer = t.client().fetch(origin.host)
        challenge = answer.fields.need("WWW-Authenticate")
        equal((answer.status, challenge), (401, b'Bearer realm="Restricted"'), "without a token")


@case("every claim is judged, and the challenge says which one was wrong")
def claims(t):
    with Signer("ES256") as signer:
        origin = guarded(t, signer.keys, issuer="https://issuer.test", audience=["api", "web"], leeway="5s")
        good = {"iss": "https://issuer.test", "aud": ["other", "web"]}

        def ask(change, **header):
            answer = t.client().fetch(origin.host, "/", bearer(signer.sign("ES256", good | change, **header)))
            return answer.status, answer.fields.get("WWW-Authenticate") or b""

        for change in ({}, {"aud": "api"}, {"exp": now(-2)}, {"nbf": now(3)}, {"iat": now(-1000)}):
            equal(ask(change)[0], 200, f"status with {change}")
        equal(ask({}, typ="at+jwt")[0], 200, "status of an access token")
        for change, word in (({"iss": "https://issuer.test/"}, "iss"), ({"iss": None}, "iss"), ({"aud": "apis"}, "aud"),
                             ({"aud": None}, "aud"), ({"exp": now(-10)}, "expired"), ({"exp": None}, "exp"),
                             ({"nbf": now(60)}, ""), ({"exp": "soon"}, "")):
            code, challenge = ask(change)
            equal(code, 401, f"status with {change}")
            contains(challenge.decode(), 'error="invalid_token", error_description="', "the challenge")
            contains(challenge.decode().lower(), word, f"the challenge to {change}")
        equal(ask({}, typ="dpop+jwt")[0], 401, "status of something else than a token")


@case("a token that is known is refused once it has expired")
def expires(t):
    with Signer("EdDSA") as signer:
        origin = guarded(t, signer.keys, leeway="0s")
        token = signer.sign("EdDSA", {"exp": now(2)})
        equal(status(t, origin, token), 200, "status")
        t.eventually(lambda: status(t, origin, token) == 401, "its end", deadline=5)


@case("alg none, a public key as a secret, and keys of others do not pass", deadline=60)
def confusion(t):
    with Signer("RS256", "ES256") as signer, Signer("RS256", "HS256") as other:
        origin = guarded(t, signer.keys)
        body = {"exp": now(60), "sub": "mallory"}
        with tempfile.TemporaryDirectory(prefix="penstock-jwt.") as folder:
            with open(f"{folder}/key.json", "w", encoding="utf-8") as file:
                json.dump(signer.keys["keys"][0], file)
            pem = subprocess.run(
                ["node", "-e", "const c = require('crypto'); console.log(c.createPublicKey({format: 'jwk', key: "
                 "JSON.parse(require('fs').readFileSync(process.argv[1]))}).export({type: 'spki', format: 'pem'}).trim())",
                 f"{folder}/key.json"], check=True, capture_output=True, timeout=30).stdout
        secrets = [pem, pem.strip(), json.dumps(signer.keys["keys"][0]).encode(), signer.keys["keys"][0]["n"].encode(),
                   base64.urlsafe_b64decode(signer.keys["keys"][0]["n"] + "=="), b""]
        tokens = [unsigned({"alg": alg, "kid": "key-RS256"}, body) for alg in ("none", "None", "NONE", "", "RS256")]
        for secret in secrets:
            text = f"{encoded({'alg': 'HS256', 'kid': 'key-RS256'})}.{encoded(body)}"
            tokens.append(f"{text}.{encoded(hmac.digest(secret, text.encode(), 'sha256'))}")
        tokens += [other.sign("RS256"), other.sign("RS256", kid="key-ES256"), other.sign("HS256"),
                   other.sign("RS256", jwk=other.keys["keys"][0]), other.sign("RS256", jku="http://127.0.0.1:1/keys"),
                   signer.sign("RS256", kid="key-ES256"), signer.sign("RS256", kid="unknown"), "a.b.c", "..", "x" * 9_000]
        good = signer.sign("ES256")
        head, claim, signature = good.split(".")
        tokens += [f"{head}.{encoded(body)}.{signature}", f"{head}.{claim}.", f"{head}.{claim}", good + ".", f"{good}=",
                   f"{head}.{claim}.{encoded(bytes(64))}"]
        for token in tokens:
            answer = t.client().fetch(origin.host, "/", bearer(token))
            expected = {401} if len(token) < 8_000 else {401, 431}
            equal(answer.status in expected, True, f"{answer.status} for {token[:200]} is a refusal")
        equal(len(origin.connections), 0, "connections at the origin")
        equal(status(t, origin, good), 200, "status of a good one")


@case("algorithms can be narrowed; a key that is asked for by kid alone counts")
def narrowed(t):
    with Signer("RS256", "ES256") as signer:
        origin = guarded(t, signer.keys, algorithms=["ES256"])
        equal(status(t, origin, signer.sign("ES256")), 200, "status of the one that is allowed")
        equal(status(t, origin, signer.sign("RS256")), 401, "status of the one that is not")
        one = {"keys": [key for key in signer.keys["keys"] if key["kty"] == "EC"]}
        answer = t.proxy.api("POST", PROVIDERS, {"type": "jwt", "jwks": one, "algorithms": ["RS256"]})
        equal((answer.status, answer.json["errors"][0]["pointer"]), (422, "/algorithms"), "none of the keys is for it")


@case("public keys can come as PEM")
def pem_keys(t):
    with Signer("ES256") as signer:
        pem = subprocess.run(
            ["node", "-e", "const c = require('crypto'); console.log(c.createPublicKey({format: 'jwk', key: "
             "JSON.parse(process.argv[1])}).export({type: 'spki', format: 'pem'}))", json.dumps(signer.keys["keys"][0])],
            check=True, capture_output=True, text=True, timeout=30).stdout
        origin = t.origin(named("inside"), authProvider=add_provider(t.proxy, "jwt", publicKeys=pem))
        equal(status(t, origin, signer.sign("ES256", kid=None)), 200, "status")


@case("keys that change are in force at the next request, for tokens that were known too")
def rotated(t):
    with Signer("HS256", "ES256") as signer:
        made = add_provider(t.proxy, "jwt", jwks=signer.keys)
        origin = t.origin(named("inside"), authProvider=made)
        tokens = [signer.sign("HS256"), signer.sign("ES256")]
        equal([status(t, origin, token) for token in tokens], [200, 200], "statuses")
        left = {"keys": signer.keys["keys"][:1]}
        equal(t.proxy.api("PUT", f"{PROVIDERS}/{made}", {"type": "jwt", "jwks": left}).status, 200, "PUT")
        equal([status(t, origin, token) for token in tokens], [200, 401], "statuses after it")


@case("a secret goes in and never out: PUT back without it, it is kept by kid; in /config too")
def secrets(t):
    with tempfile.TemporaryDirectory(prefix="penstock-store.") as folder, Signer("HS256", "RS256") as signer:
        proxy = t.start("--store", f"sqlite:{folder}/penstock.db")
        secret = signer.keys["keys"][0]["k"]
        equal(proxy.api("POST", PROVIDERS, {"id": "sso", "type": "jwt", "jwks": signer.keys}).status, 201, "POST")
        origin = t.origin(named("inside"), proxy=proxy, host="a.test", authProvider="sso")

        def works():
            token = signer.sign("HS256", {"jti": str(time.monotonic())})
            equal(t.client(proxy).fetch("a.test", "/", bearer(token)).status, 200, "status")

        shown = proxy.api("GET", f"{PROVIDERS}/sso")
        equal([sorted(key) for key in shown.json["jwks"]["keys"]], [["kid", "kty"], ["e", "kid", "kty", "n"]], "the keys")
        lacks(shown.body.decode(), secret, "the answer")
        works()
        equal(proxy.api("PUT", f"{PROVIDERS}/sso", shown.json).status, 200, "PUT of what GET gave")
        works()
        document = proxy.api("GET", "/api/v1/config")
        lacks(document.body.decode(), secret, "the document")
        equal(proxy.api("PUT", "/api/v1/config", document.body).body, document.body, "PUT of the document")
        works()
        lost = {"keys": [{"kty": "oct", "kid": "another"}]}
        answer = proxy.api("PUT", f"{PROVIDERS}/sso", {"type": "jwt", "jwks": lost})
        equal((answer.status, answer.json["errors"][0]["pointer"]), (422, "/jwks/keys/0/k"), "a secret that is nowhere")
        equal(len(origin.connections) > 0, True, "the origin was asked")
        lacks(proxy.stderr(), secret, "the log")


@cases([
    ("no keys", {}, "/jwks"), ("an empty set", {"jwks": {"keys": []}}, "/jwks/keys"),
    ("a set that is none", {"jwks": {}}, "/jwks/keys"), ("text", {"jwks": "{}"}, "/jwks"),
    ("a short secret", {"jwks": {"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}}, "/jwks/keys/0/k"),
    ("an unknown algorithm", {"jwks": {"keys": [{"kty": "oct", "k": "c" * 43 + "A"}]}, "algorithms": ["none"]},
     "/algorithms/0"),
    ("jwksUrl that is none", {"jwksUrl": "file:///keys"}, "/jwksUrl"),
    ("an empty issuer", {"jwks": {"keys": [{"kty": "oct", "k": "c" * 43 + "A"}]}, "issuer": ""}, "/issuer"),
    ("a leeway of hours", {"jwks": {"keys": [{"kty": "oct", "k": "c" * 43 + "A"}]}, "leeway": "2h"}, "/leeway")])
def refused(t, fields, pointer):
    """Is 422."""
    answer = t.proxy.api("POST", PROVIDERS, {"type": "jwt"} | fields)
    equal(answer.status, 422, f"status ({answer.body!r})")
    equal([one["pointer"] for one in answer.json["errors"]], [pointer], "pointers")


@case("a private key is refused, and not repeated")
def private(t):
    key = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": hashlib.sha256(b"private").hexdigest()}
    answer = t.proxy.api("POST", PROVIDERS, {"type": "jwt", "jwks": {"keys": [key]}})
    equal((answer.status, answer.json["errors"][0]["pointer"]), (422, "/jwks/keys/0/d"), "the answer")
    lacks(answer.body.decode(), key["d"], "the answer")


@from_both("over HTTP/1.1 and HTTP/2 alike")
def both(t, make):
    with Signer("ES256") as signer:
        origin = guarded(t, signer.keys)
        client = make(t)
        equal([client.fetch(origin.host, "/", bearer(token)).status
               for token in (signer.sign("ES256"), signer.sign("ES256", {"exp": now(-100)}), signer.sign("ES256"))],
              [200, 401, 200], "statuses")
