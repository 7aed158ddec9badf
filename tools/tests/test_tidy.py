import pathlib
import tempfile
import unittest

import tidy
from tidy import Finding


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / '.clang-format').write_text('ColumnLimit: 80\n')

    def rules(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return [finding.rule for finding in tidy.check_tree(self.root)]

    def test_a_good_file_passes(self):
        self.assertEqual(self.rules('src/base/a.hpp', '// What it is for.\n#pragma once\nint f();\n'), [])

    def test_files_too_long(self):
        self.assertEqual(self.rules('src/a.cpp', 'int a;\n' * 500), [])
        self.assertEqual(self.rules('src/a.cpp', 'int a;\n' * 501), ['file-lines'])

    def test_what_browsers_read_is_looked_at_too(self):
        for suffix in ('js', 'mjs', 'css', 'html'):
            self.assertEqual(self.rules(f'src/a.{suffix}', 'x' * 141 + '\n'), ['columns'])
            self.assertEqual(self.rules(f'src/a.{suffix}', 'a\n'), [])

    def test_functions_too_long(self):
        self.assertEqual(self.rules('src/a.cpp', 'void f() {\n' + '    g();\n' * 68 + '}\n'), [])
        self.assertEqual(self.rules('src/a.cpp', 'void f() {\n' + '    g();\n' * 69 + '}\n'), ['function-lines'])
        self.assertEqual(self.rules('src/a.cpp', ''.join(f'void f{i}() {{\n    g();\n}}\n' for i in range(40))), [])

    def test_python_functions_too_long(self):
        self.assertEqual(self.rules('tools/a.py', 'def f():\n' + '    g()\n' * 70), ['function-lines'])

    def test_columns_are_those_of_clang_format(self):
        self.assertEqual(self.rules('src/a.cpp', f'// {"x" * 77}\n'), [])
        self.assertEqual(self.rules('src/a.cpp', f'// {"x" * 78}\n'), ['columns'])

    def test_whitespace(self):
        self.assertEqual(self.rules('src/a.cpp', '\tint a;\n'), ['whitespace'])
        self.assertEqual(self.rules('src/a.cpp', 'int a; \n'), ['whitespace'])
        self.assertEqual(self.rules('src/a.cpp', 'int a;'), ['whitespace'])
        self.assertEqual(self.rules('src/a.cpp', 'int a;\n\n'), ['whitespace'])

    def test_markers(self):
        for word in ('TO' 'DO', 'FIX' 'ME', 'XX' 'X'):
            with self.subTest(word):
                self.assertEqual(self.rules('src/a.cpp', f'int a;  // {word} later\n'), ['marker'])
                self.assertEqual(self.rules('src/a.cpp', f'int A{word}S;\n'), [])

    def test_scripts_without_suffix_are_checked(self):
        self.assertEqual(self.rules('tools/go', '#!/bin/sh\necho \n'), ['whitespace'])
        self.assertEqual(self.rules('test/fuzz/corpus/seed', 'echo \n'), ['whitespace'])  # tools/go's

    def test_dead_code(self):
        for comment in ('// run(a, b);', '// return 1;', '//     x.y = z;', '// if (a) {', '// }'):
            with self.subTest(comment):
                self.assertEqual(self.rules('src/a.cpp', f'int a;\n{comment}\n'), ['dead-code'])
        for comment in ('// first in, first out;', '// f() (see above); or', '/// `run(a);` runs it.', '// return it'):
            with self.subTest(comment):
                self.assertEqual(self.rules('src/a.cpp', f'int a;\n{comment}\n'), [])

    def test_a_head_comment_may_show_code(self):
        self.assertEqual(self.rules('src/a.hpp', '// Numbers.\n//\n//   f(1);\n#pragma once\n'), [])

    def test_headers_begin_with_what_they_are_for(self):
        self.assertEqual(self.rules('src/a.hpp', '#pragma once\nint a;\n'), ['head-comment'])
        self.assertEqual(self.rules('src/a.hpp', '// Numbers.\nint a;\n'), ['head-comment'])

    def test_coroutine_rules_are_wired(self):
        self.assertEqual(self.rules('src/a.cpp', 'struct S {};\nTask<void> f(S s) {\n    if (co_await s) g();\n'
                                                 '    h([&s] { co_return; });\n}\n'),
                         ['await', 'lambda-coroutine', 'coroutine-parameter'])


class Exceptions(unittest.TestCase):
    def left(self, exceptions, *found):
        return [finding.rule for finding in tidy.without_exceptions(found, exceptions, 'list')]

    def test_one_that_is_needed_covers_its_finding_alone(self):
        long = Finding('a.cpp', 1, 'function-lines', '', 'f', 80)
        other = Finding('a.cpp', 9, 'function-lines', '', 'g', 80)
        self.assertEqual(self.left('# comment\n\na.cpp:f function-lines=80 a table\n', long), [])
        self.assertEqual(self.left('a.cpp:f function-lines=80 a table', long, other), ['function-lines'])
        self.assertEqual(self.left('a.cpp marker it is quoted', Finding('a.cpp', 1, 'marker', '')), [])

    def test_one_that_is_exceeded_does_not_cover(self):
        self.assertEqual(self.left('a.cpp file-lines=600 a table', Finding('a.cpp', 1, 'file-lines', '', size=601)),
                         ['file-lines'])

    def test_one_that_is_unneeded_or_loose_is_an_error(self):
        self.assertEqual(self.left('a.cpp file-lines=600 a table'), ['exception'])
        self.assertEqual(self.left('a.cpp file-lines=600 a table', Finding('a.cpp', 1, 'file-lines', '', size=510)),
                         ['exception'])

    def test_one_without_a_reason_is_an_error(self):
        self.assertEqual(self.left('a.cpp file-lines=600'), ['exception'])


if __name__ == '__main__':
    unittest.main()
