"""Events (SPEC section 10): what the log, the first of their subscribers, shows of them."""

import json

from harness import case, equal, expect

ROUTES = "/api/v1/routes"
BACKEND = {"hostname": "127.0.0.1", "port": 9}


def start(t, level):
    return t.start("--log-level", level, "--log-format", "json")


def events(proxy):
    """(name, vHost) of each event in the log, whose numbers are 1, 2, 3 …"""
    lines = [json.loads(line) for line in proxy.stderr_lines()]
    told = [line for line in lines if "event" in line]
    equal([line["event"] for line in told], list(range(1, len(told) + 1)), "the numbers of the events")
    return [(line["message"], line["vhost"]) for line in told]


def ask(proxy, status, method, path, body=None):
    equal(proxy.api(method, path, body).status, status, f"status of {method} {path}")


@case("routes that come, change and go are told of, in order, by the time the API has answered")
def routes(t):
    proxy = start(t, "debug")
    path = f"{ROUTES}/a.test"
    route = {"vHost": "a.test", "id": "a", "backends": [BACKEND | {"id": "b"}]}
    ask(proxy, 201, "POST", ROUTES, route)
    equal(events(proxy), [("route.created", "a.test")], "after POST")
    ask(proxy, 200, "PATCH", path, {"headers": {"X-A": "1"}})
    ask(proxy, 201, "POST", f"{path}/backends", BACKEND | {"port": 10})
    ask(proxy, 204, "DELETE", path)
    equal(events(proxy)[1:], [("route.changed", "a.test")] * 2 + [("route.deleted", "a.test")], "after the rest")


@case("what changes nothing is not told of: an equal PUT, a refusal, a dry run")
def nothing(t):
    proxy = start(t, "debug")
    route = {"vHost": "a.test", "id": "a", "backends": [BACKEND | {"id": "b"}]}
    ask(proxy, 201, "PUT", f"{ROUTES}/a.test", route)
    ask(proxy, 200, "PUT", f"{ROUTES}/a.test", route)
    ask(proxy, 409, "POST", ROUTES, route)
    ask(proxy, 422, "PUT", f"{ROUTES}/a.test", route | {"retries": -1})
    ask(proxy, 200, "PUT", f"{ROUTES}/a.test?dryRun=true", route | {"retries": 1})
    equal(events(proxy), [("route.created", "a.test")], "the events")


@case("at the usual level the log says nothing of changed routes")
def quiet(t):
    proxy = start(t, "info")
    ask(proxy, 201, "POST", ROUTES, {"vHost": "a.test", "backends": [BACKEND]})
    expect(not events(proxy), "no line tells of the route")
