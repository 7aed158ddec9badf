#!/usr/bin/env python3
"""The load and the judgement of tools/proofs/durability: kill -9 at random moments under writers.

Each round starts the proxy on the store that the last one left, lets 8 clients write and kills it at a random moment of
that; after the restart every acknowledged write must be there, and none by halves. test/support/durable.py
says how that is seen.
"""

import argparse
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'test' / 'support'))

from durable import Writer, kill_and_judge  # noqa: E402
from proxy import Proxy  # noqa: E402

CLIENTS = 8
NO_END = 1 << 60  # writers go on until the proxy is gone


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--folder', type=pathlib.Path, required=True)
    parser.add_argument('--rounds', type=int, default=50)
    parser.add_argument('--writes', type=int, default=10_000)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    writers = [Writer(number, options.seed) for number in range(CLIENTS)]
    proxy = None

    def start():
        nonlocal proxy
        if proxy is None or not proxy.alive():
            engine = chance.choice(['uring', 'epoll'])
            proxy = Proxy('--store', f'sqlite:{options.folder}/penstock.db', io=engine, workers=2).wait_ready()
        return proxy

    def written():
        return sum(writer.count for writer in writers)

    longest = 0.5  # of a round, in seconds; follows how fast this disk is
    number = 0
    while number < options.rounds or written() < options.writes:
        number += 1
        before, seconds = written(), chance.uniform(0, longest)
        kill_and_judge(start, writers, NO_END, seconds)
        print(f'round {number}: killed after {seconds * 1000:.0f} ms and {written() - before} writes, {written()} in all',
              flush=True)
        ahead = written() * options.rounds > options.writes * number
        longest = max(0.05, min(longest * (0.9 if ahead else 1.2), 20))
    proxy.stop()
    print(f'{sum(writer.count for writer in writers)} acknowledged writes, {number} kills: all there, none by halves')


if __name__ == '__main__':
    main()
