"""A signer of JSON Web Tokens: npm's `jose`, as a process (test/npm/jwt_signer.mjs); and tokens that nobody signs."""

import base64
import json
import subprocess
import time

from npm import node


def encoded(value):
    """base64url of bytes, or of a value's JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(header, claims, signature=b""):
    return f"{encoded(header)}.{encoded(claims)}.{encoded(signature)}"


class Signer:
    def __init__(self, *algorithms):
        self.process = node("jwt_signer.mjs", ",".join(algorithms), needs="jose", stdin=subprocess.PIPE)
        self.keys = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def sign(self, alg, claims=None, **header):
        """Good for a minute, unless the claims say otherwise; None takes one out."""
        all_claims = {"exp": int(time.time()) + 60} | (claims or {})
        all_claims = {name: value for name, value in all_claims.items() if value is not None}
        self.process.stdin.write(json.dumps({"alg": alg, "claims": all_claims, "header": header}) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()
