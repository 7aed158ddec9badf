"""The dashboard in a browser: one headless Chromium for all cases, which play test/npm/dashboard's scenarios in turn."""

import atexit
import json
import shutil
import subprocess
import threading
from pathlib import Path

from checks import Failed, Skipped
from npm import node
from proxy import binary

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def screenshots():
    """A folder in the build that is tested, where pictures of the last run stay."""
    folder = Path(binary()).parents[2] / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder


class Browser:
    """A process that plays a scenario at a time."""

    def __init__(self):
        found = next(filter(None, map(shutil.which, CHROMIUM)), None)
        if found is None:
            raise Skipped("there is no Chromium: tools/setup --test installs it")
        self.process = node("dashboard/run.mjs", found, needs="playwright-core", stdin=subprocess.PIPE)
        if self.process.stdout.readline().strip() != "ready":
            raise Failed(f"the browser does not start: {self.process.communicate()[1][-3000:]}")
        self.playing = threading.Lock()
        print(f"screenshots: {screenshots()}", flush=True)

    def play(self, scenario, **job):
        with self.playing:
            self.process.stdin.write(json.dumps(job | {"scenario": scenario, "screenshots": str(screenshots())}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the browser's process has ended: {self.process.stderr.read()[-3000:]}")
        if "error" in (answer := json.loads(line)):
            raise Failed(answer["error"])

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


_shared = []
_starting = threading.Lock()


def browser():
    with _starting:
        if not _shared:
            _shared.append(Browser())
            atexit.register(_shared[0].close)
        return _shared[0]
