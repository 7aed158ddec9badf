#!/usr/bin/env python3
"""Writes the C++ source with the dashboard's files in it: embed.py OUTPUT FILE..."""

import pathlib
import sys

TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
}
# "??=" would be a trigraph, to compilers that warn of them.
ESCAPES = str.maketrans({'\\': r'\\', '"': r'\"', '\n': r'\n', '\t': r'\t', '?': r'\?'})


def literal(text):
    """A string literal a line: compilers take them as one."""
    return '\n'.join(f'        "{line.translate(ESCAPES)}"' for line in text.splitlines(keepends=True)) or '""'


def entry(path):
    return f'    {{\n        "{path.name}",\n        "{TYPES[path.suffix]}",\n{literal(path.read_text(encoding="utf-8"))},\n    }},\n'


def source_of(paths):
    return (f'// Written by src/control/dashboard/embed.py.\n#include "control/dashboard_files.hpp"\n\n'
            f'namespace penstock::control {{\n\nnamespace {{\n\nconstexpr DashboardFile files[] = {{\n'
            f'{"".join(entry(path) for path in paths)}}};\n\n}}  // namespace\n\n'
            f'std::span<const DashboardFile> dashboard_files() noexcept {{\n    return files;\n}}\n\n'
            f'}}  // namespace penstock::control\n')


if __name__ == '__main__':
    output, *files = map(pathlib.Path, sys.argv[1:])
    output.write_text(source_of(files), encoding='utf-8')
