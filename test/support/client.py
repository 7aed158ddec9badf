"""The client's end: a raw connection to the proxy, and a strict reader of what it answers."""

import socket

import wire
from checks import Failed, equal, expect
from peer import DEADLINE, Cut, Peer, Silent


class Client(Peer):
    """A connection to the proxy. `address` is (host, port) or the path of a unix socket."""

    def __init__(self, address, label="client", receive_buffer=None):
        if isinstance(address, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(DEADLINE)
        sock.connect(address)
        super().__init__(sock, label)

    def read_head(self):
        """The next response head, 1xx or final."""
        return wire.parse_response(self.read_until(b"\r\n\r\n"))

    def read_response(self, method="GET", sink=None):
        """A final response and its body; the 1xx before it are in its `interim`."""
        interim = []
        answer = self.read_head()
        while answer.status < 200 and answer.status != 101:
            interim.append(answer)
            answer = self.read_head()
        answer.interim = interim
        framing, length = wire.framing_of_response(answer, method.encode())
        self.read_body(answer, framing, length, sink)
        return answer

    def ask(self, data, method="GET"):
        """Sends, and reads one answer."""
        self.send(data)
        return self.read_response(method)

    def fetch(self, host, target="/", *fields, **more):
        """A well-formed request and its answer."""
        method = more.get("method", "GET")
        return self.ask(wire.request(host, target, *fields, **more), method)

    # What an answer must be followed by

    def must_close(self, what="the connection"):
        """The proxy ends the connection and sends nothing more."""
        try:
            rest = self.wait_end()
        except Silent as error:
            raise Failed(f"{what} stayed open") from error
        equal(rest, b"", f"bytes before {what} was closed")

    def must_close_without_answer(self):
        self.must_close("the silent connection")

    def must_stay_open_for(self, host):
        """The connection still serves a request."""
        try:
            answer = self.fetch(host, "/still-open")
        except Cut as error:
            raise Failed(f"the connection was closed: {error}") from error
        equal(answer.status, 200, "status of the next request on the connection")

    def must_abort(self, method="GET"):
        """The answer's body is cut visibly: an RST, or an end before its length or last chunk. Gives the head."""
        answer = self.read_head()
        framing, length = wire.framing_of_response(answer, method.encode())
        try:
            self.read_body(answer, framing, length)
        except Cut as error:
            if framing == "close":
                expect(error.how == "reset", "a close-delimited body can only be cut by an RST")
            return answer
        raise Failed(f"the answer ended cleanly ({answer.status}, {framing}, {len(answer.body)} bytes)")
