"""How penstockctl reaches the API: TCP, Unix socket, TLS with client certificates, tokens; and what it does not give away."""

import os
import socket
import threading

import pki
from admin import private, trusting
from ctl import admin_of, expect_ctl, run_ctl
from harness import case, cases, contains, equal, expect, free_port, lacks

TOKEN = "writer-token-0123456789"
READER = "reader-token-0123456789"
TOKENS = f"# who may what\n\n{TOKEN} read-write deploy\n{READER} read-only\n"


@case("the Unix socket, by flag and by environment")
def unix_socket(t):
    path = f"{t.folder()}/admin.sock"
    proxy = t.start("--admin", f"unix:{path}", admin=False, wait=False)
    t.eventually(lambda: run_ctl(f"unix:{path}", "health").code == 0, "health over the socket")
    expect_ctl(f"unix:{path}", "routes", "add", "a.test", "127.0.0.1:9")
    equal(expect_ctl(None, "routes", "list", "-o", "json", env={"PENSTOCK_ADMIN": f"unix:{path}"}).json[0]["vHost"], "a.test",
          "the routes, by environment")
    contains(expect_ctl(f"unix:{path}", "config", "revisions").out, "a.test", "what")
    expect(proxy.alive(), "it lives")


@case("a token comes from its file, by flag and by environment, and is shown nowhere")
def token(t):
    folder = t.folder()
    tokens = private(folder, "tokens", TOKENS)
    proxy = t.start("--admin-token-file", tokens)
    ended = run_ctl(proxy, "routes", "list")
    equal(ended.code, 1, "exit code without a token")
    contains(ended.err, "Unauthorized (401)", "stderr")
    expect_ctl(proxy, "--token-file", tokens, "routes", "add", "a.test", "127.0.0.1:9")
    equal(expect_ctl(proxy, "routes", "list", "-o", "json", env={"PENSTOCK_TOKEN_FILE": tokens}).json[0]["vHost"], "a.test",
          "the routes, by environment")
    equal(expect_ctl(proxy, "config", "revisions", "--token-file", tokens).rows[0]["BY"], "deploy", "by whom")
    only_read = private(folder, "reader", READER + "\n")
    expect_ctl(proxy, "--token-file", only_read, "stats")
    ended = run_ctl(proxy, "--token-file", only_read, "routes", "rm", "a.test")
    equal(ended.code, 1, "exit code of a write with a token that only reads")
    contains(ended.err, "Forbidden (403)", "stderr")
    lacks(ended.out + ended.err, READER, "what was printed")


@cases([
    ("a token file that is not there", None, 0o600, "No such file"),
    ("a token file that others may read", TOKENS, 0o644, "chmod 600"),
    ("a token file without a token", "# none\n\n", 0o600, "there is no token in it"),
    ("a token file of bytes that are no token", "\x01\x02\n", 0o600, "there is no token in it"),
])
def bad_token_files(t, text, mode, words):
    folder = t.folder()
    path = private(folder, "tokens", text, mode) if text is not None else f"{folder}/none"
    ended = run_ctl("http://127.0.0.1:1", "--token-file", path, "routes", "list")
    equal((ended.code, ended.out, len(ended.err.splitlines())), (1, "", 1), "exit code, stdout and lines on stderr")
    contains(ended.err, f"--token-file {path}: ", "stderr")
    contains(ended.err, words, "stderr")
    lacks(ended.err, "token-0123", "stderr")


@case("a token is not sent in the clear beyond loopback: refused before anything is sent")
def clear_token(t):
    tokens = private(t.folder(), "tokens", TOKENS)
    ended = run_ctl("http://192.0.2.1:9080", "--token-file", tokens, "routes", "list")
    equal((ended.code, ended.out), (1, ""), "exit code and stdout")
    equal(ended.err, "penstockctl: a token is not sent to http://192.0.2.1:9080 without TLS: give it as https://\n", "stderr")


# TLS.

def start_secured(t, *flags, names=("localhost", "IP:127.0.0.1"), shows=None, **options):
    pair, folder = pki.make(*names), t.folder()
    cert = private(folder, "cert", pair.cert, 0o644)
    proxy = t.start("--admin-cert", cert, "--admin-key", private(folder, "key", pair.key), *flags,
                    admin_context=trusting(pair, shows), **options)
    return proxy, folder, cert, f"https://127.0.0.1:{proxy.admin_port}"


@case("https: the certificate is verified, by --ca; a stranger's, or one for another name, is refused")
def tls(t):
    proxy, folder, cert, url = start_secured(t)
    expect_ctl(url, "--ca", cert, "routes", "add", "a.test", "127.0.0.1:9")
    equal(expect_ctl(url, "routes", "list", "-o", "json", env={"PENSTOCK_CA": cert}).json[0]["vHost"], "a.test", "by environment")
    expect_ctl(f"https://localhost:{proxy.admin_port}", "--ca", cert, "health")
    other = private(folder, "other", pki.make("localhost", "IP:127.0.0.1").cert, 0o644)
    for flags, words in ((["--ca", other], "self-signed certificate"), ([], "self-signed certificate"),
                         (["--ca", cert, "--server-name", "other.test"], "hostname mismatch")):
        ended = run_ctl(url, *flags, "routes", "list")
        equal((ended.code, ended.out, len(ended.err.splitlines())), (1, "", 1), f"{flags}: exit code, stdout, lines on stderr")
        contains(ended.err, f"cannot connect to {url}: TLS: {words}", f"{flags}: stderr")
    plain = run_ctl(proxy, "routes", "list")
    equal(plain.code, 1, "exit code of plain HTTP to the TLS port")
    contains(plain.err, f"no answer from {admin_of(proxy)}", "stderr")


@case("--server-name is the name that is verified where it is not the URL's host")
def server_name(t):
    _, _, cert, url = start_secured(t, "--admin-host", "admin.test", names=("admin.test",), wait=False)
    t.eventually(lambda: run_ctl(url, "--ca", cert, "--server-name", "admin.test", "health").out == "ready\n", "health with it")
    equal(run_ctl(url, "--ca", cert, "health").code, 1, "exit code without it")


@case("a client certificate is shown where it is asked for; without it there is no answer")
def client_certificate(t):
    ca = pki.make("admins", ca=True)
    own = pki.make("someone.test", issuer=ca)
    authorities = private(t.folder(), "ca", ca.cert, 0o644)
    _, folder, cert, url = start_secured(t, "--admin-client-ca", authorities, shows=own)
    chain, key = private(folder, "own", own.cert, 0o644), private(folder, "own-key", own.key)
    shown = ["--ca", cert, "--client-cert", chain, "--client-key", key]
    expect_ctl(url, *shown, "routes", "add", "a.test", "127.0.0.1:9")
    equal(expect_ctl(url, "health", env={"PENSTOCK_CA": cert, "PENSTOCK_CLIENT_CERT": chain, "PENSTOCK_CLIENT_KEY": key}).out,
          "ready\n", "by environment")
    ended = run_ctl(url, "--ca", cert, "routes", "list")
    equal((ended.code, ended.out, len(ended.err.splitlines())), (1, "", 1), "without one: exit code, stdout, lines on stderr")
    contains(ended.err, "certificate required", "stderr")
    open_key = private(folder, "open-key", own.key, 0o644)
    for flags, words in ((["--client-cert", chain], "--client-key"),
                         (["--client-cert", chain, "--client-key", open_key], "chmod 600"),
                         (["--client-cert", chain, "--client-key", private(folder, "odd", pki.make_key())], "not the key"),
                         (["--client-cert", key, "--client-key", key], "TLS: ")):
        ended = run_ctl(url, "--ca", cert, *flags, "routes", "list")
        equal((ended.code, ended.out, len(ended.err.splitlines())), (1, "", 1), f"{flags}: exit code, stdout, lines on stderr")
        contains(ended.err, words, f"{flags}: stderr")
        lacks(ended.err, "PRIVATE", "stderr")


@case("TLS over the Unix socket, where the API has it there")
def tls_on_unix_socket(t):
    pair, folder = pki.make("localhost"), t.folder()
    cert, path = private(folder, "cert", pair.cert, 0o644), f"{folder}/admin.sock"
    t.start("--admin", f"unix:{path}", "--admin-cert", cert, "--admin-key", private(folder, "key", pair.key), admin=False,
            wait=False)
    t.eventually(lambda: run_ctl(f"unix:{path}", "--ca", cert, "health").code == 0, "health over the socket")


@case("flags of TLS with a plain URL are refused, rather than speaking in the clear")
def tls_flags_without_tls(t):
    ended = run_ctl("http://127.0.0.1:1", "--ca", "/no/such/file", "routes", "list")
    equal(ended.code, 1, "exit code")
    contains(ended.err, "go with https", "stderr")


# Answers that are none.

ANSWERS = [
    ("that is no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", "no answer from"),
    ("that is cut off", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[", "closed before the answer's end"),
    ("that is no JSON", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "the answer is no JSON"),
    ("that is an error without words", b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "the API answered 500"),
    ("of two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n[]", "no answer from"),
    ("that is the end at once", b"", "no answer from"),
    ("of 1xx without end", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100, "no end of interim answers"),
]


@cases([(f"an answer {name} is one line on stderr, and exit 1", answer, words) for name, answer, words in ANSWERS])
def odd_answers(t, answer, words):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        connection.settimeout(10)
        connection.recv(65536)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)
        connection.close()

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    ended = run_ctl(f"http://127.0.0.1:{listener.getsockname()[1]}", "routes", "list")
    server.join(10)
    listener.close()
    equal((ended.code, ended.out, len(ended.err.splitlines())), (1, "", 1), f"exit code, stdout, lines on stderr {ended.err!r}")
    contains(ended.err, words, "stderr")


@case("an answer that comes before the body is read is the answer: 413 for a document that is too large")
def early_answer(t):
    proxy = t.start()
    headers = {f"X-{number}": "v" * 8_000 for number in range(400)}  # 3 MB: a route may have one
    file = private(t.folder(), "large.json", "{\"vHost\": \"a.test\", \"headers\": {"
                   + ", ".join(f'"{name}": "{value}"' for name, value in headers.items()) + "}}")
    ended = run_ctl(proxy, "routes", "apply", "-f", file)
    equal((ended.code, ended.out), (1, ""), "exit code and stdout")
    contains(ended.err, "(413)", "stderr")


@case("names from the API cannot command the terminal")
def terminal_escapes(t):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _ in range(2):
            connection, _ = listener.accept()
            head = connection.recv(65536)
            body = b'{"routes": []}' if b"/stats" in head else b'[{"vHost": "a\\u001b[2Jb", "backends": []}]'
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            connection.close()

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    ended = expect_ctl(f"http://127.0.0.1:{listener.getsockname()[1]}", "routes", "list")
    server.join(10)
    listener.close()
    contains(ended.out, "a\\x1b[2Jb", "the table")
    lacks(ended.out, "\x1b", "the table")


@case("an output that takes no more is exit 1, not silence")
def full_output(t):
    if not os.path.exists("/dev/full"):
        t.skip("there is no /dev/full here")
    import subprocess
    from ctl import ctl_binary, ctl_environment
    with open("/dev/full", "w", encoding="ascii") as full:
        ended = subprocess.run([ctl_binary(), "completion", "bash"], stdout=full, stderr=subprocess.PIPE, text=True,
                               env=ctl_environment(), timeout=30)
    equal((ended.returncode, ended.stderr), (1, "penstockctl: stdout does not take what is written\n"), "exit code and stderr")


@case("an address that is none is one line, and a password in it is not repeated")
def bad_address(t):
    for admin, words in (("ftp://a", "takes no path"), ("http://a:0", "is no address"), ("", "is no address"),
                         ("http://me:hunter2@a", "--token-file")):
        ended = run_ctl(admin, "routes", "list")
        equal((ended.code, ended.out, len(ended.err.splitlines())), (1, "", 1), f"{admin}: exit code, stdout, lines on stderr")
        contains(ended.err, words, f"{admin}: stderr")
        lacks(ended.err, "hunter2", "stderr")
    equal(run_ctl(f"http://127.0.0.1:{free_port()}/", "health").code, 1, "exit code where nobody listens")
