"""One call: a signed POST to an address that was looked at, with bounds on its time and on its answer."""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from steadfast.errors import InvalidOption, ReferenceRefused
from steadfast.jobs.callback_guard import CallbackGuard
from steadfast.jobs.callback_queue import Call
from steadfast.jobs.webhook_secrets import secret_of_key
from steadfast.signature import SIGNATURE, signature_header

if TYPE_CHECKING:
    import httpx

_GONE = 410


@dataclass(frozen=True, kw_only=True, slots=True)
class CallOutcome:
    """How an attempt ended."""

    is_taken: bool
    is_final: bool
    """Whether trying again could change nothing."""
    detail: str
    """For people; without what the receiver said, which may be anything."""


class CallPost(Protocol):
    """Makes one attempt; never raises for what the receiver does."""

    async def __call__(self, call: Call) -> CallOutcome:
        """What became of it."""


class SignedPost:
    """The real one, over HTTP."""

    def __init__(
        self,
        guard: CallbackGuard,
        *,
        secret: str,
        timeout_s: float = 10.0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`secret`: the master; `timeout_s`: of the whole attempt, from the name to the answer's head."""
        self._guard = guard
        self._secret = secret
        self._timeout_s = timeout_s
        self._wall_clock = wall_clock
        self._tls: ssl.SSLContext | None = None

    async def __call__(self, call: Call) -> CallOutcome:
        """Any 2xx is an acceptance. A redirect is refused: what is signed goes where it was meant to go."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(_prepared)
        import httpx  # noqa: PLC0415 — only a service that has something to tell needs it

        try:
            async with asyncio.timeout(self._timeout_s):
                return _judged(await self._post(call))
        except TimeoutError:
            return _failed(f"no answer within {self._timeout_s:g} s")
        except (ReferenceRefused, InvalidOption) as error:
            return CallOutcome(is_taken=False, is_final=True, detail=error.detail)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return _failed(f"the receiver was not reached: {type(error).__name__}")

    async def _post(self, call: Call) -> int:
        import httpx  # noqa: PLC0415

        addresses = await self._guard.addresses(call.url)
        assert self._tls is not None
        # Without the environment's proxies, which would resolve the name themselves.
        options = {"verify": self._tls, "trust_env": False, "timeout": self._timeout_s}
        async with httpx.AsyncClient(**options) as client:  # type: ignore[arg-type]
            for address in addresses[:-1]:
                try:
                    return await self._post_to(client, call, address)
                except httpx.ConnectError:
                    continue
            return await self._post_to(client, call, addresses[-1])

    async def _post_to(self, client: "httpx.AsyncClient", call: Call, address: str) -> int:
        import httpx  # noqa: PLC0415

        body = call.body.encode()
        name = urlsplit(call.url).hostname
        url = httpx.URL(call.url)
        request = client.build_request(
            "POST",
            url.copy_with(host=address),  # the one that was looked at, not whatever the name says next
            content=body,
            headers=self._headers(call, body) | {"Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": name},  # the certificate is the name's
        )
        answer = await client.send(request, stream=True)
        await answer.aclose()  # only its status matters; however long its body is, nobody reads it
        return answer.status_code

    def _headers(self, call: Call, body: bytes) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": "steadfast",
            "X-Steadfast-Event": call.event,
            "X-Steadfast-Delivery": call.id,
            "X-Steadfast-Attempt": str(call.attempts + 1),
            SIGNATURE: signature_header(
                secret_of_key(self._secret, call.owner), int(self._wall_clock()), body
            ),
        }


def _prepared() -> ssl.SSLContext:
    """In a thread: importing, and reading a hundred certificates, would hold up the loop."""
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context(trust_env=False)


def _judged(status: int) -> CallOutcome:
    if 200 <= status < 300:
        return CallOutcome(is_taken=True, is_final=True, detail=f"the receiver answered {status}")
    if 300 <= status < 400:
        detail = f"the receiver answered {status}; redirects are not followed"
        return CallOutcome(is_taken=False, is_final=True, detail=detail)
    detail = f"the receiver answered {status}"
    # Others, such as 404, are often a receiver that is being set up.
    return CallOutcome(is_taken=False, is_final=status == _GONE, detail=detail)


def _failed(detail: str) -> CallOutcome:
    return CallOutcome(is_taken=False, is_final=False, detail=detail)
