"""Host and the target's authority (RFC 9112 section 3.2), and how they find a route (SPEC section 3)."""

from harness import accept, case, cases, contains, equal, named, one_of, refuse, request

BAD_HOSTS = [
    ("no Host", b""),
    ("two Hosts", b"Host: @host@\r\nHost: other.test\r\n"),
    ("two equal Hosts", b"Host: @host@\r\nHost: @host@\r\n"),
    ("an empty Host", b"Host:\r\n"),
    ("a Host with userinfo", b"Host: user@@host@\r\n"),
    ("a Host with a comma", b"Host: @host@,other.test\r\n"),
    ("a Host with a blank inside", b"Host: @host@ other.test\r\n"),
    ("a Host with a tab inside", b"Host: @host@\tother.test\r\n"),
    ("a Host with a path", b"Host: @host@/path\r\n"),
    ("a Host with a query", b"Host: @host@?q\r\n"),
    ("a Host with a fragment", b"Host: @host@#f\r\n"),
    ("a Host with a scheme", b"Host: http://@host@\r\n"),
    ("a Host with a backslash", b"Host: @host@\\x\r\n"),
    ("a Host with a quote", b'Host: "@host@"\r\n'),
    ("a port of letters", b"Host: @host@:http\r\n"),
    ("a port with a plus", b"Host: @host@:+80\r\n"),
    ("a port with a minus", b"Host: @host@:-80\r\n"),
    ("a port over 65535", b"Host: @host@:65536\r\n"),
    ("two ports", b"Host: @host@:80:80\r\n"),
    ("a port without a host", b"Host: :80\r\n"),
    ("an open bracket", b"Host: [::1\r\n"),
    ("a close bracket alone", b"Host: ::1]\r\n"),
    ("garbage after a bracket", b"Host: [::1]x\r\n"),
    ("a control byte in the Host", b"Host: @host@\x01\r\n"),
    ("a NUL in the Host", b"Host: @host@\x00\r\n"),
]


@cases([(f"{name} is refused", line) for name, line in BAD_HOSTS])
def bad_host(t, line):
    refuse(t, b"GET / HTTP/1.1\r\n" + line + b"X-A: 1\r\n\r\n", 400)


@case("HTTP/1.0 without a Host reaches no named route")
def no_host_in_1_0(t):
    refuse(t, b"GET / HTTP/1.0\r\n\r\n", 400, 404)


@cases([("two Hosts in HTTP/1.0 are refused", b"Host: @host@\r\nHost: @host@\r\n")])
def bad_host_in_1_0(t, lines):
    refuse(t, b"GET / HTTP/1.0\r\n" + lines + b"\r\n", 400)


@cases([
    ("an unknown host is 404", b"Host: nobody.test\r\n"),
    ("an unknown address is 404", b"Host: 192.0.2.1:80\r\n"),
    ("an unknown IPv6 address is 404", b"Host: [2001:db8::1]:80\r\n"),
    ("a suffix of a route's host is not that host", b"Host: x@host@\r\n"),
    ("a host below a route's host is not that host", b"Host: www.@host@\r\n"),
])
def no_route(t, line):
    answer = refuse(t, b"GET / HTTP/1.1\r\n" + line + b"\r\n", 404, closes=False)
    contains(answer.fields.get("Proxy-Status") or b"", b"error=", "Proxy-Status")


@cases([
    ("a host with a port finds its route", lambda host: host + ":8080"),
    ("a host with an empty port finds its route", lambda host: host + ":"),
    ("a host in upper case finds its route", str.upper),
    ("a host with a trailing dot finds its route", lambda host: host + "."),
    ("a host with a trailing dot and a port finds its route", lambda host: host + ".:80"),
])
def host_forms(t, form):
    origin = t.origin()
    host = form(origin.host)
    equal(t.client().fetch(host).status, 200, "status")
    equal(origin.requests[0].fields.get("Host"), host.encode(), "Host at the origin, as received")
    equal(origin.requests[0].fields.get("X-Forwarded-Host"), host.encode(), "X-Forwarded-Host at the origin")


# Absolute form: its authority is the host, and the target goes on in origin form.

@cases([
    ("absolute form goes upstream as origin form", b"http://@host@/a/b?c=d", b"/a/b?c=d", "@host@"),
    ("an absolute form without a path is /", b"http://@host@", b"/", "@host@"),
    ("an absolute form with a query only is /?", b"http://@host@?c=d", b"/?c=d", "@host@"),
    ("an absolute form's port goes into the Host", b"http://@host@:8080/a", b"/a", "@host@:8080"),
    ("an absolute form's scheme is read in any case", b"HTTP://@host@/a", b"/a", "@host@"),
    ("an absolute form's path is not rewritten", b"http://@host@//a/../%7eb?", b"//a/../%7eb?", "@host@"),
])
def absolute_form(t, target, arrives, host):
    received = accept(t, b"GET " + target + b" HTTP/1.1\r\nHost: other.test\r\n\r\n")
    equal(received.target, arrives, "target at the origin")
    equal(received.fields.get("Host"), host.replace("@host@", received.host).encode(), "Host at the origin")


@cases([
    ("an absolute form with userinfo is refused", b"http://user@@host@/"),
    ("an absolute form with a bad port is refused", b"http://@host@:port/"),
    ("an absolute form without an authority is refused", b"http:///path"),
    ("an absolute form of another scheme is refused", b"ftp://@host@/"),
])
def bad_absolute_form(t, target):
    refuse(t, b"GET " + target + b" HTTP/1.1\r\nHost: @host@\r\n\r\n", 400)


@cases([
    ("an absolute form does not replace a missing Host", b""),
    ("an absolute form does not excuse two Hosts", b"Host: a.test\r\nHost: b.test\r\n"),
    ("an absolute form does not excuse a malformed Host", b"Host: a.test,b.test\r\n"),
])
def absolute_form_and_bad_host(t, lines):
    refuse(t, b"GET http://@host@/ HTTP/1.1\r\n" + lines + b"\r\n", 400)


# Routes: exact, wildcard, catch-all.

def names_reached(t, proxy, hosts):
    client = t.client(proxy)
    return {host: client.fetch(host).text for host in hosts}


def named_route(t, proxy, host, name, **fields):
    origin = t.bare_origin(named(name))
    proxy.add_route(host, origin.backend, **fields)


@case("exact hosts, the longest wildcard suffix and aliases find their routes")
def wildcards(t):
    for host in ("*.wild.test", "*.deep.wild.test", "exact.wild.test"):
        named_route(t, t.proxy, host, host)
    named_route(t, t.proxy, "main.wild-alias.test", "alias",
                aliases=["second.wild-alias.test", "*.third.wild-alias.test"])
    wanted = {
        "a.wild.test": "*.wild.test",
        "a.b.wild.test": "*.wild.test",
        "A.WILD.test": "*.wild.test",
        "a.wild.test:81": "*.wild.test",
        "deep.wild.test": "*.wild.test",
        "x.deep.wild.test": "*.deep.wild.test",
        "x.y.deep.wild.test": "*.deep.wild.test",
        "exact.wild.test": "exact.wild.test",
        "below.exact.wild.test": "*.wild.test",
        "second.wild-alias.test": "alias",
        "x.third.wild-alias.test": "alias",
    }
    equal(names_reached(t, t.proxy, wanted), wanted, "who answered for each host")
    for host in ("wild.test", "xwild.test", "third.wild-alias.test"):
        equal(t.client().fetch(host).status, 404, f"status for {host}")


@case("a catch-all takes what no other route has, and only that")
def catch_all(t):
    proxy = t.start()
    for host in ("*", "*.wild.test", "exact.test"):
        named_route(t, proxy, host, host)
    wanted = {"exact.test": "exact.test", "a.wild.test": "*.wild.test", "wild.test": "*", "anything": "*",
              "192.0.2.1:8080": "*", "[2001:db8::1]": "*"}
    equal(names_reached(t, proxy, wanted), wanted, "who answered for each host")


# Targets pass untouched.

TARGETS = [
    "/", "//", "//a//b/", "/./a/../b", "/..", "/../../etc/passwd", "/%2e%2e/%2E%2e/", "/%2F%2f", "/a%00b", "/%zz%",
    "/?", "/a?", "/a??b=?&c", "/a?b=c/../d", "/a;b=c;d", "/a=b&c", "/~user/!$&'()*+,;=:@", "/a\\b", "/[x]{y}|z^`",
    '/"quoted"', "/<tag>", "/a?x=http://b/c", "/%E4%B8%AD?%ff",
]


@cases([(f"the target {target} is not rewritten", target) for target in TARGETS])
def untouched_target(t, target):
    origin = t.origin()
    equal(t.client().fetch(origin.host, target).status, 200, "status")
    equal(origin.requests[0].target, target.encode(), "target at the origin")


@case("non-ASCII bytes in the target are refused or passed on, never rewritten")
def non_ascii_target(t):
    origin = t.origin()
    target = "/café/\u4e2d?q=ü".encode() + b"\xff"
    client = t.client()
    client.send(request(origin.host, target))
    if client.read_response().status == 200:
        equal(origin.requests[0].target, target, "target at the origin")
    else:
        client.must_close()
        t.nothing_upstream(origin)


# OPTIONS * and Max-Forwards (RFC 9110 sections 7.6.2 and 9.3.7).

@case("OPTIONS * is forwarded as such")
def options_asterisk(t):
    received = accept(t, b"OPTIONS * HTTP/1.1\r\nHost: @host@\r\n\r\n")
    equal((received.method, received.target), (b"OPTIONS", b"*"), "request at the origin")


@case("OPTIONS of an absolute form without a path is OPTIONS *")
def options_of_authority(t):
    received = accept(t, b"OPTIONS http://@host@ HTTP/1.1\r\nHost: @host@\r\n\r\n")
    equal(received.target, b"*", "target at the origin")


@cases([
    ("Max-Forwards of an OPTIONS counts down", "OPTIONS", "5", b"4"),
    ("Max-Forwards: 1 of an OPTIONS arrives as 0", "OPTIONS", "1", b"0"),
    ("Max-Forwards of a GET passes as it is", "GET", "5", b"5"),
])
def max_forwards(t, method, sent, arrives):
    received = accept(t, f"{method} / HTTP/1.1\r\nHost: @host@\r\nMax-Forwards: {sent}\r\n\r\n".encode())
    equal(received.fields.get("Max-Forwards"), arrives, "Max-Forwards at the origin")


@cases([("OPTIONS with Max-Forwards: 0 is answered here", b"/"), ("OPTIONS * with Max-Forwards: 0 is answered here", b"*")])
def no_forwards_left(t, target):
    answer = refuse(t, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: @host@\r\nMax-Forwards: 0\r\n\r\n", 200, 204,
                    closes=False)
    one_of(answer.body, [b""], "body")


# Balancing.

@case("ROUND_ROBIN over two backends alternates")
def alternate(t):
    first, second = t.bare_origin(named("first")), t.bare_origin(named("second"))
    host = t.unique_host()
    t.proxy.add_route(host, first.backend, second.backend)
    client = t.client()
    seen = [client.fetch(host).text for _ in range(10)]
    equal(sorted(seen[:2]), ["first", "second"], "the first two")
    equal(seen, seen[:2] * 5, "who answered")


@case("400 requests over 40 connections to 4 backends on 2 workers are exactly 100 each", workers=2)
def exact_round_robin(t):
    backends = [t.bare_origin() for _ in range(4)]
    host = t.unique_host()
    t.proxy.add_route(host, *[one.backend for one in backends])
    clients = [t.client() for _ in range(40)]
    for _ in range(10):
        for client in clients:
            client.send(request(host))
        for client in clients:
            equal(client.read_response().status, 200, "status")
    equal([len(one.requests) for one in backends], [100] * 4, "requests at each backend")


@case("weights are kept exactly: 3 to 1 in 40 requests")
def weighted_round_robin(t):
    heavy, light = t.bare_origin(), t.bare_origin()
    host = t.unique_host()
    t.proxy.add_route(host, heavy.backend | {"weight": 3}, light.backend)
    client = t.client()
    for _ in range(40):
        equal(client.fetch(host).status, 200, "status")
    equal((len(heavy.requests), len(light.requests)), (30, 10), "requests at each backend")


@case("a backend of weight 0 gets nothing")
def weightless(t):
    rest, work = t.bare_origin(), t.bare_origin()
    host = t.unique_host()
    t.proxy.add_route(host, rest.backend | {"weight": 0}, work.backend)
    client = t.client()
    for _ in range(6):
        equal(client.fetch(host).status, 200, "status")
    equal((len(rest.requests), len(work.requests)), (0, 6), "requests at each backend")


@case("RANDOM reaches every backend")
def random_strategy(t):
    backends = [t.bare_origin() for _ in range(3)]
    host = t.unique_host()
    t.proxy.add_route(host, *[one.backend for one in backends], strategy="RANDOM")
    client = t.client()
    for _ in range(90):  # missing one of three by chance: 3 × (2/3)^90, one in 10^15
        equal(client.fetch(host).status, 200, "status")
    equal(all(one.requests for one in backends), True, "every backend was asked")
