"""A steady load on the data path, in processes of their own: what of it failed, and how long it took."""

import multiprocessing
import re
import socket
import time

import wire
from peer import DEADLINE


def _read_answer(sock):
    """A 200 with its body, whose length it tells; anything else is an error."""
    answer, wanted = b"", None
    while wanted is None or len(answer) < wanted:
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionError("the connection ended")
        answer += piece
        if wanted is None and b"\r\n\r\n" in answer:
            head = answer.partition(b"\r\n\r\n")[0]
            if not head.startswith(b"HTTP/1.1 200 "):
                raise ConnectionError(head[:80].decode("latin-1"))
            wanted = len(head) + 4 + int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head).group(1))


def _ask(address, data, rate, ends, results):
    """Requests at a steady rate over one connection, until `ends`; those that the clock has overtaken are sent at once."""
    failed, took = [], []
    sock = socket.create_connection(address, DEADLINE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    due = time.monotonic()
    while not ends.is_set():
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.monotonic()
        try:
            sock.sendall(data)
            _read_answer(sock)
        except OSError as error:
            failed.append(str(error))
            sock.close()
            sock = socket.create_connection(address, DEADLINE)
        took.append((began, time.monotonic() - began))
        due = max(due + 1 / rate, began)
    sock.close()
    results.put((failed, took))


class SteadyLoad:
    """Asks for `/` of a host whose backend answers 200 with a body of a known length."""

    def __init__(self, address, host, clients=2, rate=100, fields=lambda number: ()):
        """`fields`: those that a client's requests have, by its number."""
        self.ends = multiprocessing.Event()
        self.results = multiprocessing.Queue()
        self.processes = [multiprocessing.Process(target=_ask, daemon=True,
                                                  args=(address, wire.request(host, "/", *fields(number)), rate, self.ends, self.results))
                          for number in range(clients)]
        for process in self.processes:
            process.start()

    def stop(self):
        """(what failed, [(when it was sent, seconds it took)])"""
        self.ends.set()
        failed, took = [], []
        for _ in self.processes:
            one = self.results.get(timeout=2 * DEADLINE)
            failed += one[0]
            took += one[1]
        for process in self.processes:
            process.join(DEADLINE)
        return failed, sorted(took)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
