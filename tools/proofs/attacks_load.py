#!/usr/bin/env python3
"""The load and the judgement of tools/proofs/attacks, on one engine.

Two proxies, one of them with a steady load on its data path. A round has three spells of SPELL seconds: quiet; a decoy,
in which the other proxy's API is attacked, which costs this machine the same; and the attack on the API of the loaded
one. What the attack does to the data path is the p99 of the third against that of the second. Every attack of
test/support/api_attacks.py is judged each time.
"""

import argparse
import atexit
import multiprocessing
import pathlib
import queue
import random
import resource
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'test' / 'support'))

import api_attacks  # noqa: E402, F401 (enters its attacks)
import api_crowds  # noqa: E402, F401
import api_victim  # noqa: E402
from admin import bearer, private  # noqa: E402
from checks import at_least, at_most, equal, expect  # noqa: E402
from peer import Cut, Silent  # noqa: E402
from processes import OriginProcess  # noqa: E402
from proxy import Proxy  # noqa: E402
from steady import SteadyLoad, percentile  # noqa: E402
from wire import Malformed  # noqa: E402

SPELL = 8.0           # seconds
CLIENTS, RATE = 4, 100  # of the steady load, and requests a second of each
WORST_RATIO = 2.0     # of p99 under attack to p99 under the decoy, the median over all rounds
ANSWER_WITHIN = 2.0   # seconds in which the API answers another client right after an attack
GROWTH = 64 << 20     # bytes that memory may have grown by in the end
KINDS = ('quiet', 'decoy', 'attack')


class Other:
    """What an attacker's process needs to know of a proxy that is not its child."""

    def __init__(self, proxy):
        self.port, self.admin_port = proxy.port, proxy.admin_port
        self.admin_context = None

    api = Proxy.api

    def stderr(self):
        return ''  # looked at by the parent, at the end


def attack(target, ends, results):
    """All attacks in random order, over and over, until `ends`: how many, and what was not refused as it should be."""
    victim = api_victim.Victim(target)
    made, faults, answered = 0, [], []
    chosen = [one for one in api_victim.ATTACKS if not one.takes_long]
    while not ends.is_set():
        random.shuffle(chosen)
        for one in chosen:
            if ends.is_set():
                break
            try:
                one.run(victim)
                began = time.monotonic()
                victim.answers_others(ANSWER_WITHIN)
                answered.append(time.monotonic() - began)
            except (AssertionError, OSError, Cut, Silent, Malformed) as error:
                faults.append(f'{one.name}: {error}')
            finally:
                victim.close()
            made += 1
    results.put((made, faults, answered))


def start(io, folder, origin):
    proxy = Proxy('--admin-token-file', private(folder, 'tokens', api_victim.TOKENS), io=io, workers=2)
    atexit.register(proxy.process.kill)  # where the proof fails
    proxy.wait_ready()
    added = proxy.api('POST', api_victim.ROUTES, {'vHost': api_victim.KEPT, 'backends': [origin.backend]},
                      bearer(api_victim.WRITER))
    equal(added.status, 201, 'status of the route that no attack may change')
    return proxy


def spell(target):
    """SPELL seconds, with an attack on `target` where there is one: its (attacks, faults, answers to another client)."""
    if target is None:
        time.sleep(SPELL)
        return 0, [], []
    ends, results = multiprocessing.Event(), multiprocessing.Queue()
    process = multiprocessing.Process(target=attack, args=(Other(target), ends, results), daemon=True)
    process.start()
    time.sleep(SPELL)
    ends.set()
    try:
        outcome = results.get(timeout=60)
    except queue.Empty as error:
        raise AssertionError('an attack did not end') from error
    process.join(10)
    return outcome


def milliseconds(seconds):
    return f'{seconds * 1000:.2f} ms'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--io', required=True)
    parser.add_argument('--rounds', type=int, default=5)
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 8_192), hard), hard))
    at_least(len(api_victim.ATTACKS), 40, 'attacks')
    origin = OriginProcess()
    atexit.register(origin.kill)
    with tempfile.TemporaryDirectory() as folder:
        victim, decoy = start(arguments.io, folder, origin), start(arguments.io, folder, origin)
        before = api_victim.Victim(victim).kept()
        rss, ratios, total = None, [], dict(attacks=0, requests=0, answered=[])
        latencies = {kind: [] for kind in KINDS}
        for number in range(1, arguments.rounds + 1):
            p99 = {}
            for kind in KINDS:
                load = SteadyLoad(victim.address, api_victim.KEPT, CLIENTS, RATE)
                made, faults, answered = spell({'quiet': None, 'decoy': decoy, 'attack': victim}[kind])
                failed, took = load.stop()
                equal(failed, [], f'{kind}: requests of the data path that failed')
                equal(faults, [], f'{kind}: what was not refused as it should be')
                expect(victim.alive() and decoy.alive(), f'{kind}: the processes live')
                seconds = [one for _, one in took]
                latencies[kind] += seconds
                p99[kind] = percentile(seconds, 0.99)
                total['requests'] += len(took)
                if kind == 'attack':
                    total['attacks'] += made
                    total['answered'] += answered
            equal(api_victim.Victim(victim).kept(), before, 'the route that no attack may change')
            rss = rss or victim.rss_bytes()
            ratios.append(p99['attack'] / p99['decoy'])
            print(f'{arguments.io}, round {number}: p99 quiet {milliseconds(p99["quiet"])}, decoy {milliseconds(p99["decoy"])}, '
                  f'attack {milliseconds(p99["attack"])}: attack/decoy {ratios[-1]:.2f}', flush=True)
        for kind in KINDS:
            print(f'{arguments.io}, {kind}: p50 {milliseconds(percentile(latencies[kind], 0.5))}, '
                  f'p99 {milliseconds(percentile(latencies[kind], 0.99))}, most {milliseconds(max(latencies[kind]))}')
        at_most(statistics.median(ratios), WORST_RATIO, 'p99 of the data path under attack, to that under the decoy')
        at_most(victim.rss_bytes() - rss, GROWTH, 'bytes that memory has grown by since the first round')
        log = victim.stderr()
        for secret in (api_victim.WRITER, api_victim.READER, 'PRIVATE KEY'):
            expect(secret not in log, 'no secret is in the log')
        victim.stop()
        decoy.stop()
    origin.kill()
    print(f'{arguments.io}: {total["attacks"]} attacks of {len(api_victim.ATTACKS) - 1} kinds refused; '
          f'{total["requests"]} requests of the data path, 0 failed; another client of the API was answered within '
          f'{milliseconds(max(total["answered"]))}, p99 {milliseconds(percentile(total["answered"], 0.99))}; '
          f'p99 attack/decoy {statistics.median(ratios):.2f}', flush=True)


if __name__ == '__main__':
    main()
