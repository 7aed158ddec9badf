"""Who may use the admin side, from where, and what it gives away (docs/admin.md)."""

import json
import os
import pwd
import socket
import ssl
import stat
import tempfile
import time
from pathlib import Path

import pki
from admin import audit_lines, bearer, private, trusting
from harness import (DEADLINE, case, cases, contains, equal, expect, expect_refused, free_port, lacks, named, one_of,
                     run_program)

ROUTES = "/api/v1/routes"
WRITER, READER = "writer-token-0123456789", "reader-token-0123456789"
TOKENS = f"# who may what\n{WRITER} read-write deploy\n\n{READER} read-only the dashboard\n"


def start_with_tokens(t, *flags, text=TOKENS, **options):
    folder = t.folder()
    proxy = t.start("--admin-token-file", private(folder, "tokens", text), *flags, **options)
    return proxy, folder


# Tokens.

@case("with a token file all but the probes want a token, before anything else is told")
def tokens(t):
    proxy, _ = start_with_tokens(t)
    for path in ("/healthz", "/readyz"):
        equal(proxy.api("GET", path).status, 200, path)
    for method, path in (("GET", ROUTES), ("GET", "/api/v1/nothing"), ("PUT", ROUTES), ("GET", f"{ROUTES}?token={WRITER}")):
        answer = proxy.api(method, path)
        equal((answer.status, answer.headers["WWW-Authenticate"]), (401, "Bearer"), f"{method} {path}")
        equal(answer.headers.get_content_type(), "application/problem+json", "Content-Type")
    route = {"vHost": "a.test", "backends": [{"hostname": "127.0.0.1", "port": 9}]}
    equal(proxy.api("POST", ROUTES, route, bearer(READER)).status, 403, "a write with a token that only reads")
    equal(proxy.api("GET", ROUTES, headers=bearer(READER)).json, [], "routes after that")
    equal(proxy.api("POST", ROUTES, route, bearer(WRITER)).status, 201, "a write")
    equal(proxy.api("GET", "/api/v1/config/revisions", headers=bearer(READER)).json[0]["by"], "deploy", "by whom")
    for secret in (WRITER, READER):
        lacks(proxy.stderr(), secret, "the log")


@case("a token file that changes is read again; one that has become bad changes nothing, and says so once")
def tokens_change(t):
    proxy, folder = start_with_tokens(t)

    def status(token):
        return proxy.api("GET", ROUTES, headers=bearer(token)).status

    equal((status(WRITER), status("another-0123456789")), (200, 401), "before")
    private(folder, "tokens", "another-0123456789\n")
    equal((status(WRITER), status("another-0123456789")), (401, 200), "after a change")
    for text, mode in (("short\n", 0o600), ("", 0o600), (TOKENS, 0o644), (TOKENS, 0o666)):
        private(folder, "tokens", text, mode)
        equal((status(WRITER), status("another-0123456789"), status("")), (401, 200, 401), f"with {text[:9]!r} {mode:o}")
    os.unlink(Path(folder) / "tokens")
    equal((status(WRITER), status("another-0123456789")), (401, 200), "without the file")
    lines = [line for line in proxy.stderr_lines() if "admin token file" in line]
    equal(len(lines), 1, f"lines about it ({lines})")
    private(folder, "tokens", TOKENS)
    equal((status(WRITER), status("another-0123456789")), (200, 401), "when it is good again")


@case("a body without a token is not read")
def body_unread(t):
    proxy, _ = start_with_tokens(t)
    client = t.client_at(("127.0.0.1", proxy.admin_port))
    client.send(b"PUT /api/v1/config HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                b"Content-Type: application/json\r\nContent-Length: 60000000\r\n\r\n")
    answer = client.read_response("PUT")
    equal((answer.status, answer.interim), (401, []), "the answer, though no byte of the body has come")


# How files are judged at start.

def bad_files(folder):
    good, other = pki.make("localhost"), pki.make("localhost")
    cert, key = private(folder, "cert", good.cert), private(folder, "key", good.key)
    return {
        "a token file that is not there": (["--admin-token-file", f"{folder}/none"], "No such file"),
        "a token file that all may read":
            (["--admin-token-file", private(folder, "open", TOKENS, 0o644)], "chmod 600"),
        "a token file that the group may write":
            (["--admin-token-file", private(folder, "shared", TOKENS, 0o660)], "chmod 600"),
        "a token file that is a folder": (["--admin-token-file", folder], "not a regular file"),
        "a token file without tokens": (["--admin-token-file", private(folder, "empty", "# none\n")], "no token"),
        "a token that is short": (["--admin-token-file", private(folder, "short", "# x\nsecret-15-chars\n")], "line 2"),
        "a slip in a token's access":
            (["--admin-token-file", private(folder, "slip", f"{READER} readonly me\n")], "read-only, read-write"),
        "a certificate without its key": (["--admin-cert", cert], "--admin-key"),
        "a key without its certificate": (["--admin-key", key], "--admin-cert"),
        "a client CA without a certificate": (["--admin-client-ca", cert], "--admin-cert"),
        "a key that all may read":
            (["--admin-cert", cert, "--admin-key", private(folder, "openkey", good.key, 0o644)], "--admin-key"),
        "a key of another certificate":
            (["--admin-cert", cert, "--admin-key", private(folder, "other", other.key)], "--admin-key"),
        "a certificate that is none": (["--admin-cert", key, "--admin-key", key], "--admin-cert"),
        "a client CA that is empty":
            (["--admin-cert", cert, "--admin-key", key, "--admin-client-ca", private(folder, "noca", "")],
             "--admin-client-ca"),
        "a client CA that is not there":
            (["--admin-cert", cert, "--admin-key", key, "--admin-client-ca", f"{folder}/none"], "--admin-client-ca"),
    }


@case("a bad token, certificate or key file stops the start, in one line that does not quote it")
def refused_files(t):
    with tempfile.TemporaryDirectory() as folder:
        for what, (flags, word) in bad_files(folder).items():
            result = run_program("--http", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}", *flags)
            try:
                expect_refused(result, "--admin-", word)
            except AssertionError as error:
                raise AssertionError(f"{what}: {error}") from error
            for secret in ("secret-15-chars", READER, "PRIVATE KEY"):
                lacks(result[2], secret, "stderr")


@cases([(f"--admin {address} without {missing} is refused, and says what to add", address, flags) for address, missing, flags in (
    ("0.0.0.0:0", "anything", []), ("[::]:0", "TLS", ["--admin-token-file", "/tmp/t"]),
    ("192.0.2.1:9080", "a token file", ["--admin-cert", "/tmp/c", "--admin-key", "/tmp/k"]))])
def beyond_loopback(t, address, flags):
    expect_refused(run_program("--http", f"127.0.0.1:{free_port()}", "--admin", address, *flags),
                   "--admin", "--admin-token-file", "--admin-cert", "--admin-key")


# TLS.

def start_secured(t, pair, *flags, context=None, **options):
    folder = t.folder()
    proxy = t.start("--admin-cert", private(folder, "cert", pair.cert, 0o644),
                    "--admin-key", private(folder, "key", pair.key), *flags,
                    admin_context=context or trusting(pair), **options)
    return proxy, folder


@cases([("the API under TLS 1.2", ssl.TLSVersion.TLSv1_2), ("the API under TLS 1.3", ssl.TLSVersion.TLSv1_3)])
def secured(t, version):
    pair = pki.make("localhost", "IP:127.0.0.1")
    proxy, _ = start_secured(t, pair, context=trusting(pair, version=version))
    equal(proxy.api("GET", ROUTES).json, [], "the routes")
    own = f"127.0.0.1:{proxy.admin_port}"
    equal(proxy.api("GET", ROUTES, headers={"Origin": f"https://{own}"}).status, 200, "its own origin")
    equal(proxy.api("GET", ROUTES, headers={"Origin": f"http://{own}"}).status, 403, "that of another scheme")
    big = {"vHost": "a.test", "backends": [], "headers": {f"X-{i}": "v" * 100 for i in range(60)}}
    equal(proxy.api("POST", ROUTES, big).status, 201, "a body of several records")


@case("plain HTTP to the API's TLS port gets an end, not a hang; and silence is ended by itself")
def plain_to_tls(t):
    proxy, _ = start_secured(t, pki.make("localhost", "IP:127.0.0.1"))
    client = t.client_at(("127.0.0.1", proxy.admin_port))
    client.send(b"GET /api/v1/routes HTTP/1.1\r\nHost: localhost\r\n\r\n")
    rest = client.wait_end()
    equal(client.ended, "eof", "how it ended")
    lacks(rest, b"HTTP/1.1 200", "what came")
    equal(proxy.api("GET", ROUTES).status, 200, "another client, meanwhile")


@case("a client CA: who shows no good certificate gets no answer; who does is named in revisions and the audit")
def client_certificates(t):
    pair, ca, stranger = pki.make("localhost", "IP:127.0.0.1"), pki.make("admins", ca=True), pki.make("others", ca=True)
    good = trusting(pair, pki.make("someone.test", issuer=ca))
    folder = t.folder()
    proxy, _ = start_secured(t, pair, "--admin-client-ca", private(folder, "ca", ca.cert, 0o644), context=good)
    equal(proxy.api("POST", ROUTES, {"vHost": "a.test", "backends": []}).status, 201, "a write")
    equal(proxy.api("GET", "/api/v1/config/revisions").json[0]["by"], "CN=test", "by whom")
    equal([line["who"] for line in audit_lines(proxy)], ["CN=test"], "who, in the audit")
    for own in (None, pki.make("someone.test", issuer=stranger), pki.make("someone.test"),
                pki.make("someone.test", issuer=ca, days=-1)):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            proxy.admin_context = trusting(pair, own, version)
            try:
                answer = proxy.api("GET", "/healthz")
            except OSError:  # an alert
                continue
            raise AssertionError(f"answered {answer.status} to a client without a good certificate")
    proxy.admin_context = good
    equal(proxy.api("GET", ROUTES).status, 200, "who has a good one, after that")


@case("a certificate that changes on disk is shown to the next clients; a bad one changes nothing")
def certificate_changes(t):
    first, second = pki.make("localhost", "IP:127.0.0.1"), pki.make("localhost", "IP:127.0.0.1")
    proxy, folder = start_secured(t, first)
    equal(proxy.api("GET", ROUTES).status, 200, "with the first")
    private(folder, "cert", "none")

    def answers_to(pair):
        proxy.admin_context = trusting(pair)
        try:
            return proxy.api("GET", ROUTES).status == 200
        except ssl.SSLError:
            return False
    t.eventually(lambda: answers_to(first) and "TLS files cannot be used" in proxy.stderr(), "a complaint, and service")
    private(folder, "key", second.key)
    private(folder, "cert", second.cert)
    t.eventually(lambda: answers_to(second), "the second's being shown")
    expect(not answers_to(first), "the first is not shown any more")
    lacks(proxy.stderr(), "PRIVATE KEY", "the log")


@case("TLS files that cannot be looked at from the start are spoken of once, and what was read serves")
def files_out_of_reach(t):
    pair = pki.make("localhost", "IP:127.0.0.1")
    proxy, folder = start_secured(t, pair, "--log-level", "info", wait=False)
    t.eventually(lambda: "serving" in proxy.stderr(), "its serving")
    for name in ("cert", "key"):
        os.unlink(Path(folder) / name)

    def told():
        equal(proxy.api("GET", ROUTES).status, 200, "status")
        return [line for line in proxy.stderr_lines() if "TLS files cannot be used" in line]
    t.eventually(told, "a complaint")
    began = time.monotonic()
    t.eventually(lambda: told() and time.monotonic() - began > 1.2, "another look")
    equal(len(told()), 1, "complaints")


@case("a client CA that is taken out is not trusted on kept connections either")
def authority_withdrawn(t):
    pair, ca, next_ca = pki.make("localhost", "IP:127.0.0.1"), pki.make("admins", ca=True), pki.make("others", ca=True)
    good, folder = trusting(pair, pki.make("someone.test", issuer=ca)), t.folder()
    proxy, _ = start_secured(t, pair, "--admin-client-ca", private(folder, "ca", ca.cert, 0o644), context=good)
    with socket.create_connection(("127.0.0.1", proxy.admin_port), DEADLINE) as sock:
        with good.wrap_socket(sock, server_hostname="127.0.0.1") as kept:
            def answered():
                kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return kept.recv(65_536).startswith(b"HTTP/1.1 200 ")
            expect(answered(), "the first request is answered")
            began = time.monotonic()
            while time.monotonic() - began < 1.2:  # nothing changes for whom the new file names as well
                private(folder, "ca", ca.cert, 0o644)
                expect(answered(), "who is trusted still is answered")
                time.sleep(0.1)
            private(folder, "ca", next_ca.cert, 0o644)
            t.eventually(lambda: not answered(), "the end of the kept connection")
    proxy.admin_context = trusting(pair, pki.make("someone.test", issuer=next_ca))
    equal(proxy.api("GET", ROUTES).status, 200, "whom the next CA signed")


@case("beyond loopback, with tokens and TLS, it serves")
def public(t):
    pair, folder = pki.make("localhost", "IP:127.0.0.1"), t.folder()
    port = free_port()
    proxy, _ = start_secured(t, pair, "--admin-token-file", private(folder, "tokens", TOKENS), "--admin", f"0.0.0.0:{port}",
                             admin=False, wait=False)
    proxy.admin_port = port
    proxy.wait_ready()
    equal(proxy.api("GET", ROUTES).status, 401, "without a token")
    equal(proxy.api("GET", ROUTES, headers=bearer(WRITER)).status, 200, "with one")


# The Unix socket.

def unix_client(t, proxy, path):
    t.eventually(lambda: os.path.exists(path) or not proxy.alive(), "the socket's appearance")
    client = t.client_at(path)
    t.eventually(lambda: client.fetch("localhost", "/readyz").status == 200, "readiness")
    return client


@case("an admin socket is its owner's alone, tells who speaks, replaces a dead one's, and goes with the process")
def unix_socket(t):
    folder = t.folder()
    path = os.path.join(folder, "admin.sock")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    before = os.umask(0)
    try:
        proxy = t.start("--admin", f"unix:{path}", admin=False, wait=False)
    finally:
        os.umask(before)
    t.eventually(lambda: "serving" in proxy.stderr(), "the start")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode of the socket")
    client = unix_client(t, proxy, path)
    body = json.dumps({"vHost": "a.test", "backends": []}).encode()
    answer = client.fetch("localhost", ROUTES, "Content-Type: application/json", method="POST", body=body)
    equal(answer.status, 201, "status of POST")
    equal([line["who"] for line in audit_lines(proxy)], [f"uid {os.getuid()}"], "who")
    for host in ("evil.example", "localhost.evil.example"):
        equal(t.client_at(path).fetch(host, ROUTES).status, 403, f"Host: {host}")
    proxy.stop()
    expect(not os.path.exists(path), "the socket is gone")


@case("a file that is no socket is not taken for a dead one's")
def no_socket(t):
    with tempfile.TemporaryDirectory() as folder:
        path = private(folder, "precious", "data")
        expect_refused(run_program("--http", f"127.0.0.1:{free_port()}", "--admin", f"unix:{path}"), path)
        equal(Path(path).read_text(), "data", "the file")


# The audit.

@case("each write leaves one line: who, what, which revisions, the result; reads leave none")
def audit(t):
    proxy, _ = start_with_tokens(t)
    pair = pki.make("secret.test")
    route = {"vHost": "a.test", "backends": [], "headers": {"X-Key": "very-secret-value"}}
    proxy.api("GET", ROUTES, headers=bearer(WRITER))
    proxy.api("POST", ROUTES, route, bearer(WRITER))
    proxy.api("POST", f"{ROUTES}?dryRun=true", route | {"vHost": "b.test"}, bearer(WRITER))
    proxy.api("POST", "/api/v1/certificates", {"domain": "secret.test", "cert": pair.cert, "key": pair.key}, bearer(WRITER))
    proxy.api("DELETE", f"{ROUTES}/a.test?token={READER}", headers=bearer(READER))
    proxy.api("DELETE", f"{ROUTES}/%0d%0a%22a.test")
    proxy.api("PUT", f"{ROUTES}/a.test", b"{", bearer(WRITER))
    lines = audit_lines(proxy)
    shown = [(line["who"], line["method"], line["path"], line["oldRevision"], line["newRevision"], line["status"],
              line["dryRun"]) for line in lines]
    equal(shown, [
        ("deploy", "POST", ROUTES, 0, 1, 201, "false"), ("deploy", "POST", ROUTES, 1, 1, 201, "true"),
        ("deploy", "POST", "/api/v1/certificates", 1, 2, 201, "false"),
        ("the dashboard", "DELETE", f"{ROUTES}/a.test", 2, 2, 403, "false"),
        ("127.0.0.1", "DELETE", f"{ROUTES}/%0d%0a%22a.test", 2, 2, 401, "false"),
        ("deploy", "PUT", f"{ROUTES}/a.test", 2, 2, 400, "false")], "the audit")
    for secret in (WRITER, READER, "very-secret-value", pair.secret):
        lacks(proxy.stderr(), secret, "the log")


# Memory.

@case("no core dump, and nobody of the same user may look into the process; --user works all the same")
def hidden(t):
    if os.getuid() != 0:
        t.skip("only root can become somebody else")
    nobody = pwd.getpwnam("nobody")
    proxy = t.start("--user", "nobody")
    origin = t.origin(proxy=proxy)
    proc = f"/proc/{proxy.process.pid}"
    status = Path(f"{proc}/status").read_text()
    contains(status, f"Uid:\t{nobody.pw_uid}\t", "whose the process is")
    equal(os.stat(f"{proc}/mem").st_uid, 0, "owner of its memory")
    contains(Path(f"{proc}/limits").read_text(), "Max core file size        0                    0", "its limits")
    equal(t.client(proxy).fetch(origin.host).status, 200, "it serves")
    equal(proxy.api("GET", "/api/v1/stats").status, 200, "it counts")


# Backends that are ourselves.

@case("a backend at a listener of ours, or the admin's, is refused with its pointer")
def own_backends(t):
    port = free_port()
    proxy = t.start("--http", f"0.0.0.0:{port}")
    own = [("127.0.0.1", port), ("127.1.2.3", port), ("0.0.0.0", port), ("localhost", port), ("127.0.0.1", proxy.port),
           ("127.0.0.1", proxy.admin_port), ("0.0.0.0", proxy.admin_port), ("localhost", proxy.admin_port),
           ("::ffff:127.0.0.1", proxy.admin_port)]
    for hostname, number in own:
        backends = [{"hostname": "127.0.0.1", "port": 9}, {"hostname": hostname, "port": number}]
        answer = proxy.api("POST", ROUTES, {"vHost": "a.test", "backends": backends})
        equal((answer.status, [one["pointer"] for one in answer.json["errors"]]), (422, ["/backends/1/hostname"]),
              f"{hostname}:{number}")
    equal(proxy.api("GET", ROUTES).json, [], "the routes")
    proxy.add_route("a.test", {"hostname": "127.1.2.3", "port": proxy.admin_port})  # nobody listens there
    document = {"version": 1, "process": {}, "authProviders": [], "certificates": [],
                "routes": [{"vHost": "b.test", "backends": [{"hostname": "127.0.0.1", "port": port}]}]}
    with tempfile.TemporaryDirectory() as folder:
        mine = free_port()
        document["routes"][0]["backends"][0]["port"] = mine
        path = private(folder, "config.json", json.dumps(document))
        expect_refused(run_program("--http", f"127.0.0.1:{mine}", "--admin", f"127.0.0.1:{free_port()}", "--config", path),
                       path, "/routes/0/backends/0/hostname")


@case("an IPv6 socket on one mapped IPv4 address that was handed over is at no other IPv4 address")
def handed_over_v6(t):
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::ffff:127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        proxy = t.start("--http", f"fd:{listener.fileno()}", pass_fds=[listener.fileno()])
    for hostname, status in (("127.0.0.1", 422), ("127.0.0.2", 201)):
        route = {"vHost": "a.test", "backends": [{"hostname": hostname, "port": port}]}
        equal(proxy.api("POST", ROUTES, route).status, status, f"status of {hostname}")


@case("a name that comes to mean ourselves: refused where it is known, without requests where it turns later")
def own_names(t):
    dns = t.dns()
    proxy = t.start("--resolver", dns.address)
    dns.set("own.test", "127.0.0.1", ttl=1)
    answer = proxy.api("POST", ROUTES, {"vHost": "a.test", "backends": [{"hostname": "own.test", "port": proxy.port}]})
    equal((answer.status, [one["pointer"] for one in answer.json["errors"]]), (422, ["/backends/0/hostname"]), "known")
    dns.set("turning.test", "127.0.0.9", ttl=1)
    proxy.add_route("b.test", {"hostname": "turning.test", "port": proxy.admin_port}, retries=0)
    client = t.client(proxy)
    one_of(client.fetch("b.test").status, (502, 503), "nobody is there")
    dns.set("turning.test", "127.0.0.1", ttl=1)
    t.eventually(lambda: "listens itself" in proxy.stderr(), "a word about it")
    equal(client.fetch("b.test", "/healthz").status, 503, "the admin side is not reached through the data side")


@case("a loop through another node is 508; a chain of two nodes passes")
def loops(t):
    first, second = t.start(), t.start()
    origin = t.bare_origin(named("origin"))
    second.add_route("chain.test", origin.backend)
    first.add_route("chain.test", {"hostname": "127.0.0.1", "port": second.port})
    equal(t.client(first).fetch("chain.test").text, "origin", "through two nodes")
    first.add_route("loop.test", {"hostname": "127.0.0.1", "port": second.port})
    second.add_route("loop.test", {"hostname": "127.0.0.1", "port": first.port})
    equal(t.client(first).fetch("loop.test").status, 508, "round")
