"""HTTP/2 to backends: one connection for many requests, more where it is full, and how connections end: idle, or by GOAWAY."""

import threading
import time

import h2_frames as h2
from both_clients import from_both
from counting import settled
from crowd import Crowd
from h2 import connect
from h2_origin import H2Connection, answers, bare_h2_origin, h2_origin
from harness import (at_least, at_most, case, cases, equal, expect, never_answers)


class Gathering:
    """A script that answers once so many requests are there at once."""

    def __init__(self, count):
        self.count = count
        self.now = 0
        self.open = threading.Event()
        self.lock = threading.Lock()

    def __call__(self, stream):
        stream.read_request()
        with self.lock:
            self.now += 1
            if self.now >= self.count:
                self.open.set()
        self.open.wait(20)
        stream.respond(200, stream.head.target)


def fetch_all(t, origin, count, proxy=None):
    """So many HTTP/1 clients at once; each gets its own answer."""
    crowd = Crowd((proxy or t.proxy).address, count)
    for number, member in enumerate(crowd.members):
        crowd.ask(origin.host, f"/{number}", [member])
    got = crowd.collect(count)
    equal(sorted(int(answer.body[1:]) for answer in got), list(range(count)), "the answers")
    crowd.close()


# How many connections.

@case("50 requests at once share one connection", deadline=20)
def shared(t):
    origin = h2_origin(t, Gathering(50))
    fetch_all(t, origin, 50)
    equal(len(origin.connections), 1, "connections")
    equal(origin.connections[0].most_at_once, 50, "streams at once")


@case("50 streams of one HTTP/2 client share one connection, beside another backend's", deadline=20)
def shared_by_streams(t):
    first, second = h2_origin(t, Gathering(50)), h2_origin(t, Gathering(20))
    client = connect(t)
    streams = [client.request(first.host) for _ in range(50)] + [client.request(second.host) for _ in range(20)]
    for stream in streams:
        equal(stream.response().status, 200, "status")
    equal((len(first.connections), len(second.connections)), (1, 1), "connections")


@cases([(f"MAX_CONCURRENT_STREAMS of {limit}: {count} requests at once, all served", limit, count)
        for limit, count in ((1, 6), (10, 45))], deadline=20)
def limited(t, limit, count):
    """The rest is on further connections; a backend refuses what is over its limit, as any does."""
    gathering = Gathering(count)

    def script(stream):
        if over_limit(stream, limit):
            stream.reset(h2.REFUSED_STREAM)
        else:
            gathering(stream)
    origin = h2_origin(t, script, options={"settings": {h2.MAX_CONCURRENT_STREAMS: limit}})
    warm_up(t, origin)
    fetch_all(t, origin, count)
    equal(origin.connections[0].most_at_once, limit, "streams at once on the first connection, whose limit was known")


def over_limit(stream, limit):
    """Those before it on its connection have used the limit up."""
    before = [one for number, one in list(stream.connection.streams.items()) if number < stream.number]
    return sum(1 for one in before if not one.closed) >= limit


def warm_up(t, origin):
    """A connection whose SETTINGS both sides know."""
    script, origin.script = origin.script, answers()
    equal(t.client().fetch(origin.host, "/warm").status, 200, "status of the first request")
    origin.wait(lambda: not origin.connections[0].unacknowledged, "the acknowledgement of SETTINGS")
    origin.script = script


@case("a limit that is told late: streams over it are refused by the backend, and taken elsewhere", deadline=20)
def late_limit(t):
    """The backend refuses what is over its limit (RFC 9113 section 5.1.2), as it may before SETTINGS are acknowledged."""
    def script(stream):
        if over_limit(stream, 2):
            stream.reset(h2.REFUSED_STREAM)
            return
        stream.read_request()
        stream.connection.ping()
        stream.respond(200, stream.head.target)
    origin = h2_origin(t, script, options={"settings": {h2.MAX_CONCURRENT_STREAMS: 2}}, retries=10)
    crowd = Crowd(t.proxy.address, 8)
    crowd.ask(origin.host, "/x")
    equal({answer.status for answer in crowd.collect(8)}, {200}, "statuses")
    crowd.close()


@case("requests wait for no SETTINGS: they go out with the preface", deadline=20)
def before_settings(t):
    """A backend that speaks only when it is spoken to."""
    def greet(connection):
        connection.greeted = False
    answered = threading.Event()

    def script(stream):
        stream.read_request()
        H2Connection.greet(stream.connection)
        answered.set()
        stream.respond()
    origin = h2_origin(t, script, options={"greet": greet})
    equal(t.client().fetch(origin.host).status, 200, "status")
    expect(answered.is_set(), "SETTINGS came after the request")


@case("SETTINGS that lower the limit, and raise it again, hold for the next requests", deadline=20)
def changed_limit(t):
    held = threading.Semaphore(0)

    def script(stream):
        stream.read_request()
        held.acquire(timeout=20)
        stream.respond(200, stream.head.target)
    origin = h2_origin(t, script)
    held.release()
    equal(t.client().fetch(origin.host, "/0").status, 200, "status of the first")
    first = origin.connections[0]
    first.change_settings({h2.MAX_CONCURRENT_STREAMS: 1})
    client = connect(t)
    streams = [client.request(origin.host, f"/{number}") for number in (1, 2)]
    origin.wait_streams(3)
    equal(len(origin.connections), 2, "connections while the first takes one stream")
    first.change_settings({h2.MAX_CONCURRENT_STREAMS: 50})
    streams += [client.request(origin.host, f"/{number}") for number in range(3, 20)]
    origin.wait_streams(20)
    for _ in range(19):
        held.release()
    for stream in streams:
        equal(stream.response().status, 200, "status")
    equal(len(origin.connections), 2, "connections in the end")


@case("a limit of 0 on one connection takes nothing from the others", deadline=20)
def limit_of_zero(t):
    origin = h2_origin(t)
    equal(t.client().fetch(origin.host).status, 200, "status")
    origin.connections[0].change_settings({h2.MAX_CONCURRENT_STREAMS: 0})
    for _ in range(3):
        equal(t.client().fetch(origin.host).status, 200, "status")
    equal(len(origin.connections), 2, "connections")


@case("a smaller header table of the backend's is kept to", deadline=20)
def header_table(t):
    origin = h2_origin(t, options={"settings": {h2.HEADER_TABLE_SIZE: 0}})
    for number in range(5):
        equal(t.client().fetch(origin.host, "/", f"x-a: {number}", "x-b: same").status, 200, "status")
        origin.connections[0].change_settings({h2.HEADER_TABLE_SIZE: (100, 4096, 0, 60)[number % 4]})
    equal([one.fields.get("x-a") for one in origin.requests], [b"%d" % number for number in range(5)], "fields upstream")


@case("MAX_FRAME_SIZE of the backend's allows larger frames, and demands none", deadline=20)
def frame_size(t):
    origin = h2_origin(t, options={"settings": {h2.MAX_FRAME_SIZE: 1 << 20}})
    equal(t.client().fetch(origin.host, "/", method="POST", body=bytes(300_000)).status, 200, "status")
    equal(len(origin.requests[0].body), 300_000, "bytes upstream")


@case("1,000 requests one after another take one connection", deadline=60)
def sequential(t):
    origin = h2_origin(t)
    client = t.client()
    for _ in range(t.scaled(1000)):
        equal(client.fetch(origin.host).status, 200, "status")
    equal(len(origin.connections), 1, "connections")


@case("memory is flat over 3,000 requests, a third of which their clients leave", alone=True, deadline=120)
def memory(t):
    t.skip_if_sanitized()
    proxy = t.start()

    def script(stream):
        if stream.head.target == b"/left":
            stream.answer_head(200)
            stream.send(bytes(30_000))
            stream.wait_reset()
        else:
            stream.read_request()
            stream.respond(200, bytes(3000))
    origin = h2_origin(t, script, proxy=proxy)

    def rounds(count):
        for turn in range(count):
            if turn % 50 == 0:  # as many resets as one client may send at once
                client = connect(t, proxy)
            equal(client.fetch(origin.host, "/", method="POST", body=bytes(2000)).status, 200, "status")
            equal(client.fetch(origin.host).status, 200, "status")
            stream = client.request(origin.host, "/left")
            stream.wait_body(1)
            stream.reset()
            origin.wait(lambda: all(one.closed for one in origin.streams), "an end of all streams upstream")
            del origin.streams[:], origin.requests[:], origin.connections[0].requests[:]
            if turn % 50 == 49:
                client.close()
    rounds(t.scaled(300))
    before = proxy.rss_bytes()
    rounds(t.scaled(700))
    at_most(proxy.rss_bytes() - before, 2 << 20, "bytes of memory more")
    equal(len(origin.connections), 1, "connections")


# Idle.

@case("an idle connection is closed after pool.idle, with GOAWAY(NO_ERROR)", deadline=20)
def idle(t):
    origin = h2_origin(t, pool={"idle": "500ms"})
    equal(t.client().fetch(origin.host).status, 200, "status")
    began = time.monotonic()
    origin.connections[0].wait_closed()
    expect(0.4 <= time.monotonic() - began < 3, f"closed after {time.monotonic() - began:.2f} s, of 0.5")
    equal([code for _, code, _ in origin.connections[0].goaways], [h2.NO_ERROR], "GOAWAYs")
    equal(t.client().fetch(origin.host).status, 200, "status of the next")
    equal(len(origin.connections), 2, "connections")


@case("a connection with a stream on it is not idle, however long that is silent", deadline=20)
def not_idle(t):
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        if stream.head.target == b"/slow":
            go_on.wait(10)
        stream.respond()
    origin = h2_origin(t, script, pool={"idle": "300ms"})
    stream = connect(t).request(origin.host, "/slow")
    origin.wait_streams(1)
    time.sleep(0.9)  # three times what an idle one is given
    equal(t.client().fetch(origin.host).status, 200, "status of another")
    go_on.set()
    equal(stream.response().status, 200, "status of the slow one")
    equal(len(origin.connections), 1, "connections")


@case("PING is answered, with and without streams", deadline=20)
def ping(t):
    origin = h2_origin(t, lambda stream: [stream.read_request(), stream.connection.ping(b"12345678"), stream.respond()])
    equal(t.client().fetch(origin.host).status, 200, "status")
    equal(origin.connections[0].ping(b"abcdefgh"), b"abcdefgh", "what came back on an idle connection")
    equal(origin.connections[0].pongs, [b"12345678", b"abcdefgh"], "what came back in all")


# GOAWAY.

@from_both("GOAWAY: streams up to its last finish, those above go elsewhere, new ones too, and none is lost", deadline=20)
def goaway(t, make):
    """Of six on the connection the first three are told they will be served; POSTs, which are repeated for nothing else."""
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        if stream.connection.index == 0:
            if stream.number > 5:
                return  # as if it had never come
            go_on.wait(10)
        stream.respond(200, b"%d" % stream.connection.index)
    origin = h2_origin(t, script, health={"maxFails": 1})
    clients = [make(t) for _ in range(6)]
    for number, client in enumerate(clients):
        begin(client, origin.host)
        origin.wait_streams(number + 1)
    origin.connections[0].goaway(5)
    equal([finish(client) for client in clients[3:]], [(200, "1")] * 3, "answers above the last stream")
    equal(make(t).fetch(origin.host).text, "1", "the answer to a new request")
    go_on.set()
    equal([finish(client) for client in clients[:3]], [(200, "0")] * 3, "answers up to the last stream")
    origin.connections[0].wait_closed("the connection that was told to go away")
    equal(len(origin.connections), 2, "connections")
    equal(t.proxy.api("GET", f"/api/v1/routes/{origin.host}").json["backends"][0]["failureCount"], 0, "failureCount")


def begin(client, host, **more):
    """A POST under way, whose answer finish() takes."""
    if hasattr(client, "streams"):
        client.pending = client.request(host, "/", method="POST", body=b"once", **more)
    else:
        client.send(b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\n\r\nonce" % host.encode())


def finish(client):
    answer = client.pending.response() if hasattr(client, "streams") else client.read_response("POST")
    return answer.status, answer.text


@case("a graceful GOAWAY (2^31-1 first, then the last stream): nothing is lost", deadline=20)
def graceful(t):
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        if stream.connection.index == 0:
            go_on.wait(10)
        stream.respond(200, b"%d" % stream.connection.index)
    origin = h2_origin(t, script)
    client = connect(t)
    streams = [client.request(origin.host) for _ in range(3)]
    origin.wait_streams(3)
    origin.connections[0].goaway(h2.MAX_WINDOW)
    origin.connections[0].ping()
    equal(t.client().fetch(origin.host).text, "1", "the answer to a new request")
    origin.connections[0].goaway(5)
    go_on.set()
    equal([stream.response().text for stream in streams], ["0"] * 3, "the answers of those that were there")
    origin.connections[0].wait_closed("the connection that was told to go away")


@case("GOAWAY now and then, while 8 clients ask: none is lost", deadline=60)
def rolling(t):
    def script(stream):
        stream.read_request()
        if stream.number == 159:
            stream.connection.goaway(159)
        if stream.number <= 159:
            stream.respond(200, stream.head.target)
    origin = h2_origin(t, script)
    crowd = Crowd(t.proxy.address, 8)
    for _ in range(t.scaled(40, 5)):
        crowd.ask(origin.host, "/x", method="POST", body=b"once")
        equal({answer.status for answer in crowd.collect(8)}, {200}, "statuses")
    crowd.close()


@case("GOAWAY, and the end of an idle connection right behind it: the next request takes a new one", deadline=20)
def goaway_and_close(t):
    def script(stream):
        stream.read_request()
        stream.respond(200, b"%d" % stream.connection.index)
        stream.connection.goaway()
        stream.connection.finish_sending()
    origin = h2_origin(t, script)
    for turn in range(10):
        equal(t.client().fetch(origin.host, "/", method="POST", body=b"once").text, str(turn), "the connection that served it")
        origin.connections[turn].wait_closed()


@case("an idle connection that the backend ends, by FIN or RST, is not used again", deadline=20)
def closed_while_idle(t):
    origin = h2_origin(t, retries=0)
    for turn in range(6):
        equal(t.client().fetch(origin.host, "/", method="POST", body=b"once").status, 200, "status")
        settled(t.proxy, origin.host)
        connection = origin.connections[turn]
        if turn % 2:
            connection.reset()
        else:
            connection.finish_sending()
            connection.wait_closed()
        round_trip(t)
    at_least(len(origin.connections), 6, "connections: none served twice")


def round_trip(t):
    """The proxy has seen what was there before."""
    equal(t.client().fetch(h2_origin(t).host).status, 200, "status of a request meanwhile")


@case("GOAWAY with an error of the backend's ends its streams: GETs are answered elsewhere, POSTs 502", deadline=20)
def goaway_with_error(t):
    def script(stream):
        stream.read_request()
        if len(stream.connection.streams) == 2 and stream.connection.index == 0:
            stream.connection.goaway(h2.MAX_WINDOW, h2.INTERNAL_ERROR, b"out of order")
            stream.connection.finish_sending()
        elif stream.connection.index:
            stream.respond()
    bad, good = bare_h2_origin(t, script), bare_h2_origin(t)
    host = t.unique_host(bad.port)
    t.proxy.add_route(host, bad.backend, good.backend, circuit=None)
    client = connect(t)
    got = {}
    for method in ("GET", "POST"):  # every other goes to `bad`
        got[method] = [client.request(host, method=method, body=b"x" if method == "POST" else None)]
        bad.wait_streams(len(got))
        got[method].append(client.request(host))
        good.wait_streams(len(got))
    statuses = {method: [stream.response().status for stream in streams] for method, streams in got.items()}
    equal(statuses, {"GET": [200, 200], "POST": [502, 200]}, "statuses")


# Slots: reqActiveLength over streams.

@from_both("reqActiveLength is exact over streams; a client that leaves gives its slot to the next, and its stream is CANCELled",
           deadline=20)
def slots(t, make):
    proxy = t.start()
    origin = h2_origin(t, lambda stream: None, proxy=proxy, reqActiveLength=2, reqQueueLength=5)
    clients = [make(t, proxy) for _ in range(4)]
    for number, client in enumerate(clients, 1):
        begin(client, origin.host)
        origin.wait_streams(min(2, number))
    for left in (1, 2):
        if hasattr(clients[left - 1], "streams"):
            clients[left - 1].pending.reset()
        else:
            clients[left - 1].reset()
        origin.wait_streams(2 + left)
        equal(sum(one.reset_code == h2.CANCEL for one in origin.streams), left, "streams that were cancelled, when the next one came")
    equal((origin.connections[0].most_at_once, len(origin.connections)), (2, 1), "streams at once, and connections")


@case("4 workers: never more than reqActiveLength at the backend, over all connections", deadline=60)
def exact(t):
    proxy = t.start(workers=4)
    origin = h2_origin(t, proxy=proxy, reqActiveLength=7, reqQueueLength=1000)
    crowd = Crowd(proxy.address, 60)
    for _ in range(t.scaled(30)):
        crowd.ask(origin.host, "/x")
        crowd.collect(60)
    crowd.close()
    at_most(origin.most_at_once, 7, "streams at once over all connections")
    at_least(origin.most_at_once, 2, "streams at once: the limit was put to the test")
    settled(proxy, origin.host)


@case("never more than reqActiveLength at the backend, while clients leave", deadline=60)
def exact_though_left(t):
    """On one connection the order of a reset and the next request shows."""
    go_on = threading.Event()

    def script(stream):
        stream.read_request()
        go_on.wait(20)
        stream.respond()
    proxy = t.start()
    origin = h2_origin(t, script, proxy=proxy, reqActiveLength=7, reqQueueLength=1000)
    crowd = Crowd(proxy.address, 100)
    crowd.ask(origin.host, "/x")
    origin.wait_streams(7)
    for _ in range(8):
        crowd.leave(crowd.members[:5], reset=True)
    go_on.set()
    crowd.collect(60)
    crowd.close()
    equal((origin.most_at_once, len(origin.connections)), (7, 1), "streams at once, and connections")
    settled(proxy, origin.host)


@case("a client that leaves while its request waits for the connection to be made: nothing is sent", deadline=20)
def leaves_early(t):
    listener = t.bare_origin(never_answers)
    origin = bare_h2_origin(t, secured=True)
    stuck = origin.backend | {"port": listener.port}  # its handshake never ends
    host = t.unique_host(listener.port)
    t.proxy.add_route(host, stuck, connectTimeout="30s", reqActiveLength=1, reqQueueLength=1)
    for count in range(3):
        client = t.client()
        client.send(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
        listener.wait_connections(1)
        t.eventually(lambda: settled_active(t, host, 1), "an active request")
        client.reset()
        t.eventually(lambda: settled_active(t, host, 0), f"an end of request {count}")


def settled_active(t, host, count):
    return t.proxy.api("GET", f"/api/v1/stats/{host}").json["requests"]["active"] == count
