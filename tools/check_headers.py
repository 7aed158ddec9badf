#!/usr/bin/env python3
"""Compiles headers under src/, include/ and tools/ alone, and twice in a row, with the flags of a build directory: all but
those that their own source includes first. All have to be guarded by #pragma once.

    tools/check_headers.py BUILD_DIR
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def compiler_and_flags(build):
    """The compiler, and what all the commands of src/ and tools/ together say of languages, macros and include paths."""
    compiler, flags = None, {}
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        file = (pathlib.Path(entry['directory']) / entry['file']).resolve()
        if not any(file.is_relative_to(ROOT / folder) for folder in ('src', 'tools')):
            continue
        words = shlex.split(entry['command'])
        compiler = compiler or [word for word in words[:2] if not word.endswith('ccache') and word[0] != '-']
        for word, value in zip(words, words[1:]):
            if word in ('-isystem', '-I'):
                flags[word, value] = None
            elif word.startswith(('-I', '-isystem', '-D', '-std=')):
                flags[(word,)] = None
    return compiler, [word for flag in flags for word in flag]


def complaint(header, compiler, flags, build):
    """What the compiler says against a header, or nothing."""
    name = header.relative_to(ROOT / header.relative_to(ROOT).parts[0])
    twice = f'#include "{name}"\n' * 2
    command = [*compiler, *flags, '-fsyntax-only', '-x', 'c++', '-']
    ended = subprocess.run(command, input=twice, cwd=build, capture_output=True, text=True)
    return f'{header.relative_to(ROOT)} does not compile alone:\n{ended.stderr}' if ended.returncode else ''


def is_first_in_its_source(header):
    """Then the build without precompiled headers (build/gcc) has compiled it alone already."""
    source = header.with_suffix('.cpp')
    if not source.exists():
        return False
    first = next((line for line in source.read_text().splitlines() if line.startswith('#include')), '')
    return first.split('/')[-1].rstrip('">') == header.name


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    compiler, flags = compiler_and_flags(build)
    if compiler is None:
        sys.exit(f'no source of src/ is built in {build}')
    headers = [path for folder in ('src', 'include', 'tools') for path in sorted((ROOT / folder).rglob('*.hpp'))]
    unguarded = [header for header in headers if '#pragma once' not in header.read_text()]
    headers = [header for header in headers if not is_first_in_its_source(header)]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        said = list(pool.map(lambda header: complaint(header, compiler, flags, build), headers))
    said += [f'{header.relative_to(ROOT)} has no #pragma once' for header in unguarded]
    print(*filter(None, said), sep='\n')
    bad = sum(map(bool, said))
    print(f'{len(said) - bad} passed, {bad} failed')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
