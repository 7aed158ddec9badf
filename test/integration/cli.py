"""The command line: every refusal is one line that names its cause and exit 2; what is accepted does what it says."""

import json
import os
import socket
import tempfile

import pki
from harness import OK, answers, case, cases, contains, equal, expect, expect_refused, free_port, run_program


def addresses():
    return ["--http", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}"]


@cases([
    ("an unknown flag", ["--bogus"], "--bogus"),
    ("an unknown flag with a value", ["--bogus=1"], "--bogus"),
    ("a stray argument", ["stray"], "stray"),
    ("a flag without its value", ["--workers"], "--workers"),
    ("--workers of letters", ["--workers", "many"], "--workers"),
    ("--workers below nought", ["--workers=-1"], "--workers"),
    ("--workers with a fraction", ["--workers", "1.5"], "--workers"),
    ("--workers without end", ["--workers", "99999999999999999999"], "--workers"),
    ("--io of another engine", ["--io", "kqueue"], "--io"),
    ("--pin of letters", ["--pin", "left,right"], "--pin"),
    ("--pin of a CPU that is not there", ["--pin", "4000"], "--pin"),
    ("--http without a port", ["--http", "127.0.0.1"], "--http"),
    ("--http with a port too large", ["--http", "127.0.0.1:65536"], "--http"),
    ("--http with a port of letters", ["--http", "127.0.0.1:http"], "--http"),
    ("--http with an open bracket", ["--http", "[::1:80"], "--http"),
    ("--http that is empty", ["--http", ""], "--http"),
    ("--http of a bad fd", ["--http", "fd:x"], "--http"),
    ("--http of an fd that is not open", ["--http", "fd:99"], "fd:99"),
    ("--http of an fd that is no socket", ["--http", "fd:0"], "fd:0"),
    ("--admin without a port", ["--admin", "127.0.0.1"], "--admin"),
    ("--max-header-bytes with an odd unit", ["--max-header-bytes", "32q"], "--max-header-bytes"),
    ("--max-header-bytes below nought", ["--max-header-bytes=-1"], "--max-header-bytes"),
    ("--max-headers of letters", ["--max-headers", "lots"], "--max-headers"),
    ("--max-uri that overflows", ["--max-uri", "99999999999999999999g"], "--max-uri"),
    ("--max-connections of letters", ["--max-connections", "x"], "--max-connections"),
    ("--max-per-address of letters", ["--max-per-address", "x"], "--max-per-address"),
    ("--min-rate of letters", ["--min-rate", "fast"], "--min-rate"),
    ("--header-timeout with an odd unit", ["--header-timeout", "10parsecs"], "--header-timeout"),
    ("--idle-timeout below nought", ["--idle-timeout=-5s"], "--idle-timeout"),
    ("--body-timeout that is empty", ["--body-timeout", ""], "--body-timeout"),
    ("--connect-timeout that overflows", ["--connect-timeout", "99999999999999999999s"], "--connect-timeout"),
    ("--response-timeout of letters", ["--response-timeout", "soon"], "--response-timeout"),
    ("--drain-timeout of letters", ["--drain-timeout", "soon"], "--drain-timeout"),
    ("--trusted-proxy of a bad address", ["--trusted-proxy", "300.1.1.1/8"], "--trusted-proxy"),
    ("--trusted-proxy with a bad prefix", ["--trusted-proxy", "10.0.0.0/33"], "--trusted-proxy"),
    ("--proxy-protocol without anybody to trust", ["--proxy-protocol"], "--trusted-proxy"),
    ("--trusted-proxy of a name", ["--trusted-proxy", "proxy.example.com"], "--trusted-proxy"),
    ("--log-level of another level", ["--log-level", "loud"], "--log-level"),
    ("--log-format of another format", ["--log-format", "xml"], "--log-format"),
    ("--store of another kind", ["--store", "mysql:x"], "--store"),
    ("--user that nobody is", ["--user", "no-such-user-here"], "no-such-user-here"),
    ("--group that there is not", ["--group", "no-such-group-here"], "no-such-group-here"),
    ("--config that is not there", ["--config", "/no/such/file.json"], "/no/such/file.json"),
    ("--access-log in no folder", ["--access-log", "/no/such/folder/log"], "/no/such/folder/log"),
    ("--otlp that is no URL", ["--otlp", "127.0.0.1:4318"], "127.0.0.1:4318"),
    ("--otlp-sample beyond all", ["--otlp-sample", "2"], "--otlp-sample 2"),
    ("--access-log-fields of another name", ["--access-log-fields", "colour"], "colour"),
    ("--pid-file that cannot be written", ["--pid-file", "/no/such/folder/pid"], "/no/such/folder/pid"),
])
def refused(t, flags, culprit):
    """Exit 2 with one line on stderr that names the culprit."""
    base = [] if flags[0].startswith(("--http", "--admin")) else addresses()
    if flags[0] == "--http":
        base = addresses()[2:]
    expect_refused(run_program(*base, *flags), culprit)


# What SPEC section 1 names and is not built yet. A row leaves when its flag is built.

@cases([(f"{flags[0]} is not supported yet", flags) for flags in [
    ["--store", "etcd:http://127.0.0.1:2379"]]])
def not_built(t, flags):
    expect_refused(run_program(*addresses(), *flags), flags[0], "not supported yet")


@case("--help prints every flag and exits 0")
def help_text(t):
    code, out, err = run_program("--help")
    equal((code, err), (0, ""), "exit code and stderr")
    for flag in ("--http", "--admin", "--workers", "--pin", "--io", "--store", "--config", "--max-connections",
                 "--max-per-address", "--min-rate", "--max-header-bytes", "--max-headers", "--max-uri",
                 "--header-timeout", "--idle-timeout", "--body-timeout", "--connect-timeout", "--response-timeout",
                 "--drain-timeout", "--trusted-proxy", "--user", "--group", "--pid-file", "--version"):
        contains(out, flag, "the help")


@case("--version prints itself, its parts and the engines, and exits 0")
def version_text(t):
    code, out, err = run_program("--version")
    equal((code, err), (0, ""), "exit code and stderr")
    for part in ("penstock", "llhttp", "epoll"):
        contains(out, part, "the version")


# penstock check FILE.

def checked(text, *more):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "all.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        code, out, err = run_program("check", path, *more)
        return code, out.replace(path, "FILE"), err.replace(path, "FILE")


@case("check: a good document, exit 0")
def check_good(t):
    route = {"vHost": "a.test", "backends": [{"hostname": "name.test", "port": 1}]}
    equal(checked(json.dumps({"version": 1, "routes": [route]})), (0, "FILE: good\n", ""), "code, stdout, stderr")


@case("check: everything that is wrong, each with its line, column and pointer; exit 1")
def check_bad(t):
    pair = pki.make("b.test")
    text = json.dumps({"routes": [{"vHost": "a.test", "retries": 11, "backends": [{"hostname": "127.0.0.1"}]},
                                  {"vHost": "a.test"}],
                       "certificates": [{"domain": "c.test", "cert": pair.cert, "key": pair.key}]}, indent=1)
    code, out, err = checked(text)
    equal((code, out), (1, ""), "code and stdout")
    rows = text.split("\n")
    lines = [line.split(": ", 2) for line in err.splitlines()]
    equal({pointer for _, pointer, _ in lines},
          {"/routes/0/retries", "/routes/0/backends/0/port", "/routes/1/vHost", "/certificates/0/cert"}, "pointers")
    for place, pointer, _ in lines:
        _, line, column = place.split(":")
        found = rows[int(line) - 1][int(column) - 1:]
        starts = {"retries": "11", "port": "{", "vHost": '"a.test"', "cert": '"-----BEGIN'}
        expect(found.startswith(starts[pointer.rpartition("/")[2]]), f"{place} {pointer} is at {found[:30]}")


@cases([("that is no JSON", '{\n "routes": [,]\n}', "FILE:2:13: expected a value\n"),
        ("that is empty", "", "FILE:1:1: the document is empty\n"),
        ("of another version", '{"version": 2}', "FILE:1:13: /version: must be 1\n")])
def check_no_document(t, text, wanted):
    equal(checked(text), (1, "", wanted), "code, stdout, stderr")


@case("check: a file that is not there is exit 1; no file, or two, exit 2")
def check_usage(t):
    code, out, err = run_program("check", "/no/such/file.json")
    equal((code, out, err), (1, "", "/no/such/file.json: No such file or directory\n"), "no file")
    expect_refused(run_program("check"), "FILE")
    expect_refused(run_program("check", "a", "b"), "b")


# Addresses.

@cases([("an --http port in use", True), ("an --admin port in use", False)])
def port_in_use(t, http):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        mine, other = f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}"
        result = run_program("--http", mine if http else other, "--admin", other if http else mine)
        expect_refused(result, str(port))


@case("two proxies on one port: the second is refused")
def second_proxy(t):
    first = t.start()
    result = run_program("--http", f"127.0.0.1:{first.port}", "--admin", f"127.0.0.1:{free_port()}")
    expect_refused(result, str(first.port))
    equal(first.api("GET", "/readyz").status, 200, "the first goes on")


@case("several --http listeners serve, IPv6 too")
def several_listeners(t):
    port, six = free_port(), free_port()
    proxy = t.start("--http", f"127.0.0.1:{port}", "--http", f"[::1]:{six}", workers=2)
    origin = t.origin(proxy=proxy)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status on the first")
    equal(t.client_at(("127.0.0.1", port)).fetch(origin.host).status, 200, "status on the second")
    with socket.create_connection(("::1", six), 5) as sock:
        sock.sendall(f"GET / HTTP/1.1\r\nHost: {origin.host}\r\nConnection: close\r\n\r\n".encode())
        contains(sock.recv(1000), b" 200 ", "the answer on IPv6")
    equal(origin.requests[2].fields.get("X-Forwarded-For"), b"::1", "X-Forwarded-For of the IPv6 client")


@case("--http unix:PATH serves, and its socket goes with the process")
def unix_listener(t):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "http.sock")
        proxy = t.start("--http", f"unix:{path}", listen=False, workers=2)
        origin = t.origin(proxy=proxy)
        for _ in range(4):
            equal(t.client_at(path).fetch(origin.host).status, 200, "status")
        proxy.stop()


@case("--http fd:N serves on a socket that was handed over")
def handed_over(t):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        fd = listener.fileno()
        proxy = t.start("--http", f"fd:{fd}", listen=False, pass_fds=[fd], workers=2)
    origin = t.origin(proxy=proxy)
    for _ in range(4):
        equal(t.client_at(address).fetch(origin.host).status, 200, "status")


@case("--admin unix:PATH answers")
def unix_admin(t):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "admin.sock")
        proxy = t.start("--admin", f"unix:{path}", admin=False, wait=False)
        t.eventually(lambda: os.path.exists(path), "the socket's appearance")
        client = None
        while client is None:
            try:
                client = t.client_at(path)
            except ConnectionRefusedError:
                expect(proxy.alive(), "the proxy runs")
        answer = client.fetch("localhost", "/readyz")
        t.eventually(lambda: answer.status == 200 or client.fetch("localhost", "/readyz").status == 200, "readiness")
        equal(client.fetch("localhost", "/api/v1/routes").body.strip()[:1], b"[", "the list of routes")


# The environment.

@case("PENSTOCK_<FLAG> is a flag, and a flag on the line wins")
def environment(t):
    port = free_port()
    proxy = t.start("--max-uri", "100", listen=False, workers=None, io=None, env={
        "PENSTOCK_HTTP": f"127.0.0.1:{port}", "PENSTOCK_WORKERS": "2", "PENSTOCK_IO": t.io,
        "PENSTOCK_MAX_URI": "200", "PENSTOCK_MAX_HEADERS": "10"})
    origin = t.origin(proxy=proxy)
    client = t.client_at(("127.0.0.1", port))
    equal(client.fetch(origin.host, "/" + "a" * 90).status, 200, "status under the limit")
    equal(client.fetch(origin.host, "/" + "a" * 150).status, 414, "status over the flag's limit, under the environment's")
    many = [f"X-{number}: 1" for number in range(20)]
    equal(t.client_at(("127.0.0.1", port)).fetch(origin.host, "/", *many).status, 431, "status over the environment's limit")


@cases([("PENSTOCK_WORKERS", "many"), ("PENSTOCK_IDLE_TIMEOUT", "x"), ("PENSTOCK_HTTP", "nowhere")])
def bad_environment(t, value):
    """A bad value in the environment is refused as well."""
    name = t.case.name
    flags = addresses()[2:] if name == "PENSTOCK_HTTP" else addresses()
    code, _, err = run_program(*flags, env={name: value})
    equal(code, 2, "exit code")
    flag = "--" + name.removeprefix("PENSTOCK_").lower().replace("_", "-")
    expect(name in err or flag in err, f"stderr names {name} or {flag}: {err!r}")


# Limits that flags set.

@case("the limits of the flags are the limits")
def limits(t):
    proxy = t.start("--max-header-bytes", "1k", "--max-headers", "5", "--max-uri", "50")
    origin = t.origin(proxy=proxy)
    for fields, target, status in [
            ([], "/" + "a" * 49, 200), ([], "/" + "a" * 50, 414), (["X-A: 1"] * 4, "/", 200), (["X-A: 1"] * 5, "/", 431),
            (["X-A: " + "a" * 500], "/", 200), (["X-A: " + "a" * 1100], "/", 431)]:
        equal(t.client(proxy).fetch(origin.host, target, *fields).status, status,
              f"status for a target of {len(target)} and {len(fields)} fields more")


@case("--pid-file holds the process's number")
def pid_file(t):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pid")
        proxy = t.start("--pid-file", path)
        with open(path, encoding="ascii") as file:
            equal(file.read().strip(), str(proxy.process.pid), "the file")
        proxy.stop()


@cases([("--node-name is the name in Via", "edge-1")])
def node_name(t, name):
    proxy = t.start("--node-name", name)
    origin = t.origin(answers(OK), proxy=proxy)
    answer = t.client(proxy).fetch(origin.host)
    equal(answer.fields.get("Via"), f"1.1 {name}".encode(), "Via at the client")
    equal(origin.requests[0].fields.get("Via"), f"1.1 {name}".encode(), "Via at the origin")


# --config.

def written(folder, content):
    path = os.path.join(folder, "config.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))
    return path


@case("--config: its routes serve as soon as it is ready")
def config(t):
    origin, other = t.bare_origin(), t.bare_origin()
    routes = [{"vHost": "a.test", "aliases": ["*.b.test"], "backends": [origin.backend]},
              {"vHost": "*.c.test", "backends": [other.backend]}]
    with tempfile.TemporaryDirectory() as folder:
        proxy = t.start("--config", written(folder, {"routes": routes}), workers=2)
    for host in ("a.test", "x.b.test", "y.c.test"):
        equal(t.client(proxy).fetch(host).status, 200, f"status for {host}")
    equal(len(proxy.api("GET", "/api/v1/routes").json), 2, "routes in the API")


BACKEND = {"hostname": "127.0.0.1", "port": 1}


@cases([
    ("--config: malformed JSON", '{"routes": [', "config.json"),
    ("--config: an empty file", "", "config.json"),
    ("--config: not an object", "[]", "config.json"),
    ("--config: an unknown field", {"routes": [{"vHost": "a.test", "colour": "red"}]}, "colour"),
    ("--config: an unknown field at the top", {"routes": [], "colour": "red"}, "colour"),
    ("--config: a bad vHost", {"routes": [{"vHost": "a b", "backends": [BACKEND]}]}, "vHost"),
    ("--config: a bad port", {"routes": [{"vHost": "a.test", "backends": [BACKEND | {"port": 70000}]}]}, "port"),
    ("--config: the same vHost twice", {"routes": [{"vHost": "a.test"}, {"vHost": "A.test"}]}, "a.test"),
    ("--config: a duplicate key", '{"routes": [], "routes": []}', "routes"),
])
def bad_config(t, content, culprit):
    with tempfile.TemporaryDirectory() as folder:
        code, _, err = run_program(*addresses(), "--config", written(folder, content))
    equal(code, 2, f"exit code (stderr: {err!r})")
    contains(err, culprit, "stderr")
