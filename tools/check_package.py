#!/usr/bin/env python3
"""Builds the Debian packages out of a build and looks at them: lintian, what they take, what they put down.

    tools/check_package.py BUILD_DIR

That they install and run on a plain Debian 12: tools/prove package.
"""
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(sys.argv[1]).resolve()
# What a plain Debian 12 has to offer, by the names of its libraries.
OF_DEBIAN_12 = {'libc.so.6', 'libm.so.6', 'libgcc_s.so.1', 'libstdc++.so.6', 'libfmt.so.9', 'libcares.so.2', 'libssl.so.3',
                'libcrypto.so.3', 'libnghttp2.so.14', 'libsimdjson.so.14', 'libargon2.so.1', 'libcrypt.so.1',
                'libsqlite3.so.0', 'libseccomp.so.2', 'ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'}


def run(*command, **options):
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    if ended.returncode != 0:
        raise AssertionError(f'{command[0]} ended with {ended.returncode}: {ended.stdout}{ended.stderr}')
    return ended.stdout


@unittest.skipUnless(shutil.which('dpkg-deb') and shutil.which('dpkg-shlibdeps'), 'needs Debian, and dpkg-dev')
class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix='penstock-packages.')
        cls.addClassCleanup(folder.cleanup)
        made = run(ROOT / 'tools/package', '--program', BUILD, '--library', BUILD, '--output', folder.name)
        cls.debs = [pathlib.Path(line) for line in made.split()]
        cls.roots = {}
        for deb in cls.debs:
            name = deb.name.partition('_')[0]
            cls.roots[name] = pathlib.Path(folder.name) / name
            run('dpkg-deb', '-x', deb, cls.roots[name])
            run('dpkg-deb', '-e', deb, cls.roots[name] / 'DEBIAN')

    def root(self, name='penstock'):
        return self.roots[name]

    def control(self, name='penstock'):
        return dict(re.findall(r'^(\S+): (.*)$', (self.root(name) / 'DEBIAN/control').read_text(), re.M))

    def test_lintian_has_nothing_to_say(self):
        if not shutil.which('lintian'):
            self.skipTest('needs lintian (tools/setup --test)')
        ended = subprocess.run(['lintian', '--fail-on', 'error,warning', '--allow-root', *self.debs],
                               capture_output=True, text=True, timeout=300)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)

    def test_the_program_takes_what_debian_12_has(self):
        if 'VERSION_ID="12"' not in pathlib.Path('/etc/os-release').read_text():
            self.skipTest('what is built here is for a newer Debian')
        for program in ('penstock', 'penstockctl'):
            needed = re.findall(r'\(NEEDED\).*\[(.*)\]', run('readelf', '-d', self.root() / 'usr/bin' / program))
            self.assertEqual(set(needed) - OF_DEBIAN_12, set(), f'libraries of {program} that a plain Debian 12 has not')
        for package in ('libc6', 'libssl3', 'libseccomp2', 'libsqlite3-0', 'systemd'):
            self.assertRegex(self.control()['Depends'], rf'(^|, ){re.escape(package)}( |,|$)')

    def test_the_program_runs_from_where_it_is_put(self):
        self.assertIn('penstock', run(self.root() / 'usr/bin/penstock', '--version'))

    def test_all_that_belongs_to_it_is_there(self):
        for path in ('lib/systemd/system/penstock.service', 'usr/lib/sysusers.d/penstock.conf', 'etc/penstock/environment',
                     'etc/logrotate.d/penstock', 'usr/share/man/man8/penstock.8.gz', 'usr/share/man/man1/penstockctl.1.gz',
                     'usr/share/doc/penstock/copyright', 'usr/share/doc/penstock/changelog.Debian.gz',
                     'usr/share/bash-completion/completions/penstockctl'):
            self.assertTrue((self.root() / path).is_file(), path)
        self.assertIn('/etc/penstock/environment', (self.root() / 'DEBIAN/conffiles').read_text())

    def test_scripts_are_shell_and_nobody_else_may_write(self):
        for script in ('postinst', 'prerm', 'postrm'):
            run('sh', '-n', self.root() / 'DEBIAN' / script)
        for root in self.roots.values():
            for path in root.rglob('*'):
                mode = path.lstat().st_mode
                if not stat.S_ISLNK(mode):
                    self.assertEqual(mode & 0o6022, 0, f'{path}: {oct(mode)}')

    def test_the_store_is_taken_by_a_purge_alone(self):
        text = (self.root() / 'DEBIAN/postrm').read_text()
        before, _, after = text.partition('if [ "$1" = purge ]')
        self.assertNotIn('/var/lib', before)
        self.assertIn('/var/lib/penstock', after)

    def test_the_library_says_what_it_takes(self):
        root = self.root('libpenstock-dev')
        libraries = next(root.glob('usr/lib/*/pkgconfig')).parent
        for name in ('libpenstock.a', 'penstock/liburing.a', 'penstock/libllhttp.a'):
            self.assertTrue((libraries / name).is_file(), name)
        environment = os.environ | {'PKG_CONFIG_PATH': str(libraries / 'pkgconfig'), 'PKG_CONFIG_SYSROOT_DIR': str(root)}
        flags = run('pkg-config', '--libs', 'penstock', env=environment)
        for flag in ('-lpenstock', '-luring', '-lllhttp'):
            self.assertIn(flag, flags.split())


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
