#!/usr/bin/env python3
"""The load and the judgement of tools/proofs/changes, on one engine.

Two proxies with a store on the disk, one of them with a steady load on its data path. A round has two spells of SPELL
seconds, in each of which WRITERS clients change routes, CHANGES a second together: a decoy, in which the other proxy's
are changed, which costs this machine the same; and those of the loaded one. What changes do to the data path is the p99
of the second against that of the first.

Each writer has routes of its own and connections to the data path, more than there are workers, and asks over all of
them right after every LOOKS-th change who answers now.
"""

import argparse
import atexit
import http.client
import json
import multiprocessing
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'test' / 'support'))

from checks import at_least, at_most, equal, expect  # noqa: E402
from processes import OriginProcess  # noqa: E402
from proxy import Proxy  # noqa: E402
from steady import SteadyLoad, percentile  # noqa: E402

SPELL = 10.0            # seconds
CLIENTS, RATE = 4, 250  # of the steady load, and requests a second of each
WRITERS, CHANGES = 4, 1_000
LOOKS, CONNECTIONS = 20, 6
WORST_RATIO = 1.25      # ARCHITECTURE section 6, "unchanged": the median over all rounds
LEAST_SHARE = 0.95      # of CHANGES that must have been made
KEPT = 'kept.changes.test'
ROUTES = '/api/v1/routes'


class Writer:
    def __init__(self, number, ports, origins):
        self.hosts = [f'w{number}-{index}.changes.test' for index in range(8)]
        self.origins = origins  # [(name, backend)]
        self.api = http.client.HTTPConnection('127.0.0.1', ports[1], timeout=10)
        self.traffic = [http.client.HTTPConnection('127.0.0.1', ports[0], timeout=10) for _ in range(CONNECTIONS)]

    def call(self, method, host, body=None):
        self.api.request(method, f'{ROUTES}/{host}', json.dumps(body) if body else None, {'Content-Type': 'application/json'})
        answer = self.api.getresponse()
        answer.read()
        return answer.status

    def who(self, connection, host):
        connection.request('GET', '/', headers={'Host': host})
        answer = connection.getresponse()
        text = answer.read().decode()
        return text if answer.status == 200 else str(answer.status)

    def change(self, number):
        """One change, and now and then a look; what was wrong, or None."""
        host = self.hosts[number % len(self.hosts)]
        name, backend = self.origins[number // len(self.hosts) % len(self.origins)]
        goes = number % 50 == 49
        status = self.call('DELETE', host) if goes else self.call('PUT', host, {'vHost': host, 'backends': [backend]})
        if status not in ((204, 404) if goes else (200, 201)):
            return f'{host}: status {status} of the change'
        if number % LOOKS == LOOKS - 1 or goes:
            wanted = '404' if goes else f'Hello from {name}\n'
            for connection in self.traffic:
                found = self.who(connection, host)
                if found != wanted:
                    return f'{host}: {found!r} answered right after its change to {wanted!r}'
        return None


def write(number, ports, origins, seconds, results):
    writer = Writer(number, ports, origins)
    faults, made = [], 0
    began = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        due = began + made * WRITERS / CHANGES
        time.sleep(max(0.0, due - now))
        if fault := writer.change(made):
            faults.append(fault)
        made += 1
    results.put((made, faults))


def spell(target, origins):
    """SPELL seconds of changes of `target`: (how many, what was wrong)."""
    results = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=write, args=(number, (target.port, target.admin_port), origins, SPELL, results),
                                         daemon=True) for number in range(WRITERS)]
    for process in processes:
        process.start()
    outcomes = [results.get(timeout=SPELL + 60) for _ in processes]
    for process in processes:
        process.join(10)
    return sum(made for made, _ in outcomes), [fault for _, faults in outcomes for fault in faults]


def start(io, folder, name, origin):
    proxy = Proxy('--store', f'sqlite:{folder}/{name}.db', '--log-level', 'warn', io=io, workers=2)
    atexit.register(proxy.process.kill)  # where the proof fails
    proxy.wait_ready()
    equal(proxy.api('POST', ROUTES, {'vHost': KEPT, 'backends': [origin.backend]}).status, 201, 'status of the kept route')
    return proxy


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--io', required=True)
    parser.add_argument('--rounds', type=int, default=6)
    arguments = parser.parse_args()
    kept, *others = [OriginProcess(name) for name in ('kept', 'x', 'y', 'z')]
    for origin in (kept, *others):
        atexit.register(origin.kill)
    moving = [(other.name, other.backend) for other in others]
    ratios, changes, requests = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        changed, decoy = start(arguments.io, folder, 'changed', kept), start(arguments.io, folder, 'decoy', kept)
        for number in range(1, arguments.rounds + 1):
            p99 = {}
            for kind, target in (('decoy', decoy), ('changed', changed)):
                load = SteadyLoad(changed.address, KEPT, CLIENTS, RATE)
                made, faults = spell(target, moving)
                failed, took = load.stop()
                equal(failed, [], f'{kind}: requests that failed or went astray')
                equal(faults, [], f'{kind}: changes that were not what the next request saw')
                at_least(made, round(CHANGES * SPELL * LEAST_SHARE), f'{kind}: changes in {SPELL:g} s')
                expect(changed.alive() and decoy.alive(), 'the processes live')
                p99[kind] = percentile([seconds for _, seconds in took], 0.99)
                requests += len(took)
                changes += made if kind == 'changed' else 0
            ratios.append(p99['changed'] / p99['decoy'])
            print(f'{arguments.io}, round {number}: {made} changes; p99 decoy {p99["decoy"] * 1000:.2f} ms, '
                  f'changed {p99["changed"] * 1000:.2f} ms: {ratios[-1]:.2f}', flush=True)
        at_most(statistics.median(ratios), WORST_RATIO, 'p99 under changes, to that under the decoy')
        changed.stop()
        decoy.stop()
    for origin in (kept, *others):
        origin.kill()
    print(f'{arguments.io}: {changes} durable changes, {changes / arguments.rounds / SPELL:.0f} a second, each as the next request '
          f'saw it; {requests} requests, 0 failed; p99 changed/decoy {statistics.median(ratios):.2f}', flush=True)


if __name__ == '__main__':
    main()
