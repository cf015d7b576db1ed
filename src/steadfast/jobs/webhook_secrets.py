"""The secrets that callbacks are signed with: a master of the service, and from it one for each key.

A receiver knows the secret of one key. So it can check what is meant for it, and cannot make up what another
key's receiver would believe.
"""

import base64
import hashlib
import hmac
import os
from pathlib import Path
from secrets import token_urlsafe

from steadfast.errors import ConfigError

_KEPT_IN = "webhook.secret"


def secret_of_key(master: str, key_id: str) -> str:
    """What calls about jobs of this key are signed with; of nobody's (no keys are needed) the master itself.

    HMAC-SHA256 of the key's id under the master: the same for ever, and nothing to be stored.
    """
    if not key_id:
        return master
    derived = hmac.new(master.encode(), b"callbacks of key " + key_id.encode(), hashlib.sha256).digest()
    return "whsec_" + base64.urlsafe_b64encode(derived).decode().rstrip("=")


def webhook_secret(data_dir: Path, given: str | None) -> str:
    """What calls are signed with: what the operator gave, else a secret that is made once and kept.

    Raises `ConfigError` where it cannot be kept.
    """
    if given:
        return given
    file = data_dir / _KEPT_IN
    try:
        if not file.exists():
            _keep_new_secret(file)
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"The secret of webhooks in {file} cannot be used: {reason}.") from error


def _keep_new_secret(file: Path) -> None:
    """Whole or not at all; of two that start together the first one's counts."""
    aside = file.with_name(f".{_KEPT_IN}-{token_urlsafe(6)}")
    descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(f"whsec_{token_urlsafe(32)}\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(aside, file)
        except FileExistsError:
            return
    finally:
        aside.unlink(missing_ok=True)
