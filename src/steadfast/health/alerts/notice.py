"""What an alert says, and how each receiver wants to hear it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

import msgspec

from steadfast.health.incidents import Incident
from steadfast.signature import SIGNATURE, signature_header


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as an alert tells it."""

    id: str
    kind: str
    severity: str
    subject: str
    evidence: str
    """The latest."""
    actions: tuple[str, ...]
    detected_at: datetime
    recovered_at: datetime | None
    """None: it lasts."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Several incidents told at once; stored as JSON until it is delivered."""

    instance: str
    """Which service speaks."""
    incidents: tuple[Told, ...]
    held_back: int = 0
    """Alerts that the rate limit has swallowed since the last one."""

    @property
    def is_recovery(self) -> bool:
        """Whether everything in it is over."""
        return all(told.recovered_at is not None for told in self.incidents)

    def headline(self) -> str:
        """One line."""
        first = self.incidents[0]
        more = f" and {len(self.incidents) - 1} more" if len(self.incidents) > 1 else ""
        state = "recovered" if self.is_recovery else first.severity
        return f"[{state}] {first.kind} of {first.subject}{more} on {self.instance}"

    def text(self) -> str:
        """For people."""
        lines = [self.headline(), ""]
        for told in self.incidents:
            state = "recovered" if told.recovered_at is not None else told.severity
            lines.append(f"- {state}: {told.kind} of {told.subject}: {told.evidence} ({told.id})")
            lines += [f"    {action}" for action in told.actions]
        if self.held_back:
            lines.append(f"{self.held_back} more alerts were held back by the rate limit.")
        return "\n".join(lines)


def tell(incident: Incident) -> Told:
    """The incident as an alert tells it."""
    return Told(
        id=incident.id,
        kind=incident.kind,
        severity=incident.severity.value,
        subject=incident.subject,
        evidence=incident.evidence[-1],
        actions=incident.actions,
        detected_at=incident.detected_at,
        recovered_at=incident.recovered_at,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """One HTTP request to be sent."""

    url: str
    body: bytes
    headers: Mapping[str, str]


def slack_post(notice: Notice, url: str) -> Post:
    """For an incoming webhook of Slack: https://api.slack.com/messaging/webhooks."""
    # Slack reads <…> and & as its own markup.
    text = notice.text().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _json_post(url, {"text": text})


def webhook_post(notice: Notice, url: str, secret: str | None, *, at_s: int) -> Post:
    """For anybody's own receiver; signed where there is a secret."""
    body = msgspec.json.encode(notice)
    headers = {"Content-Type": "application/json"}
    if secret:
        headers[SIGNATURE] = signature_header(secret, at_s, body)
    return Post(url=url, body=body, headers=headers)


def alertmanager_post(notice: Notice, url: str) -> Post:
    """For the v2 API of Prometheus' Alertmanager, which itself groups, repeats and silences."""
    return _json_post(f"{url.rstrip('/')}/api/v2/alerts", [_alert(notice, told) for told in notice.incidents])


def _alert(notice: Notice, told: Told) -> dict[str, Any]:
    alert: dict[str, Any] = {
        "labels": {
            "alertname": f"Steadfast_{told.kind}",
            "severity": told.severity,
            "subject": told.subject,
            "instance": notice.instance,
        },
        "annotations": {"summary": told.evidence, "incident": told.id},
        "startsAt": told.detected_at.isoformat(),
    }
    if told.recovered_at is not None:
        alert["endsAt"] = told.recovered_at.isoformat()
    return alert


def mail(notice: Notice, sender: str, recipients: Sequence[str], *, now: datetime) -> EmailMessage:
    """For people."""
    message = EmailMessage()
    message["Subject"] = notice.headline()[:200].replace("\n", " ")
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain="steadfast.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice.text())
    return message


def _json_post(url: str, document: object) -> Post:
    return Post(url=url, body=msgspec.json.encode(document), headers={"Content-Type": "application/json"})
