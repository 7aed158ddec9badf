#!/usr/bin/env python3
"""Keeps the sources small, plain and safe. What it checks, with the names that exceptions use:

    file-lines             a file has at most 500 lines
    function-lines         a function's braces are at most 70 lines apart
    columns                .clang-format's ColumnLimit in C++, 140 elsewhere (tests quote bytes of the wire)
    await                  each co_await is a statement or an initialiser of its own
    lambda-coroutine       no coroutine lambda captures
    coroutine-parameter    no coroutine takes a class by value, unless a static_assert says it is trivially copyable
    marker                 no notes to self: file an issue
    dead-code              no code in comments
    whitespace             no tabs, no trailing space, one line end at the end
    head-comment           a header begins with what it is for, then #pragma once

tools/tidy_exceptions.txt lists what is right all the same, a line each: "path[:function] rule[=limit] reason". One
that is not needed any more, or whose limit could be a tenth lower, is an error: it only ever gets tighter.
"""
import ast
import dataclasses
import pathlib
import re
import sys

from lint import coroutines
from lint.cpp import Source

FOLDERS = ['src', 'include', 'test', 'bench', 'tools', 'docs', '.ci']
CPP = {'.cpp', '.hpp'}
OTHER = {'.py', '.sh', '.lua', '.js', '.mjs', '.css', '.html'}
NOT_OURS = {'__pycache__', 'node_modules'}
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
MAX_COLUMNS_OTHER = 140
MARKER = re.compile(r'\b(?:TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK)\b')  # in halves: this file is checked too
DEAD_CODE = re.compile(r"""//+\s*
    (?: [\w:.>\-<]+\(.*\); | (?:return|if|for|while|auto|const|else)\b.*[;{] | [\w:.>\-]+\ =\ .*; | [{}];? )
    \s*$""", re.VERBOSE)


@dataclasses.dataclass
class Finding:
    path: str
    line: int
    rule: str
    words: str
    function: str = ''
    size: int = 0  # of what is too large; 0 where the rule has no measure


def is_script(path):
    """A file without a suffix that begins with #!."""
    if path.suffix:
        return False
    with path.open('rb') as file:
        return file.read(2) == b'#!'


def files_under(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob('*')):
            if path.is_file() and NOT_OURS.isdisjoint(path.parts) and (
                    path.suffix in CPP | OTHER or is_script(path)):
                yield path


def check_text(path, text, max_columns):
    """What holds in any language."""
    lines = text.split('\n')
    if len(lines) - 1 > MAX_FILE_LINES:
        yield Finding(path, 1, 'file-lines', f'{len(lines) - 1} lines, at most {MAX_FILE_LINES}', size=len(lines) - 1)
    for number, line in enumerate(lines, 1):
        if len(line) > max_columns:
            yield Finding(path, number, 'columns', f'{len(line)} columns, at most {max_columns}', size=len(line))
        if '\t' in line:
            yield Finding(path, number, 'whitespace', 'a tab')
        if line != line.rstrip():
            yield Finding(path, number, 'whitespace', 'space at the end')
        if match := MARKER.search(line):
            yield Finding(path, number, 'marker', f'{match.group()}: do it, or file an issue')
    if not text.endswith('\n') or text.endswith('\n\n'):
        yield Finding(path, len(lines), 'whitespace', 'a file ends with one line end')


def check_cpp(source, classes, trivial):
    path = source.path
    for function in source.functions:
        if (lines := source.lines_in(function)) > MAX_FUNCTION_LINES:
            yield Finding(path, source.line_of(function.start), 'function-lines',
                          f'{function.name} has {lines} lines, at most {MAX_FUNCTION_LINES}', function.name, lines)
    for rule, found in (
            ('await', coroutines.misplaced_awaits(source)),
            ('lambda-coroutine', coroutines.capturing_lambdas(source)),
            ('coroutine-parameter', coroutines.coroutine_parameters(source, classes, trivial))):
        for offset, words in found:
            inside = next((f.name for f in source.functions if f.start <= offset < f.end), '')
            yield Finding(path, source.line_of(offset), rule, words, inside)
    head = re.match(r'(?://[^\n]*\n)*', source.text).end()  # where a file may show how it is used
    for offset, comment in source.comments:
        if offset >= head and DEAD_CODE.match(comment):
            yield Finding(path, source.line_of(offset), 'dead-code', 'code in a comment')
    if path.endswith('.hpp') and not re.match(r'(?://[^\n]*\n)+\s*#pragma once\n', source.text):
        yield Finding(path, 1, 'head-comment', 'a header begins with // what it is for, then #pragma once')


def check_python(path, text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield Finding(path, node.lineno, 'function-lines',
                              f'{node.name} has {lines} lines, at most {MAX_FUNCTION_LINES}', node.name, lines)


def check_tree(root):
    style = (root / '.clang-format').read_text()
    cpp_columns = int(re.search(r'^ColumnLimit:\s*(\d+)', style, re.MULTILINE)[1])
    texts = {path.relative_to(root).as_posix(): path.read_text() for path in files_under(root)}
    sources = {path: Source(path, text) for path, text in texts.items() if pathlib.Path(path).suffix in CPP}
    classes, trivial = set(), set()
    for source in sources.values():
        defined, asserted = coroutines.classes_in(source)
        classes |= defined
        trivial |= asserted
    found = []
    for path, text in texts.items():
        found += check_text(path, text, cpp_columns if path in sources else MAX_COLUMNS_OTHER)
        if path in sources:
            found += check_cpp(sources[path], classes, trivial)
        elif path.endswith('.py') or text.startswith('#!/usr/bin/env python3'):
            found += check_python(path, text)
    return found


def without_exceptions(found, exceptions, list_path):
    """The findings that no exception covers, and what is wrong with the exceptions themselves."""
    left = list(found)
    for number, line in enumerate(exceptions.splitlines(), 1):
        if not line.strip() or line.startswith('#'):
            continue
        words = line.split(None, 2)
        if len(words) < 3:
            left.append(Finding(list_path, number, 'exception', 'wants "path[:function] rule[=limit] reason"'))
            continue
        path, _, function = words[0].partition(':')
        rule, _, limit = words[1].partition('=')
        matched = [f for f in left if f.path == path and f.rule == rule and (not function or f.function == function)]
        within = [f for f in matched if f.size <= int(limit or 0)]
        if not matched:
            left.append(Finding(list_path, number, 'exception', f'not needed any more: {words[0]} {words[1]}'))
        elif within and limit and (largest := max(f.size for f in within)) < 0.9 * int(limit):
            left.append(Finding(list_path, number, 'exception', f'{words[0]} {rule} could be {largest}'))
        left = [f for f in left if f not in within]
    return left


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__ + '/../..').resolve()
    exceptions = root / 'tools/tidy_exceptions.txt'
    left = without_exceptions(check_tree(root), exceptions.read_text(), exceptions.relative_to(root).as_posix())
    for finding in sorted(left, key=lambda f: (f.path, f.line)):
        print(f'{finding.path}:{finding.line}: {finding.rule}: {finding.words}')
    return 1 if left else 0


if __name__ == '__main__':
    sys.exit(main())
