"""`GET /v1/status`, how everything stands as one document, and `/status`, a page that shows it.

Both tell everybody what `/health` tells everybody; workers, traffic, jobs and versions are for the admin's
key, or for this machine's own programs where no keys are asked for. A wrong key is refused, not passed over.
"""

from steadfast.admission.scopes import Scope
from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange
from steadfast.api.status_page.assembly import StatusPage
from steadfast.errors import UnknownRoute
from steadfast.observability.status.board import StatusBoard, for_everybody
from steadfast.observability.status.document import ServiceStatus

_CREDENTIALS = (b"authorization", b"x-api-key")


class StatusRoutes:
    """The document and the page."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._page: StatusPage | None = None

    async def status(self, exchange: Exchange) -> None:
        """The document; as much of it as whoever asks may see."""
        await exchange.answer_json(await self._seen_by(exchange))

    async def page(self, exchange: Exchange) -> None:
        """The page, with the document as it is now inside it: it can be saved and sent."""
        status = await self._seen_by(exchange)
        if self._page is None:
            self._page = StatusPage()
        body = self._page.showing(status)
        await exchange.answer(200, b"text/html; charset=utf-8", body, self._page.headers)

    async def _seen_by(self, exchange: Exchange) -> ServiceStatus:
        board = self._board()
        access = self._backend.access
        if access.needs_keys and not any(name in exchange.headers for name in _CREDENTIALS):
            return for_everybody(await board.status())
        await access.admit(exchange, Scope.ADMIN)
        return await board.status()

    def _board(self) -> StatusBoard:
        if self._backend.status is None:
            raise UnknownRoute("The status is switched off (telemetry.status).")
        return self._backend.status
