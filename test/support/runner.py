"""Finds the cases of a folder, runs them, prints what failed and a last line with the counts.

    @case("what must hold")
    def some_name(t): ...

    @cases([("what must hold", 1, 2), ("what else must hold", 3, 4)])
    def some_name(t, first, second): ...

A module of the folder is a topic. Cases run some at a time, for most of them wait most of the time; `alone=True` is
for those that measure. `flags` and `workers` choose the proxy process that a case shares with its like.
"""

import argparse
import functools
import importlib.util
import queue
import resource
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from checks import Skipped
from peer import PATIENCE
from proxy import ProxyPool, binary
from trial import Trial

_registered = []


@dataclass
class Case:
    topic: str
    name: str
    function: object
    flags: tuple
    workers: int
    alone: bool
    deadline: float
    outcome: str = ""
    reason: str = ""  # of a failure, in one line
    report: str = ""
    seconds: float = 0.0

    @property
    def title(self):
        return f"{self.topic}: {self.name}"


def case(name, *, flags=(), workers=1, alone=False, deadline=30.0):
    def register(function):
        topic = function.func.__module__ if isinstance(function, functools.partial) else function.__module__
        _registered.append(Case(topic, name, function, tuple(map(str, flags)), workers, alone, deadline))
        return function
    return register


def cases(table, **options):
    """A case for each row: its first column is the name, the others are the function's arguments."""
    def register(function):
        for name, *columns in table:
            case(name, **options)(functools.partial(_call_with, function, columns))
            _registered[-1].topic = function.__module__
        return function
    return register


def _call_with(function, columns, t):
    function(t, *columns)


def discover(folder):
    """Loads every module of the folder; they register their cases."""
    for path in sorted(folder.glob("*.py")):
        if path.stem == "run":
            continue
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return list(_registered)


def run_case(one, pool):
    """Runs one case on a thread of its own, so that its deadline holds whatever it does."""
    trial = Trial(one, pool)
    result = {}

    def body():
        try:
            one.function(trial)
        except Skipped as skipped:
            result["skipped"] = str(skipped)
        except BaseException as error:
            result["error"] = error

    began = time.monotonic()
    thread = threading.Thread(target=body, daemon=True, name=one.title)
    thread.start()
    thread.join(one.deadline * PATIENCE)
    problems = []
    if thread.is_alive():
        stack = sys._current_frames().get(thread.ident)
        where = "".join(traceback.format_stack(stack)[-6:]) if stack else ""
        problems.append(f"not finished after {one.deadline * PATIENCE:g} s, at\n{where}")
    if error := result.get("error"):
        problems.append(explain(error))
    logs = trial.logs()
    faults = trial.close()
    if "skipped" not in result:
        problems += faults
    one.seconds = time.monotonic() - began
    if problems:
        one.outcome = "failed"
        one.reason = problems[0].partition("\n")[0]
        one.report = "\n".join("  " + problem.replace("\n", "\n  ") for problem in problems) + "\n" + "\n".join(logs)
    elif "skipped" in result:
        one.outcome, one.report = "skipped", result["skipped"]
    else:
        one.outcome = "passed"


def explain(error):
    """The error's words, and the line of the case it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if "/support/" not in frame.filename] or frames
    where = f"{Path(mine[-1].filename).name}:{mine[-1].lineno}" if mine else "?"
    text = f"{where}: {type(error).__name__}: {error}"
    if not isinstance(error, (AssertionError, OSError)) and type(error).__module__ == "builtins":
        text += "\n" + "".join(traceback.format_tb(error.__traceback__))  # a mistake of the case itself
    return text


def run_all(chosen, pool, jobs, show):
    """The ones that may share the machine first, `jobs` at a time; then the ones that measure, one by one."""
    waiting = queue.Queue()
    for one in chosen:
        if not one.alone:
            waiting.put(one)

    def work():
        while True:
            try:
                one = waiting.get_nowait()
            except queue.Empty:
                return
            run_case(one, pool)
            show(one)

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in chosen:
        if one.alone:
            run_case(one, pool)
            show(one)


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(folder):
    parser = argparse.ArgumentParser(description="Runs the cases of this folder against the binary $PENSTOCK_BIN.")
    parser.add_argument("--io", choices=["uring", "epoll"], default="epoll", help="the engine to test")
    parser.add_argument("--filter", action="append", default=[], metavar="SUBSTR",
                        help="only cases whose topic or name contains this (repeatable)")
    parser.add_argument("--list", action="store_true", help="list the cases and run none")
    parser.add_argument("--jobs", type=int, default=8, help="cases at a time")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for every case")
    options = parser.parse_args()

    chosen = [one for one in discover(folder)
              if not options.filter or any(part in one.title for part in options.filter)]
    titles = [one.title for one in chosen]
    doubles = {title for title in titles if titles.count(title) > 1}
    if doubles:
        raise SystemExit(f"cases of the same name: {sorted(doubles)}")
    if options.list:
        print("\n".join(titles))
        print(f"{len(chosen)} cases")
        return 0
    if not chosen:
        print("no case has that in its name", file=sys.stderr)
        return 2

    binary()
    raise_descriptor_limit()
    lock = threading.Lock()

    def show(one):
        with lock:
            if one.outcome == "failed":
                print(f"FAILED {one.title} ({one.seconds:.1f} s)\n{one.report}\n", flush=True)
            elif options.verbose and one.outcome == "passed":
                print(f"passed {one.title} ({one.seconds:.2f} s)", flush=True)

    pool = ProxyPool(options.io)
    began = time.monotonic()
    run_all(chosen, pool, max(1, options.jobs), show)
    faults = pool.stop()
    for fault in faults:
        print(f"FAILED at the end: {fault}\n")
    count = {outcome: sum(one.outcome == outcome for one in chosen) for outcome in ("passed", "failed", "skipped")}
    failed = count["failed"] + len(faults)
    for one in chosen:
        if one.outcome == "skipped":
            print(f"skipped {one.title}: {one.report}")
        elif one.outcome == "failed":  # once more: what shows but the end of this must name it
            print(f"failed {one.title}: {one.reason}")
    if options.verbose:
        print(f"{time.monotonic() - began:.1f} s with --io {options.io}")
    print(f"{count['passed']} passed, {failed} failed")
    return 1 if failed else 0
