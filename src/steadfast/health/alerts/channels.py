"""Channels and routes as settings describe them; secrets are read from their files here, once."""

import socket

from steadfast.errors import Severity
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
from steadfast.settings.secret_files import secret_text


def channels_of(alerts: AlertSettings) -> dict[str, Channel]:
    """Every channel that has an address. Raises `ConfigError` for a secret's file that cannot be read."""
    channels: dict[str, Channel] = {}
    if slack := secret_text("alerts.slack_url", alerts.slack_url, alerts.slack_url_file):
        channels["slack"] = slack_channel(slack)
    if webhook := secret_text("alerts.webhook_url", alerts.webhook_url, alerts.webhook_url_file):
        secret = secret_text("alerts.webhook_secret", alerts.webhook_secret, alerts.webhook_secret_file)
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
        password=secret_text("alerts.mail_password", alerts.mail_password, alerts.mail_password_file),
        sender=alerts.mail_from,
        recipients=alerts.mail_to,
    )
