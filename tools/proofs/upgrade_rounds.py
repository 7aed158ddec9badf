#!/usr/bin/env python3
"""The rounds and the judgement of tools/proofs/upgrade, on one engine.

Two phases under the same load: wrk and h2load over HTTP/1.1, clients of HTTP/2 that go elsewhere at GOAWAY, and 100
tunnels that echo all the time.

Upgrades: every second a new process takes the place of the old one, by SIGUSR2 and through the API in turn.
Drains: SIGTERM, and when the process has ended the next one on the same sockets, which somebody else holds (the tests'
own LISTEN_FDS, as systemd does it): who comes meanwhile waits in the kernel's queue.

No request may fail, no connection be refused, no tunnel end before the limit of the process that had it.
"""

import argparse
import json
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import upgrade_load as load  # also brings test/support into the path

from checks import Failed
from ports import free_port
from processes import OriginProcess
from proxy import Proxy
from systemd import activated

DRAIN = 2.0         # seconds: --drain-timeout of both phases
PAUSE = 1.0         # between two upgrades
TUNNELS = 100
LONGEST_DRAIN = DRAIN + 8


class Turns:
    """When processes were told to drain: a tunnel may end when the first such moment behind its opening is DRAIN ago."""

    def __init__(self):
        self.times = []
        self.earliest = None  # of all tunnels: how long after that moment one has ended

    def begin(self):
        self.times.append(time.monotonic())

    def may_end(self, opened, ended):
        # One that was opened while the turn was taken may be the old process's or the new one's.
        turn = next((at for at in self.times if at >= opened - 0.5), None)
        if turn is None:
            return f'a tunnel ended {ended - opened:.2f} s after its opening, and nobody was draining'
        lasted = ended - turn
        self.earliest = min(lasted, self.earliest or lasted)
        return f'a tunnel ended {lasted:.2f} s after the drain began' if lasted < DRAIN - 0.1 else None


class Trouble(Exception):
    pass


def wait_for(condition, what, limit=30.0):
    ends = time.monotonic() + limit
    while not condition():
        if time.monotonic() > ends:
            raise Trouble(f'{what} did not come within {limit:g} s')
        time.sleep(0.005)


def write_config(path, origin, tunnels):
    path.write_text(json.dumps({'version': 1, 'routes': [
        {'vHost': '*', 'backends': [origin.backend]},
        {'vHost': 'tunnel.test', 'backends': [{'hostname': '127.0.0.1', 'port': tunnels.port}]}]}), encoding='utf-8')


class Phase:
    """The loads, from their start to their judgement."""

    def __init__(self, name, address, tunnels):
        self.name, self.address, self.tunnels = name, address, tunnels
        self.loads = []

    def start(self):
        self.tunnels.begin()
        self.loads = [load.wrk(self.address), load.h2load(self.address), load.Http2(self.address, connect), self.tunnels]
        wait_for(lambda: self.tunnels.open == TUNNELS or self.tunnels.faults, 'the last of the tunnels')

    def judge(self, count, turns):
        for one in self.loads:
            one.stop()
        wrk, h2load, http2, tunnels = self.loads
        faults = [f'{one.name}: {fault}' for one in self.loads for fault in one.faults]
        print(f'{self.name}: {count} of them; requests: {wrk.requests} wrk, {h2load.requests} h2load, {http2.requests} '
              f'HTTP/2 ({http2.again} asked again as GOAWAY says); {tunnels.echoes} echoes through {TUNNELS} tunnels, '
              f'{tunnels.ends} ended at their limit, the earliest {turns.earliest or 0:.2f} s after its drain began '
              f'(limit {DRAIN:g} s); failed or refused: {len(faults)}', flush=True)
        for fault in faults[:20]:
            print(f'  {fault}', flush=True)
        return not faults


def connect(address):
    sock = socket.create_connection(address, 30)
    sock.settimeout(None)
    return sock


def upgrades(engine, count, origin, folder):
    turns = Turns()
    config = folder / 'upgrades.json'
    port = free_port()
    tunnels = load.Tunnels(('127.0.0.1', port), 'tunnel.test', turns.may_end, TUNNELS)
    write_config(config, origin, tunnels)
    proxy = Proxy('--config', str(config), '--store', f'sqlite:{folder}/store.db', '--drain-timeout', f'{DRAIN:g}s',
                  '--http', f'127.0.0.1:{port}', io=engine, workers=2, listen=False).wait_ready()
    phase = Phase(f'{engine}, upgrades', ('127.0.0.1', port), tunnels)
    phase.start()
    slowest = 0.0
    for number in range(count):
        began = time.monotonic()
        turns.begin()
        if number % 2:
            answer = proxy.upgrade()
            if answer.status != 200:
                raise Trouble(f'upgrade {number + 1}: {answer.status} {answer.body!r}')
        else:
            by_signal(proxy)
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(max(0.0, began + PAUSE - time.monotonic()))
    good = phase.judge(count, turns)
    print(f'{engine}, upgrades: the slowest took {slowest * 1000:.0f} ms', flush=True)
    proxy.stop()
    return good


def by_signal(proxy):
    """The log says who serves then."""
    done = 'upgrade: the new process serves'
    before = proxy.stderr().count(done)
    proxy.signal(signal.SIGUSR2)
    wait_for(lambda: proxy.stderr().count(done) > before, 'the upgrade')
    line = [line for line in proxy.stderr_lines() if done in line][-1]
    proxy.follow(json.loads(line)['pid'])


def drains(engine, count, origin, folder):
    turns = Turns()
    config = folder / 'drains.json'
    with socket.create_server(('127.0.0.1', 0), backlog=4096) as held:
        address = held.getsockname()
        tunnels = load.Tunnels(address, 'tunnel.test', turns.may_end, TUNNELS)
        write_config(config, origin, tunnels)

        def start():
            return Proxy('--config', str(config), '--drain-timeout', f'{DRAIN:g}s', io=engine, workers=2, listen=False,
                         **activated(('http', held))).wait_ready()
        proxy = start()
        phase = Phase(f'{engine}, SIGTERM drains', address, tunnels)
        phase.start()
        for number in range(count):
            turns.begin()
            proxy.signal(signal.SIGTERM)
            if (code := proxy.wait_exit(LONGEST_DRAIN)) != 0:
                raise Trouble(f'drain {number + 1}: exit code {code}; {proxy.stderr()[-2000:]}')
            proxy = start()
            wait_for(lambda: tunnels.open == TUNNELS or tunnels.faults, 'the tunnels on the next process')
            time.sleep(0.2)
        good = phase.judge(count, turns)
        proxy.stop()
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--io', choices=['uring', 'epoll'], default='uring')
    parser.add_argument('--count', type=int, default=100)
    options = parser.parse_args()
    origin = OriginProcess()
    try:
        with tempfile.TemporaryDirectory() as folder:
            good = [phase(options.io, options.count, origin, Path(folder)) for phase in (upgrades, drains)]
    except (Failed, Trouble) as error:
        print(f'{options.io}: {error}')
        return 1
    finally:
        origin.kill()
    return 0 if all(good) else 1


if __name__ == '__main__':
    sys.exit(main())
