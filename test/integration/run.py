#!/usr/bin/env python3
"""The integration suite: PENSTOCK_BIN=path/to/penstock run.py [--io uring|epoll] [--filter SUBSTR] [--list] [-v]"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import runner  # noqa: E402

sys.exit(runner.main(HERE))
