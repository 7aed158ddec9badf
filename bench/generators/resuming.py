"""A load of resumed TLS handshakes: a connection for each request, all but the first with the ticket of the one before.

    resuming.py PORT SECONDS

Prints one line of JSON as wrk's scripts do. A handshake that was not resumed, and an answer that is not 200, is an error.
"""
import json
import socket
import ssl
import statistics
import sys
import time

REQUEST = b'GET / HTTP/1.1\r\nHost: bench.local\r\nConnection: close\r\n\r\n'


def ask(context, port, session):
    """One connection: (the session for the next one, whether this one was resumed, the status line)."""
    with socket.create_connection(('127.0.0.1', port), timeout=5) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(raw, server_hostname='bench.local', session=session) as secured:
            secured.sendall(REQUEST)
            answer = secured.recv(4096)
            while secured.recv(4096):  # to the end: the ticket has come by then
                pass
            return secured.session, secured.session_reused, answer[:12]


def main(port, seconds):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    session, _, _ = ask(context, port, None)
    took_us, bad, not_resumed = [], 0, 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        asked = time.perf_counter()
        session, resumed, status = ask(context, port, session)
        took_us.append((time.perf_counter() - asked) * 1e6)
        bad += status != b'HTTP/1.1 200'
        not_resumed += not resumed
    duration_us = (time.perf_counter() - began) * 1e6
    cuts = statistics.quantiles(took_us, n=100)
    print(json.dumps({'requests': len(took_us), 'duration_us': duration_us, 'p50_us': cuts[49], 'p99_us': cuts[98],
                      'errors': not_resumed, 'bad_statuses': bad}))


if __name__ == '__main__':
    main(int(sys.argv[1]), float(sys.argv[2]))
