"""Backends under TLS: what `Origin` is, behind a handshake, which it remembers."""

import ssl
import tempfile
from pathlib import Path

from origin import Origin


class SecuredOrigin(Origin):
    """`pair` is shown; with `clients`, a Pair, the client has to show a certificate that it has issued."""

    def __init__(self, script, pair, clients=None, protocols=("http/1.1",), version=None, **sockets):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if protocols:
            self.context.set_alpn_protocols(list(protocols))
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        if clients:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(cadata=clients.cert)
        self.context.sni_callback = lambda _sock, name, _context: self.names.append(name)
        self.names = []      # that were asked for; None: none was
        self.resumed = []    # of each handshake: whether it resumed a session
        self.agreed = []     # of each handshake: the protocol by ALPN
        self.shown = []      # of each handshake: the client's certificate, as `ssl` describes it
        self.refusals = []   # of each handshake that failed: why
        self.show(pair)
        super().__init__(script, **sockets)

    def show(self, pair):
        """From the next handshake on."""
        with tempfile.TemporaryDirectory() as folder:
            cert, key = Path(folder) / "cert", Path(folder) / "key"
            cert.write_text(pair.cert)
            key.write_text(pair.key)
            self.context.load_cert_chain(cert, key)

    def _serve(self, connection):
        try:
            self._before_handshake(connection)
            secured = self.context.wrap_socket(connection.sock, server_side=True, suppress_ragged_eofs=False)
        except (OSError, ValueError) as error:
            with self.changed:
                self.refusals.append(getattr(error, "reason", None) or str(error))
                self.changed.notify_all()
            connection.close()
            return
        connection.sock = secured
        self.resumed.append(secured.session_reused)
        self.agreed.append(secured.selected_alpn_protocol())
        self.shown.append(secured.getpeercert())
        super()._serve(connection)

    def _before_handshake(self, connection):
        """For those that something precedes it."""
