"""Metrics as Prometheus reads them: the text format, parsed strictly; promtool; a prometheus of the test's own."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from checks import Failed, Skipped, equal, expect
from peer import DEADLINE
from ports import free_port

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
PARTS = ("_bucket", "_sum", "_count")


@dataclass
class Family:
    kind: str = ""
    help: str = ""
    samples: dict = field(default_factory=dict)  # (name, ((label, value), …)) to a number

    @property
    def labels(self):
        """Names of all labels but a histogram's own."""
        return {name for _, labels in self.samples for name, _ in labels} - {"le"}


def _labels(text, line):
    found = []
    at = 0
    while at < len(text):
        one = LABEL.match(text, at)
        expect(one, f"labels: {line!r}")
        found.append((one[1], re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], one[2])))
        at = one.end()
    equal(len(dict(found)), len(found), f"each label once: {line!r}")
    return tuple(sorted(found))


def parse(text):
    """Families by name. Each stands together, its samples once each."""
    families = {}
    current = None
    expect(text.endswith("\n"), "the last line ends")
    for line in text[:-1].split("\n"):
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            if word == "HELP":
                expect(name not in families, f"{name} stands together")
                current = families[name] = Family(help=rest)
            else:
                equal((word, families[name] is current), ("TYPE", True), line)
                current.kind = rest
            continue
        one = SAMPLE.match(line)
        expect(one, f"a sample: {line!r}")
        name = one[1]
        base = next((name[:-len(part)] for part in PARTS if name.endswith(part) and name[:-len(part)] in families), name)
        expect(families.get(base) is current, f"a sample of its family: {line!r}")
        key = (name, _labels(one[2] or "", line))
        expect(key not in current.samples, f"once: {line!r}")
        current.samples[key] = float(one[3])
    return families


def read_metrics(proxy, **more):
    answer = proxy.api("GET", "/metrics", **more)
    equal(answer.status, 200, "status of /metrics")
    equal(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "Content-Type")
    return parse(answer.body.decode())


def value(families, name, **labels):
    """Of one sample; 0 where there is none."""
    base = next((name[:-len(part)] for part in PARTS if name.endswith(part) and name[:-len(part)] in families), name)
    return families[base].samples.get((name, tuple(sorted(labels.items()))), 0)


def total(families, name, **labels):
    """Of all samples with these labels, whatever others they have."""
    wanted = set(labels.items())
    return sum(number for (one, own), number in families[name].samples.items() if one == name and wanted <= set(own))


def promtool_check(text):
    """What promtool complains of; empty: nothing."""
    try:
        ended = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60)
    except FileNotFoundError as error:
        raise Skipped("promtool is not installed") from error
    said = (ended.stdout + ended.stderr).decode()
    return said if said or ended.returncode == 0 else f"exit code {ended.returncode}"


class Prometheus:
    """A server that scrapes `proxy` once a second."""

    def __init__(self, t, proxy):
        folder = Path(t.folder())
        self.port = free_port()
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                  "scrape_configs": [{"job_name": "penstock", "static_configs": [
                      {"targets": [f"127.0.0.1:{proxy.admin_port}"]}]}]}
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        self.log = open(folder / "log", "w+b")
        try:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        except FileNotFoundError as error:
            raise Skipped("prometheus is not installed") from error

    def query(self, expression):
        """[(labels, value)]; empty while it is not up."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
                result = json.load(answer)["data"]["result"]
        except (OSError, urllib.error.URLError):
            return []
        return [(one["metric"], float(one["value"][1])) for one in result]

    def wait(self, expression, condition, what):
        """Asks until `condition` holds of the answer's values."""
        ends = time.monotonic() + 6 * DEADLINE
        while True:
            got = self.query(expression)
            if got and condition([number for _, number in got]):
                return got
            if time.monotonic() > ends or self.process.poll() is not None:
                self.log.seek(0)
                raise Failed(f"{what}: {expression} gives {got}; its log: {self.log.read()[-2000:].decode()}")
            time.sleep(0.1)

    def close(self):
        self.process.terminate()
        self.process.wait(DEADLINE * 3)
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
