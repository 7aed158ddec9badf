"""Keys and certificates for tests, made by `openssl` when a test asks for them."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_ALGORITHMS = {
    "EC": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "RSA": ("rsa", "-pkeyopt", "rsa_keygen_bits:2048"),
    "weak RSA": ("rsa", "-pkeyopt", "rsa_keygen_bits:1024"),
}


@dataclass
class Pair:
    """A certificate and its key, as PEM."""

    cert: str
    key: str

    @property
    def secret(self):
        """A line of the key that nothing else holds."""
        return max(self.key.splitlines()[1:-1], key=len)


def _openssl(*arguments, given=None):
    ended = subprocess.run(["openssl", *arguments], input=given, capture_output=True, text=True, timeout=60)
    if ended.returncode:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {ended.stderr}")
    return ended.stdout


def make_key(kind="EC"):
    algorithm, *options = _ALGORITHMS[kind]
    return _openssl("genpkey", "-algorithm", algorithm, *options)


def encrypted(key):
    return _openssl("pkcs8", "-topk8", "-passout", "pass:secret", given=key)


def _alternative(name):
    return name if name.startswith("IP:") else f"DNS:{name}"


def make(*names, kind="EC", days=30, issuer=None, ca=False, key=None):
    """A certificate for these names ("IP:127.0.0.1" for an address): self-signed, or issued by another Pair.

    `days`: -1 has expired.
    """
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        key = key or make_key(kind)
        (at / "key").write_text(key)
        lines = ["basicConstraints=critical,CA:TRUE" if ca else "basicConstraints=CA:FALSE"]
        if names and not ca:
            lines.append("subjectAltName=" + ",".join(_alternative(name) for name in names))
        (at / "extensions").write_text("\n".join(lines) + "\n")
        _openssl("req", "-new", "-key", str(at / "key"), "-subj", f"/CN={names[0] if ca else 'test'}",
                 "-out", str(at / "request"))
        signer = ["-signkey", str(at / "key")]
        if issuer:
            (at / "ca").write_text(issuer.cert)
            (at / "ca-key").write_text(issuer.key)
            signer = ["-CA", str(at / "ca"), "-CAkey", str(at / "ca-key"), "-CAcreateserial"]
        cert = _openssl("x509", "-req", "-in", str(at / "request"), "-days", str(days), "-extfile",
                        str(at / "extensions"), *signer)
        return Pair(cert, key)
