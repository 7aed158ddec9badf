#!/usr/bin/env python3
"""Checks that includes point down the layers, as docs/architecture.md lists them.

    base -> io -> net -> http -> model -> auth -> snapshot -> { proxy | control } -> app

A layer includes itself and those before it; proxy and control never each other. Own headers are written from src/, as
"layer/file.hpp", and the public ones as <penstock/file.hpp>; these include the standard library and each other only.
The programs in tools/ stand on top of all layers, manual on ctl: "ctl/file.hpp" is tools/ctl's.
"""
import pathlib
import re
import sys

LAYERS = ['base', 'io', 'net', 'http', 'model', 'auth', 'snapshot', 'proxy', 'control', 'app']
PROGRAMS = ['ctl', 'manual']
STRANGERS = {('proxy', 'control'), ('control', 'proxy')}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?P<form>[<"])(?P<name>[^>"]+)[>"]')


def includes_of(text):
    for number, line in enumerate(text.splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match['form'], match['name']


def complaint(layer, form, name, root):
    """What is wrong with a layer's include, or None."""
    if name.startswith('penstock/'):
        return None if form == '<' else f'public headers are included as <{name}>'
    if form == '<':
        own = (root / 'src' / name).is_file()
        return f'own headers are included as "{name}"' if own else None
    target = name.split('/')[0]
    if target not in LAYERS or '/' not in name:
        return f'"{name}" is not written from src/, as "layer/file.hpp"'
    if not (root / 'src' / name).is_file() and not (root / 'src' / f'{name}.in').is_file():  # .in: Meson makes it
        return f'there is no src/{name}'
    if LAYERS.index(target) > LAYERS.index(layer):
        return f'{layer} must not include {target}, which is above it ("{name}")'
    if (layer, target) in STRANGERS:
        return f'{layer} must not include {target}: they meet in snapshot ("{name}")'
    return None


def public_complaint(form, name):
    if form == '<' and (name.startswith('penstock/') or '.' not in name):
        return None
    return f'public headers include the standard library and each other only, not {name}'


def program_complaint(program, form, name, root):
    """What is wrong with the include of a program in tools/, or None."""
    target = name.split('/')[0]
    if form == '<' or target not in PROGRAMS:
        return complaint(LAYERS[-1], form, name, root)
    if PROGRAMS.index(target) > PROGRAMS.index(program):
        return f'{program} must not include {target}, which is above it ("{name}")'
    return None if (root / 'tools' / name).is_file() else f'there is no tools/{name}'


def check(root):
    """All that is wrong under a repository's root, as "path:line: words"."""
    found = []
    for program in PROGRAMS:
        for path in sorted((root / 'tools' / program).rglob('*.[ch]pp')):
            for number, form, name in includes_of(path.read_text()):
                if words := program_complaint(program, form, name, root):
                    found.append(f'{path.relative_to(root)}:{number}: {words}')
    for path in sorted((root / 'src').rglob('*.[ch]pp')):
        layer = path.relative_to(root / 'src').parts[0]
        where = path.relative_to(root)
        if layer not in LAYERS:
            found.append(f'{where}:1: "{layer}" is not a layer (known: {", ".join(LAYERS)})')
            continue
        for number, form, name in includes_of(path.read_text()):
            if words := complaint(layer, form, name, root):
                found.append(f'{where}:{number}: {words}')
    for path in sorted((root / 'include').rglob('*.hpp')):
        for number, form, name in includes_of(path.read_text()):
            if words := public_complaint(form, name):
                found.append(f'{path.relative_to(root)}:{number}: {words}')
    return found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__ + '/../..').resolve()
    found = check(root)
    print(*found, sep='\n', end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
