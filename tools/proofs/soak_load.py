#!/usr/bin/env python3
"""The load and the judgement of tools/proofs/soak, on one engine.

One proxy with all of its features on: TLS, HTTP/2, queueing, auth, retries, circuits, WebSocket, access log, spans, a store
on the disk. Meanwhile backends are killed and come back, routes and certificates change, the access log is reopened, /events,
/metrics and /stats are read, and clients leave in the middle of things. At the end everything received must be
accounted for, in /stats and in the access log, and memory must be what it was after the first quarter.
"""

import argparse
import atexit
import collections
import json
import pathlib
import random
import signal
import socket
import sys
import tempfile
import threading
import time
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test' / 'support'))

import pki  # noqa: E402
import wire  # noqa: E402
from certificates_load import judge_memory  # noqa: E402
from checks import Failed, at_least, equal, expect  # noqa: E402
from client import Client  # noqa: E402
from collector import Collector  # noqa: E402
from counting import settled  # noqa: E402
from h2 import connect  # noqa: E402
from peer import Cut  # noqa: E402
from ports import free_port  # noqa: E402
from processes import OriginProcess  # noqa: E402
from proxy import Proxy  # noqa: E402
from secured import SecuredClient, context  # noqa: E402
from sse import EVENTS, Follower  # noqa: E402

HOST, GUARDED, NARROW, CHANGING = 'soak.test', 'guarded.soak.test', 'narrow.soak.test', 'changing.soak.test'
TOKEN = 'Authorization: Bearer soak-and-wet'
UPGRADE = ('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
SAMPLE = 1.0   # seconds between looks at memory
KINDS = [('GET', '/'), ('GET', '/bytes/20000'), ('GET', '/chunked/70000'), ('POST', '/echo'), ('GET', '/status/503'), ('GET', '/slow/20'),
         ('GET', '/midway/3000'), ('GET', '/halves/30'), ('GET', '/die')]


class Soak:
    def __init__(self, io, folder):
        self.ends = threading.Event()
        self.faults, self.done, self.threads = [], collections.Counter(), []
        self.origins = [OriginProcess(f'soak{number}') for number in range(4)]
        self.owner = types.SimpleNamespace(origins=[], clients=[], client_at=lambda address, **more: Client(address, **more))
        self.collector = Collector(self.owner)
        self.log = pathlib.Path(folder, 'access.log')
        self.secure = ('127.0.0.1', free_port())
        self.proxy = Proxy('--https', f'127.0.0.1:{self.secure[1]}', '--store', f'sqlite:{folder}/soak.db', '--access-log', self.log,
                           '--log-level', 'error', '--drain-timeout', '2s', *self.collector.flags, io=io, workers=2)
        for process in self.origins:
            atexit.register(process.kill)
        atexit.register(self.proxy.process.kill)
        self.proxy.wait_ready(60)
        backends = [origin.backend for origin in self.origins]
        self.must('POST', '/api/v1/auth-providers', {'id': 'soak', 'type': 'bearer', 'tokens': [{'name': 'a', 'token': TOKEN.split()[-1]}]})
        for host, more in ((HOST, {'strategy': 'LEAST_LATENCY'}), (GUARDED, {'authProvider': 'soak', 'strategy': 'IP_HASH'}),
                           (NARROW, {'reqActiveLength': 2, 'reqQueueLength': 2, 'queueTimeout': '100ms'})):
            self.must('POST', '/api/v1/routes', {'vHost': host, 'backends': backends, 'health': {'recheck': '1s'}} | more)
        self.pairs = [pki.make(HOST) for _ in range(4)]
        self.swap(0)

    def must(self, method, path, body=None):
        answer = self.proxy.api(method, path, body)
        if answer.status >= 300:
            raise Failed(f'{method} {path}: {answer.status} {answer.body!r}')
        return answer

    def swap(self, number):
        pair = self.pairs[number % len(self.pairs)]
        self.must('POST', '/api/v1/certificates', {'domain': HOST, 'cert': pair.cert, 'key': pair.key})

    # What runs until the end: each of them a thread.

    def run(self, what, step, pause=0.0):
        def loop():
            number = 0
            while not self.ends.wait(pause):
                try:
                    step(number)
                except Exception as error:  # whatever it is, it counts
                    self.faults.append(f'{what}: {error!r}')
                    return
                self.done[what] += 1
                number += 1
        self.threads.append(threading.Thread(target=loop, daemon=True))
        self.threads[-1].start()

    def ask(self, client):
        """Some requests; what comes of one does not matter, as long as something does."""
        for _ in range(random.randrange(1, 8)):
            method, target = random.choice(KINDS)
            host = random.choice([HOST, GUARDED, NARROW, CHANGING])
            fields = [TOKEN] if random.random() < 0.8 else []
            client.send(wire.request(host, target, *fields, method=method, body=b'x' * 3000 if method == 'POST' else None))
            if random.random() < 0.1:
                client.reset()  # in the middle of whatever it is
                return
            answer = client.read_response(method)
            if b'close' in answer.fields.tokens('Connection'):
                break
        client.close()

    def plain(self, _):
        client = Client(self.proxy.address, 'plain')
        try:
            self.ask(client)
        except Cut:  # a backend broke off, and so did the answer
            client.close()

    def secured(self, _):
        client = SecuredClient(self.secure, HOST, context(None, ['http/1.1']))
        try:
            self.ask(client)
        except Cut:
            client.close()

    def http2(self, _):
        client = connect(self.owner, address=self.proxy.address)
        for _ in range(10):
            if client.fetch(HOST, random.choice(['/', '/bytes/5000', '/echo', '/slow/5'])).status not in (200, 502, 503, 504):
                raise Failed('an answer of HTTP/2 that nobody gave')
        client.close()

    def tunnel(self, _):
        client = Client(self.proxy.address, 'tunnel')
        client.send(wire.request(HOST, '/', *UPGRADE))  # these origins do not switch: an answer as any other
        client.read_head()
        client.close()

    def flap(self, number):
        origin = self.origins[number % (len(self.origins) - 1)]  # one lives on
        origin.kill()
        self.ends.wait(0.5)
        origin.start()

    def change(self, number):
        backend = self.origins[number % len(self.origins)].backend
        route = {'vHost': CHANGING, 'backends': [backend], 'responseHeaders': {'X-Number': str(number)}}
        if number % 20 == 19:
            self.must('DELETE', f'/api/v1/routes/{CHANGING}')
        else:
            self.must('PUT', f'/api/v1/routes/{CHANGING}', route)
        if number % 10 == 0:
            self.swap(number // 10)
            self.must('PATCH', f'/api/v1/routes/{NARROW}', {'reqActiveLength': 1 + number // 10 % 4})

    def look(self, number):
        for path in ('/metrics', '/api/v1/stats?limit=1000', '/api/v1/routes', '/openapi.json'):
            self.must('GET', path)
        if number % 5 == 0:
            self.proxy.signal(signal.SIGUSR1)

    def follow(self, _):
        follower = Follower(self.owner, self.proxy, path=EVENTS + '?requests=sampled')
        equal(follower.status, 200, 'status of /events')
        self.ends.wait(random.random() * 3)
        follower.client.close()

    # And after that.

    def books(self):
        numbers = settled(self.proxy)
        received = numbers['requests']['received'] + numbers['requests']['unrouted']
        wanted = time.monotonic() + 10
        while (log := self.proxy.api('GET', '/api/v1/stats').json['accessLog'])['written'] + log['dropped'] < received:
            expect(time.monotonic() < wanted, f'a line for each of {received} requests: {log}')
            time.sleep(0.05)
        equal(log['written'] + log['dropped'], received, 'lines written and dropped, against requests')
        with open(self.log, encoding='utf-8') as lines:
            equal(sum(1 for line in lines if json.loads(line)), log['written'], 'lines in the file')
        return received, log


def prove(io, seconds, judges_memory):
    with tempfile.TemporaryDirectory(dir=ROOT / 'build') as folder:
        soak = Soak(io, folder)
        for _ in range(3):
            soak.run('HTTP/1.1', soak.plain)
        soak.run('TLS', soak.secured)
        soak.run('HTTP/2', soak.http2)
        soak.run('upgrades', soak.tunnel, 0.05)
        soak.run('flaps', soak.flap, 1.5)
        soak.run('changes', soak.change, 0.05)
        soak.run('looks', soak.look, 1.0)
        soak.run('followers', soak.follow)
        samples, until = [], time.monotonic() + seconds
        while time.monotonic() < until and not soak.faults and soak.proxy.alive():
            time.sleep(SAMPLE)
            samples.append(soak.proxy.rss_bytes() if soak.proxy.alive() else 0)
        soak.ends.set()
        for thread in soak.threads:
            thread.join(60)
        equal(soak.faults, [], 'faults')
        expect(soak.proxy.alive(), 'the process lives')
        print(f'{io}: {dict(soak.done)}', flush=True)
        for what in ('HTTP/1.1', 'TLS', 'HTTP/2', 'flaps', 'changes', 'looks', 'followers'):
            at_least(soak.done[what], max(1, int(seconds / 10)), what)
        received, log = soak.books()
        if judges_memory:  # a sanitizer keeps what has been freed
            judge_memory(samples)
        soak.proxy.stop()  # with the sanitizers' judgement
        for origin in soak.origins:
            origin.kill()
        for origin in soak.owner.origins:
            origin.stop()
    print(f'{io}: {received} requests in {seconds:g} s, each accounted for, a line for each ({log["dropped"]} dropped)', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--io', required=True)
    parser.add_argument('--seconds', type=float, default=1200)
    parser.add_argument('--memory', action='store_true', help='it has to be flat')
    arguments = parser.parse_args()
    socket.setdefaulttimeout(30)
    try:
        prove(arguments.io, arguments.seconds, arguments.memory)
    except Failed as error:
        raise SystemExit(f'{arguments.io}: {error}') from error


if __name__ == '__main__':
    main()
