"""Clients and servers from npm (test/npm), as processes."""

import shutil
import subprocess
from pathlib import Path

from checks import Skipped

NPM = Path(__file__).resolve().parent.parent / "npm"


def node(script, *arguments, needs, stdin=subprocess.DEVNULL):
    """Starts one of test/npm's scripts; `needs` is the package it is about."""
    if not shutil.which("node") or not (NPM / "node_modules" / needs).exists():
        raise Skipped(f"node, or {needs} from npm, is not there: tools/setup installs them")
    return subprocess.Popen(["node", str(NPM / script), *map(str, arguments)], stdin=stdin,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
