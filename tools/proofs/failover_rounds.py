#!/usr/bin/env python3
"""The rounds and the judgement of tools/proofs/failover, on one engine.

Three backends, one of which, the victim, is killed (its connections are reset, new ones refused) or black-holed (from
one moment on its wire carries nothing) while 80 clients ask. Each origin keeps a ledger of the requests that reached it.

Whatever was sent after the API said "dead" must be answered with 200, also through the victim's return. A GET sent
before must be too, unless its answer had begun: then it is visibly cut. A POST sent before may be 502 or 504, and
stands in the ledgers once at most. What reaches a killed victim's port is seen by a listener in its place, and what
is sent to a black-holed one by a packet socket on the wire: nothing but probes.
"""

import argparse
import datetime
import re
import socket
import struct
import sys
import tempfile
import threading
import time
from collections import Counter

from failover_load import ABORTED, Load  # also brings test/support into the path

from checks import Failed, Skipped, at_least, at_most, equal, expect
from processes import OriginProcess, Wire
from proxy import Proxy

WORKERS = 4
LOAD = [(48, 'GET', '/slow/40'), (8, 'GET', '/halves/150'), (8, 'GET', '/chunks/150'), (16, 'POST', '/slow/40')]
FIELDS = {'connectTimeout': '300ms', 'responseTimeout': '1s', 'health': {'recheck': '1s', 'probe': {'path': '/up'}}}
BODY_TIMEOUT = '1s'
WARM_UP = 0.5        # seconds of load before the failure
REFUSING = 0.3       # then for so long the killed one's port refuses
WATCHED = 2.4        # seconds for which nothing but probes may reach the victim
CHOSEN_BEFORE = 0.1  # seconds in which a thread that had chosen the victim before its death may still be about to send
LONGEST_DYING = 2.0
LONGEST_RETURN = 3.0  # recheck + 10%, a probe, and a machine of two CPUs


def eventually(condition, limit, what):
    ends = time.monotonic() + limit
    while not condition():
        if time.monotonic() > ends:
            raise Failed(f'{what}: not within {limit:g} s')
        time.sleep(0.002)


class LedgeredOrigin(OriginProcess):
    """An origin, and what has reached it: (method, id) each, in order."""

    def __init__(self, folder, name, **where):
        self.file = f'{folder}/{name}'
        open(self.file, 'wb').close()  # read before the first request is in it
        super().__init__(name, flags=['--ledger', self.file], **where)

    def ledger(self):
        with open(self.file, encoding='ascii') as file:
            found = re.findall(r'^(\S+) \S+\?id=(\d+)\n', file.read(), re.MULTILINE)
        return [(method, int(number)) for method, number in found]


class Decoy:
    """Listens where the victim did. Each connection must ask for the probe's path, and is told 503."""

    def __init__(self, port):
        self.asked = []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', port))
        self.listener.listen(512)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(0.5)
                try:
                    self.asked.append(sock.recv(4096).partition(b'\r\n')[0])
                    sock.sendall(b'HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
                except OSError as error:
                    self.asked.append(repr(error).encode())

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        return self.asked


class Tap:
    """What leaves for the far end of a wire: when each connection was begun, and when each id was first sent."""

    ALL, IPV4, OUTGOING = 3, 0x0800, 4

    def __init__(self, wire):
        self.connections, self.ids = {}, {}
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(self.ALL))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.sock.bind((wire.near_interface, self.ALL))
        self.sock.settimeout(0.1)
        self.stopping = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while not self.stopping:
            try:
                packet, (_, protocol, kind, *_) = self.sock.recvfrom(65536)
            except TimeoutError:
                continue
            if protocol == self.IPV4 and kind == self.OUTGOING and packet[9] == socket.IPPROTO_TCP:
                self._note(packet[(packet[0] & 15) * 4:], time.monotonic())

    def _note(self, segment, now):
        port, = struct.unpack('!H', segment[:2])
        is_syn = segment[13] & 0x12 == 0x02
        if is_syn:  # sent again it is the same connection, unless the port has long been another's
            began = self.connections.setdefault(port, now)
            if now - began > 10:
                self.connections[port] = now
        for number in re.findall(rb'\?id=(\d+) ', segment[(segment[12] >> 4) * 4:]):
            self.ids.setdefault(int(number), now)

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.sock.close()


class Place:
    """A route with a victim among three backends, and the load on it."""

    def __init__(self, proxy, folder, kind, **where):
        self.proxy, self.kind, self.host = proxy, kind, f'{kind}.test'
        self.origins = [LedgeredOrigin(folder, f'{kind}-victim', **where)]
        self.origins += [LedgeredOrigin(folder, f'{kind}-{name}') for name in ('second', 'third')]
        self.victim = self.origins[0]
        proxy.add_route(self.host, *[origin.backend for origin in self.origins], **FIELDS)
        self.seen = Counter()
        self.dying, self.returning = [], []

    def shown(self):
        return self.proxy.api('GET', f'/api/v1/routes/{self.host}').json['backends'][0]

    def begin(self):
        before = len(self.victim.ledger())
        self.load = Load(self.proxy.address, self.host, LOAD)
        time.sleep(WARM_UP)
        at_least(len(self.victim.ledger()), before + 50, 'requests that reached the victim before')

    def until_dead(self, failed, failed_at):
        """When the API said so. failed, failed_at: when the failure was made, by both clocks."""
        eventually(lambda: self.shown()['isDead'], LONGEST_DYING, 'dead in the API')
        self.dead = time.monotonic()
        shown = self.shown()
        equal(shown['state'], 'dead', 'state')
        since = datetime.datetime.fromisoformat(shown['deadSince'].replace('Z', '+00:00')).timestamp()
        expect(failed_at - 0.01 <= since <= time.time(), f"deadSince {shown['deadSince']} is when it died")
        self.dying.append(since - failed_at)
        self.failed = failed

    def until_back(self, returned):
        eventually(lambda: self.shown()['state'] == 'alive', LONGEST_RETURN, 'alive in the API')
        newest, known = self.load.newest(), len(self.victim.ledger())
        eventually(lambda: any(number > newest for _, number in self.victim.ledger()[known:]), 1.0,
                   'new requests at the one that is back')
        self.returning.append(time.monotonic() - returned)
        equal(self.shown()['deadSince'], None, 'deadSince of the one that is back')

    def judge(self):
        asked = self.load.stop()
        at_ledgers = Counter(line for origin in self.origins for line in origin.ledger())
        twice = [line for line, times in at_ledgers.items() if line[0] == 'POST' and times > 1]
        equal(twice, [], 'POSTs that reached origins twice')
        for one in asked:
            self.seen[one.method] += 1
            in_ledgers = at_ledgers[one.method, one.number]
            if one.outcome == 200:
                at_least(in_ledgers, 1, f'ledger lines of {one}')
                self.seen['GET that reached two origins'] += in_ledgers > 1
                continue
            if not self.may_fail(one):
                raise Failed(f'{one}: it was sent {one.sent - self.failed:.3f} s after the failure, '
                             f'{one.sent - self.dead:.3f} s after it was known, and took {one.ended - one.sent:.3f} s; '
                             f'ledger lines: {in_ledgers}')
            self.seen[f'failed {one.method}'] += 1
            self.seen['failed POST in a ledger'] += one.method == 'POST' and in_ledgers

    def may_fail(self, one):
        if one.sent > self.dead or one.ended < self.failed:
            return False
        if one.method == 'GET':
            return one.outcome == ABORTED and one.comes_in_halves
        return one.outcome in (502, 504)

    def summary(self):
        """Also says whether the rounds had in them what they are about."""
        for case in ('GET that reached two origins', 'failed GET', 'failed POST in a ledger'):
            at_least(self.seen[case], 1, f'{self.kind}: how many of: {case}')
        seen = self.seen
        return (f"{seen['GET']} GETs: none lost, {seen['GET that reached two origins']} reached a second origin too, "
                f"{seen['failed GET']} cut within their answer; {seen['POST']} POSTs: none twice, {seen['failed POST']} with 502 or 504, "
                f"{seen['failed POST in a ledger']} of which had reached the victim; dead after at most "
                f"{max(self.dying) * 1000:.0f} ms, served again at most {max(self.returning) * 1000:.0f} ms after the return")

    def stop(self):
        for origin in self.origins:
            origin.kill()


def killed_round(place):
    place.begin()
    failed, failed_at = time.monotonic(), time.time()
    place.victim.kill()
    place.until_dead(failed, failed_at)
    time.sleep(REFUSING)
    decoy = Decoy(place.victim.port)
    time.sleep(WATCHED)
    asked = decoy.stop()
    equal(set(asked), {b'GET /up HTTP/1.1'}, 'what reached the dead one\'s port')
    place.seen['probe'] += len(asked)
    returned = time.monotonic()
    place.victim.start()
    place.until_back(returned)
    place.judge()


def black_holed_round(place, wire, tap):
    place.begin()
    failed, failed_at = time.monotonic(), time.time()
    wire.cut()
    place.until_dead(failed, failed_at)
    time.sleep(WATCHED)
    from_then = place.dead + CHOSEN_BEFORE
    sent = [number for number, when in tap.ids.copy().items() if when > from_then]
    equal(sent, [], 'ids of requests sent to the dead one')
    begun = [when - place.dead for when in tap.connections.copy().values() if when > from_then]
    at_most(len(begun), WATCHED / 0.9 + 1, f'connections begun to the dead one (after {begun} s): probes alone')
    at_least(len(begun), 1, 'probes')
    place.seen['probe'] += len(begun)
    returned = time.monotonic()
    wire.connect()
    place.until_back(returned)
    place.judge()


def prove(io, rounds):
    proxy = Proxy('--body-timeout', BODY_TIMEOUT, io=io, workers=WORKERS, nofile=20_000).wait_ready()
    wire = Wire()
    tap = Tap(wire)
    places = []
    with tempfile.TemporaryDirectory(prefix='penstock-proof.') as folder:
        try:
            killed = Place(proxy, folder, 'killed')
            places.append(killed)
            black_holed = Place(proxy, folder, 'black-holed', address=wire.address, within=wire.inside)
            places.append(black_holed)
            for number in range(rounds):
                killed_round(killed)
                black_holed_round(black_holed, wire, tap)
                print(f'{io}: round {number + 1} of {rounds}: killed, black-holed, and back', flush=True)
            for place in places:
                print(f'{io}: {place.kind} {rounds} times: {place.summary()}; {place.seen["probe"]} probes and nothing '
                      'else came to it while it was dead', flush=True)
        finally:
            for place in places:
                place.stop()
            tap.stop()
            wire.close()
            proxy.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--io', choices=['uring', 'epoll'], required=True)
    parser.add_argument('--rounds', type=int, default=5)
    options = parser.parse_args()
    try:
        prove(options.io, options.rounds)
    except (Failed, Skipped) as failure:
        sys.exit(f'{options.io}: {failure}')


if __name__ == '__main__':
    main()
