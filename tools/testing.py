#!/usr/bin/env python3
"""Runs the test programs that Meson knows in build directories, and counts the tests inside them.

What it takes from a test program, whatever its language:
- A count: its last line "N passed, N failed" (", N skipped" may follow), or the summary of Catch2 or of Python's
  unittest. A program that prints none is one test, judged by its exit code; 77 means skipped.
- Its suites in Meson: "lint" is about sources and packaging, and runs in plain builds only. Under TSan only "threads"
  runs, and of Catch2 programs, whatever their suites, the cases tagged [threads].
- Its time limit in Meson, longer under sanitizers.

What it gives it: PENSTOCK_BIN and ORIGIN_BIN, the build's proxy and origin; PENSTOCK_TEST_SCALE, by which long tests
shorten themselves (1, or 0.1 under sanitizers); PENSTOCK_SANITIZED=1 under sanitizers. A sanitizer's report fails the
program, whoever in it made it.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# How much longer a program may take under a sanitizer.
PATIENCE = {'none': 1, 'address,undefined': 4, 'thread': 8}
SHOWN_OF_A_FAILURE = 12_000  # characters, from the end


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        return f'{self.passed} passed, {self.failed} failed' + (f', {self.skipped} skipped' if self.skipped else '')


def count_in(output):
    """The count that a program printed, or None."""
    own = re.findall(r'^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$', output, re.MULTILINE)
    if own:
        return Count(*(int(number or 0) for number in own[-1]))
    if all_well := re.findall(r'^All tests passed \(.*? in (\d+) test cases?\)', output, re.MULTILINE):
        return Count(passed=int(all_well[-1]))
    if catch2 := re.findall(r'^test cases:\s*\d+(.*)$', output, re.MULTILINE):
        word = {kind: int(number) for number, kind in re.findall(r'\|\s*(\d+) ([a-z ]+?)\s*(?=\||$)', catch2[-1])}
        return Count(word.get('passed', 0) + word.get('failed as expected', 0), word.get('failed', 0),
                     word.get('skipped', 0))
    if re.search(r'^No tests ran', output, re.MULTILINE):
        return Count()
    if unittest := re.search(r'^Ran (\d+) tests? in .*\n+(?:OK|FAILED)(?: \((.*)\))?', output, re.MULTILINE):
        word = {kind: int(number) for kind, number in re.findall(r'(\w+)=(\d+)', unittest[2] or '')}
        failed = word.get('failures', 0) + word.get('errors', 0)
        skipped = word.get('skipped', 0)
        return Count(int(unittest[1]) - failed - skipped, failed, skipped)
    return None


def judge(output, exit_code):
    """The count of a program that ended by itself."""
    count = count_in(output)
    if count is None:
        return Count(skipped=1) if exit_code == 77 else Count(passed=1) if exit_code == 0 else Count(failed=1)
    if exit_code != 0 and count.failed == 0:  # it crashed after, or outside, its tests
        count.failed = 1
    return count


class Build:
    """A build directory and the test programs in it, or those of one suite."""

    def __init__(self, directory, suite=None):
        self.suite = suite
        self.directory = pathlib.Path(directory).resolve()
        self.name = self.directory.name
        options = {option['name']: option['value'] for option in self.introspect('buildoptions')}
        self.sanitizer = options['b_sanitize']
        self.targets = {target['id']: target for target in self.introspect('targets')}

    def introspect(self, what):
        command = ['meson', 'introspect', f'--{what}', str(self.directory)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def tests(self):
        """The test programs that mean something in this build."""
        for test in self.introspect('tests'):
            test['suite'] = [name.split(':')[-1] for name in test['suite']]
            wanted = self.suite is None or self.suite in test['suite']
            if self.sanitizer != 'none':
                wanted = wanted and 'lint' not in test['suite']
            if self.sanitizer == 'thread':
                wanted = wanted and self.is_threaded(test)
            if wanted:
                yield test

    def is_threaded(self, test):
        executables = [self.targets[id] for id in test['depends'] if self.targets[id]['type'] == 'executable']
        sources = [source for target in executables for part in target['target_sources']
                   for source in part.get('sources', []) if source.endswith('.cpp')]
        return 'threads' in test['suite'] or any('[threads]' in pathlib.Path(s).read_text() for s in sources)

    def files_of(self, tests):
        """What to build for these tests, as ninja names it."""
        files = {file for test in tests for id in test['depends'] for file in self.targets[id]['filename']}
        return sorted(os.path.relpath(file, self.directory) for file in files)

    def environment(self, test, scale, reports):
        # Not stderr: a test may start the proxy with its stderr thrown away.
        common = f'log_path={reports}:halt_on_error=1'
        if symbolizer := shutil.which('llvm-symbolizer-19'):
            common += f':external_symbolizer_path={symbolizer}'
        return os.environ | {
            'PENSTOCK_BIN': str(self.directory / 'src/app/penstock'),
            'ORIGIN_BIN': str(self.directory / 'test/support/origin'),
            'PENSTOCK_SANITIZED': str(int(self.sanitizer != 'none')),
            'PENSTOCK_TEST_SCALE': str(scale if self.sanitizer == 'none' else scale * 0.1),
            'ASAN_OPTIONS': f'{common}:detect_stack_use_after_return=0:strict_string_checks=1',
            'UBSAN_OPTIONS': f'{common}:print_stacktrace=1',
            'TSAN_OPTIONS': f'{common}:second_deadlock_stack=1',
        } | (test['env'] or {})

    def command(self, test):
        command = list(test['cmd'])
        if self.sanitizer == 'thread' and not any(word.endswith('.py') for word in command):
            command.append('[threads]')
        # The sanitizers' fixed maps collide with a kernel's widest address randomisation.
        return [*fixed_addresses(), *command] if self.sanitizer != 'none' else command


def fixed_addresses():
    """The prefix that turns address randomisation off, where that is allowed (most containers forbid it)."""
    if not hasattr(fixed_addresses, 'prefix'):
        prefix = ['setarch', '-R']
        works = shutil.which('setarch') and subprocess.run([*prefix, 'true'], capture_output=True).returncode == 0
        fixed_addresses.prefix = prefix if works else []
    return fixed_addresses.prefix


def run(build, test, scale):
    """Runs one program; returns its count and the line and output to show."""
    started = time.monotonic()
    limit = test['timeout'] * PATIENCE.get(build.sanitizer, 4)
    with tempfile.TemporaryDirectory(prefix='penstock-test.') as scratch:
        reports = pathlib.Path(scratch, 'report')
        output_file = pathlib.Path(scratch, 'output')
        with output_file.open('wb') as output:
            process = subprocess.Popen(build.command(test), stdout=output, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, cwd=test['workdir'] or build.directory,
                                       env=build.environment(test, scale, reports), start_new_session=True)
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                pass
            late = process.poll() is None
            try:  # with all that it started, which otherwise would hold ports against the tests that follow
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        text = output_file.read_text(errors='replace')
        found = ''.join(file.read_text(errors='replace') for file in sorted(reports.parent.glob('report.*')))

    count = count_in(text) or Count() if late else judge(text, process.returncode)
    if late:
        count.failed += 1
        text += f'\n{test["name"]} did not end within {limit} s\n'
    elif process.returncode < 0:
        text += f'\n{test["name"]} was ended by {signal.Signals(-process.returncode).name}\n'
    if found:
        count.failed = max(count.failed, 1)
        text += f'\n{found}'
    verdict = 'FAIL' if count.failed else 'ok'
    line = f'{verdict:4} {build.name:12} {test["name"]:44} {count!s:36} {time.monotonic() - started:6.1f} s'
    return count, line, text[-SHOWN_OF_A_FAILURE:] if count.failed else ''


def run_all(jobs, scale):
    """Those that allow it side by side, then the others one by one. Yields what run() returns, as each ends."""
    side_by_side = [job for job in jobs if job[1]['is_parallel']]
    alone = [job for job in jobs if not job[1]['is_parallel']]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        started = [pool.submit(run, build, test, scale) for build, test in side_by_side]
        for ended in concurrent.futures.as_completed(started):
            yield ended.result()
    for build, test in alone:
        yield run(build, test, scale)


def main():
    arguments = argparse.ArgumentParser(description='Runs the tests of build directories.')
    arguments.add_argument('builds', nargs='+', metavar='BUILD_DIR[:SUITE]')
    arguments.add_argument('--scale', type=float, default=1, help='the length of the long tests (default: 1)')
    arguments.add_argument('--only', default='', metavar='WORD', help='only programs with this word in their name')
    arguments.add_argument('--list-targets', action='store_true', help='only print what to build for the tests')
    chosen = arguments.parse_args()

    builds = [Build(*directory_and_suite.split(':')) for directory_and_suite in chosen.builds]
    if chosen.list_targets:
        print(*(file for build in builds for file in build.files_of(build.tests())), sep='\n')
        return 0
    total = Count()
    failures = []  # again at the end: the output of the rest is long
    for build in builds:
        jobs = [(build, test) for test in build.tests() if chosen.only in test['name']]
        for count, line, output in run_all(jobs, chosen.scale):
            total += count
            print(output, end='\n' if output else '')
            print(line, flush=True)
            if count.failed:
                failures += [line, *re.findall('^failed .*', output, re.MULTILINE)]
    if total.passed + total.failed == 0:
        print('no test ran: does the filter fit?', file=sys.stderr)
    for failure in failures:
        print(failure)
    print(Count(total.passed, total.failed))
    return 0 if total.passed and not total.failed else 1


if __name__ == '__main__':
    sys.exit(main())
