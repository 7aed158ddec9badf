import pathlib
import tempfile
import unittest

import check_layers


class Layers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for layer in check_layers.LAYERS:
            self.write(f'src/{layer}/{layer}.hpp', '')

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def found(self, path, text):
        self.write(path, text)
        return check_layers.check(self.root)

    def test_downwards_passes(self):
        names = ['<vector>', '<fmt/format.h>', '"app/app.hpp"', '"proxy/proxy.hpp"', '"base/base.hpp"', '<penstock/x>']
        self.assertEqual(self.found('src/app/a.cpp', ''.join(f'#include {name}\n' for name in names)), [])

    def test_upwards_is_caught(self):
        self.assertEqual(self.found('src/io/a.cpp', '\n#include "net/net.hpp"\n'),
                         ['src/io/a.cpp:2: io must not include net, which is above it ("net/net.hpp")'])

    def test_proxy_and_control_do_not_meet(self):
        self.assertEqual(len(self.found('src/control/a.hpp', '#include "proxy/proxy.hpp"\n')), 1)
        self.assertEqual(len(self.found('src/proxy/a.hpp', '  #  include "control/control.hpp"\n')), 2)

    def test_own_headers_are_written_from_src(self):
        for include in ('"a.hpp"', '"../base/base.hpp"', '<base/base.hpp>', '"penstock/x.hpp"', '"base/none.hpp"'):
            with self.subTest(include):
                self.assertEqual(len(self.found('src/app/a.cpp', f'#include {include}\n')), 1)

    def test_generated_headers_pass(self):
        self.write('src/app/version.hpp.in', '')
        self.assertEqual(self.found('src/app/a.cpp', '#include "app/version.hpp"\n'), [])

    def test_folders_that_are_no_layers_are_caught(self):
        self.assertEqual(len(self.found('src/misc/a.cpp', '')), 1)

    def test_programs_of_tools_stand_on_top(self):
        self.write('tools/ctl/b.hpp', '')
        names = ['<vector>', '"ctl/b.hpp"', '"app/app.hpp"', '"control/control.hpp"', '<penstock/x>']
        self.assertEqual(self.found('tools/ctl/a.cpp', ''.join(f'#include {name}\n' for name in names)), [])
        for include in ('"b.hpp"', '"ctl/none.hpp"', '<base/base.hpp>'):
            with self.subTest(include):
                self.assertEqual(len(self.found('tools/ctl/a.cpp', f'#include {include}\n')), 1)
        self.write('tools/ctl/a.cpp', '')
        self.assertEqual(self.found('tools/manual/a.hpp', '#include "ctl/b.hpp"\n'), [])
        self.assertEqual(len(self.found('tools/ctl/a.cpp', '#include "manual/a.hpp"\n')), 1)
        self.assertEqual(len(self.found('src/app/a.cpp', '#include "ctl/b.hpp"\n')), 2)

    def test_public_headers_stand_alone(self):
        self.assertEqual(self.found('include/penstock/a.hpp', '#include <string>\n#include <penstock/b.hpp>\n'), [])
        for include in ('"base/base.hpp"', '<fmt/format.h>', '<base/base.hpp>'):
            with self.subTest(include):
                self.assertEqual(len(self.found('include/penstock/a.hpp', f'#include {include}\n')), 1)


if __name__ == '__main__':
    unittest.main()
