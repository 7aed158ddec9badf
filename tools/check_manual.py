#!/usr/bin/env python3
"""Checks the manual pages of a build: mandoc and groff find nothing wrong, and each flag, command and argument that the
programs' own --help shows is in its page, read as a person does.

    tools/check_manual.py BUILD_DIR
"""
import os
import pathlib
import re
import subprocess
import sys
import unittest

BUILD = pathlib.Path(sys.argv[1]).resolve()
PROGRAMS = {'penstock': ('src/app/penstock', 8), 'penstockctl': ('tools/ctl/penstockctl', 1)}


def run(*command):
    """stdout and stderr of what has to succeed."""
    environment = os.environ | {'LC_ALL': 'C.UTF-8', 'MANWIDTH': '200', 'MAN_KEEP_FORMATTING': '', 'GROFF_NO_SGR': '1'}
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, env=environment)
    if ended.returncode != 0:
        raise AssertionError(f'{command} ended with {ended.returncode}: {ended.stdout}{ended.stderr}')
    return ended.stdout, ended.stderr


def page_of(name):
    return BUILD / f'tools/manual/{name}.{PROGRAMS[name][1]}'


def shown(name):
    """The page as man shows it, in one long line."""
    return ' '.join(run('man', '-l', page_of(name))[0].split())


def help_of(name, *path):
    return run(BUILD / PROGRAMS[name][0], *path, '--help')[0]


def commands_in(text):
    """The names below "Subcommands:"."""
    below = text.partition('Subcommands:\n')[2]
    return re.findall(r'^  ([a-z]+) ', below, re.MULTILINE)


def flags_in(text):
    """Of each flag's line all its names."""
    lines = re.findall(r'^  (-[^ ]+)', text, re.MULTILINE)
    return {name for line in lines for name in line.split(':')[0].split(',')}


def positionals_in(text):
    below = text.partition('Positionals:\n')[2].partition('\nOptions:')[0]
    return set(re.findall(r'^  ([A-Za-z|]+) ', below, re.MULTILINE))


class Pages(unittest.TestCase):
    def test_mandoc_finds_nothing(self):
        for name in PROGRAMS:
            said = subprocess.run(['mandoc', '-Tlint', '-Wstyle', page_of(name)], capture_output=True, text=True, timeout=60)
            # Of other pages it only says whether this machine has them.
            lines = [line for line in said.stdout.splitlines() if 'referenced manual not found' not in line]
            self.assertEqual(lines, [])

    def test_groff_finds_nothing(self):
        for name in PROGRAMS:
            self.assertEqual(run('man', '--warnings=w', '-l', page_of(name))[1], '')

    def test_every_flag_of_the_daemon_is_there(self):
        flags = flags_in(help_of('penstock'))
        self.assertGreater(len(flags), 30)
        page = shown('penstock')
        self.assertEqual([flag for flag in sorted(flags) if not re.search(rf'{re.escape(flag)}\b', page)], [])

    def test_every_command_and_flag_of_the_client_is_there(self):
        page = shown('penstockctl')
        names = flags_in(help_of('penstockctl'))
        for group in commands_in(help_of('penstockctl')):
            below = commands_in(help_of('penstockctl', group))
            for path in [(group, name) for name in below] or [(group,)]:
                text = help_of('penstockctl', *path)
                names |= {' '.join(path)} | flags_in(text) | positionals_in(text)
        self.assertGreater(len(names), 50)
        self.assertEqual([name for name in sorted(names) if name not in page], [])

    def test_a_flag_says_the_same_as_help(self):
        line = re.search(r'^  --drain-timeout[^\n]*?(?:\n +|  +)([A-Z][^\n]+)', help_of('penstock'), re.MULTILINE)
        self.assertIn(line[1], shown('penstock'))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
