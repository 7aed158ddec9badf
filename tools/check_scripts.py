#!/usr/bin/env python3
"""Checks with node that every script parses: the dashboard's, which browsers run, and the tests' own.

    tools/check_scripts.py
"""
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ['src', 'test']
SKIPPED = 77  # what Meson and tools/testing.py take for a skip


def scripts():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob('*')):
            if path.suffix in {'.js', '.mjs'} and 'node_modules' not in path.parts:
                yield path


def is_module(path, text):
    """By its name, or as browsers are told by the page: node's own scripts here say 'use strict'."""
    return path.suffix == '.mjs' or not text.lstrip().startswith("'use strict'") and "\n'use strict'" not in text


def complaint(path):
    text = path.read_text(encoding='utf-8')
    kind = ['--input-type=module'] if is_module(path, text) else []
    ended = subprocess.run(['node', *kind, '--check', '-'], input=text, capture_output=True, text=True)
    return f'{path.relative_to(ROOT)}: {ended.stderr}' if ended.returncode else ''


def main():
    if not shutil.which('node'):
        print('node is not there: tools/setup --test installs it')
        return SKIPPED
    checked = [complaint(path) for path in scripts()]
    found = [words for words in checked if words]
    print('\n'.join(found) or f'{len(checked)} scripts parse')
    return 1 if found or not checked else 0


if __name__ == '__main__':
    sys.exit(main())
