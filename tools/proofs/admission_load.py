#!/usr/bin/env python3
"""The load and the judgement of tools/proofs/admission, on one engine.

An exact round: CLIENTS connections send a request each within a fraction of the second for which the origin holds
every request. The origin counts; exactly A may be there at once, A + Q are answered with 200, all others with 503 and
Retry-After. A leaving round: a fifth of the clients goes away at random moments, by FIN (which leaves those at the
origin where they are, so the origin's count still tells) or by reset; the next exact round shows that nothing leaked.
"""

import argparse
import heapq
import os
import pathlib
import random
import resource
import subprocess
import sys
import time
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'test' / 'support'))

from checks import Failed, equal, expect  # noqa: E402
from client import Client  # noqa: E402
from crowd import Crowd  # noqa: E402
from ports import free_port  # noqa: E402
from proxy import Proxy  # noqa: E402

CLIENTS = 1000
WORKERS = 4
HOLD_MS = 1000
SENDING = 0.6  # seconds within which all requests of a round must have been sent, or they were not simultaneous
DEADLINE = 30.0
LEAVING = 0.2  # of the clients
SETTINGS = [(50, 100), (1, 0), (1, 1), (5, 7)]


class HoldingOrigin:
    """The scripted origin of test/support, in a process of its own."""

    def __init__(self, io):
        self.port = free_port()
        self.process = subprocess.Popen([os.environ['ORIGIN_BIN'], '--listen', f'127.0.0.1:{self.port}', '--io', io])
        self.backend = {'hostname': '127.0.0.1', 'port': self.port}
        ends = time.monotonic() + DEADLINE
        while True:
            try:
                self.client = Client(('127.0.0.1', self.port), 'origin')
                return
            except OSError as error:
                if time.monotonic() > ends:
                    raise Failed('the origin did not start') from error
                time.sleep(0.01)

    def report(self):
        """{'now': requests it holds, 'most': of them at once since the last report, 'all': that came since}."""
        words = self.client.fetch('origin', '/held').text.replace(',', '').split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def empty(self):
        """The report once nobody is held any more."""
        ends = time.monotonic() + DEADLINE
        most = total = 0
        while True:
            report = self.report()
            most, total = max(most, report['most']), total + report['all']
            if report['now'] == 0:
                return most, total
            if time.monotonic() > ends:
                raise Failed(f"the origin holds {report['now']} requests for ever")
            time.sleep(0.01)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Setting:
    """One pair of limits: a route, its origin, its crowd."""

    def __init__(self, proxy, io, active, queued):
        self.active, self.queued = active, queued
        self.name = f'({active}, {queued})'
        self.host = f'a{active}-q{queued}.test'
        self.proxy = proxy
        self.origin = HoldingOrigin(io)
        proxy.add_route(self.host, self.origin.backend, reqActiveLength=active, reqQueueLength=queued)
        self.crowd = Crowd(proxy.address, CLIENTS)

    def send(self):
        began = time.monotonic()
        self.crowd.ask(self.host, f'/hold/{HOLD_MS}')
        took = time.monotonic() - began
        expect(took < SENDING, f'{CLIENTS} requests took {took:.2f} s to send: this machine is too busy for the proof')

    def judge(self):
        answers = self.crowd.collect(CLIENTS, DEADLINE)
        served = self.active + self.queued
        equal(Counter(answer.status for answer in answers), {200: served, 503: CLIENTS - served}, f'{self.name}: statuses')
        for answer in answers:
            if answer.status == 503:
                equal(answer.fields.all('Retry-After'), [b'10'], f'{self.name}: Retry-After of a 503')
        equal(self.origin.empty(), (self.active, served), f'{self.name}: (most at once, all) at the origin')

    def leaving_round(self, reset):
        """A fifth leaves at random moments; whoever stays is answered."""
        self.send()
        chosen = random.sample(self.crowd.members, int(CLIENTS * LEAVING))
        longest = (1 + self.queued / self.active) * HOLD_MS / 1000
        schedule = [(time.monotonic() + random.uniform(0, longest), number, member)
                    for number, member in enumerate(chosen)]
        heapq.heapify(schedule)
        statuses = Counter()
        while schedule:
            when, _, member = heapq.heappop(schedule)
            statuses += Counter(answer.status for answer in self.crowd.collect_until(when))
            self.crowd.leave([member], reset)
        staying = len(self.crowd.waiting())
        statuses += Counter(answer.status for answer in self.crowd.collect(staying, DEADLINE))
        equal(set(statuses) - {200, 503}, set(), f'{self.name}: statuses while clients leave')
        most, _ = self.origin.empty()
        if not reset:  # a reset ends the backend's work before the origin's: it cannot count that
            equal(most, self.active, f'{self.name}: most at once at the origin while clients leave')
        self.crowd.join(len(chosen))

    def nothing_left(self):
        """Waits until the API counts nobody: a slot is given back just after its request was answered."""
        ends = time.monotonic() + DEADLINE
        while True:
            counts = self.proxy.api('GET', f'/api/v1/stats/{self.host}').json['admission']
            if counts['active'] == counts['queued'] == 0:
                return
            expect(time.monotonic() < ends, f'{self.name}: left at the end: {counts}')
            time.sleep(0.01)

    def stop(self):
        self.crowd.close()
        self.origin.stop()


def prove(io, repeats):
    # The crowds stay connected while others have their rounds.
    proxy = Proxy('--header-timeout', '30m', '--idle-timeout', '30m', io=io, workers=WORKERS, nofile=20_000).wait_ready()
    settings = [Setting(proxy, io, *limits) for limits in SETTINGS]
    big, small = settings[:1], settings[1:]
    try:
        for together in (big, small):  # the small ones share their seconds
            names = ' '.join(setting.name for setting in together)
            for number in range(repeats):
                for setting in together:
                    setting.send()
                for setting in together:
                    setting.judge()
                if (number + 1) % 10 == 0 or number + 1 == repeats:
                    print(f'{io}: {names}: {number + 1} rounds without a deviation', flush=True)
        rounds = max(2, repeats // 10)
        for number in range(rounds):
            big[0].leaving_round(reset=number % 2 == 1)
        for setting in settings:
            setting.send()
            setting.judge()
            setting.nothing_left()
        print(f'{io}: {rounds} rounds with a fifth of the clients leaving; then exact again, active = queued = 0', flush=True)
    finally:
        for setting in settings:
            setting.stop()
        proxy.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--io', choices=['uring', 'epoll'], required=True)
    parser.add_argument('--repeats', type=int, default=100)
    options = parser.parse_args()
    soft = min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
    try:
        prove(options.io, options.repeats)
    except Failed as failure:
        sys.exit(f'{options.io}: {failure}')


if __name__ == '__main__':
    main()
