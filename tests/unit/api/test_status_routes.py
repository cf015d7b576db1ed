"""`/v1/status` and `/status`: whole for the admin, a little for all, and a page that nothing can enter."""

import base64
import hashlib
import json
import re
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from tests.unit.api.asgi import Sent, exchange, run

from steadfast.admission.keys import ApiKey, utc_now
from steadfast.admission.scopes import Scope
from steadfast.api.access import Access
from steadfast.api.application import Application
from steadfast.api.status_page.assembly import StatusPage
from steadfast.api.status_routes import StatusRoutes
from steadfast.errors import KeyRefused
from steadfast.observability.status.document import IncidentStatus, ServiceStatus, TaskStatus, WorkerStatus

NASTY = "</script><script>alert(1)</script><!-- "


def status(**more: Any) -> ServiceStatus:
    told: dict[str, Any] = {
        "at_s": 1.0,
        "word": "healthy",
        "reasons": (),
        "tasks": (TaskStatus(name="face_swap", ready=True, why_not="", degraded=()),),
        "incidents": (
            IncidentStatus(kind="hang", severity="error", since="2026-11-20T00:00:00+00:00", id="inc_7"),
        ),
        "is_whole": True,
        "version": "1.2.3",
    }
    return ServiceStatus(**(told | more))


class Board:
    async def status(self) -> ServiceStatus:
        return status()


class Keyring:
    """Knows one key of an administrator and one of nobody in particular."""

    def recall(self, token: str) -> ApiKey | None:
        scopes = {"admin-key": Scope.ADMIN, "swap-key": Scope.SWAP}
        if token not in scopes:
            raise KeyRefused("There is no such key.")
        now: datetime = utc_now()
        return ApiKey(
            id=token, name=token, scopes=frozenset({scopes[token]}), created_at=now, expires_at=None,
            revoked_at=None, last_used_at=None,
        )  # fmt: skip

    def check(self, token: str) -> ApiKey:
        raise AssertionError(token)


class Backend:
    def __init__(self, keyring: Keyring | None) -> None:
        self.access = Access(keyring, None)
        self.status: Board | None = Board()


def ask(backend: Backend, path: str, **headers: str) -> Sent:
    sent = Sent()
    routes = StatusRoutes(backend)  # type: ignore[arg-type]
    asked = exchange(method="GET", path=path, headers={"host": "localhost", **headers}, sent=sent)
    run(routes.page(asked) if path == "/status" else routes.status(asked))
    return sent


def test_without_keys_this_machines_own_programs_see_everything() -> None:
    told = msgspec.json.decode(ask(Backend(None), "/v1/status").body, type=ServiceStatus)
    assert told.is_whole
    assert told.version == "1.2.3"


def test_with_keys_everybody_sees_a_little_and_the_admin_everything() -> None:
    backend = Backend(Keyring())
    public = msgspec.json.decode(ask(backend, "/v1/status").body, type=ServiceStatus)
    assert (public.is_whole, public.word, public.version) == (False, "healthy", "")
    whole = msgspec.json.decode(
        ask(backend, "/v1/status", authorization="Bearer admin-key").body, type=ServiceStatus
    )
    assert whole == status()


@pytest.mark.parametrize("token", ["swap-key", "no-key"])
@pytest.mark.parametrize("path", ["/status", "/v1/status"])
def test_a_key_that_may_not_is_refused_and_not_passed_over(path: str, token: str) -> None:
    with pytest.raises(Exception, match=r"scope|key"):
        ask(Backend(Keyring()), path, authorization=f"Bearer {token}")


class _Page(HTMLParser):
    """What a browser would run, draw and load."""

    def __init__(self) -> None:
        super().__init__()
        self.content: dict[str, list[str]] = {"script": [], "style": []}
        self.documents: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [value or "" for name, value in attrs if name in ("src", "srcset", "action", "data")]
        if tag == "link":
            self.loads.append(given.get("href") or "")
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self._into = self.content.get(tag)
        if tag == "script" and given.get("type") == "application/json":
            self._into = self.documents

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._into = None


def read(body: bytes) -> _Page:
    page = _Page()
    page.feed(body.decode())
    return page


def test_the_page_loads_nothing_and_only_its_own_bytes_may_act_in_it() -> None:
    sent = ask(Backend(None), "/status")
    page = read(sent.body)
    assert page.loads == []
    assert page.handlers == []
    assert b"@import" not in sent.body
    assert b"url(" not in sent.body
    policy = sent.headers[b"content-security-policy"].decode()
    for kind in ("script", "style"):
        assert len(page.content[kind]) == 1
        digest = base64.b64encode(hashlib.sha256(page.content[kind][0].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert [name for name, _ in sent.messages[0]["headers"]].count(b"content-security-policy") == 1


def test_the_page_holds_what_its_reader_may_see() -> None:
    whole = json.loads(read(ask(Backend(None), "/status").body).documents[0])
    assert whole["version"] == "1.2.3"
    public = ask(Backend(Keyring()), "/status").body
    assert b"1.2.3" not in public
    assert b"inc_7" not in public
    assert json.loads(read(public).documents[0])["word"] == "healthy"


def test_what_a_worker_says_cannot_leave_the_document() -> None:
    page = read(StatusPage().showing(status(reasons=(NASTY,))))
    assert len(page.content["script"]) == 1
    assert json.loads(page.documents[0])["reasons"] == [NASTY]


def test_the_program_of_the_page_writes_text_and_never_html() -> None:
    program = read(StatusPage().showing(status())).content["script"][0]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", program
    )


def test_every_field_that_the_page_asks_for_is_in_the_document() -> None:
    program = read(StatusPage().showing(status())).content["script"][0]
    structs = {"status": ServiceStatus, "task": TaskStatus, "worker": WorkerStatus, "one": IncidentStatus}
    for variable, struct in structs.items():
        asked = set(re.findall(rf"\b{variable}\.([a-z][a-z0-9_]*)\b", program))
        assert asked <= set(struct.__struct_fields__), variable
        assert asked


def test_switched_off_there_is_nothing_at_its_place() -> None:
    backend = Backend(None)
    backend.status = None
    with pytest.raises(Exception, match="switched off"):
        ask(backend, "/status")


def test_both_are_served() -> None:
    application = Application(_Whole())  # type: ignore[arg-type]
    assert {"/status", "/v1/status"} <= set(application._routes)


class _Whole:
    """A backend of which nothing is used."""

    def __getattr__(self, name: str) -> Any:
        return None
