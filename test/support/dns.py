"""A small authoritative DNS server on the loopback, UDP and TCP on one port, whose answers a case sets as it goes.

    dns = Dns()
    dns.set("a.test", "127.0.0.1", "127.0.0.2", ttl=1)
    dns.set("b.test", cname="a.test", ttl=30)
    dns.fail("c.test", "SERVFAIL")        # or NXDOMAIN, REFUSED, or SILENCE: no answer at all

What has not been set is NXDOMAIN. Names are compared without case, and every question is kept in `asked`.
"""

import ipaddress
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from checks import Failed
from peer import DEADLINE

A, CNAME, AAAA = 1, 5, 28
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}
SILENCE = "SILENCE"


@dataclass
class Zone:
    """All that is said about one name."""
    addresses: tuple = ()
    cname: str = ""
    ttl: int = 60
    rcode: str = "NOERROR"       # or SILENCE
    fails: tuple = (A, AAAA)     # the types that `rcode` is said of, the others are answered
    delay: float = 0.0
    truncate: bool = False       # over UDP, whatever the size
    rotation: int = field(default=0, compare=False)


@dataclass
class Question:
    name: str
    kind: int
    over: str                    # "udp" or "tcp"
    at: float


def _encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _decode(packet, at):
    labels = []
    while packet[at]:
        size = packet[at]
        labels.append(packet[at + 1:at + 1 + size].decode("ascii"))
        at += 1 + size
    return ".".join(labels), at + 1


def _record(name, kind, ttl, data):
    return _encode(name) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


class Dns:
    def __init__(self):
        self.changed = threading.Condition()
        self.zones = {}
        self.asked = []
        self.stopping = False
        self.tcp = socket.socket()
        while True:  # one port that is free for both
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.udp.close()
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.tcp.listen(128)
        threading.Thread(target=self._serve_udp, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()

    @property
    def address(self):
        """As --resolver takes it."""
        return f"127.0.0.1:{self.port}"

    # What it says

    def set(self, name, *addresses, **zone):
        with self.changed:
            self.zones[name.lower()] = Zone(tuple(addresses), **zone)

    def fail(self, name, rcode, **zone):
        with self.changed:
            self.zones[name.lower()] = Zone(rcode=rcode, **zone)

    # What it was asked

    def count(self, name, kind=A):
        with self.changed:
            return sum(one.name == name.lower() and one.kind == kind for one in self.asked)

    def wait_asked(self, name, count, kind=A, deadline=DEADLINE):
        """Until the name has been asked for that often since the start."""
        end = time.monotonic() + deadline
        with self.changed:
            while sum(one.name == name.lower() and one.kind == kind for one in self.asked) < count:
                if time.monotonic() > end:
                    raise Failed(f"DNS: question number {count} for {name} did not come in {deadline:g} s")
                self.changed.wait(0.05)

    # Serving

    def _serve_udp(self):
        while True:
            try:
                packet, client = self.udp.recvfrom(4096)
            except OSError:
                return
            self._answer(packet, "udp", lambda data, client=client: self._send_udp(data, client))

    def _send_udp(self, data, client):
        try:
            self.udp.sendto(data, client)
        except OSError:
            pass  # the client or we have gone

    def _serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_connection, args=(connection,), daemon=True).start()

    def _serve_connection(self, connection):
        with connection, connection.makefile("rb") as stream:
            try:
                while size := stream.read(2):
                    packet = stream.read(struct.unpack("!H", size)[0])
                    self._answer(packet, "tcp", lambda data: connection.sendall(struct.pack("!H", len(data)) + data))
            except OSError:
                return

    def _answer(self, packet, over, send):
        name, at = _decode(packet, 12)
        kind = struct.unpack("!H", packet[at:at + 2])[0]
        with self.changed:
            self.asked.append(Question(name.lower(), kind, over, time.monotonic()))
            zone = self.zones.get(name.lower())
            reply = self._reply(packet[:2], packet[12:at + 4], name, kind, over)
            self.changed.notify_all()
        if reply is None:
            return
        if zone and zone.delay:
            timer = threading.Timer(zone.delay, send, (reply,))
            timer.daemon = True
            timer.start()
        else:
            send(reply)

    def _reply(self, number, question, name, kind, over):
        records, rcode, truncated = [], "NXDOMAIN", False
        owner = name
        while zone := self.zones.get(owner.lower()):
            rcode = zone.rcode if kind in zone.fails else "NOERROR"
            truncated |= zone.truncate and over == "udp"
            if rcode != "NOERROR" or not zone.cname:
                break
            records.append(_record(owner, CNAME, zone.ttl, _encode(zone.cname)))
            owner, rcode = zone.cname, "NXDOMAIN"
        if rcode == SILENCE:
            return None
        if zone and rcode == "NOERROR":
            records += self._addresses(owner, zone, kind)
        flags = 0x8580 | RCODES[rcode] | (0x0200 if truncated else 0)
        if truncated:
            records = []
        return number + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question + b"".join(records)

    @staticmethod
    def _addresses(owner, zone, kind):
        found = []
        for text in zone.addresses:
            address = ipaddress.ip_address(text)
            if (A if address.version == 4 else AAAA) == kind:
                found.append(_record(owner, kind, zone.ttl, address.packed))
        if found:  # as real servers do: another one first each time
            zone.rotation = (zone.rotation + 1) % len(found)
            found = found[zone.rotation:] + found[:zone.rotation]
        return found

    def stop(self):
        self.udp.close()
        try:
            self.tcp.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.tcp.close()
