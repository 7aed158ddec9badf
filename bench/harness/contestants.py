"""The proxies that are compared, each as one worker on one CPU, and the origin behind them.

All add the same fields to requests (X-Forwarded-For, -Proto and -Host, X-Real-IP, X-Request-ID, Via) and Via to
responses, keep their connections to the origin, and write no access log.
"""
import http.client
import json
import pathlib
import re
import subprocess

from harness.process import Failed, Process, free_port

FOREVER = 1_000_000_000  # requests on a connection
ADDED_FIELDS = ('x-forwarded-for', 'x-real-ip', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id', 'via')


def host_name(number):
    return f'host-{number}.bench.local'


def version_of(command, pattern):
    """What a program says its version is; its name alone where it is not there to ask."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return command[0]
    found = re.search(pattern, said.stdout + said.stderr)
    return found[1].strip() if found else command[0]


NGINX_FRAME = '''user root; daemon off; master_process on; worker_processes 1; pid {folder}/{name}.pid;
error_log stderr crit;
events {{ worker_connections 16384; }}
http {{
  access_log off; server_tokens off; tcp_nopush on; sendfile on;
  keepalive_timeout 1h; keepalive_requests {forever}; lingering_close off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/unused;
  uwsgi_temp_path {folder}/unused; scgi_temp_path {folder}/unused;
  {http}
}}
'''


def start_nginx(name, http, folder, cpu, port):
    config = folder / f'{name}.conf'
    config.write_text(NGINX_FRAME.format(folder=folder, name=name, http=http, forever=FOREVER))
    process = Process(['/usr/sbin/nginx', '-p', str(folder), '-e', 'stderr', '-c', str(config)], cpu,
                      folder / f'{name}.log')
    process.wait_for_port(port)
    return process


class Origin:
    """nginx with files in memory and short fixed answers: the fastest origin at hand, and the same for everyone."""

    def __init__(self, folder, cpu):
        self.port = free_port()
        for name, size in (('10k', 10 * 1024), ('1m', 1024 * 1024)):
            (folder / name).write_bytes(b'x' * size)
        echo = r'\n'.join(f'{field}=$http_{field.replace("-", "_")}' for field in ADDED_FIELDS)
        self.process = start_nginx('origin', f'''
  open_file_cache max=16 inactive=1h; open_file_cache_valid 1h; default_type text/plain;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    location = / {{ return 200 "{'x' * 128}"; }}
    location = /post {{ return 200 "ok"; }}
    location = /fields {{ return 200 "{echo}"; }}
    location / {{ root {folder}; }}
  }}''', folder, cpu, self.port)


class Contestant:
    """A proxy that is ready to be loaded on its port."""

    speaks_http = True

    def __init__(self, label, version):
        self.label, self.version, self.port = label, version, free_port()

    def check(self):
        """Every answer is right before any is counted."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=10)
        for path, size in (('/', 128), ('/10k', 10240), ('/1m', 1048576), ('/fields', None)):
            connection.request('GET', path, headers={'Host': 'bench.local'})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200 or (size is not None and len(body) != size):
                raise Failed(f'{self.label} answers {path} with {answer.status} and {len(body)} bytes')
        missing = [line.split('=')[0] for line in body.decode().splitlines() if line.endswith('=')]
        if self.speaks_http and (missing or 'via' not in answer.headers):
            raise Failed(f'{self.label} does not add {", ".join(missing) or "Via to responses"}')
        connection.close()


class Nginx(Contestant):
    def __init__(self, origin, hosts, folder, cpu):
        super().__init__('nginx', version_of(['/usr/sbin/nginx', '-v'], r'(nginx/\S+)'))
        names = ['bench.local', *(host_name(i) for i in range(hosts))]
        upstreams = '\n'.join(f'  upstream origin-{i} {{ server 127.0.0.1:{origin.port}; keepalive 128; '
                              f'keepalive_requests {FOREVER}; keepalive_timeout 1h; }}' for i in range(len(names)))
        servers = '\n'.join(
            f'  server {{ listen 127.0.0.1:{self.port}{" backlog=4096" if i == 0 else ""}; server_name {name}; '
            f'location / {{ proxy_pass http://origin-{i}; }} }}' for i, name in enumerate(names))
        self.process = start_nginx('nginx', f'''
  server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Request-ID $request_id; proxy_set_header Via "1.1 nginx"; add_header Via "1.1 nginx" always;
  proxy_max_temp_file_size 0; proxy_buffers 8 64k; proxy_buffer_size 16k; proxy_busy_buffers_size 128k;
{upstreams}
{servers}''', folder, cpu, self.port)


class Haproxy(Contestant):
    """HAProxy; with splice where asked, and as a bare TCP forwarder."""

    def __init__(self, origin, hosts, folder, cpu, splice=False, tcp=False):
        label = 'haproxy' + ('-splice' if splice else '') + ('-tcp' if tcp else '')
        super().__init__(label, version_of(['/usr/sbin/haproxy', '-v'], r'HAProxy version (\S+)'))
        self.speaks_http = not tcp
        server = f'server origin 127.0.0.1:{origin.port} pool-purge-delay 1h pool-max-conn 1024'
        routes = folder / f'{label}.map'
        routes.write_text(''.join(f'{host_name(i)} origin-{i}\n' for i in range(hosts)))
        fields = f'''
  unique-id-format %{{+X}}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-ID
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Via "1.1 haproxy"
  http-response set-header Via "1.1 haproxy"
  use_backend %[req.hdr(host),lower,map({routes},origin)]'''
        config = folder / f'{label}.cfg'
        config.write_text(f'''global
  nbthread 1
  maxconn 4096
  {'' if splice else 'nosplice'}
defaults
  mode {'tcp' if tcp else 'http'}
  timeout connect 2s
  timeout client 1h
  timeout server 1h
  {'option splice-auto' if splice else ''}
  {'' if tcp else 'http-reuse always'}
frontend bench
  bind 127.0.0.1:{self.port} backlog 4096
  default_backend origin{'' if tcp else fields}
backend origin
  {server}
''' + ''.join(f'backend origin-{i}\n  {server}\n' for i in range(0 if tcp else hosts)))
        self.process = Process(['/usr/sbin/haproxy', '-db', '-f', str(config)], cpu, folder / f'{label}.log')
        self.process.wait_for_port(self.port)


class Floor(Contestant):
    """Our own bare TCP forwarder: what is left when there is no HTTP."""

    speaks_http = False

    def __init__(self, binary, engine, label, origin, folder, cpu):
        super().__init__(label, f'{binary.name}, {engine}')
        self.process = Process([str(binary), '--listen', f'127.0.0.1:{self.port}', '--to', f'127.0.0.1:{origin.port}',
                                '--cpu', str(cpu), '--io', engine], cpu, folder / f'{label}.log')
        self.process.wait_for_port(self.port)


class Penstock(Contestant):
    def __init__(self, binary, engine, label, origin, hosts, folder, cpu):
        super().__init__(label, f'{version_of([str(binary), "--version"], r"^(.*)")}, {engine}')
        admin = free_port()
        self.process = Process([str(binary), '--http', f'127.0.0.1:{self.port}', '--admin', f'127.0.0.1:{admin}',
                                '--workers', '1', '--pin', str(cpu), '--store', 'memory:', '--io', engine],
                               cpu, folder / f'{label}.log')
        self.process.wait_for_port(admin)
        self.process.wait_for_port(self.port)
        api = http.client.HTTPConnection('127.0.0.1', admin, timeout=10)
        for name in ['bench.local', *(host_name(i) for i in range(hosts))]:
            route = {'vHost': name, 'backends': [{'hostname': '127.0.0.1', 'port': origin.port}]}
            api.request('POST', '/api/v1/routes', json.dumps(route), {'Content-Type': 'application/json'})
            answer = api.getresponse()
            said = answer.read()
            if answer.status != 201:
                raise Failed(f'{label} refuses a route with {answer.status}: {said.decode(errors="replace")}')
        api.close()


def build_of(path_and_label):
    """PATH[=LABEL] as a path and a label."""
    path, _, label = path_and_label.partition('=')
    binary = pathlib.Path(path).resolve()
    if not binary.is_file():
        raise Failed(f'there is no {path}: tools/run builds it, --binary names another, --binary "" goes without')
    return binary, label or binary.name
