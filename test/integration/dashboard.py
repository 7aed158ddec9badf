"""The dashboard in headless Chromium: what it shows, what is changed through it, who may, and how it looks (issue 6)."""

import pki
from admin import bearer, private
from chromium import browser
from harness import case, cases, contains, equal, named, never_answers

TOKENS = "writer-token-0123456789 read-write deploy\nreader-token-0123456789 read-only the wall\n"
WRITER, READER = (line.split()[0] for line in TOKENS.splitlines())


def play(t, scenario, *flags, **job):
    """In a page of its own, of a proxy of its own."""
    page = browser()  # skips where there is none, before a proxy starts
    proxy = t.start(*flags)
    origin = t.bare_origin(named("ok"))
    page.play(scenario, admin=f"http://127.0.0.1:{proxy.admin_port}", proxy=proxy.port, origin=origin.port, io=t.io, **job)


def pair_of(*names, **options):
    made = pki.make(*names, **options)
    return {"cert": made.cert, "key": made.key}


@cases([
    ("it loads, and each view is there", "load"),
    ("traffic and latency move", "seesTraffic"),
    ("a thousand routes come page by page, filtered by the API", "pages"),
    ("it does not ask while nobody looks", "pauses"),
    ("events are read as they come, and taken up again", "stream"),
    ("it says that there is no answer, and goes on when there is", "silence"),
    ("a route is added, checked first", "addRoute"),
    ("a refused edit says at each field what is wrong with it", "refusedEdit"),
    ("a host that has a route is said at its field", "takenHost"),
    ("an edit of what somebody else has changed overwrites nothing", "conflict"),
    ("backends are drained, put back, added, edited, removed; the route is deleted", "backends"),
    ("everything goes back to a revision", "rollBack"),
    ("a route is added with the keyboard alone", "keyboard"),
    ("less motion where that is asked for", "calm"),
], deadline=300)
def scenarios(t, scenario):
    play(t, scenario)


@case("what the proxy tells of itself is shown as it happens", deadline=300)
def events(t):
    play(t, "liveEvents")


@case("queue and active are shown against their limits", deadline=300)
def limits(t):
    play(t, "limits", silent=t.bare_origin(never_answers).port)


@case("a certificate is uploaded, shown with its days and removed; its key stays nowhere", deadline=300)
def certificates(t):
    play(t, "certificates", pair=pair_of("a.test"))


@case("names and ids that are markup stay text", deadline=300)
def hostile(t):
    play(t, "hostile", hostilePair=pair_of("a.test", issuer=pki.make("<b>issuer", ca=True)))


@cases([("light and dark, by the system and by choice", "schemes", {}),
        ("nothing is cut at 360 px", "narrow", {"viewport": {"width": 360, "height": 740}}),
        ("axe finds nothing serious", "accessible", {})], deadline=300)
def looks(t, scenario, options):
    play(t, scenario, options=options, pair=pair_of("a.test", days=12))


@cases([("it asks for a token, and forgets it", "asksForToken"), ("a token that only reads has nothing to edit with", "readOnly"),
        ("a token that loses its rights is told so by the API", "losesRights")], deadline=300)
def tokens(t, scenario):
    file = private(t.folder(), "tokens", TOKENS)
    play(t, scenario, "--admin-token-file", file, tokens=file, writer=WRITER, reader=READER)


@case("the page needs no token and holds none; the API says what a token may")
def open_page(t):
    proxy = t.start("--admin-token-file", private(t.folder(), "tokens", TOKENS))
    for path in ("/", "/dashboard/main.js"):
        answer = proxy.api("GET", path)
        equal(answer.status, 200, f"{path} without a token")
        equal(answer.headers.get_all("Cache-Control"), ["no-cache"], "Cache-Control")
        equal(answer.headers["X-Content-Type-Options"], "nosniff", "X-Content-Type-Options")
        contains(answer.headers["Content-Security-Policy"], "default-src 'none'", "the policy")
        equal(answer.headers["X-Penstock-Access"], None, "what is said of a token")
        for token in (WRITER, READER):
            equal(token.encode() in answer.body, False, "a token in it")
        again = proxy.api("GET", path, headers={"If-None-Match": answer.headers["ETag"]})
        equal((again.status, again.body), (304, b""), "asked again")
        equal(proxy.api("HEAD", path).headers["Content-Length"], str(len(answer.body)), "HEAD's length")
        equal(proxy.api("POST", path, {}).status, 413, "a body, which nothing there takes")
    for token, access in ((WRITER, "read-write"), (READER, "read-only")):
        answer = proxy.api("GET", "/api/v1/routes", headers=bearer(token))
        equal((answer.headers["X-Penstock-Access"], answer.headers["Cache-Control"]), (access, "no-store"), "of an answer")
    equal(proxy.api("GET", "/api/v1/routes").headers["X-Penstock-Access"], None, "without a token")
    equal(t.start().api("GET", "/api/v1/routes").headers["X-Penstock-Access"], None, "where there are no tokens")
