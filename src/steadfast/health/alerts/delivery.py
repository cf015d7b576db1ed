"""Sends what lies in the outbox, one letter after the other, in a thread of its own."""

import smtplib
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage

from steadfast.health.alerts.notice import Notice, Post, alertmanager_post, mail, slack_post, webhook_post

_TIMEOUT_S = 10.0
_REFUSED_FOR_GOOD = frozenset({400, 401, 403, 404, 410, 413, 422})


class DeliveryFailed(Exception):
    """The receiver did not take it; `is_final`: it never will."""

    def __init__(self, detail: str, *, is_final: bool = False) -> None:
        super().__init__(detail)
        self.is_final = is_final


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int = 587
    encryption: str = "starttls"
    """`starttls`, `tls` or `none`."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str = "steadfast@localhost"
    recipients: tuple[str, ...] = ()


Channel = Callable[[Notice], None]
"""Delivers one notice; blocks. Raises `DeliveryFailed`."""


def slack_channel(url: str) -> Channel:
    """An incoming webhook of Slack."""
    return lambda notice: send(slack_post(notice, url))


def webhook_channel(url: str, secret: str | None) -> Channel:
    """A receiver of the user's own."""
    return lambda notice: send(webhook_post(notice, url, secret, at_s=int(time.time())))


def alertmanager_channel(url: str) -> Channel:
    """An Alertmanager."""
    return lambda notice: send(alertmanager_post(notice, url))


def mail_channel(server: MailServer) -> Channel:
    """An SMTP server."""

    def deliver(notice: Notice) -> None:
        hand_in(mail(notice, server.sender, server.recipients, now=datetime.now(UTC)), server)

    return deliver


def send(post: Post) -> None:
    """One HTTP request; redirects are not followed: a signed body goes only where it was meant to go.

    Raises `DeliveryFailed`, never with the URL, which may hold a secret.
    """
    import httpx  # noqa: PLC0415 — only a service that has something to tell needs it

    try:
        answer = httpx.post(
            post.url,
            content=post.body,
            headers=dict(post.headers),
            timeout=_TIMEOUT_S,
            follow_redirects=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise DeliveryFailed(f"the receiver was not reached: {type(error).__name__}") from error
    if not answer.is_success:
        status = answer.status_code
        raise DeliveryFailed(f"the receiver answered {status}", is_final=status in _REFUSED_FOR_GOOD)


def hand_in(message: EmailMessage, server: MailServer) -> None:
    """One mail. Raises `DeliveryFailed`."""
    try:
        with _connected(server) as smtp:
            if server.user is not None:
                smtp.login(server.user, server.password or "")
            smtp.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        raise DeliveryFailed("every recipient was refused", is_final=True) from error
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryFailed(f"the mail server did not take it: {type(error).__name__}") from error


def _connected(server: MailServer) -> smtplib.SMTP:
    if server.encryption == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_S, context=context)
    smtp = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_S)
    if server.encryption == "starttls":
        try:
            smtp.starttls(context=ssl.create_default_context())
        except BaseException:
            smtp.close()
            raise
    return smtp


Channels = Mapping[str, Channel]
