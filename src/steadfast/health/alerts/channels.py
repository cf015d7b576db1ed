"""Channels and routes as settings describe them; secrets are read from their files here, once."""

import socket
from pathlib import Path

from pydantic import SecretStr

from steadfast.errors import ConfigError, Severity
from steadfast.health.alerts.delivery import (
    Channel,
    MailServer,
    alertmanager_channel,
    mail_channel,
    slack_channel,
    webhook_channel,
)
from steadfast.health.alerts.routes import Route
from steadfast.settings import AlertSettings


def channels_of(alerts: AlertSettings) -> dict[str, Channel]:
    """Every channel that has an address. Raises `ConfigError` for a secret's file that cannot be read."""
    channels: dict[str, Channel] = {}
    if slack := _secret("slack_url", alerts.slack_url, alerts.slack_url_file):
        channels["slack"] = slack_channel(slack)
    if webhook := _secret("webhook_url", alerts.webhook_url, alerts.webhook_url_file):
        secret = _secret("webhook_secret", alerts.webhook_secret, alerts.webhook_secret_file)
        channels["webhook"] = webhook_channel(webhook, secret)
    if alerts.alertmanager_url:
        channels["alertmanager"] = alertmanager_channel(alerts.alertmanager_url)
    if alerts.mail_host and alerts.mail_to:
        channels["mail"] = mail_channel(_mail_server(alerts))
    return channels


def routes_of(alerts: AlertSettings) -> list[Route]:
    """What each channel wants to hear."""
    wishes = {
        "slack": (alerts.slack_least, alerts.slack_kinds),
        "webhook": (alerts.webhook_least, alerts.webhook_kinds),
        "alertmanager": (alerts.alertmanager_least, alerts.alertmanager_kinds),
        "mail": (alerts.mail_least, alerts.mail_kinds),
    }
    return [
        Route(channel=name, least=Severity(least), kinds=kinds) for name, (least, kinds) in wishes.items()
    ]


def instance_of(alerts: AlertSettings) -> str:
    """Which service speaks."""
    return alerts.instance or socket.gethostname()


def _mail_server(alerts: AlertSettings) -> MailServer:
    assert alerts.mail_host is not None
    return MailServer(
        host=alerts.mail_host,
        port=alerts.mail_port,
        encryption=alerts.mail_encryption,
        user=alerts.mail_user,
        password=_secret("mail_password", alerts.mail_password, alerts.mail_password_file),
        sender=alerts.mail_from,
        recipients=alerts.mail_to,
    )


def _secret(name: str, value: SecretStr | None, file: Path | None) -> str | None:
    if value is not None:
        return value.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"The file of alerts.{name} cannot be read: {reason}.") from error
