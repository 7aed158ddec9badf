"""The proxies that are compared, each as one worker on one CPU, and the origin behind them.

All add the same fields to requests (X-Forwarded-For, -Proto and -Host, X-Real-IP, X-Request-ID, Via) and Via to
responses, keep their connections to the origin, and write no access log, unless they are asked to: then a line of JSON
(HAProxy: of its own form) a request, with buffers where they know any.
"""
import dataclasses
import http.client
import json
import os
import pathlib
import re
import subprocess

from harness.process import Failed, Process, free_port

FOREVER = 1_000_000_000  # requests on a connection
POOL = 1024  # idle connections kept to the origin: more than any load has under way (h2o keeps all)
H2C_HOST = 'h2c.bench.local'  # its backend is the origin's port for HTTP/2 without TLS
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
  {access_log}; server_tokens off; tcp_nopush on; sendfile on;
  keepalive_timeout 1h; keepalive_requests {forever}; lingering_close off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/unused;
  uwsgi_temp_path {folder}/unused; scgi_temp_path {folder}/unused;
  {http}
}}
'''


NGINX_LOG = '\n'.join(['log_format json escape=json', "'{" + ','.join(f'"{name}":"${variable}"' for name, variable in (
    ('time', 'time_iso8601'), ('requestId', 'request_id'), ('connectionId', 'connection'), ('client', 'remote_addr'),
    ('vHost', 'server_name'), ('host', 'host'), ('method', 'request_method'), ('path', 'request_uri'), ('status', 'status'),
    ('bytesIn', 'content_length'), ('bytesOut', 'body_bytes_sent'), ('connect', 'upstream_connect_time'),
    ('firstByte', 'upstream_header_time'), ('total', 'request_time'), ('backend', 'upstream_addr'), ('tls', 'ssl_protocol'),
    ('protocol', 'server_protocol'))) + "}'"])


def start_nginx(name, http, folder, cpu, port, access_log=None):
    config = folder / f'{name}.conf'
    logged = f'{NGINX_LOG}; access_log {access_log} json buffer=64k flush=1s' if access_log else 'access_log off'
    config.write_text(NGINX_FRAME.format(folder=folder, name=name, http=http, forever=FOREVER, access_log=logged))
    process = Process(['/usr/sbin/nginx', '-p', str(folder), '-e', 'stderr', '-c', str(config)], cpu,
                      folder / f'{name}.log')
    process.wait_for_port(port)
    return process


class Origin:
    """nginx with files in memory and short fixed answers: the fastest origin at hand, and the same for everyone."""

    def __init__(self, folder, cpu):
        self.port, self.h2c_port = free_port(), free_port()
        for name, size in (('10k', 10 * 1024), ('1m', 1024 * 1024)):
            (folder / name).write_bytes(b'x' * size)
        echo = r'\n'.join(f'{field}=$http_{field.replace("-", "_")}' for field in ADDED_FIELDS)
        self.process = start_nginx('origin', f'''
  http2_max_requests {FOREVER};
  open_file_cache max=16 inactive=1h; open_file_cache_valid 1h; default_type text/plain;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    listen 127.0.0.1:{self.h2c_port} http2 backlog=4096;
    location = / {{ return 200 "{'x' * 128}"; }}
    location = /post {{ return 200 "ok"; }}
    location = /fields {{ return 200 "{echo}"; }}
    location / {{ root {folder}; }}
  }}''', folder, cpu, self.port)


class Certificate:
    """A P-256 certificate of our own for bench.local, as files."""

    def __init__(self, folder):
        self.cert, self.key, self.both = folder / 'cert.pem', folder / 'key.pem', folder / 'both.pem'
        made = subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                               '-keyout', str(self.key), '-out', str(self.cert), '-days', '30', '-subj', '/CN=bench.local',
                               '-addext', 'subjectAltName=DNS:bench.local'], capture_output=True, text=True)
        if made.returncode != 0:
            raise Failed(f'openssl makes no certificate: {made.stderr[-500:]}')
        self.both.write_text(self.cert.read_text() + self.key.read_text())


@dataclasses.dataclass(frozen=True)
class Setting:
    """What all contestants have in common."""
    folder: pathlib.Path
    cpu: int
    hosts: int                       # routes besides the first
    certificate: Certificate | None  # None: no TLS
    logging: bool = False            # a line for each request

    def label(self, name):
        return f'{name}+log' if self.logging else name


class Contestant:
    """A proxy that is ready to be loaded on its port, and on its TLS port where there is a certificate."""

    speaks_http = True
    speaks_http2 = True  # over TLS
    reaches_h2c = False  # backends that speak HTTP/2 without TLS

    def __init__(self, label, version, access_log=None):
        self.label, self.version, self.port, self.tls_port = label, version, free_port(), free_port()
        self.access_log = access_log

    def forget_log(self):
        """What it has logged so far takes no memory any more. Fails where it has logged nothing."""
        if self.access_log is None:
            return
        if self.access_log.stat().st_size == 0:
            raise Failed(f'{self.label} logs nothing')
        os.truncate(self.access_log, 0)

    def is_for(self, case):
        return (self.speaks_http or not case.wants_http) and (self.speaks_http2 or not case.http2) and \
            (self.reaches_h2c or not case.h2c_backend)

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
    def __init__(self, origin, setting):
        label = setting.label('nginx')
        super().__init__(label, version_of(['/usr/sbin/nginx', '-v'], r'(nginx/\S+)'),
                         setting.folder / f'{label}.access' if setting.logging else None)
        names = ['bench.local', *(host_name(i) for i in range(setting.hosts))]
        secured = ''
        if setting.certificate:
            secured = (f'listen 127.0.0.1:{self.tls_port} ssl http2 backlog=4096; ssl_certificate {setting.certificate.cert}; '
                       f'ssl_certificate_key {setting.certificate.key}; ssl_session_cache none; ssl_session_tickets on; ')
        upstreams = '\n'.join(f'  upstream origin-{i} {{ server 127.0.0.1:{origin.port}; keepalive {POOL}; '
                              f'keepalive_requests {FOREVER}; keepalive_timeout 1h; }}' for i in range(len(names)))
        servers = '\n'.join(
            f'  server {{ listen 127.0.0.1:{self.port}{" backlog=4096" if i == 0 else ""}; '
            f'{secured if i == 0 else ""}server_name {name}; '
            f'location / {{ proxy_pass http://origin-{i}; }} }}' for i, name in enumerate(names))
        self.process = start_nginx(label, f'''
  server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Request-ID $request_id; proxy_set_header Via "1.1 nginx"; add_header Via "1.1 nginx" always;
  proxy_max_temp_file_size 0; proxy_buffers 8 64k; proxy_buffer_size 16k; proxy_busy_buffers_size 128k;
  http2_max_requests {FOREVER}; http2_max_concurrent_streams 128; ssl_protocols TLSv1.2 TLSv1.3;
{upstreams}
{servers}''', setting.folder, setting.cpu, self.port, self.access_log)


class Haproxy(Contestant):
    """HAProxy; with splice where asked, and as a bare TCP forwarder."""

    def __init__(self, origin, setting, splice=False, tcp=False):
        label = setting.label('haproxy' + ('-splice' if splice else '') + ('-tcp' if tcp else ''))
        super().__init__(label, version_of(['/usr/sbin/haproxy', '-v'], r'HAProxy version (\S+)'),
                         setting.folder / f'{label}.log' if setting.logging else None)
        self.speaks_http = self.reaches_h2c = not tcp
        folder = setting.folder
        server = f'server origin 127.0.0.1:{origin.port} pool-purge-delay 1h pool-max-conn {POOL}'
        routes = folder / f'{label}.map'
        routes.write_text(f'{H2C_HOST} origin-h2c\n' + ''.join(f'{host_name(i)} origin-{i}\n' for i in range(setting.hosts)))
        secured = ''
        if setting.certificate and not tcp:
            secured = f'bind 127.0.0.1:{self.tls_port} backlog 4096 ssl crt {setting.certificate.both} alpn h2,http/1.1'
        fields = f'''
  unique-id-format %{{+X}}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-ID
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Via "1.1 haproxy"
  http-response set-header Via "1.1 haproxy"
  use_backend %[req.hdr(host),lower,map({routes},origin)]'''
        config = folder / f'{label}.cfg'
        config.write_text(f'''global
  nbthread 1
  maxconn 4096
  tune.ssl.cachesize 0
  {'' if splice else 'nosplice'}
  {'log stdout len 2048 format raw local0 info' if setting.logging else ''}
defaults
  {'log global' if setting.logging else ''}
  {'option httplog' if setting.logging else ''}
  mode {'tcp' if tcp else 'http'}
  timeout connect 2s
  timeout client 1h
  timeout server 1h
  {'option splice-auto' if splice else ''}
  {'' if tcp else 'http-reuse always'}
frontend bench
  bind 127.0.0.1:{self.port} backlog 4096
  {secured}
  default_backend origin{'' if tcp else fields}
backend origin
  {server}
backend origin-h2c
  server origin 127.0.0.1:{origin.h2c_port} proto h2 pool-purge-delay 1h
''' + ''.join(f'backend origin-{i}\n  {server}\n' for i in range(0 if tcp else setting.hosts)))
        self.process = Process(['/usr/sbin/haproxy', '-db', '-f', str(config)], setting.cpu, folder / f'{label}.log')
        self.process.wait_for_port(self.port)


class H2o(Contestant):
    """h2o, whose HTTP/2 is the one to measure against."""

    def __init__(self, origin, setting):
        super().__init__('h2o', version_of(['/usr/bin/h2o', '--version'], r'h2o version (\S+)'))
        certificate = setting.certificate
        secured = f'''
listen:
  host: 127.0.0.1
  port: {self.tls_port}
  ssl:
    certificate-file: {certificate.cert}
    key-file: {certificate.key}''' if certificate else ''
        hosts = '\n'.join(f'''  "{name}:{self.port if plain else self.tls_port}":
    paths:
      "/":
        proxy.reverse.url: http://127.0.0.1:{origin.port}/'''
                          for name in ['bench.local', *(host_name(i) for i in range(setting.hosts))]
                          for plain in ([True, False] if certificate else [True]))
        config = setting.folder / 'h2o.conf'
        config.write_text(f'''user: root
num-threads: 1
num-ocsp-updaters: 1
http2-idle-timeout: 3600
http1-request-timeout: 3600
ssl-session-resumption:
  mode: ticket
proxy.preserve-host: ON
proxy.timeout.keepalive: 3600000
proxy.emit-x-forwarded-headers: ON
header.set: "Via: 1.1 h2o"
listen:
  host: 127.0.0.1
  port: {self.port}{secured}
hosts:
{hosts}
''')
        self.process = Process(['/usr/bin/h2o', '-m', 'worker', '-c', str(config)], setting.cpu, setting.folder / 'h2o.log')
        self.process.wait_for_port(self.port)

    def check(self):
        """It has no words for X-Real-IP, X-Forwarded-Host and X-Request-ID: it does a little less than the others."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=10)
        connection.request('GET', '/', headers={'Host': f'bench.local:{self.port}'})
        answer = connection.getresponse()
        if answer.status != 200 or len(answer.read()) != 128:
            raise Failed(f'h2o answers with {answer.status}')
        connection.close()


class Floor(Contestant):
    """Our own bare TCP forwarder: what is left when there is no HTTP."""

    speaks_http = False

    def __init__(self, binary, engine, label, origin, setting):
        super().__init__(label, f'{binary.name}, {engine}')
        self.process = Process([str(binary), '--listen', f'127.0.0.1:{self.port}', '--to', f'127.0.0.1:{origin.port}',
                                '--cpu', str(setting.cpu), '--io', engine], setting.cpu,
                               setting.folder / f'{label}.log')
        self.process.wait_for_port(self.port)


class Penstock(Contestant):
    reaches_h2c = True

    def __init__(self, binary, engine, label, origin, setting, flags=()):
        label = setting.label(label)
        super().__init__(label, f'{version_of([str(binary), "--version"], r"^(.*)")}, {engine}',
                         setting.folder / f'{label}.access' if setting.logging else None)
        admin = self.admin = free_port()
        logged = ['--access-log', str(self.access_log)] if setting.logging else []
        secured = ['--https', f'127.0.0.1:{self.tls_port}'] if setting.certificate else []
        self.process = Process([str(binary), '--http', f'127.0.0.1:{self.port}', '--admin', f'127.0.0.1:{admin}',
                                '--workers', '1', '--pin', str(setting.cpu), '--store', 'memory:', '--io', engine, *secured,
                                *logged, *flags],
                               setting.cpu, setting.folder / f'{label}.log')
        self.process.wait_for_port(admin)
        self.process.wait_for_port(self.port)
        api = http.client.HTTPConnection('127.0.0.1', admin, timeout=10)
        for name in ['bench.local', *(host_name(i) for i in range(setting.hosts))]:
            self.post(api, 'routes', {'vHost': name, 'pool': {'size': POOL},
                                      'backends': [{'hostname': '127.0.0.1', 'port': origin.port}]})
        self.post(api, 'routes', {'vHost': H2C_HOST, 'backends': [
            {'hostname': '127.0.0.1', 'port': origin.h2c_port, 'protocol': 'h2c'}]})
        if setting.certificate:
            self.post(api, 'certificates', {'domain': '*', 'cert': setting.certificate.cert.read_text(),
                                            'key': setting.certificate.key.read_text()})
        api.close()

    def post(self, api, what, value):
        api.request('POST', f'/api/v1/{what}', json.dumps(value), {'Content-Type': 'application/json'})
        answer = api.getresponse()
        said = answer.read()
        if answer.status != 201:
            raise Failed(f'{self.label} refuses one of its {what} with {answer.status}: {said.decode(errors="replace")}')


def build_of(path_and_label):
    """PATH[=LABEL] as a path and a label."""
    path, _, label = path_and_label.partition('=')
    binary = pathlib.Path(path).resolve()
    if not binary.is_file():
        raise Failed(f'there is no {path}: tools/run builds it, --binary names another, --binary "" goes without')
    return binary, label or binary.name
