"""How HTTP/2 connections end: timeouts, idleness, and SIGTERM (SPEC sections 1 and 12)."""

import signal
import socket
import threading
import time

import h2_frames as h2
from counting import read_stats
from h2 import connect
from harness import (OK, PATIENCE, Cut, answers, case, cases, equal, expect, held, lacks, never_answers, one_of, response)

SHORT = ["--header-timeout", "700ms", "--idle-timeout", "700ms", "--body-timeout", "700ms", "--response-timeout", "3s"]


def took(began, least, most, what):
    seconds = time.monotonic() - began
    expect(least <= seconds <= most * PATIENCE, f"{what} took {seconds:.2f} s, wanted {least} to {most}")


# Timeouts.

@cases([
    ("a preface that is never finished ends its connection", h2.PREFACE[:10]),
    ("a preface without SETTINGS ends its connection", h2.PREFACE),
    ("a frame that is never finished likewise", h2.PREFACE + h2.frame(h2.SETTINGS) + b"\0\0\x08\x06"),
    ("a header block that is never finished likewise", h2.PREFACE + h2.frame(h2.SETTINGS) + h2.frame(
        h2.HEADERS, h2.END_STREAM, 1, b"\x82")),
], flags=SHORT)
def slow_beginning(t, raw):
    client = connect(t, shake=False)
    client.unacknowledged.append({})
    client.acknowledges = False  # it would land in what is unfinished
    client.stream(1)
    began = time.monotonic()
    client.send(raw)
    rest = b""
    if len(raw) < len(h2.PREFACE):  # it may be taken for HTTP/1.1 still
        rest = client.wait_end()
    else:
        client.wait_closed()
    expect(not rest or rest.startswith(b"HTTP/1.1 408 ") or rest[3:5] == b"\x04\x00", f"what came: {rest[:100]!r}")
    took(began, 0.5, 5, "the end")


@cases([("a connection that has not asked for anything", False), ("a connection that was answered", True)], flags=SHORT)
def idle(t, asks):
    """GOAWAY(NO_ERROR) once it was idle for --idle-timeout, and the end."""
    origin = t.origin()
    client = connect(t)
    if asks:
        equal(client.fetch(origin.host).status, 200, "status")
    began = time.monotonic()
    client.wait_closed("the idle connection")
    took(began, 0.5, 5, "the end")
    equal([h2.code_name(code) for _, code, _ in client.goaways[-1:]], ["NO_ERROR"], "GOAWAY")
    equal(client.ended, "eof", "how it ended")


@case("an idle connection that is used in time stays", flags=SHORT)
def used_in_time(t):
    origin = t.origin()
    client = connect(t)
    for _ in range(4):
        client.listen(0.3)
        equal(client.fetch(origin.host).status, 200, "status")
    equal(client.goaways, [], "GOAWAYs")


@case("a stream that waits for its backend does not count as idle", flags=SHORT)
def waiting_is_not_idle(t):
    def script(backend):
        backend.read_request()
        quiet.wait(1.5)
        backend.send(OK)
        backend.wait_end()
    quiet = threading.Event()
    origin = t.origin(script)
    client = connect(t)
    equal(client.fetch(origin.host).status, 200, "status after twice the idle timeout")


@case("an upload that stops is ended (408, or a reset), and its neighbour is not", flags=SHORT)
def stopped_upload(t):
    origin = t.origin()
    other = t.origin(lambda backend: _answers_late(backend, ended))
    ended = threading.Event()
    client = connect(t)
    neighbour = client.request(other.host)
    stream = client.request(origin.host, "/", "content-length: 1000", method="POST", end=False)
    stream.send(b"part of it")
    began = time.monotonic()
    client.wait(lambda: stream.over, "the end of the upload")
    took(began, 0.5, 5, "the end of the upload")
    if stream.head:
        equal(stream.head.status, 408, "status")
    ended.set()
    equal(neighbour.response().status, 200, "the neighbour's status")
    equal(origin.requests, [], "whole requests upstream")
    lacks(origin.received, b"\r\n0\r\n\r\n", "bytes upstream")


def _answers_late(backend, when):
    backend.read_request()
    when.wait(2)
    backend.send(OK)
    backend.wait_end()


@case("a stream whose client gives no window is ended after --body-timeout, and its neighbours are not", flags=SHORT)
def stopped_download(t):
    big = t.origin(answers(response("200 OK", bytes(300_000))))
    origin = t.origin()
    client = connect(t, settings={h2.INITIAL_WINDOW_SIZE: 1000})
    client.refill = False
    stream = client.request(big.host)
    stream.wait_body(1000)
    began = time.monotonic()
    while not stream.over and time.monotonic() - began < 5 * PATIENCE:
        equal(client.fetch(origin.host).status, 200, "a neighbour's status meanwhile")
        client.grant(2)
        client.listen(0.2)
    expect(stream.reset_code is not None, "the stalled stream was reset")
    took(began, 0.5, 5, "the reset")
    client.must_stay_open_for(origin.host)


# SIGTERM.

def refuses_connections(proxy):
    with socket.socket() as sock:
        return sock.connect_ex(proxy.address) != 0


def drained(t, proxy):
    proxy.signal(signal.SIGTERM)
    t.eventually(lambda: refuses_connections(proxy), "the refusal of new connections")


@case("SIGTERM: GOAWAY(NO_ERROR), the streams that run are answered, then the connection ends and the process")
def drain(t):
    proxy = t.start(workers=2)
    go = threading.Event()
    origin = t.origin(held(go), proxy=proxy)
    clients = [connect(t, proxy) for _ in range(3)]
    streams = [client.request(origin.host) for client in clients for _ in range(5)]
    origin.wait_requests(15)
    drained(t, proxy)
    for client in clients:
        client.wait(lambda client=client: client.goaways, "GOAWAY")
    expect(proxy.alive(), "it waits for the streams")
    go.set()
    for stream in streams:
        equal(stream.response().status, 200, "status of a stream that ran")
    for client in clients:
        client.wait_closed()
        equal(client.faults, [], "GOAWAY with an error")
        equal(client.ended, "eof", "how it ended")
    proxy.wait_exit(5 * PATIENCE)
    proxy.judge()


@case("SIGTERM: an upload that runs is finished")
def drain_upload(t):
    proxy = t.start()
    origin = t.origin(lambda backend: [backend.send(response("200 OK", one.body)) for one in backend], proxy=proxy)
    client = connect(t, proxy)
    stream = client.request(origin.host, "/", method="POST", end=False)
    stream.send(b"before ")
    origin.wait(lambda: b"before" in origin.received, "the first part upstream")
    drained(t, proxy)
    client.wait(lambda: client.goaways, "GOAWAY")
    stream.send(b"and after", end=True)
    equal(stream.response().text, "before and after", "the echo")
    client.wait_closed()
    proxy.wait_exit(5 * PATIENCE)
    proxy.judge()


@case("SIGTERM: idle connections get GOAWAY and end at once")
def drain_idle(t):
    proxy = t.start(workers=2)
    origin = t.origin(proxy=proxy)
    clients = [connect(t, proxy) for _ in range(4)]
    for client in clients:
        equal(client.fetch(origin.host).status, 200, "status")
    began = time.monotonic()
    proxy.signal(signal.SIGTERM)
    for client in clients:
        client.wait_closed()
        equal([h2.code_name(code) for _, code, _ in client.goaways[-1:]], ["NO_ERROR"], "GOAWAY")
    proxy.wait_exit(5 * PATIENCE)
    took(began, 0, 4, "the exit")
    proxy.judge()


@case("SIGTERM: a stream that is opened behind GOAWAY goes unprocessed or is answered, never half")
def drain_new_stream(t):
    proxy = t.start()
    go = threading.Event()
    origin = t.origin(held(go), proxy=proxy)
    client = connect(t, proxy)
    running = client.request(origin.host)
    origin.wait_requests(1)
    drained(t, proxy)
    client.wait(lambda: client.goaways, "GOAWAY")
    late = client.request(origin.host, "/late")
    go.set()
    equal(running.response().status, 200, "status of the stream that ran")
    try:
        client.wait(lambda: late.over, "the late stream's fate")
    except Cut:
        expect(client.goaways[-1][0] < late.number, f"GOAWAY leaves stream {late.number} out: {client.goaways}")
    if late.reset_code is not None:
        equal(h2.code_name(late.reset_code), "REFUSED_STREAM", "the reset's code")
    client.wait_closed()
    proxy.wait_exit(5 * PATIENCE)
    proxy.judge()


@cases([(f"a client that goes by {name}, with streams that have no window, leaves nothing: SIGTERM ends the process", how, size)
        for name, how, size in (("an RST", "reset", 1000), ("closing it", "close", 1000), ("a FIN", "finish_sending", 1000),
                                ("half a frame", None, 1000))]
       + [("a client that closes with an endless answer stalled leaves nothing: SIGTERM ends the process", "close", 1 << 40)])
def gone_while_stalled(t, how, size):
    """By --body-timeout at the latest: a FIN alone does not tell that nobody reads any more."""
    proxy = t.start("--body-timeout", "2s")
    client = stalled(t, proxy, size)
    if how:
        getattr(client, how)()
    else:
        client.send(h2.frame(h2.DATA, 0, 1, b"x" * 100)[:50])
        client.close()
    t.eventually(lambda: read_stats(proxy)["connections"]["active"] == 0, "the end of the connection")
    t.eventually(lambda: read_stats(proxy)["requests"]["active"] == 0, "the end of its requests")
    proxy.signal(signal.SIGTERM)
    proxy.wait_exit(5 * PATIENCE)
    proxy.judge()


def stalled(t, proxy, size):
    """A client with three streams that wait for window."""
    def script(backend):
        for _ in backend:
            backend.send(response("200 OK", None, f"Content-Length: {size}"))
            for _ in range(size // 1000):
                backend.send(bytes(1000))
    origin = t.origin(script, proxy=proxy)
    client = connect(t, proxy, settings={h2.INITIAL_WINDOW_SIZE: 10})
    client.refill = False
    for stream in [client.request(origin.host) for _ in range(3)]:
        stream.wait_body(10)
    return client


@cases([("a second SIGTERM ends streams that are stalled at once", None),
        ("a second SIGTERM ends streams whose client has gone while they were stalled at once", "finish_sending")])
def second_signal(t, leave):
    proxy = t.start()
    client = stalled(t, proxy, 1000)
    if leave:
        getattr(client, leave)()
    drained(t, proxy)
    expect(proxy.alive(), "it waits for the streams")
    began = time.monotonic()
    proxy.signal(signal.SIGTERM)
    proxy.wait_exit()
    took(began, 0, 3, "the exit")
    proxy.judge()


@case("--drain-timeout ends the streams that do not end")
def drain_timeout(t):
    proxy = t.start("--drain-timeout", "700ms")
    origin = t.origin(never_answers, proxy=proxy)
    client = connect(t, proxy)
    client.request(origin.host)
    origin.wait_requests(1)
    began = time.monotonic()
    proxy.signal(signal.SIGTERM)
    proxy.wait_exit()
    took(began, 0.5, 4, "the exit")
    proxy.judge()
    client.wait_closed()


@case("GOAWAY names the last stream that was processed")
def last_stream(t):
    origin = t.origin()
    client = connect(t)
    for _ in range(3):
        equal(client.fetch(origin.host).status, 200, "status")
    client.try_frames(h2.frame(h2.PING, 0, 0, bytes(3)))
    client.must_fail(h2.FRAME_SIZE_ERROR)
    one_of(client.goaways[-1][0], [5], "the last stream")
