"""How commands ask a running service over HTTP: where it is, and with which key.

`STEADFAST_URL` says where (default: this machine's port 8080), `STEADFAST_KEY` is an API key; it is no
option, because what stands on a command line is seen by everybody on the machine.
"""

import os
from typing import Any

from steadfast.errors import InvalidOption, ServiceUnreachable, SteadfastError

DEFAULT_URL = "http://127.0.0.1:8080"
_TIMEOUT_S = 30.0


class ServiceClient:
    """One service, by the environment."""

    def __init__(self) -> None:
        self.url = (os.environ.get("STEADFAST_URL") or DEFAULT_URL).rstrip("/")
        self._key = os.environ.get("STEADFAST_KEY")
        if not self.url.startswith(("http://", "https://")):
            raise InvalidOption(
                f"STEADFAST_URL is no URL: {self.url[:100]!r}.", remedy=f"Write it like {DEFAULT_URL}."
            )

    def get(self, path: str, **query: object) -> Any:
        """The document at that path. Raises `ServiceUnreachable`, or the error that the service answered."""
        return self._answer(path, query).json()

    def get_bytes(self, path: str) -> bytes:
        """The same for what is no document."""
        content: bytes = self._answer(path, {}).content
        return content

    def _answer(self, path: str, query: dict[str, object]) -> Any:
        import httpx  # noqa: PLC0415 — `--help` stays fast

        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        given = {name: str(value) for name, value in query.items() if value is not None}
        try:
            answer = httpx.get(f"{self.url}{path}", params=given, headers=headers, timeout=_TIMEOUT_S)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnreachable(f"No service answers at {self.url}.") from error
        if answer.is_success:
            return answer
        raise _told(answer, self.url)


def _told(answer: Any, url: str) -> SteadfastError:
    """The error that the service has answered, as one of ours."""
    from steadfast.runtime.failure import error_of  # noqa: PLC0415
    from steadfast.runtime.messages import Failure  # noqa: PLC0415

    try:
        problem = answer.json()
        failure = Failure(code=problem["code"], detail=problem["detail"], remedy=problem["remedy"])
    except (ValueError, KeyError, TypeError):
        return ServiceUnreachable(f"What answers at {url} is no Steadfast service ({answer.status_code}).")
    return error_of(failure)
