import subprocess
import types
import unittest

from harness import loads
from harness.process import Failed

SUMMARY = '''starting benchmark...
finished in 2.00s, 6957.00 req/s, 1.34MB/s
requests: 13914 total, 13914 started, 13914 done, 13912 succeeded, 3 failed, 1 errored, 0 timeout
status codes: 13910 2xx, 1 3xx, 0 4xx, 2 5xx
traffic: 2.68MB (2814912) total, 230.03KB (235551) headers (space savings 91.20%), 1.70MB (1781000) data
                     min         max         mean         sd        +/- sd
time for request:     1.02ms      1.23s    61.24ms     21.33ms    81.50%
time for connect:     3.10ms     20.00ms     9.00ms      4.00ms    60.00%
'''


def ended(output, code=0):
    return subprocess.CompletedProcess([], code, output, 'its complaint')


class WhatGeneratorsSaw(unittest.TestCase):
    def test_summary_of_h2load(self):
        self.assertEqual(loads.seen(loads.CASES['h2'], ended(SUMMARY)),
                         {'requests': 13914, 'duration_us': 2e6, 'p50_us': 61240, 'p99_us': 1.23e6,
                          'errors': 1, 'bad_statuses': 3})

    def test_words_that_are_no_summary(self):
        with self.assertRaisesRegex(Failed, 'says nothing of'):
            loads.seen(loads.CASES['h2'], ended('finished in 2s'))

    def test_a_generator_that_failed(self):
        with self.assertRaisesRegex(Failed, 'wrk failed.*its complaint'):
            loads.seen(loads.CASES['plain'], ended('', 1))


class Commands(unittest.TestCase):
    def test_tls_goes_to_the_other_port(self):
        contestant = types.SimpleNamespace(port=1, tls_port=2)
        chosen = types.SimpleNamespace(connections=64, seconds=1, hosts=10)
        ports = {name: ' '.join(loads.command(case, contestant, chosen)) for name, case in loads.CASES.items()}
        self.assertIn('http://127.0.0.1:1/', ports['plain'])
        self.assertIn('https://127.0.0.1:2/', ports['handshake'])
        self.assertIn('127.0.0.1:2 ', ports['h2'])
