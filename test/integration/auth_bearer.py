"""`bearer` providers: opaque tokens, kept as SHA-256 (SPEC section 8)."""

import hashlib

from auth import PROVIDERS, add_provider, bearer
from harness import case, cases, contains, equal, lacks, named

TOKEN = "s3cr3t-token.of_the~ci+/=="


def guarded(t, *tokens, **fields):
    provider = add_provider(t.proxy, "bearer", tokens=[{"name": f"t{at}", "token": one} for at, one in enumerate(tokens)],
                            **fields)
    return t.origin(named("inside"), authProvider=provider)


def challenge(answer):
    return answer.fields.need("WWW-Authenticate").decode()


@case("a token gets in; without one, 401 asks for it and gives no reason")
def basics(t):
    origin = guarded(t, TOKEN, "other", realm="CI")
    client = t.client()
    answer = client.fetch(origin.host)
    equal((answer.status, challenge(answer)), (401, 'Bearer realm="CI"'), "the answer without a token")
    for token in (TOKEN, "other"):
        equal(client.fetch(origin.host, "/", bearer(token)).text, "inside", "the answer")
    equal(client.fetch(origin.host, "/", bearer(TOKEN).replace("Bearer", "BEARER")).status, 200, "any case of the scheme")
    lacks(origin.received.lower(), b"authorization", "what the origin was sent")


@cases([
    ("a token that is not known", bearer("nope"), True), ("a token in another case", bearer(TOKEN.upper()), True),
    ("a token cut short", bearer(TOKEN[:-1]), True), ("a token and more", bearer(TOKEN + " x"), True),
    ("a token's digest", bearer(hashlib.sha256(TOKEN.encode()).hexdigest()), True),
    ("another scheme", "Authorization: Basic czNjcjN0", False), ("the scheme alone", "Authorization: Bearer", False),
    ("the token alone", f"Authorization: {TOKEN}", False)])
def refused(t, field, is_told):
    """401; only who has shown a token is told that it is not good."""
    origin = guarded(t, TOKEN)
    answer = t.client().fetch(origin.host, "/", field)
    wanted = 'Bearer realm="Restricted"' + (', error="invalid_token"' if is_told else "")
    equal((answer.status, challenge(answer)), (401, wanted), "the answer")
    equal(len(origin.connections), 0, "connections at the origin")


@case("a token can be given as its SHA-256, in either case; the same one twice is 409")
def digests(t):
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    for sha256 in (digest, digest.upper()):
        provider = add_provider(t.proxy, "bearer", tokens=[{"name": "a", "sha256": sha256}])
        origin = t.origin(named("inside"), authProvider=provider)
        equal(t.client().fetch(origin.host, "/", bearer(TOKEN)).status, 200, "status")
    answer = t.proxy.api("POST", PROVIDERS, {"type": "bearer", "tokens": [
        {"name": "a", "token": TOKEN}, {"name": "b", "sha256": digest}]})
    equal((answer.status, answer.json["errors"][0]["pointer"]), (409, "/tokens/1"), "the same twice")
    contains(answer.json["errors"][0]["detail"], '"a"', "the detail")


@case("a token that is taken out is refused at the next request; nobody is let in by none")
def revoked(t):
    provider = add_provider(t.proxy, "bearer", tokens=[{"name": "a", "token": TOKEN}, {"name": "b", "token": "other"}])
    origin = t.origin(named("inside"), authProvider=provider)
    client = t.client()
    equal(client.fetch(origin.host, "/", bearer(TOKEN)).status, 200, "status")
    for tokens, other in (([{"name": "b"}], 200), ([], 401)):
        equal(t.proxy.api("PUT", f"{PROVIDERS}/{provider}", {"type": "bearer", "tokens": tokens}).status, 200, "PUT")
        equal(client.fetch(origin.host, "/", bearer(TOKEN)).status, 401, "status of the one taken out")
        equal(client.fetch(origin.host, "/", bearer("other")).status, other, "status of the other")
