"""HTTP/2 with the clients that others use: Node's, curl, nghttp2's. Each is skipped where it is not installed."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

import pki
from harness import PATIENCE, Cut, case, cases, chunk, chunked, contains, equal, expect, free_port, response
from npm import node

WAIT = 60 * PATIENCE
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def serve(backend):
    """A backend for all of these clients: what it does is in the path."""
    while head := backend.read_request_head():
        if head.fields.has("Upgrade"):
            accept = base64.b64encode(hashlib.sha1(head.fields.need("Sec-WebSocket-Key") + GUID).digest())
            backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                         b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            while piece := backend.read_some():
                backend.send(piece)
            return
        backend.read_request_body(head)
        answer(backend, head)


def answer(backend, head):
    body = b"" if head.method == b"HEAD" else head.body
    if head.target == b"/trailers":
        sums = b"".join(value for name, value in head.trailers if name.lower() == b"x-sum")
        backend.send(response("200 OK", None, "Transfer-Encoding: chunked") + chunked(body, trailers=b"X-Sum: " + sums + b"\r\n"))
    elif head.target == b"/hints":
        backend.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + response())
    elif head.target == b"/endless":
        backend.send(response("200 OK", None, "Transfer-Encoding: chunked"))
        while True:
            try:
                backend.send(chunk(bytes(10_000)))
            except Cut:
                return
    else:
        backend.send(response("200 OK", head.target if head.target.startswith(b"/name/") else body))


class Front:
    """The backend, and the proxy in front of it: plain, or under TLS as well."""

    def __init__(self, t, secured):
        self.port = free_port()
        self.proxy = t.start("--https", f"127.0.0.1:{self.port}") if secured else t.proxy
        self.origin = t.origin(serve, proxy=self.proxy)
        self.host = self.origin.host
        self.scheme = "https" if secured else "http"
        self.ca = None
        if secured:
            pair = pki.make(self.host)
            answer = self.proxy.api("POST", "/api/v1/certificates", {"domain": self.host, "cert": pair.cert, "key": pair.key})
            equal(answer.status, 201, "status of the upload")
            self.ca = tempfile.NamedTemporaryFile("w")
            self.ca.write(pair.cert)
            self.ca.flush()
        else:
            self.port = self.proxy.port

    def url(self, path, host=None):
        return f"{self.scheme}://{host or self.host}:{self.port}{path}"


def run(t, program, *arguments, given=None):
    """The program's output."""
    if not shutil.which(program):
        t.skip(f"{program} is not installed")
    ended = subprocess.run([program, *arguments], input=given, capture_output=True, timeout=WAIT, check=False)
    equal(ended.returncode, 0, f"exit code of {program} ({ended.stderr[-500:]!r})")
    return ended.stdout


BOTH = [("prior knowledge", False), ("TLS", True)]


@cases([(f"Node's client: {name}", secured) for name, secured in BOTH], deadline=90)
def node_client(t, secured):
    front = Front(t, secured)
    client = node("http2_client.js", front.url("", "127.0.0.1"), front.host, *([front.ca.name] if secured else []), needs="")
    try:
        out, err = client.communicate(timeout=WAIT)
    finally:
        client.kill()
    equal((client.returncode, err), (0, ""), "the client's exit code and complaints")
    equal(json.loads(out), {
        "connect_protocol": True, "many": 300, "upload": True, "trailers": ["hello", "abc"], "head": [200, 0], "hints": [103],
        "cancelled": 8, "tunnel": [200, "through the tunnel"]}, "what the client saw")


def curl(t, front, *arguments, given=None):
    how = ["--http2", "--cacert", front.ca.name] if front.ca else ["--http2-prior-knowledge"]
    if shutil.which("curl") and b"HTTP2" not in run(t, "curl", "--version"):
        t.skip("this curl knows no HTTP/2")
    return run(t, "curl", "-q", "-sS", "--noproxy", "*", *how, "--resolve", f"{front.host}:{front.port}:127.0.0.1", *arguments, given=given)


@cases([(f"curl: {name}", secured) for name, secured in BOTH], deadline=90)
def curl_client(t, secured):
    front = Front(t, secured)
    equal(curl(t, front, "-w", " %{http_version} %{http_code}", front.url("/name/one")), b"/name/one 2 200", "a GET")
    body = os.urandom(t.scaled(8, 1) << 20)
    expect(curl(t, front, "-T", "-", front.url("/echo"), given=body) == body, "the echo of an upload without a length")
    expect(curl(t, front, "--data-binary", "@-", front.url("/echo"), given=body) == body, "the echo of a POST")
    contains(curl(t, front, "-I", front.url("/echo")), b"HTTP/2 200", "a HEAD")
    if not secured:  # Debian 12's curl cannot use a connection twice with prior knowledge, whatever the server
        return
    urls = [argument for number in range(100) for argument in ("-o", "/dev/null", front.url(f"/name/{number}"))]
    codes = curl(t, front, "-Z", "--parallel-max", "50", "-w", "%{http_version} %{http_code}\\n", *urls)
    equal(codes, b"2 200\n" * 100, "a hundred GETs, 50 at a time")


@cases([(f"nghttp: {name}", secured) for name, secured in BOTH], deadline=60)
def nghttp_client(t, secured):
    front = Front(t, secured)
    urls = [front.url(f"/name/{number}", "127.0.0.1") for number in range(20)]
    quiet = ["-y"] if secured else []  # it cannot be told whom to trust
    out = run(t, "nghttp", "-nv", *quiet, "-H", f":authority: {front.host}", *urls).decode("utf-8", "replace")
    equal(len(re.findall(r":status: 200", out)), 20, f"answers of 200 in {out[-2000:]}")
    expect("GOAWAY" not in out.split("recv", 1)[1] or "NO_ERROR" in out, "no GOAWAY with an error")


@case("h2load: 5,000 requests over 10 connections, 50 streams each", alone=True, deadline=90)
def load(t):
    front = Front(t, False)
    count = t.scaled(5000, 500)
    out = run(t, "h2load", "-n", str(count), "-c", "10", "-m", "50", "-H", f":authority: {front.host}",
              front.url("/name/x", "127.0.0.1")).decode()
    contains(out, f"{count} succeeded, 0 failed, 0 errored, 0 timeout", "the report")
