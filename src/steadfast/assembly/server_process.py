"""The server process from its first to its last moment."""

import asyncio
import logging
from collections.abc import Callable

from steadfast import process_title
from steadfast.assembly.service import ReadSettings, Service, Started
from steadfast.guardian.attach import Attachment
from steadfast.observability.logs import configure_logs
from steadfast.settings import Settings

_CHATTY = ("alembic", "uvicorn")
"""Libraries whose every-day messages say nothing that our own events do not."""


def run_service(
    settings: Settings,
    attachment: Attachment,
    on_started: Callable[[Started], None],
    *,
    read_settings: ReadSettings | None = None,
) -> None:
    """Lives until told not to. Raises what stops a start, and `SystemExit` where the server ended itself."""
    process_title.show_role("server")
    logs = configure_logs(settings.logs)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)

    async def live() -> int:
        service = Service(settings, read_settings=read_settings)
        await service.run(attachment, on_started)
        return service.exit_code

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            status = runner.run(live())
    finally:
        logs.close()
    if status:
        raise SystemExit(status)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 — there is none on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
