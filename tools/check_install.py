#!/usr/bin/env python3
"""Installs a build to a scratch folder and uses what is there as a stranger would: the program, and the library by
pkg-config, with docs/examples/embed.cpp.

    tools/check_install.py BUILD_DIR
"""
import http.server
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(sys.argv[1]).resolve()


def run(*command, **options):
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    if ended.returncode != 0:
        raise AssertionError(f'{command[0]} ended with {ended.returncode}: {ended.stdout}{ended.stderr}')
    return ended.stdout


class Backend(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '7')
        self.end_headers()
        self.wfile.write(b'backend')

    def log_message(self, *_):
        pass


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix='penstock-install.')
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        run('meson', 'install', '-C', str(BUILD), '--no-rebuild', '--destdir', folder.name)

    def found(self, name):
        """The one installed file of that name."""
        files = list(self.root.rglob(name))
        self.assertEqual(len(files), 1, f'{name}: {files}')
        return files[0]

    def test_the_program_runs(self):
        self.assertIn('penstock', run(str(self.found('bin/penstock')), '--version'))

    def test_the_client_runs(self):
        self.assertIn('penstockctl', run(str(self.found('bin/penstockctl')), 'version'))

    def test_manual_pages_are_where_man_looks(self):
        for name, section in (('penstock', 8), ('penstockctl', 1)):
            self.found(f'share/man/man{section}/{name}.{section}')
            shown = run('man', '-M', str(self.found('share/man')), str(section), name, env=os.environ | {'LC_ALL': 'C.UTF-8'})
            self.assertIn(f'{name.upper()}({section})', shown)

    def test_completion_is_where_shells_look(self):
        for name in ('bash-completion/completions/penstockctl', 'zsh/site-functions/_penstockctl',
                     'fish/vendor_completions.d/penstockctl.fish'):
            self.assertIn('__complete', self.found(f'share/{name}').read_text())

    def test_all_public_headers_are_there(self):
        for header in (ROOT / 'include/penstock').glob('*.hpp'):
            self.found(f'include/penstock/{header.name}')

    def test_the_library_embeds(self):
        prefix = self.found('include/penstock/penstock.hpp').parents[2]
        flags = run('pkg-config', f'--define-variable=prefix={prefix}', '--cflags', '--libs', 'penstock',
                    env=os.environ | {'PKG_CONFIG_PATH': str(self.found('penstock.pc').parent)}).split()
        example = str(ROOT / 'docs/examples/embed.cpp')
        program = self.root / 'embed'
        run(os.environ.get('CXX', 'g++'), '-std=c++20', example, '-o', str(program), *flags)
        other = str(ROOT / 'docs/examples/auth_callback.cpp')
        run(os.environ.get('CXX', 'g++'), '-std=c++20', '-fsyntax-only', other, *flags)

        backend = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Backend)
        threading.Thread(target=backend.serve_forever, daemon=True).start()
        self.addCleanup(backend.server_close)
        self.addCleanup(backend.shutdown)
        cert, key = self.root / 'cert.pem', self.root / 'key.pem'
        run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
            '-subj', '/CN=a.example', '-addext', 'subjectAltName=DNS:a.example', '-keyout', str(key), '-out', str(cert))
        with subprocess.Popen([program, str(backend.server_port), cert, key], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as embedding:
            self.addCleanup(embedding.kill)
            url = re.search(r'http://\S+', embedding.stdout.readline())[0]
            request = urllib.request.Request(url, headers={'Host': 'a.example'})
            with urllib.request.urlopen(request, timeout=10) as answer:
                self.assertEqual(answer.read(), b'backend')
                self.assertIn('penstock', answer.headers['Via'])
            port = re.search(r'127\.0\.0\.1:(\d+) https', embedding.stdout.readline())[1]
            trusting = ssl.create_default_context(cafile=str(cert))
            with socket.create_connection(('127.0.0.1', int(port)), timeout=10) as raw, \
                    trusting.wrap_socket(raw, server_hostname='a.example') as secured:
                secured.sendall(b'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n')
                self.assertTrue(secured.makefile('rb').read().endswith(b'backend'))
            embedding.stdin.close()
            self.assertEqual(embedding.wait(30), 0)
            self.assertIn('route.created a.example\n', embedding.stderr.read())


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
