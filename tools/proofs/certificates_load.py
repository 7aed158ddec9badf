#!/usr/bin/env python3
"""The load and the judgement of tools/proofs/certificates, on one engine.

One thread uploads a certificate after the other for one name, RATE a second. Meanwhile clients connect as fast as they
can: Python's, in processes of their own, each handshake followed by a request, some of them resuming; and openssl's
s_time, without SNI. Each of Python's notes when it began and what it was shown: that must be the certificate of the
last upload that was answered before, or one whose upload was under way since. A ticket may not outlive its certificate,
so that this holds for resumed handshakes too.
"""

import argparse
import bisect
import errno
import hashlib
import multiprocessing
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'test' / 'support'))

import pki  # noqa: E402
import wire  # noqa: E402
from checks import Failed, at_least, at_most, equal, expect  # noqa: E402
from origin import Origin, named  # noqa: E402
from ports import free_port  # noqa: E402
from proxy import Proxy  # noqa: E402
from secured import SecuredClient, context  # noqa: E402

HOST = 'swapped.test'
RATE = 10           # swaps a second
PAIRS = 40          # certificates that take turns
GROWTH = 4 << 20    # bytes that memory may grow by, from the first quarter to the last
TOLD = 5            # failures that are told in full
CLIENTS = [('TLS 1.3', ssl.TLSVersion.TLSv1_3, False), ('TLS 1.3, resuming', ssl.TLSVersion.TLSv1_3, True),
           ('TLS 1.2', ssl.TLSVersion.TLSv1_2, False), ('TLS 1.2, resuming', ssl.TLSVersion.TLSv1_2, True)]
OPENSSL = [['-tls1_2', '-new'], ['-tls1_3', '-new'], ['-tls1_2', '-reuse']]


def fingerprint(der):
    return hashlib.sha256(der).hexdigest()


def shake_hands(address, version, resumes, ends, results):
    """Connection after connection until `ends`: what each was shown, and what went wrong."""
    made = context(None, ['http/1.1'], version)
    seen, failures, session, resumed = [], [], None, 0
    while not ends.is_set():
        began = time.monotonic()
        try:
            client = SecuredClient(address, HOST, made, session=session)
            shown = fingerprint(client.sock.getpeercert(binary_form=True))
            if client.fetch(HOST).status != 200:
                raise Failed('the request after it was not answered')
            seen.append((began, time.monotonic(), shown))
            resumed += client.was_resumed
            session = client.session if resumes else None
            client.close()
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:  # this machine's own ports have run out for a moment
                ends.wait(0.05)
            else:
                failures.append(repr(error))
        except Exception as error:  # whatever it is, it counts
            failures.append(repr(error))
    results.put((seen, failures, resumed))


class Swapper:
    """Uploads the certificates in turn, and knows when each one's upload began and was answered."""

    def __init__(self, proxy, pairs):
        self.proxy, self.pairs = proxy, pairs
        self.prints = [fingerprint(ssl.PEM_cert_to_DER_cert(pair.cert)) for pair in pairs]
        self.began, self.answered = [], []
        self.upload(0, 201)

    def upload(self, number, status):
        pair = self.pairs[number % len(self.pairs)]
        self.began.append(time.monotonic())
        answer = self.proxy.api('POST', '/api/v1/certificates', {'domain': HOST, 'cert': pair.cert, 'key': pair.key})
        equal(answer.status, status, f'status of upload {number} ({answer.body!r})')
        self.answered.append(time.monotonic())

    def run(self, swaps, samples):
        start = time.monotonic()
        for number in range(1, swaps + 1):
            self.upload(number, 200)
            samples.append(self.proxy.rss_bytes())
            time.sleep(max(0.0, start + number / RATE - time.monotonic()))

    def may_show(self, began, ended):
        """What a handshake within these times may have been shown."""
        first = max(0, bisect.bisect_right(self.answered, began) - 1)
        last = bisect.bisect_left(self.began, ended)
        return {self.prints[number % len(self.prints)] for number in range(first, max(last, first + 1))}


class OpenSsl:
    """openssl s_time, over and over."""

    def __init__(self, address, flags, ends):
        self.command = ['openssl', 's_time', '-connect', f'{address[0]}:{address[1]}', '-time', '5', *flags]
        self.ends = ends
        self.failures = []
        self.connections = 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ends.is_set():
            ended = subprocess.run(self.command, capture_output=True, text=True, check=False, timeout=60)
            words = ended.stdout + ended.stderr
            if 'Cannot assign requested address' in words:
                continue
            if ended.returncode or 'ERROR' in words or 'error:' in words:
                self.failures.append(words[-500:])
            for line in ended.stdout.splitlines():
                if 'real seconds' in line:
                    self.connections += int(line.split()[0])


def judge_memory(samples):
    quarter = len(samples) // 4
    early, late = sorted(samples[quarter:2 * quarter]), sorted(samples[-quarter:])
    first, last = early[len(early) // 2], late[len(late) // 2]
    print(f'memory: {first >> 10} KiB in the second quarter, {last >> 10} KiB in the last', flush=True)
    at_most(last - first, GROWTH, 'bytes that memory grew by')


def judge_clients(results, swapper):
    """Each of Python's clients: nothing failed, and nothing old was shown."""
    for name, (seen, failures, resumed) in results:
        print(f'{name}: {len(seen)} handshakes, {resumed} of them resumed, {len(failures)} failed', flush=True)
        for failure in failures[:TOLD]:
            print(f'  {failure}')
        equal(len(failures), 0, f'{name}: handshakes that failed')
        at_least(len(seen), 100, f'{name}: handshakes')
        old = [one for one in seen if one[2] not in swapper.may_show(one[0], one[1])]
        equal(len(old), 0, f'{name}: handshakes that were shown a certificate of another time')


def prove(io, swaps):
    port = free_port()
    address = ('127.0.0.1', port)
    proxy = Proxy('--https', f'127.0.0.1:{port}', io=io, workers=2).wait_ready()
    origin = Origin(named('here'))
    proxy.add_route(HOST, origin.backend)
    print(f'{io}: making {PAIRS} certificates', flush=True)
    swapper = Swapper(proxy, [pki.make(HOST) for _ in range(PAIRS)])
    expect(len(set(swapper.prints)) == PAIRS, 'the certificates differ')
    spawning = multiprocessing.get_context('spawn')
    ends, samples, results = spawning.Event(), [], []
    queues = [spawning.Queue() for _ in CLIENTS]
    clients = [spawning.Process(target=shake_hands, args=(address, version, resumes, ends, results_of), daemon=True)
               for (_, version, resumes), results_of in zip(CLIENTS, queues)]
    for client in clients:
        client.start()
    others = [OpenSsl(address, flags, ends) for flags in OPENSSL]
    try:
        swapper.run(swaps, samples)
    finally:
        ends.set()
        results = [(name, results_of.get(timeout=60)) for (name, _, _), results_of in zip(CLIENTS, queues)]
        for other in others:
            other.thread.join(60)
    took = swapper.answered[-1] - swapper.answered[0]
    print(f'{io}: {swaps} swaps in {took:.1f} s', flush=True)
    judge_clients(results, swapper)
    for other in others:
        print(f"openssl {' '.join(other.command[-2:])}: {other.connections} handshakes, {len(other.failures)} runs failed", flush=True)
        equal(other.failures[:TOLD], [], 'what openssl complained of')
        at_least(other.connections, 100, "openssl's handshakes")
    judge_memory(samples)
    with socket.create_connection(proxy.address, 10) as plain:  # and it serves on
        plain.sendall(wire.request(HOST))
        expect(plain.recv(100).startswith(b'HTTP/1.1 200 '), 'the proxy answers after all')
    proxy.stop()
    origin.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--io', choices=['uring', 'epoll'], default='epoll')
    parser.add_argument('--swaps', type=int, default=1000)
    options = parser.parse_args()
    try:
        prove(options.io, options.swaps)
    except Failed as error:
        raise SystemExit(f'{options.io}: {error}') from error
    print(f'{options.io}: the proof holds', flush=True)


if __name__ == '__main__':
    main()
