"""/openapi.json: valid for a validator of others, and true of what the API answers and checks (SPEC section 9)."""

import json
import re
import subprocess
import urllib.parse

import pki
from harness import case, cases, contains, equal, expect
from npm import node

ROUTES = "/api/v1/routes"
PROVIDERS = "/api/v1/auth-providers"
DRY = "?dryRun=true"
HASH = "$5$saltsalt$N1jNkDvKSSXE9oBMJxUJvtHHkUEVlWJ3yZF0CtA2mT7"  # of no password that is used here
BACKEND = {"id": "b", "hostname": "127.0.0.1", "port": 9}
UNIT = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


def description(t):
    answer = t.proxy.api("GET", "/openapi.json")
    equal(answer.status, 200, "status")
    return answer.json


class Checker:
    """npm's validators, which judge the description and then answers by it."""

    def __init__(self, document):
        self.process = node("api_checker.js", needs="@seriousme/openapi-schema-validator", stdin=subprocess.PIPE)
        self.verdict_on_description = self.ask(document)

    def ask(self, value):
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        expect(line, f"the checker answers ({self.process.stderr.read()[:2000] if not line else ''})")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Checked:
    """A proxy whose every answer is held against the description."""

    def __init__(self, proxy, checker):
        self.proxy, self.checker = proxy, checker
        self.operations = set()

    def api(self, method, path, body=None, expected=200):
        answer = self.proxy.api(method, path, body)
        equal(answer.status, expected, f"status of {method} {path} ({answer.body[:500]!r})")
        verdict = self.checker.ask({"method": method, "path": path, "status": answer.status,
                                    "body": answer.json if answer.body else None})
        expect(verdict["valid"], f"{method} {path} is as described: {verdict['errors']}")
        return answer


@case("a validator of others finds it valid OpenAPI 3.1")
def valid(t):
    document = description(t)
    equal(document["openapi"], "3.1.0", "version")
    with Checker(document) as checker:
        expect(checker.verdict_on_description["valid"], f"valid: {checker.verdict_on_description}")


@case("answers are as it describes them, problems included")
def answers(t):
    pair = pki.make("up.test")
    with Checker(description(t)) as checker:
        proxy = t.start()
        api = Checked(proxy, checker).api
        api("POST", ROUTES, {"vHost": "a.test", "aliases": ["b.test"], "headers": {"X-A": "1", "X-B": None},
                             "backends": [BACKEND], "circuit": None}, 201)
        api("POST", ROUTES, {"vHost": "a.test"}, 409)
        api("POST", ROUTES, {"vHost": "!", "retries": 99}, 422)
        api("POST", ROUTES, b"{", 400)
        api("PUT", f"{ROUTES}/up.test", {"ssl": {"cert": pair.cert, "key": pair.key}, "timeout": "5s"}, 201)
        api("PATCH", f"{ROUTES}/up.test", {"timeout": None, "pool": {"size": 1}})
        api("GET", ROUTES)
        api("GET", f"{ROUTES}?limit=1&after=a.test")
        api("GET", f"{ROUTES}/a.test")
        api("GET", f"{ROUTES}/none.test", None, 404)
        api("POST", f"{ROUTES}/a.test/backends", {"hostname": "127.0.0.1", "port": 10, "id": "c"}, 201)
        api("PATCH", f"{ROUTES}/a.test/backends/c", {"weight": 3})
        api("POST", f"{ROUTES}/a.test/backends/c/dead")
        api("GET", f"{ROUTES}/a.test/backends/c")
        api("DELETE", f"{ROUTES}/a.test/backends/c/dead", None, 204)
        api("DELETE", f"{ROUTES}/a.test/backends/c", None, 204)
        api("POST", "/api/v1/certificates", {"domain": "up.test", "cert": pair.cert, "key": pair.key}, 201)
        api("POST", "/api/v1/certificates", {"domain": "up.test", "cert": pair.cert, "key": pair.key})
        api("GET", "/api/v1/certificates")
        api("GET", "/api/v1/certificates/up.test")
        for provider in ({"type": "basic", "users": [{"name": "ann", "hash": HASH}]},
                         {"type": "bearer", "tokens": [{"name": "ci", "token": "a-token"}]}):
            api("POST", PROVIDERS, provider | {"id": provider["type"]}, 201)
            api("PUT", f"{PROVIDERS}/{provider['type']}", provider)
            api("GET", f"{PROVIDERS}/{provider['type']}")
        api("GET", PROVIDERS)
        api("POST", PROVIDERS, {"type": "nobody knows"}, 422)
        api("DELETE", f"{PROVIDERS}/bearer", None, 204)
        document = api("GET", "/api/v1/config").json
        api("PUT", "/api/v1/config", document)
        revisions = api("GET", "/api/v1/config/revisions").json
        api("POST", "/api/v1/config/rollback", {"revision": revisions[-1]["revision"]})
        api("GET", "/api/v1/stats")
        api("GET", "/api/v1/stats/a.test")
        api("DELETE", f"{ROUTES}/a.test", None, 204)
        for path in ("/healthz", "/readyz", "/openapi.json"):
            api("GET", path)
        proxy.follow(api("POST", "/api/v1/process/upgrade").json["pid"])


def streams(operation):
    """Its answer has no end."""
    return "text/event-stream" in operation["responses"].get("200", {}).get("content", {})


@case("what it lists is there, and no other method")
def complete(t):
    host = t.unique_host()
    equal(t.proxy.api("POST", ROUTES, {"vHost": host, "backends": [BACKEND]}).status, 201, "the route")
    document = description(t)
    names = set()
    for template, operations in document["paths"].items():
        path = template.replace("{vHost}", host).replace("{id}", "b")
        for method, operation in operations.items():
            names.add(operation["operationId"])
            asked = "HEAD" if streams(operation) else method.upper()
            answer = t.proxy.api(asked, path + (DRY if method != "get" else ""), b"" if method != "get" else None)
            built = answer.status not in (404, 405, 501) or b"There is no" in answer.body
            expect(built, f"{method} {path} is built: {answer.status} {answer.body[:200]!r}")
        other = next(one for one in ("put", "patch", "delete", "post") if one not in operations)
        answer = t.proxy.api(other.upper(), path)
        equal(answer.status, 405, f"{other} {path}")
        equal({word.lower() for word in re.split(", ", answer.headers["Allow"])} - {"head"}, set(operations), "Allow")
    equal(len(names), sum(len(operations) for operations in document["paths"].values()), "names are unique")


def milliseconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * UNIT[unit]


def bad_values(schema):
    """Values that the schema forbids, and some beside them that it allows."""
    kinds = schema.get("type", [])
    if "x-minimum" in schema:
        least, most = milliseconds(schema["x-minimum"]), milliseconds(schema["x-maximum"])
        return [f"{least - 1}ms", f"{most + 1}ms", 5, "5", "1d"], [f"{least}ms", f"{most}ms"]
    if "integer" in kinds:
        least, most = schema["minimum"], schema["maximum"]
        return [least - 1, most + 1, 1.5, True], [least, most]
    if "enum" in schema:
        return ["NONE", 1], schema["enum"]
    if "boolean" in kinds:
        return [0, "true"], [True, False]
    if "number" in kinds:
        return ["1", True], []
    if "object" in kinds:
        return [[], "x", {"nobody knows": 1}], []
    if "array" in kinds:
        return [{}, "x", [[]]], []
    return [1, True, {}], []


def described_fields(schema, base=""):
    """Each field with its pointer, and how to make a document of its value."""
    for name, inner in schema["properties"].items():
        if inner.get("readOnly"):
            continue
        yield f"{base}/{name}", inner
        if "properties" in inner:
            yield from described_fields(inner, f"{base}/{name}")


def document_with(pointer, value):
    names = pointer[1:].split("/")
    for name in reversed(names):
        value = {name: value}
    return value


def pointers(answer):
    return [one["pointer"] for one in answer.json.get("errors", [])] if answer.status in (409, 422) else []


def check_fields(t, schema, path, wrap, base):
    """Every value that the schema forbids is refused with its pointer; what it allows is not."""
    checked = 0
    for pointer, field in described_fields(schema):
        bad, good = bad_values(field)
        for value in bad:
            answer = t.proxy.api("PUT", path + DRY, wrap(document_with(pointer, value)))
            equal(answer.status, 422, f"{pointer} {value!r} ({answer.body[:300]!r})")
            expect(any(one.startswith(base + pointer) for one in pointers(answer)), f"{pointer} {value!r}: {answer.json}")
            checked += 1
        for value in good:
            answer = t.proxy.api("PUT", path + DRY, wrap(document_with(pointer, value)))
            # What it may not stand together with is another matter.
            refused = [one for one in answer.json.get("errors", []) if one["pointer"] == base + pointer]
            expect(not any(one["detail"].startswith("must be") for one in refused), f"{pointer} {value!r} may stand: {refused}")
            checked += 1
    return checked


@cases([("what it says that a route may hold is what is checked", "Route", lambda value: {"backends": []} | value, ""),
        ("what it says that a backend may hold is what is checked", "Backend",
         lambda value: {"backends": [BACKEND | value]}, "/backends/0")])
def ranges(t, name, wrap, base):
    schema = description(t)["components"]["schemas"][name]
    path = f"{ROUTES}/{urllib.parse.quote(t.unique_host())}"
    checked = check_fields(t, schema, path, wrap, base)
    expect(checked > 20, f"{checked} values were tried")
    answer = t.proxy.api("PUT", path + DRY, wrap({"nobodyKnows": 1}))
    contains(pointers(answer), f"{base}/nobodyKnows", "a field that it does not list")
