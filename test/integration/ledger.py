"""Clients, origins' ledgers, /stats and the access log: four books of one load, which agree to the request.

`tools/prove ledger` runs this for longer: LEDGER_SECONDS.
"""

import functools
import itertools
import os
import random
import re
import threading
import time
from collections import Counter

from access_log import AccessLog, agrees
from counting import Load, Tally, read_stats, settled, wait_stats
from h2 import connect
from harness import case, equal, expect, free_port, in_threads, request
from loads import KINDS
from processes import OriginProcess

SECONDS = float(os.environ.get("LEDGER_SECONDS", 2))
HOST = "ledger.test"
REFUSALS = 2  # live backends for each that refuses


class Book:
    """What the clients of the load have seen: of each id its status, or None where they left or were left."""

    def __init__(self):
        self.numbers = itertools.count(1)
        self.seen = {}
        self.unrouted = 0
        self.lock = threading.Lock()

    def note(self, number, status):
        with self.lock:
            self.seen[number] = status


def get(path):
    def ask(client, number):
        return client.fetch(HOST, f"{path}?id={number}")
    return ask


def post(path, body):
    def ask(client, number):
        return client.fetch(HOST, f"{path}?id={number}", method="POST", body=body)
    return ask


def leave(client, number):
    """Within the answer, which has begun."""
    client.send(request(HOST, f"/halves/30?id={number}"))
    client.read_head()
    client.reset()


def cut(client, number):
    """The backend's answer breaks off."""
    client.send(request(HOST, f"/midway/3000?id={number}"))
    client.read_head()
    client.wait_end()


STEADY = [get("/"), get("/bytes/2000"), get("/chunked/70000"), post("/echo", b"x" * 500), get("/status/404"),
          get("/status/503"), get("/slow/3"), post("/echo", b"y" * 100_000), post("/die", b"once")]
ENDING = [leave, cut]  # with these the connection ends


def http1(t, proxy, book, ends):
    """One client after the other, each with some requests."""
    while time.monotonic() < ends:
        client = t.client(proxy)
        is_open = True
        for _ in range(random.randrange(1, 20)):
            number = next(book.numbers)
            answer = random.choice(STEADY)(client, number)
            book.note(number, answer.status)
            is_open = b"close" not in answer.fields.tokens("Connection")
            if not is_open:  # it came before the request was whole
                break
        if is_open:
            number = next(book.numbers)
            random.choice(ENDING)(client, number)
            book.note(number, None)
        client.close()
        t.clients.remove(client)


def http2(t, proxy, book, ends):
    client = connect(t, proxy)
    while time.monotonic() < ends:
        number = next(book.numbers)
        book.note(number, client.fetch(HOST, f"/bytes/{random.randrange(5000)}?id={number}").status)


def nobody(t, proxy, book, ends):
    """What has no route, and what is no request."""
    while time.monotonic() < ends:
        client = t.client(proxy)
        equal(client.fetch("nobody.test").status, 404, "status")
        equal(client.ask(b"nonsense\r\n\r\n").status, 400, "status")
        with book.lock:
            book.unrouted += 2
        client.close()
        t.clients.remove(client)
        time.sleep(0.01)


def ledger(path):
    with open(path, encoding="ascii") as file:
        return [int(number) for number in re.findall(r"\?id=(\d+)\n", file.read())]


def check_steady(lines, numbers, book, paths):
    """The steady load's four books."""
    ledgers = [ledger(path) for path in paths]
    by_id = {int(line["path"].rpartition("=")[2]): line for line in lines}
    equal(len(by_id), len(lines), "lines, each of a request of its own")
    equal(set(by_id), set(book.seen), "ids in the log, and those that clients sent")
    for number, status in book.seen.items():
        if status is not None and by_id[number].get("status") != status:
            raise AssertionError(f"{number} was answered with {status}, and its line is {by_id[number]}")
    served = Counter(number for one in ledgers for number in one)
    equal(served, Counter(book.seen.keys()), "ids in the origins' ledgers: each was served once")
    named = Counter(line["backend"] for line in lines)
    for backend, one in zip(numbers["backends"], ledgers):
        equal(backend["attempts"]["begun"], len(one), f"attempts at {backend['port']}, and its ledger's lines")
        equal(named[f"127.0.0.1:{backend['port']}"], len(one), f"lines that name {backend['port']}, and its ledger's lines")
    total = Tally()
    for line in lines:
        total.add(line["outcome"], status=line.get("status", 0), error=line.get("error"), into=line["bytesIn"],
                  out=line["bytesOut"])
    total.check_requests(numbers, HOST)
    equal(sum(line["retries"] for line in lines), numbers["retries"], "retries in the log")
    equal(numbers["retries"], numbers["backends"][-1]["attempts"]["failed"], "retries, and attempts at the one that refuses")
    expect(numbers["retries"] > 0, "some requests met the backend that refuses")


@case(f"a mixed load of {SECONDS:g} s", deadline=SECONDS + 120, alone=True)
def mixed(t):
    folder = t.folder()
    log = AccessLog(folder)
    proxy = t.start(*log.flags, workers=2)
    paths = [os.path.join(folder, f"origin-{number}") for number in range(REFUSALS)]
    for path in paths:
        open(path, "wb").close()
    origins = [OriginProcess(f"o{number}", flags=["--ledger", path]) for number, path in enumerate(paths)]
    try:
        refuses = {"hostname": "127.0.0.1", "port": free_port()}
        # Few enough meet it for the route's retry budget.
        proxy.add_route(HOST, *[origin.backend | {"weight": 10} for origin in origins], refuses, health={"maxFails": 0},
                        circuit=None, strategy="RANDOM")
        book = Book()
        ends = time.monotonic() + SECONDS
        loads = []

        def every_kind():
            """All kinds of requests, again and again, each to a route of its own."""
            while True:
                for _, kind in KINDS:
                    load = Load(t, proxy)
                    kind(load)
                    load.check()  # now: /stats forgets latencies
                    loads.append(load)
                if time.monotonic() >= ends:
                    return
        parts = [http1] * 4 + [http2] * 2 + [nobody]
        in_threads(every_kind, *[functools.partial(part, t, proxy, book, ends) for part in parts], deadline=SECONDS + 60)
        check(proxy, log, book, loads, paths)
    finally:
        for origin in origins:
            origin.kill()


def check(proxy, log, book, loads, paths):
    everything = settled(proxy)
    count = everything["requests"]["received"] + everything["requests"]["unrouted"]
    everything = wait_stats(proxy, lambda numbers: numbers["accessLog"]["written"] == count, f"{count} lines")
    equal(everything["accessLog"]["dropped"], 0, "lines that were dropped")
    lines = log.wait(count)
    by_host = {}
    for line in lines:
        by_host.setdefault(line.get("vHost"), []).append(line)
    equal(len(by_host.get(None, [])), book.unrouted, "lines without a route")
    equal(everything["requests"]["unrouted"], book.unrouted, "unrouted, and what clients sent of it")
    check_steady(by_host[HOST], read_stats(proxy, HOST), book, paths)
    for load in loads:
        agrees(by_host[load.host], load.requests, load.retries, load.host, load.exact_bytes)
    equal(len(by_host), len(loads) + 2, "routes in the log")
    print(f"ledger: {count} requests in {SECONDS:g} s: {len(book.seen)} in clients', origins', /stats' and the log's books, "
          f"{book.unrouted} without a route, {len(loads)} loads of {len(KINDS)} kinds: all agree, no line dropped", flush=True)
