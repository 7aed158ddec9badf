"""What tests of the admin side's access need: files of secrets, clients' contexts, the audit."""

import json
import ssl
import tempfile
from pathlib import Path


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def private(folder, name, text, mode=0o600):
    """A file of these permissions, put in place whole, as `mv` does."""
    path = Path(folder) / name
    fresh = Path(folder) / f"{name}.new"
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.rename(path)
    return str(path)


def trusting(pair, own=None, version=None):
    """Trusts this certificate alone, and shows `own` where it is asked for one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pair.cert)
    if version:
        context.minimum_version = context.maximum_version = version
    if own:
        with tempfile.TemporaryDirectory() as folder:
            context.load_cert_chain(private(folder, "cert", own.cert), private(folder, "key", own.key))
    return context


def audit_lines(proxy):
    lines = [json.loads(line) for line in proxy.stderr_lines() if line.startswith("{")]
    return [line for line in lines if line["message"] == "audit"]
