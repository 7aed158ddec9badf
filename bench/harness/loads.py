"""The loads of bench/compare: what each case asks for, with which generator, and what that generator saw.

A load's command is pinned to the generator's CPU and ends by itself. What it saw is a dict: requests, duration_us,
p50_us, p99_us, errors, bad_statuses.
"""
import dataclasses
import json
import pathlib
import re
import sys

from harness.process import Failed

HERE = pathlib.Path(__file__).resolve().parent
WRK = HERE.parent / 'wrk'
HOST = 'bench.local'

UNITS_US = {'us': 1, 'ms': 1000, 's': 1_000_000}


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    generator: str         # a function below
    script: str = ''       # of wrk
    tls: bool = False      # on the contestant's TLS port
    wants_http: bool = False  # bytes are all that a bare forwarder knows: not its job
    http2: bool = False    # the contestant must speak it
    h2c_backend: bool = False  # and to the origin


CASES = {case.name: case for case in (
    Case('plain', 'wrk', 'plain'),
    Case('10k', 'wrk', '10k'),
    Case('1m', 'wrk', '1m'),
    Case('post10k', 'wrk', 'post10k'),
    Case('newconn', 'wrk', 'newconn', wants_http=True),
    Case('hosts', 'wrk', 'hosts', wants_http=True),
    Case('tls', 'wrk', 'plain', tls=True, wants_http=True),
    Case('handshake', 'wrk', 'newconn', tls=True, wants_http=True),  # wrk keeps no session: each is a full one
    Case('resumed', 'resuming', tls=True, wants_http=True),
    Case('h2', 'h2load', tls=True, wants_http=True, http2=True),
    Case('h2c', 'wrk', 'h2c', wants_http=True, h2c_backend=True),  # HTTP/1.1 clients, an HTTP/2 origin without TLS
)}


def command(case, contestant, chosen):
    return GENERATORS[case.generator][0](case, contestant, chosen)


def seen(case, ended):
    """What the generator saw, from its output."""
    if ended.returncode != 0:
        raise Failed(f'{case.generator} failed: {ended.stdout[-500:]}{ended.stderr[-500:]}')
    return GENERATORS[case.generator][1](ended.stdout)


def last_line_as_json(output):
    return json.loads(output.splitlines()[-1])


def wrk(case, contestant, chosen):
    scheme, port = ('https', contestant.tls_port) if case.tls else ('http', contestant.port)
    return ['wrk', '-t1', f'-c{chosen.connections}', f'-d{chosen.seconds}s', '-s', str(WRK / f'{case.script}.lua'),
            f'{scheme}://127.0.0.1:{port}/', '--', str(chosen.hosts)]


def resuming(_, contestant, chosen):
    return [sys.executable, str(HERE.parent / 'generators/resuming.py'), str(contestant.tls_port), str(chosen.seconds)]


def h2load(_, contestant, chosen):
    return ['h2load', '-c16', '-m32', '-t1', f'--duration={chosen.seconds}', '--warm-up-time=0',
            f'--connect-to=127.0.0.1:{contestant.tls_port}', f'https://{HOST}/']


def h2load_saw(output):
    """Its summary; of latencies it has no percentiles, so that the mean and the maximum stand in their places."""
    def numbers(pattern):
        found = re.search(pattern, output)
        if not found:
            raise Failed(f'h2load says nothing of {pattern}: {output[-500:]}')
        return found.groups()
    duration, = numbers(r'finished in ([\d.]+)s')
    # Its failed are its errored, and those with a status of 400 and more.
    done, failed, timed_out = map(int, numbers(r'(\d+) done, \d+ succeeded, (\d+) failed, \d+ errored, (\d+) timeout'))
    good, redirects, refused, broken = map(int, numbers(r'status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx'))
    most, most_unit, mean, mean_unit = numbers(
        r'time for request:\s+\S+\s+([\d.]+)(us|ms|s)\s+([\d.]+)(us|ms|s)')
    return {'requests': done, 'duration_us': float(duration) * 1e6, 'p50_us': float(mean) * UNITS_US[mean_unit],
            'p99_us': float(most) * UNITS_US[most_unit], 'errors': failed + timed_out - (refused + broken),
            'bad_statuses': redirects + refused + broken}


GENERATORS = {'wrk': (wrk, last_line_as_json), 'resuming': (resuming, last_line_as_json), 'h2load': (h2load, h2load_saw)}
