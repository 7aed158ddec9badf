"""The access log (SPEC section 10): a line for each request, and traffic that no disk holds up. What becomes of requests of
every kind is in ledger.py."""

import json
import os
import re
import signal
import stat
import threading
import time

from access_log import AccessLog
from counting import fill, read_stats, settled, wait_stats
from h2 import connect
from harness import DEADLINE, Failed, case, contains, equal, expect, held, lacks, request
from polling import readable
from tls_place import Secured

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def logged(t, *flags, **options):
    log = AccessLog(t.folder())
    return log, t.start(*log.flags, *flags, **options)


@case("a request and its line: who, what, where to, how long")
def a_line(t):
    log, proxy = logged(t)
    origin = t.origin(proxy=proxy)
    client = t.client(proxy)
    answer = client.fetch(origin.host, "/some/where?a=1&token=s3cret", method="POST", body=b"seven77")
    equal(answer.status, 200, "status")
    line = log.one()
    equal({name: line[name] for name in ("client", "vHost", "host", "method", "path", "status", "outcome", "bytesIn",
                                         "bytesOut", "retries", "protocol", "backend")},
          {"client": "127.0.0.1", "vHost": origin.host, "host": origin.host, "method": "POST",
           "path": "/some/where?a=1&token=***", "status": 200, "outcome": "completed", "bytesIn": 7, "bytesOut": 2,
           "retries": 0, "protocol": "HTTP/1.1", "backend": f"127.0.0.1:{origin.port}"}, "the line")
    expect(UUID7.fullmatch(line["connectionId"]), f"a UUIDv7: {line['connectionId']}")
    equal(line["requestId"], origin.requests[0].fields.need("X-Request-ID").decode(), "the id that the backend got")
    expect(TIME.fullmatch(line["time"]), line["time"])
    expect(0 <= line["connect"] <= line["firstByte"] <= line["total"], f"times that fit each other: {line}")
    lacks(log.text(), "s3cret", "the log")
    client.fetch(origin.host)
    second = log.one(2)
    equal(second["connectionId"], line["connectionId"], "the connection's id, of its second request")
    expect(second["requestId"] != line["requestId"], "another request has another id")
    expect("connect" not in second, f"no connection was made: {second}")


@case("what matches no route, and what is no request, has a line too")
def unrouted(t):
    log, proxy = logged(t)
    equal(t.client(proxy).fetch("nobody.test", "/x").status, 404, "status")
    line = log.one()
    equal((line["status"], line["outcome"], line["host"], line["path"], "vHost" in line),
          (404, "rejected", "nobody.test", "/x", False), "the line of a 404")
    for count, (raw, status) in enumerate([(b"nonsense\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400),
                                           (request("nobody.test", "/", "X: " + "x" * 100_000), 431)], 2):
        equal(t.client(proxy).ask(raw).status, status, "status")
        line = log.one(count)
        equal((line["status"], line["outcome"], line["client"]), (status, "rejected", "127.0.0.1"), f"the line of {raw[:20]!r}")
        expect(line["error"], "an error's kind")


@case("bytes that would break a line are escaped, and what is no UTF-8 is made so")
def escaped(t):
    log, proxy = logged(t, "--access-log-fields", "path,userAgent,referer")
    origin = t.origin(proxy=proxy)
    client = t.client(proxy)
    client.send(b'GET /a"b\\c?%74oken=s3cret HTTP/1.1\r\nHost: ' + origin.host.encode()
                + b'\r\nUser-Agent: x"\xff\ty\xc3\xa9\r\nReferer: http://r.test/?key=s3cret&b=2\r\n\r\n')
    equal(client.read_response().status, 200, "status")
    equal(log.one(), {"path": '/a"b\\c?%74oken=***', "userAgent": 'x"\ufffd\ty\u00e9', "referer": "http://r.test/?key=***&b=2"},
          "the line")
    client.fetch(origin.host, "/" + "p" * 5000)
    equal(log.one(2)["path"], "/" + "p" * 1023 + "\u2026", "a path that is cut")


@case("requests over TLS and HTTP/2 say so")
def over_tls(t):
    log = AccessLog(t.folder())
    secured = Secured(t, *log.flags, "--access-log-fields", "tls,cipher,protocol,path,status", workers=1)
    _, pair = secured.route("a.test")
    secured.client("a.test", pair).fetch("a.test", "/one")
    line = log.one()
    equal((line["tls"], line["protocol"], line["path"]), ("TLSv1.3", "HTTP/1.1", "/one"), "the line")
    expect(line["cipher"].startswith("TLS_"), line["cipher"])
    client = connect(t, secured.proxy)
    equal([client.fetch("a.test", f"/{number}").status for number in range(3)], [200] * 3, "statuses over HTTP/2")
    for number, line in enumerate(log.wait(4)[1:]):
        equal(line, {"protocol": "HTTP/2", "path": f"/{number}", "status": 200}, "the line of a stream")


def lines_of(fifo, count):
    """So many lines that come out of an open FIFO."""
    got = b""
    ends = time.monotonic() + DEADLINE
    while got.count(b"\n") < count:
        if time.monotonic() > ends:
            raise Failed(f"{got.count(10)} lines of {count}")
        if readable(0.1, fifo):
            got += os.read(fifo, 1 << 20)
    return [json.loads(line) for line in got.splitlines()]


@case("a FIFO that nobody reads: traffic goes on, drops are counted and told of, and the end comes at once")
def unread_fifo(t):
    path = os.path.join(t.folder(), "fifo")
    os.mkfifo(path)
    proxy = t.start("--access-log", path, "--access-log-fields", "path,userAgent,requestId")
    origin = t.origin(proxy=proxy)
    client = t.client(proxy)
    block, sent = fill(proxy, origin, client, lambda numbers: numbers["accessLog"]["dropped"], 50_000)
    wait_stats(proxy, lambda _: "dropped" in proxy.stderr(), "a line about it in the log")
    said = [line for line in map(json.loads, proxy.stderr_lines()) if line["message"] == "access log lines have been dropped"]
    equal(said[0]["file"], path, "the file it is about")
    numbers = settled(proxy)["accessLog"]
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    lines_of(reader, sent - numbers["dropped"])
    os.close(reader)
    for _ in range(50):
        client.send(block)
        for _ in range(50):
            client.read_response()
    began = time.monotonic()
    proxy.signal(signal.SIGTERM)
    equal(proxy.wait_exit(), 0, "exit code")
    expect(time.monotonic() - began < DEADLINE / 2, "nobody reads, and it ends")


@case("a full disk and a folder that is gone: traffic goes on")
def full(t):
    proxy = t.start("--access-log", "/dev/full")
    origin = t.origin(proxy=proxy)
    client = t.client(proxy)
    for _ in range(20):
        equal(client.fetch(origin.host).status, 200, "status")
    wait_stats(proxy, lambda _: "No space left" in proxy.stderr(), "a line about it in the log")
    equal(read_stats(proxy)["accessLog"], {"written": 0, "dropped": 0}, "what still may be written one day")
    proxy.signal(signal.SIGTERM)
    equal(proxy.wait_exit(), 0, "exit code")
    contains(proxy.stderr(), "left unwritten", "its last words")


@case("SIGUSR1: a file that was renamed away is opened anew; where that fails the old one is kept")
def reopened(t):
    folder = os.path.join(t.folder(), "logs")
    os.mkdir(folder)
    log = AccessLog(folder)
    proxy = t.start(*log.flags)
    origin = t.origin(proxy=proxy)
    client = t.client(proxy)
    client.fetch(origin.host, "/1")
    log.wait(1)
    expect(stat.S_IMODE(os.stat(log.path).st_mode) & ~0o640 == 0, "nobody else may read it")
    os.rename(log.path, log.path + ".1")
    client.fetch(origin.host, "/2")
    old = AccessLog(folder, "access.log.1")
    old.wait(2)
    proxy.signal(signal.SIGUSR1)
    wait_stats(proxy, lambda _: os.path.exists(log.path), "a new file")
    client.fetch(origin.host, "/3")
    equal([line["path"] for line in log.wait(1)], ["/3"], "the new file")
    os.rename(folder, folder + ".gone")
    proxy.signal(signal.SIGUSR1)
    wait_stats(proxy, lambda _: "the old file is kept" in proxy.stderr(), "a line about it in the log")
    client.fetch(origin.host, "/4")
    kept = AccessLog(folder + ".gone")
    equal([line["path"] for line in kept.wait(2)], ["/3", "/4"], "the file that was kept")


@case("SIGUSR1 while it drains: what is left is logged in the new file")
def reopened_draining(t):
    go = threading.Event()
    log, proxy = logged(t)
    origin = t.origin(held(go), proxy=proxy)
    client = t.client(proxy)
    client.send(request(origin.host, "/late"))
    origin.wait_requests(1)
    proxy.signal(signal.SIGTERM)
    t.eventually(lambda: proxy.api("GET", "/readyz").status == 503, "the drain")
    os.rename(log.path, log.path + ".1")
    proxy.signal(signal.SIGUSR1)
    t.eventually(lambda: os.path.exists(log.path), "a new file")
    go.set()
    equal(client.read_response().status, 200, "status")
    client.close()
    equal(proxy.wait_exit(), 0, "exit code")
    equal([line["path"] for line in log.wait(1)], ["/late"], "the new file")


@case("SIGUSR1 without an access log does nothing")
def no_log(t):
    proxy = t.start()
    proxy.signal(signal.SIGUSR1)
    origin = t.origin(proxy=proxy)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status")


@case("one in so many, and every error")
def sampled(t):
    log, proxy = logged(t, "--access-log-sample", "1000000")
    good = t.origin(proxy=proxy)
    proxy.add_route("none.test")
    client = t.client(proxy)
    for _ in range(100):
        client.fetch(good.host)
    for _ in range(3):
        equal(client.fetch("none.test").status, 503, "status")
    equal([line["status"] for line in log.wait(3)], [503] * 3, "lines")


@case("standard output, as text: a line that is read by people")
def as_text(t):
    proxy = t.start("--access-log", "-", "--log-format", "text", "--access-log-fields", "time,method,path,status,total")
    origin = t.origin(proxy=proxy)
    t.client(proxy).fetch(origin.host, "/for-people")
    wait_stats(proxy, lambda _: "/for-people" in proxy.stderr(), "the line")
    line = next(line for line in proxy.stderr_lines() if "/for-people" in line)
    expect(re.fullmatch(r'\S+Z method="GET" path="/for-people" status=200 total=\d+\.\d{3}', line), line)
