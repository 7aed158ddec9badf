"""What a case is given: `t`. It hands out origins, routes, clients and proxies, and ends all of them with the case."""

import itertools
import tempfile
import threading
import time

import origin as origins
from checks import Failed, Skipped, equal, expect
from client import Client
from dns import Dns
from peer import DEADLINE
from proxy import SANITIZED, SCALE, Proxy

_numbers = itertools.count(1)


class Trial:
    def __init__(self, case, pool):
        self.case = case
        self.pool = pool
        self.io = pool.io
        self.origins = []
        self.dns_servers = []
        self.clients = []
        self.proxies = []
        self.hosts = []
        self.folders = []
        self._shared = None

    # Proxies

    @property
    def proxy(self):
        """The process that this case shares with others of the same flags."""
        if self._shared is None:
            self._shared = self.pool.get(self.case.flags, self.case.workers)
        return self._shared

    def start(self, *flags, wait=True, **options):
        """A process of this case's own."""
        proxy = Proxy(*flags, **({"io": self.io} | options))
        self.proxies.append(proxy)
        return proxy.wait_ready() if wait else proxy

    # Origins and routes

    def bare_origin(self, script=None, **sockets):
        """An origin without a route."""
        made = origins.Origin(script or origins.answers(origins.OK), **sockets)
        self.origins.append(made)
        return made

    def origin(self, script=None, *, proxy=None, host=None, sockets=None, **route):
        """An origin and a route to it; `origin.host` is the route's vHost, unlike any other case's."""
        made = self.bare_origin(script, **(sockets or {}))
        made.host = host or self.unique_host(made.port)
        (proxy or self.proxy).add_route(made.host, made.backend, **route)
        return made

    def dns(self):
        """A DNS server of this case's own."""
        made = Dns()
        self.dns_servers.append(made)
        return made

    def folder(self):
        """The path of a folder of this case's own."""
        self.folders.append(tempfile.TemporaryDirectory())
        return self.folders[-1].name

    def unique_host(self, port=0):
        """A vHost that no other case has; its route in a shared process ends with the case."""
        self.hosts.append(f"case{next(_numbers)}-{port}.test")
        return self.hosts[-1]

    # Clients

    def client(self, proxy=None, **options):
        """A new connection to the proxy."""
        target = (proxy or self.proxy).address
        return self.client_at(target, **options)

    def client_at(self, address, **options):
        made = Client(address, f"client {len(self.clients) + 1}", **options)
        self.clients.append(made)
        return made

    # Checks that several topics share

    def nothing_upstream(self, origin, proxy=None):
        """No byte reached the origin so far: a request sent now is the first and only thing that it sees."""
        answer = self.client(proxy).fetch(origin.host, "/sentinel")
        equal(answer.status, 200, "status of the request that proves nothing went upstream")
        equal(origin.targets, [b"/sentinel"], "requests at the origin")
        equal(len(origin.connections), 1, "connections at the origin")
        expect(origin.received.startswith(b"GET /sentinel HTTP/1.1\r\n"),
               f"bytes at the origin before the sentinel: {origin.received[:200]!r}")

    def only_sentinel_upstream(self, origin, proxy=None):
        """No whole request reached the origin so far (a head whose body broke may have)."""
        answer = self.client(proxy).fetch(origin.host, "/sentinel")
        equal(answer.status, 200, "status of the request that proves nothing whole went upstream")
        equal(origin.targets, [b"/sentinel"], "whole requests at the origin")

    def eventually(self, condition, what, deadline=DEADLINE):
        """For states that only polling shows (counters of the kernel, another process)."""
        end = time.monotonic() + deadline
        while not condition():
            if time.monotonic() > end:
                raise Failed(f"{what} did not happen in {deadline:g} s")
            time.sleep(0.01)

    # Sizes

    @staticmethod
    def scaled(count, least=1):
        return max(least, int(count * SCALE))

    @staticmethod
    def skip(reason):
        raise Skipped(reason)

    @staticmethod
    def skip_if_sanitized():
        if SANITIZED:
            raise Skipped("memory figures mean nothing under sanitizers")

    # The end

    def close(self):
        """Ends all that the case made; gives what went wrong on the other side."""
        for client in self.clients:
            client.break_off()
            client.close()
        self._forget_routes()
        for one in self.origins:
            one.stop()
        faults = [f"origin {one.port}: {fault!r}" for one in self.origins for fault in one.faults]
        for proxy in self.proxies:
            try:
                proxy.stop()
            except Failed as error:
                faults.append(str(error))
        for server in self.dns_servers:
            server.stop()
        for folder in self.folders:
            folder.cleanup()
        return faults

    def _forget_routes(self):
        """In the shared process: it would probe their dead backends' ports, which later cases' origins are given."""
        if self._shared is None or not self._shared.alive():
            return
        for host in self.hosts:
            try:
                self._shared.api("DELETE", f"/api/v1/routes/{host}")  # 404 where the case has made none, or has removed it
            except OSError:
                return

    def logs(self):
        """The bytes of every connection, for a failure's report."""
        lines = []
        ends = list(self.clients) + [end for one in self.origins for end in one.connections]
        for end in ends[:12]:
            for way, data, total in (("sent", end.sent, end.bytes_sent), ("received", end.received, end.bytes_received)):
                shown = bytes(data[:1500])
                more = f" … {total} bytes" if total > len(shown) else ""
                lines.append(f"    {end.label} {way}: {shown!r}{more}")
            lines.append(f"    {end.label} ended by the proxy: {end.ended or 'no'}")
        if len(ends) > 12:
            lines.append(f"    and {len(ends) - 12} connections more")
        for proxy in self.proxies or ([self._shared] if self._shared else []):
            tail = proxy.stderr()[-1500:]
            if tail:
                lines.append("    stderr of the proxy: " + tail.replace("\n", "\n      "))
        return lines


def in_threads(*functions, deadline=60.0):
    """Runs them at once, waits for all, and raises the first error of any."""
    errors = []

    def guarded(function):
        try:
            function()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    end = time.monotonic() + deadline
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive() and not errors:
            raise Failed(f"not finished after {deadline:g} s")
    if errors:
        raise errors[0]
