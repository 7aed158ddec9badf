"""Writers that a proxy is killed under, and the judgement of what its store has kept: everything that was acknowledged,
nothing by halves."""

import http.client
import json
import random
import signal
import threading

from checks import Failed, equal, expect

HOSTS = 10  # of each writer


def route_of(host, number):
    """A route that says its number in several places: half of one, or a mixture, would show."""
    backends = [{"id": f"b{place}", "hostname": "127.0.0.2", "port": 1 + (number + place) % 65_000}
                for place in range(1 + number % 20)]
    return {"vHost": host, "id": host, "aliases": [f"n{number}.{host}"], "maxBodyBytes": number,
            "headers": {"X-Number": str(number)}, "backends": backends}


def is_whole(route, number):
    wanted = route_of(route["vHost"], number)
    return (route["aliases"] == wanted["aliases"] and route["headers"] == wanted["headers"] and
            [one["port"] for one in route["backends"]] == [one["port"] for one in wanted["backends"]])


class Writer:
    """One client. It remembers what each host was last acknowledged to be, and what else it may be by now."""

    def __init__(self, number, seed):
        self.random = random.Random(seed * 1_000 + number)
        self.state = {f"w{number}h{place}.test": None for place in range(HOSTS)}  # None: no route
        self.asked = None  # (host, number or None) without an answer so far
        self.count = 0     # of answers

    def write(self, port, most):
        """Until the proxy is gone, or there have been that many answers."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            while self.count < most:
                self._write_one(connection)
        except (OSError, http.client.HTTPException):
            pass  # killed
        finally:
            connection.close()

    def _write_one(self, connection):
        host = self.random.choice(sorted(self.state))
        number = None if self.state[host] is not None and self.random.random() < 0.2 else self.random.randrange(1, 1 << 30)
        self.asked = (host, number)
        path = f"/api/v1/routes/{host}"
        if number is None:
            connection.request("DELETE", path)
        else:
            connection.request("PUT", path, json.dumps(route_of(host, number)), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        expect(answer.status in (200, 201, 204), f"{host}: {answer.status} {body!r}")
        self.state[host] = number
        self.asked = None
        self.count += 1

    def judge(self, routes):
        """`routes`: what is there after the restart, by host. From here on, that is what was acknowledged."""
        for host, number in self.state.items():
            route = routes.get(host)
            found = route and route["maxBodyBytes"]
            possible = [number] + ([self.asked[1]] if self.asked and self.asked[0] == host else [])
            expect(found in possible, f"{host} is {found}, acknowledged was {number}, unanswered {self.asked}")
            expect(route is None or is_whole(route, found), f"{host} is there by halves: {route}")
            self.state[host] = found
        self.asked = None


def kill_and_judge(start, writers, most, seconds):
    """Writers write, each `most` answers at the latest, to what start() gives; it is killed after that time; a new one is
    judged. Gives that one: start() must take the same store."""
    proxy = start()
    failures = []

    def run(writer):
        try:
            writer.write(proxy.admin_port, most)
        except Failed as error:
            failures.append(error)
    threads = [threading.Thread(target=run, args=(writer,), daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    timer = threading.Timer(seconds, proxy.signal, [signal.SIGKILL])
    timer.start()
    for thread in threads:
        thread.join(60)
        expect(not thread.is_alive(), "a writer does not end")
    timer.join()
    proxy.wait_exit()
    proxy.stop(code=-signal.SIGKILL)
    if failures:
        raise failures[0]
    proxy = start()
    answer = proxy.api("GET", "/api/v1/routes")
    equal(answer.status, 200, "status after the restart")
    routes = {route["vHost"]: route for route in answer.json}
    for writer in writers:
        writer.judge(routes)
    return proxy
