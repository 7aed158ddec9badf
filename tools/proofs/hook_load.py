#!/usr/bin/env python3
"""The load and the judgement of tools/proofs/hook, on one engine.

A route whose auth provider is an external hook without a cache: every client has a credential of its own, so that no two
requests share a call. The ledgers of the hook and of the origin say what reached them.
"""

import argparse
import atexit
import collections
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'test' / 'support'))

from checks import at_least, equal, expect  # noqa: E402
from processes import OriginProcess  # noqa: E402
from proxy import Proxy  # noqa: E402
from steady import SteadyLoad, percentile  # noqa: E402

CLIENTS, RATE = 4, 250  # requests a second of each
LEAST_SHARE = 0.95      # of the rate that must have been asked for
DEAD = 2.0              # seconds without the hook
HOST = 'guarded.hook.test'


def lines_of(ledger):
    return len(ledger.read_text().splitlines())


def steady(proxy, seconds):
    load = SteadyLoad(proxy.address, HOST, CLIENTS, RATE, fields=lambda number: (f'Authorization: Bearer client-{number}',))
    time.sleep(seconds)
    return load.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--io', required=True)
    parser.add_argument('--seconds', type=float, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ledgers = {name: pathlib.Path(folder, name) for name in ('hook', 'origin')}
        hook, origin = [OriginProcess(name, flags=('--ledger', ledgers[name])) for name in ('hook', 'origin')]
        proxy = Proxy('--store', 'memory:', '--log-level', 'error', io=arguments.io, workers=2)
        for process in (hook, origin):
            atexit.register(process.kill)
        atexit.register(proxy.process.kill)
        proxy.wait_ready()
        provider = {'id': 'hook', 'type': 'http', 'url': f'http://127.0.0.1:{hook.port}/', 'cacheTtl': '0s'}
        equal(proxy.api('POST', '/api/v1/auth-providers', provider).status, 201, 'status of the provider')
        route = {'vHost': HOST, 'authProvider': 'hook', 'backends': [origin.backend]}
        equal(proxy.api('POST', '/api/v1/routes', route).status, 201, 'status of the route')

        failed, took = steady(proxy, arguments.seconds)
        equal(failed, [], 'requests that failed')
        at_least(len(took), round(CLIENTS * RATE * arguments.seconds * LEAST_SHARE), 'requests')
        equal(lines_of(ledgers['hook']), len(took), "the hook's calls")
        equal(lines_of(ledgers['origin']), len(took), "the origin's requests")
        asked = len(took)
        p99 = percentile([seconds for _, seconds in took], 0.99)

        hook.kill()
        failed, took = steady(proxy, DEAD)
        kinds = collections.Counter(text.split('\r\n')[0] for text in failed)
        equal(set(kinds), {'HTTP/1.1 503 Service Unavailable'}, 'answers while the hook is dead')
        equal(len(failed), len(took), 'refusals')
        equal(lines_of(ledgers['origin']), asked, 'requests that the origin has seen, with those of a dead hook')
        hook.start()
        back, took = steady(proxy, DEAD)
        equal(back, [], 'requests that failed once the hook was back')
        expect(proxy.alive(), 'the process lives')
        proxy.stop()
        for process in (hook, origin):
            process.kill()
    print(f'{arguments.io}: {asked} requests, {asked / arguments.seconds:.0f} a second, each one call of the hook, 0 failed, '
          f'p99 {p99 * 1000:.2f} ms; hook dead: {len(failed)} requests, all 503; back: all 200', flush=True)


if __name__ == '__main__':
    main()
