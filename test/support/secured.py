"""Clients under TLS: what `Client` is, through a handshake."""

import socket
import ssl

from client import Client
from peer import DEADLINE


def context(pair=None, protocols=(), version=None):
    """Trusts this certificate alone; None: whatever it is shown."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if pair is None:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    else:
        made.load_verify_locations(cadata=pair.cert)
    if protocols:
        made.set_alpn_protocols(list(protocols))
    if version:
        made.minimum_version = made.maximum_version = version
    return made


class SecuredClient(Client):
    """Raises ssl.SSLError with the alert's name where the handshake is refused."""

    def __init__(self, address, name, with_context, label="TLS client", session=None, receive_buffer=None):
        raw = socket.socket()
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.settimeout(DEADLINE)
        raw.connect(address)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            secured = with_context.wrap_socket(raw, server_hostname=name, session=session,
                                               suppress_ragged_eofs=False)
        except OSError:
            raw.close()
            raise
        super(Client, self).__init__(secured, label)

    def _receive(self, deadline, size=65536):
        try:
            return super()._receive(deadline, size)
        except ssl.SSLEOFError:  # an end without close_notify is none
            self.ended = "reset"
            return False

    @property
    def alpn(self):
        return self.sock.selected_alpn_protocol()

    @property
    def session(self):
        return self.sock.session

    @property
    def was_resumed(self):
        return self.sock.session_reused
