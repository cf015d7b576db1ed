"""How a message that the service sends proves that it is the service's, and of its time.

A receiver computes the same over the body it got, compares, and refuses a time long past: so it takes neither
forgeries nor replays.
"""

import hashlib
import hmac

SIGNATURE = "X-Steadfast-Signature"
"""`t=<unix seconds>,v1=<hex HMAC-SHA256 over "<t>.<body>">`."""


def signature(secret: str, at_s: int, body: bytes) -> str:
    """What proves that the body is ours and of that time."""
    return hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()


def signature_header(secret: str, at_s: int, body: bytes) -> str:
    """The value of `X-Steadfast-Signature`."""
    return f"t={at_s},v1={signature(secret, at_s, body)}"
