"""Where the journal lies, and what the service is called in a report."""

import socket
from pathlib import Path

from steadfast.settings import Settings


def ledger_folder(settings: Settings) -> Path:
    """Of the journal's files."""
    return settings.data_dir / "ledger"


def service_name(settings: Settings) -> str:
    """As alerts call it."""
    return settings.alerts.instance or socket.gethostname()
