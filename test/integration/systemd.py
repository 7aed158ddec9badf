"""Under systemd: the notify socket, sockets passed on by name, and the unit files of dist/."""

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pki
from harness import PATIENCE, case, cases, contains, equal, expect, expect_refused, lacks, run_program
from secured import context
from systemd import NotifySocket, activated

UNITS = Path(__file__).resolve().parents[2] / "dist"


@cases([("a path", False), ("an abstract name", True)])
def says_so(t, abstract):
    """READY=1 once it serves, STOPPING=1 at SIGTERM."""
    name = f"@penstock-test-{os.getpid()}-{t.io}" if abstract else f"{t.folder()}/notify"
    notify = NotifySocket(name)
    proxy = t.start(env=notify.env, wait=False)
    pid, said = notify.wait_for("READY", "1")
    equal(pid, proxy.process.pid, "who says so")
    expect(said["STATUS"], "the status says something")
    equal(proxy.api("GET", "/readyz").status, 200, "readiness when it has been said")
    proxy.signal(signal.SIGTERM)
    equal(notify.wait_for("STOPPING", "1")[0], proxy.process.pid, "who says so")
    proxy.wait_exit()
    notify.close()


@case("a notify socket that nobody has, or reads, stops nothing")
def nobody_listens(t):
    t.start(env={"NOTIFY_SOCKET": f"{t.folder()}/none"}).stop()
    t.start(env={"NOTIFY_SOCKET": "vsock:2:1"}).stop()
    full = NotifySocket(f"{t.folder()}/notify")
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.connect(full.name)
    sender.setblocking(False)
    try:
        while True:
            sender.send(b"x")
    except BlockingIOError:
        pass
    t.start(env=full.env).stop()
    full.close()


@case("sockets are taken by their names: http, https, admin; any other name is http")
def by_name(t):
    listening = {name: socket.create_server(("127.0.0.1", 0)) for name in ("http", "https", "admin", "penstock.socket")}
    proxy = t.start(listen=False, admin=False, wait=False, workers=2, **activated(*listening.items()))
    at = {name: sock.getsockname() for name, sock in listening.items()}
    for sock in listening.values():
        sock.close()
    proxy.admin_port = at["admin"][1]
    proxy.wait_ready()
    origin = t.origin(proxy=proxy)
    for name in ("http", "penstock.socket"):
        equal(t.client_at(at[name]).fetch(origin.host).status, 200, f"status on {name}")
    pair = pki.make(origin.host)
    upload = {"domain": origin.host, "cert": pair.cert, "key": pair.key}
    equal(proxy.api("POST", "/api/v1/certificates", upload).status, 201, "status of the upload")
    with context(pair).wrap_socket(socket.create_connection(at["https"]), server_hostname=origin.host) as secured:
        secured.sendall(f"GET / HTTP/1.1\r\nHost: {origin.host}\r\n\r\n".encode())
        contains(secured.recv(100), b"HTTP/1.1 200", "the answer under TLS")


@case("flags go before systemd's sockets, each for itself")
def flags_first(t):
    http, admin = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    proxy = t.start(admin=False, wait=False, **activated(("http", http), ("admin", admin)))
    proxy.admin_port = admin.getsockname()[1]
    proxy.wait_ready()
    origin = t.origin(proxy=proxy)
    equal(t.client(proxy).fetch(origin.host).status, 200, "status where --http says")


@case("a socket for TLS alone: nothing is listened on beside it")
def tls_alone(t):
    https = socket.create_server(("127.0.0.1", 0))
    proxy = t.start(listen=False, **activated(("https", https)))
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    ports = {int(port) for port in re.findall(rf":(\d+) .*pid={proxy.process.pid},", listening)}
    equal(ports, {https.getsockname()[1], proxy.admin_port}, "ports that are listened on")


@case("an admin socket that is not loopback wants tokens and TLS")
def open_admin(t):
    with socket.create_server(("0.0.0.0", 0)) as admin:
        options = activated(("admin", admin))
        process = subprocess.run([*options["within"], os.environ["PENSTOCK_BIN"], "--http", "127.0.0.1:0", "--store", "memory:"],
                                 pass_fds=options["pass_fds"], capture_output=True, text=True, timeout=20)
    expect_refused((process.returncode, process.stdout, process.stderr), "--admin", "--admin-token-file")


@case("sockets that were meant for another process are left alone")
def for_another(t):
    proxy = t.start(env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    equal(proxy.api("GET", "/readyz").status, 200, "readiness")


# The unit files.

def analyze(*arguments):
    if not shutil.which("systemd-analyze"):
        expect(False, "systemd-analyze is installed (tools/setup --test)")
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=60)


@case("systemd-analyze verify finds nothing wrong with the units")
def units_verify(t):
    """In a root of their own, where the program is where the package puts it."""
    root = Path(t.folder())
    for folder in ("usr/bin", "bin", "etc/systemd/system"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for path in ("usr/bin/penstock", "bin/sh"):
        (root / path).write_text("#!/bin/true\n")
        (root / path).chmod(0o755)
    units = [shutil.copy(unit, root / "etc/systemd/system") for unit in sorted(UNITS.glob("penstock*"))]
    expect(len(units) == 4, f"a service and three sockets: {units}")
    done = analyze("verify", "--man=no", "--recursive-errors=no", f"--root={root}", *(Path(unit).name for unit in units))
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "exit code and complaints")


@case("systemd-analyze security: an exposure of at most 2.0")
def units_security(t):
    done = analyze("security", "--offline=true", "--no-pager", UNITS / "penstock.service")
    exposure = float(re.search(r"Overall exposure level for penstock.service: ([\d.]+)", done.stdout).group(1))
    expect(exposure <= 2.0, f"exposure {exposure}:\n{done.stdout}")
    lacks(done.stderr, "ignoring", "what it says of the unit")


@case("the unit's environment is one that the program takes, and it waits for what the program says")
def unit_fits(t):
    text = (UNITS / "penstock.service").read_text(encoding="ascii")
    given = dict(pair.split("=", 1) for line in re.findall(r"^Environment=(.*)$", text, re.M) for pair in line.split())
    folder = Path(t.folder())
    token = folder / "admin-token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    token.chmod(0o600)
    (folder / "penstock").mkdir()
    env = {name: value.replace("%d", str(folder)).replace("%S", str(folder)) for name, value in given.items()}
    notify = NotifySocket(f"{folder}/notify")
    proxy = t.start("--pin", "off", env=env | notify.env, workers=1, wait=False)
    notify.wait_for("READY", "1", 10 * PATIENCE)
    equal(proxy.api("GET", "/api/v1/routes").status, 401, "status without a token")
    proxy.stop()
    notify.close()
    code, _, err = run_program("--http", "nowhere", env=env)
    equal(code, 2, f"exit code of a bad flag ({err})")
