#!/usr/bin/env python3
"""The load and the judgement of tools/proofs/dashboard.

ROUTES routes to one origin, RATE requests a second over all of them in turn, and every second a backend is drained and put
back. Meanwhile test/npm/dashboard_frames.mjs looks at the page in headless Chromium, and tells of each part of what it
does how long frames and tasks took (requestAnimationFrame, long tasks, long animation frames).
"""

import argparse
import atexit
import http.client
import itertools
import json
import pathlib
import shutil
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'test' / 'support'))

from checks import at_most, equal, expect  # noqa: E402
from chromium import CHROMIUM, screenshots  # noqa: E402
from npm import node  # noqa: E402
from processes import OriginProcess  # noqa: E402
from proxy import Proxy  # noqa: E402

ROUTES = 1_000
CLIENTS, RATE = 2, 400  # and requests a second of all of them
LONGEST = 100.0         # milliseconds: of a frame, and of a task


def host(number):
    return f'r{number:04}.dashboard.test'


class Load:
    """Requests to all routes in turn, and a backend that goes and comes, until stop()."""

    def __init__(self, proxy):
        self.proxy, self.ends, self.faults, self.made = proxy, threading.Event(), [], 0
        work = [(self.ask, (first,)) for first in range(CLIENTS)] + [(self.drain, ())]
        self.threads = [threading.Thread(target=self.guarded, args=one, daemon=True) for one in work]
        for thread in self.threads:
            thread.start()

    def guarded(self, function, arguments):
        try:
            function(*arguments)
        except Exception as error:
            self.faults.append(repr(error))

    def ask(self, first):
        connection = http.client.HTTPConnection('127.0.0.1', self.proxy.port, timeout=10)
        due = time.monotonic()
        for number in itertools.count(first, CLIENTS):
            if self.ends.is_set():
                return
            connection.request('GET', '/', headers={'Host': host(number % ROUTES)})
            answer = connection.getresponse()
            answer.read()
            equal(answer.status, 200, 'status')
            self.made += 1
            due += CLIENTS / RATE
            time.sleep(max(0.0, due - time.monotonic()))

    def drain(self):
        path = f'/api/v1/routes/{host(3)}/backends/spare/dead'
        while True:
            for method in ('POST', 'DELETE'):
                expect(self.proxy.api(method, path).status in (200, 204), f'{method} {path}')
                if self.ends.wait(1.0):
                    return

    def stop(self):
        self.ends.set()
        for thread in self.threads:
            thread.join(20)
        equal(self.faults, [], 'what went wrong under the load')


def look(proxy, size, seconds):
    """What the page's parts took, as the script tells it."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    expect(chromium, 'there is a Chromium (tools/setup --test)')
    script = node('dashboard_frames.mjs', chromium, f'http://127.0.0.1:{proxy.admin_port}', size, seconds, screenshots(),
                  needs='playwright-core')
    out, err = script.communicate(timeout=seconds * 5 + 120)
    equal((script.returncode, err), (0, ''), 'the browser')
    return json.loads(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', type=int, default=20)
    parser.add_argument('sizes', type=int, nargs='+')
    arguments = parser.parse_args()
    origin = OriginProcess('one')
    atexit.register(origin.kill)
    proxy = Proxy('--log-level', 'warn', io='uring', workers=1)
    atexit.register(proxy.process.kill)
    proxy.wait_ready()
    backends = [{'id': 'one', **origin.backend}, {'id': 'spare', 'hostname': origin.address, 'port': 9, 'weight': 0}]
    routes = [{'vHost': host(number), 'reqActiveLength': 10, 'backends': backends} for number in range(ROUTES)]
    equal(proxy.api('PUT', '/api/v1/config', {'version': 1, 'routes': routes}).status, 200, 'status of the configuration')
    load = Load(proxy)
    worst = 0.0
    for size in arguments.sizes:
        for part in look(proxy, size, arguments.seconds):
            print(f'{ROUTES} routes, {size} a page, {part["name"]}: {part["frames"]} frames, p99 {part["p99"]:.0f} ms, longest '
                  f'{part["longest"]:.0f} ms; longest task {part["task"]:.0f} ms, long frames {part["longFrames"]}', flush=True)
            expect(part['frames'] > 0, 'frames were drawn')
            worst = max(worst, part['longest'], part['task'])
    load.stop()
    at_most(worst, LONGEST, 'milliseconds of the longest frame or task')
    proxy.stop()
    print(f'{load.made} requests meanwhile, 0 failed; the longest frame or task took {worst:.0f} ms (at most {LONGEST:.0f})')


if __name__ == '__main__':
    main()
