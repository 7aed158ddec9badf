"""Ports on the loopback that are given once: whoever still asks at a port whose test has ended meets no other test.

They lie outside the range the kernel takes outgoing ports from. A process holds them in blocks, against all that run
beside it.
"""

import os
import random
import socket
import threading

_FIRST, _LAST, _BLOCK = 10_000, 31_999, 500
_blocks = list(range(_FIRST, _LAST + 1, _BLOCK))
random.Random(os.urandom(8)).shuffle(_blocks)
_holds = []  # sockets whose names are the blocks', until this process ends
_mine = []   # those of the last block that were not given yet
_lock = threading.Lock()


def _next_block():
    while _blocks:
        first = _blocks.pop()
        hold = socket.socket(socket.AF_UNIX)
        try:
            hold.bind(f"\0penstock-test-ports-{first}")
        except OSError:
            hold.close()
            continue
        _holds.append(hold)
        return list(range(first, first + _BLOCK))
    raise RuntimeError("no ports are left: all blocks have been given, here or to processes beside this one")


def free_port():
    with _lock:
        while True:
            if not _mine:
                _mine.extend(_next_block())
            port = _mine.pop()
            with socket.socket() as probe:
                # A child that is just being started may hold the probe a moment longer.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            return port
