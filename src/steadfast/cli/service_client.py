"""How commands ask a running service over HTTP: where it is, and with which key.

`STEADFAST_URL` says where (default: this machine's port 8080), `STEADFAST_KEY` is an API key; it is no
option, because what stands on a command line is seen by everybody on the machine.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from steadfast.errors import InvalidOption, ServiceUnreachable, SteadfastError

DEFAULT_URL = "http://127.0.0.1:8080"
_TIMEOUT_S = 30.0
_PATIENCE_S = 60.0
"""For which a service that is away is asked again, where asking twice does no harm."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_LATER = frozenset({429, 502, 503, 504})


class ServiceClient:
    """One service, by the environment."""

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = (os.environ.get("STEADFAST_URL") or DEFAULT_URL).rstrip("/")
        self._key = os.environ.get("STEADFAST_KEY")
        self._sleep = sleep
        self._session: Any = None
        """An `httpx.Client`; None: each question has a connection of its own."""
        if not self.url.startswith(("http://", "https://")):
            raise InvalidOption(
                f"STEADFAST_URL is no URL: {self.url[:100]!r}.", remedy=f"Write it like {DEFAULT_URL}."
            )

    def get(self, path: str, **query: object) -> Any:
        """The document at that path. Raises `ServiceUnreachable`, or the error that the service answered."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self.ask("GET", path, params=given).json()

    def get_bytes(self, path: str) -> bytes:
        """The same for what is no document."""
        content: bytes = self.ask("GET", path).content
        return content

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """An answer that is no refusal; `more` as httpx takes it. Raises as `get` does."""
        import httpx  # noqa: PLC0415 — `--help` stays fast

        headers = self._headers() | more.pop("headers", {})
        try:
            answer = (self._session or httpx).request(
                method, f"{self.url}{path}", headers=headers, timeout=more.pop("timeout", _TIMEOUT_S), **more
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnreachable(f"No service answers at {self.url}.") from error
        if answer.is_success:
            return answer
        raise _told(answer, self.url)

    @contextmanager
    def staying_connected(self) -> Iterator[None]:
        """Meanwhile all questions go over one connection, for who asks often."""
        import httpx  # noqa: PLC0415

        with httpx.Client() as session:
            self._session = session
            try:
                yield
            finally:
                self._session = None

    @contextmanager
    def streaming(self, path: str, headers: dict[str, str] | None = None) -> Iterator[Any]:
        """An answer that comes piece by piece. Raises as `get` does, also where it breaks off."""
        import httpx  # noqa: PLC0415

        # The service says at least every 15 s that it is still there.
        timeout = httpx.Timeout(_TIMEOUT_S, read=45.0)
        every = self._headers() | (headers or {})
        try:
            with httpx.stream("GET", f"{self.url}{path}", headers=every, timeout=timeout) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _told(answer, self.url)
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnreachable(f"The connection to {self.url} broke off.") from error

    def patiently(self, ask: Callable[[], Any], *, on_wait: Callable[[str], None] = lambda _: None) -> Any:
        """What `ask` answers; while the service is away or says `later` it is asked again for a minute.

        Only for what may be asked twice. Raises as `get` does.
        """
        away_since_s, pause_s = None, _FIRST_PAUSE_S
        while True:
            began_s = time.monotonic()
            try:
                return ask()
            except SteadfastError as error:
                now_s = time.monotonic()
                if away_since_s is None or now_s - began_s > _TIMEOUT_S:  # it was there in between
                    away_since_s, pause_s = now_s, _FIRST_PAUSE_S
                if not is_passing(error) or now_s + pause_s > away_since_s + _PATIENCE_S:
                    raise
                on_wait(error.detail)
            self._sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}


def is_passing(error: SteadfastError) -> bool:
    """Whether the same may be answered in a moment."""
    return isinstance(error, ServiceUnreachable) or getattr(error, "answered_status", 0) in _LATER


def _told(answer: Any, url: str) -> SteadfastError:
    """The error that the service has answered, as one of ours."""
    from steadfast.runtime.failure import error_of  # noqa: PLC0415
    from steadfast.runtime.messages import Failure  # noqa: PLC0415

    try:
        problem = answer.json()
        failure = Failure(code=problem["code"], detail=problem["detail"], remedy=problem["remedy"])
    except (ValueError, KeyError, TypeError):
        return ServiceUnreachable(f"What answers at {url} is no Steadfast service ({answer.status_code}).")
    error = error_of(failure)
    error.answered_status = answer.status_code  # type: ignore[attr-defined]
    return error
