"""`process` in the configuration document: flags of the program, for its next start (SPEC sections 1 and 9)."""

import json
import os
import tempfile

from harness import case, contains, equal, expect_refused, free_port, lacks, run_program

CONFIG = "/api/v1/config"


def workers_of(proxy):
    return proxy.api("GET", "/api/v1/stats").json["process"]["workers"]


def replaced(proxy, process, status=200):
    document = proxy.api("GET", CONFIG).json | {"process": process}
    answer = proxy.api("PUT", CONFIG, document)
    equal(answer.status, status, f"status ({answer.body[:500]!r})")
    return answer


def write(folder, document):
    path = os.path.join(folder, "all.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    return path


@case("what was PUT there counts at the next start, behind the command line; a rollback takes it back")
def stored(t):
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:{folder}/p.db"
        proxy = t.start("--store", store, workers=None)
        before = workers_of(proxy)
        process = {"workers": before + 1, "headerTimeout": "7s"}
        equal(replaced(proxy, process).json["process"], process, "process in the answer")
        equal(workers_of(proxy), before, "workers of the running one")
        equal(proxy.api("GET", CONFIG).json["process"], process, "process in the document")
        proxy.stop()
        proxy = t.start("--store", store, workers=None)
        equal(workers_of(proxy), before + 1, "workers after a restart")
        proxy.stop()
        proxy = t.start("--store", store, workers=before + 2)
        equal(workers_of(proxy), before + 2, "workers with the flag")
        replaced(proxy, {})
        newest = proxy.api("GET", f"{CONFIG}/revisions").json[0]["revision"]
        equal(proxy.api("POST", f"{CONFIG}/rollback", {"revision": newest - 1}).status, 200, "the rollback")
        equal(proxy.api("GET", CONFIG).json["process"], process, "process after the rollback")


@case("a flag that is none, or a bad value, is 422 with its pointer, and nothing changes")
def refused(t):
    proxy = t.start()
    for process, pointer in (({"bogus": 1}, "/process/bogus"), ({"workers": "many"}, "/process/workers"),
                             ({"store": "memory:"}, "/process/store"), ({"workers": {}}, "/process/workers")):
        answer = replaced(proxy, process, 422)
        contains([one["pointer"] for one in answer.json["errors"]], pointer, "pointers")
    equal(proxy.api("GET", CONFIG).json["process"], {}, "process")


@case("--config: the file's process counts at the start that applies it, and at later ones")
def file(t):
    with tempfile.TemporaryDirectory() as folder:
        path = write(folder, {"process": {"workers": 3}, "routes": [{"vHost": "a.test"}]})
        flags = ("--store", f"sqlite:{folder}/p.db", "--config", path)
        for _ in range(2):
            proxy = t.start(*flags, workers=None)
            equal(workers_of(proxy), 3, "workers")
            proxy.stop()


@case("a file with a bad process is refused with line and column, at the start and by check")
def bad_file(t):
    with tempfile.TemporaryDirectory() as folder:
        path = write(folder, {"process": {"workers": "many", "idleTimeout": "5s"}})
        flags = ["--http", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}"]
        expect_refused(run_program(*flags, "--config", path), f"{path}:1:", "/process/workers")
        code, out, err = run_program("check", path)
        equal((code, out), (1, ""), "code and stdout of check")
        contains(err, f"{path}:1:25: /process/workers: ", "what check says")
        lacks(err, "idleTimeout", "what check says")
