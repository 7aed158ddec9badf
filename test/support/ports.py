"""Free ports on the loopback, outside the range the kernel takes outgoing ports from."""

import os
import random
import socket
import threading

_chooser = random.Random(os.getpid() * 1_000_003 + int.from_bytes(os.urandom(4), "big"))
_given = set()
_lock = threading.Lock()


def free_port():
    with _lock:
        while True:
            port = _chooser.randrange(10_000, 32_000)
            if port in _given:
                continue
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            _given.add(port)
            return port
