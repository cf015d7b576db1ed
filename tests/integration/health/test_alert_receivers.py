"""Alerts against real receivers: an SMTP server, an HTTP server, Alertmanager."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr
from tests.http_receiver import Hook
from tests.ports import free_port
from tests.unit.health.alerts.incidents import incident, notice

from steadfast.errors import ConfigError
from steadfast.health.alerts.channels import channels_of
from steadfast.health.alerts.delivery import DeliveryFailed
from steadfast.settings import AlertSettings
from steadfast.signature import SIGNATURE, signature

# The server of the tests takes passwords without TLS, and says that this is dangerous.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")


class Inbox(MessageHandler):
    """Keeps what was handed in."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.messages.append(message)


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    handler, port = Inbox(), free_port()

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        return AuthResult(success=(login.login, login.password) == (b"steadfast", b"a password"))

    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=port,
        authenticator=check,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    yield handler, port
    controller.stop()


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


def mail_settings(port: int, **more: Any) -> AlertSettings:
    options: dict[str, Any] = {
        "mail_host": "127.0.0.1",
        "mail_port": port,
        "mail_encryption": "none",
        "mail_user": "steadfast",
        "mail_password": SecretStr("a password"),
        "mail_to": ("ops@example.org",),
    } | more
    return AlertSettings(**options)


def test_a_mail_arrives_with_what_happened(inbox: tuple[Inbox, int]) -> None:
    handler, port = inbox
    channels_of(mail_settings(port))["mail"](notice())
    (message,) = handler.messages
    assert message["Subject"] == "[error] worker_died of face_swap on cam-1"
    assert message["To"] == "ops@example.org"
    assert "SIGSEGV" in str(message.get_payload())


def test_a_mail_server_that_refuses_or_is_gone_is_tried_again(inbox: tuple[Inbox, int]) -> None:
    _, port = inbox
    for settings in (
        mail_settings(port, mail_password=SecretStr("wrong")),
        mail_settings(port, mail_encryption="starttls"),  # it offers none: the password must not go out plain
        mail_settings(free_port()),
    ):
        with pytest.raises(DeliveryFailed) as caught:
            channels_of(settings)["mail"](notice())
        assert not caught.value.is_final
        assert "password" not in str(caught.value)


def test_slack_and_a_signed_webhook_arrive(hook: Hook, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a key\n")
    settings = AlertSettings(
        slack_url=SecretStr(f"{hook.url}/slack"),
        webhook_url=SecretStr(f"{hook.url}/hook"),
        webhook_secret_file=secret,
    )
    for channel in channels_of(settings).values():
        channel(notice())
    (slack_path, _, slack), (hook_path, headers, body) = hook.got
    assert (slack_path, hook_path) == ("/slack", "/hook")
    assert "worker_died" in json.loads(slack)["text"]
    at, mark = headers[SIGNATURE].split(",")
    assert mark == f"v1={signature('a key', int(at.removeprefix('t=')), body)}"


@pytest.mark.parametrize(("status", "is_final"), [(500, False), (429, False), (307, False), (404, True)])
def test_an_answer_that_is_no_yes_is_a_failure_and_no_redirect_is_followed(
    hook: Hook, status: int, is_final: bool
) -> None:
    hook.status = status
    channel = channels_of(AlertSettings(webhook_url=SecretStr(f"{hook.url}/secret-part")))["webhook"]
    with pytest.raises(DeliveryFailed) as caught:
        channel(notice())
    assert caught.value.is_final is is_final
    assert "secret-part" not in str(caught.value)
    assert len(hook.got) == 1


def test_a_receiver_that_is_not_there_is_a_failure() -> None:
    for url in (f"http://127.0.0.1:{free_port()}", "http://[nonsense"):
        with pytest.raises(DeliveryFailed):
            channels_of(AlertSettings(webhook_url=SecretStr(url)))["webhook"](notice())


def test_a_secret_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"alerts\.slack_url"):
        channels_of(AlertSettings(slack_url_file=tmp_path / "none"))
    assert channels_of(AlertSettings()) == {}


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        pytest.skip("there is no Alertmanager on this machine (Debian: prometheus-alertmanager)")
    config = tmp_path / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    address = f"127.0.0.1:{free_port()}"
    options = [f"--config.file={config}", f"--storage.path={tmp_path}", f"--web.listen-address={address}"]
    process = subprocess.Popen(
        [program, *options, "--cluster.listen-address="], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url, until_s = f"http://{address}", time.monotonic() + 30
    while True:
        try:
            if httpx.get(f"{url}/-/ready", trust_env=False).is_success:
                break
        except httpx.HTTPError:
            assert time.monotonic() < until_s, "Alertmanager did not start"
            time.sleep(0.05)
    yield url
    process.kill()
    process.wait()


def test_a_real_alertmanager_shows_the_alert(alertmanager: str) -> None:
    from datetime import UTC, datetime

    channel = channels_of(AlertSettings(alertmanager_url=alertmanager))["alertmanager"]
    channel(notice(incident(detected_at=datetime.now(UTC))))
    (alert,) = httpx.get(f"{alertmanager}/api/v2/alerts", trust_env=False).json()
    assert alert["labels"]["alertname"] == "Steadfast_worker_died"
    assert alert["annotations"]["incident"] == "inc_1"
