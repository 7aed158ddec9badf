#!/usr/bin/env python3
"""The rounds and the judgement of tools/proofs/slowlog, on one engine.

Two proxies of one build take turns under the same load (wrk's, 64 connections, bench/compare's plain case): one as it
is, one whose access log is a FIFO that nobody reads and whose collector takes connections and never says a word. Its
p99 counts as unchanged where the median of the paired ratios, or the lower end of its interval, is at most MOST. All
requests must go well, and what was dropped must be counted: lines and spans.
"""
import argparse
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'bench'))

from harness import contestants, loads  # noqa: E402
from harness.process import Failed  # noqa: E402
from harness.statistics import median_interval, paired_ratios  # noqa: E402

MOST = 1.25
WARM_UP = 2  # rounds that do not count: the rings are full by then


def turn(proxy, chosen):
    command = ['taskset', '-c', '1', *loads.command(loads.CASES['plain'], proxy, chosen)]
    saw = loads.seen(loads.CASES['plain'], subprocess.run(command, capture_output=True, text=True, timeout=60))
    if saw['errors'] or saw['bad_statuses'] or not saw['requests']:
        raise Failed(f'{proxy.label}: not every request went well: {saw}')
    return saw


def stats(proxy):
    api = http.client.HTTPConnection('127.0.0.1', proxy.admin, timeout=10)
    api.request('GET', '/api/v1/stats')
    numbers = json.loads(api.getresponse().read())
    api.close()
    return numbers


def judge(name, ours, theirs):
    median, low, high = median_interval(paired_ratios(ours, theirs))
    print(f'{name}: {sorted(theirs)[len(theirs) // 2]:.0f} µs without, {sorted(ours)[len(ours) // 2]:.0f} with; paired ratio '
          f'{median:.3f} ({low:.3f} to {high:.3f})', flush=True)
    return low


def prove(chosen, folder, running):
    fifo = folder / 'access.fifo'
    os.mkfifo(fifo)
    collector = socket.create_server(('127.0.0.1', 0))  # its backlog takes connections; nobody answers them
    origin = contestants.Origin(folder, 1)
    running.append(origin)
    setting = contestants.Setting(folder, 0, 0, None)
    plain = contestants.Penstock(chosen.binary, chosen.io, 'plain', origin, setting)
    running.append(plain)
    slow = contestants.Penstock(chosen.binary, chosen.io, 'slow', origin, setting, [
        '--access-log', str(fifo), '--otlp', f'http://127.0.0.1:{collector.getsockname()[1]}'])
    running.append(slow)
    rounds = {plain: [], slow: []}
    for number in range(chosen.rounds + WARM_UP):
        for proxy in (plain, slow) if number % 2 else (slow, plain):
            saw = turn(proxy, chosen)
            if number >= WARM_UP:
                rounds[proxy].append(saw)
    of = {proxy: {key: [saw[key] for saw in saws] for key in ('p50_us', 'p99_us')} for proxy, saws in rounds.items()}
    judge('p50', of[slow]['p50_us'], of[plain]['p50_us'])
    low = judge('p99', of[slow]['p99_us'], of[plain]['p99_us'])
    if low > MOST:
        raise Failed(f'p99 is not as without them: the ratio is above {MOST}')
    numbers = stats(slow)
    log, spans = numbers['accessLog'], numbers['spans']
    received = numbers['requests']['received']
    if not log['dropped'] or not spans['dropped'] or spans['exported'] or log['written'] + log['dropped'] > received:
        raise Failed(f'the drops are not counted: {log} {spans} of {received}')
    said = re.findall(r'lines have been dropped|spans cannot be exported', (folder / 'slow.log').read_text())
    if len(set(said)) != 2:
        raise Failed(f'the log does not tell of the drops: {said}')
    print(f'{received} requests: {log["dropped"]} lines and {spans["dropped"]} spans dropped and counted, told of in '
          f'{len(said)} lines of the log; no request failed', flush=True)
    collector.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--io', choices=['uring', 'epoll'], required=True)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--binary', type=pathlib.Path, default=ROOT / 'build/release/src/app/penstock')
    parser.set_defaults(connections=64, seconds=1, hosts=0)
    chosen = parser.parse_args()
    running = []
    with tempfile.TemporaryDirectory(prefix='penstock-proof.', dir='/dev/shm') as folder:
        try:
            prove(chosen, pathlib.Path(folder), running)
        except Failed as failure:
            sys.exit(f'{chosen.io}: {failure}')
        finally:
            for each in running:
                each.process.end()


if __name__ == '__main__':
    main()
