"""Settings of what the service tells: logs, diagnosis, probes, incidents, alerts."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from steadfast.settings.values import Names, OptionalPath, Paths, Section, listed


class LogSettings(Section):
    """What the service logs, and how."""

    format: Literal["auto", "json", "console"] = "auto"
    """json: one object per line; console: columns for a person; auto: console on a terminal, else json."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is logged."""
    redact: bool = True
    """Whether names of files, paths, texts, keys and addresses are kept out of logs."""
    hash_key: SecretStr | None = None
    """Key of the hashes that stand for addresses; none: a new one at each start, so that they can be compared
    within one run only."""
    hash_key_file: OptionalPath = None
    """File that holds it; instances that share one tell of an address alike."""
    slow_ms: float = Field(default=5000.0, gt=0)
    """A request that takes longer gets an event of its own, with the reason."""


class DiagnosisSettings(Section):
    """How logs are diagnosed, by `steadfast diagnose` and in the running service."""

    rules: Paths = ()
    """Files or folders (`*.toml`) with rules of your own; one named like a built-in rule replaces it."""
    disabled: Names = ()
    """Names of rules that are not used."""


class ProbeTuning(Section):
    """What is changed of one probe; none: as the probe has it."""

    interval_s: float | None = Field(default=None, gt=0)
    """Seconds between two looks."""
    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds after which a look counts as hung."""
    warning: float | None = None
    """Value from which it warns, in the probe's unit."""
    error: float | None = None
    """Value from which it is an error."""
    fatal: float | None = None
    """Value from which the server should not go on."""


Remedy = Literal["notify", "release", "abort", "recycle", "restart", "snapshot", "exit"]
Remedies = Annotated[tuple[Remedy, ...], BeforeValidator(listed)]


class HealthSettings(Section):
    """How the service looks after itself: probes, incidents, crash reports."""

    enabled: bool = True
    """Whether probes run and incidents are kept."""
    interval_s: float = Field(default=5.0, gt=0)
    """Seconds between two looks of a probe that has no interval of its own."""
    disabled: Names = ()
    """Names of probes that do not run."""
    probes: dict[str, ProbeTuning] = Field(default={})
    """Changes of single probes by name, of each `interval_s`, `timeout_s`, `warning`, `error`, `fatal`:
    `STEADFAST_HEALTH__PROBES__DISK_SPACE__WARNING=0.2`."""
    on_warning: Remedies = ("notify",)
    """What an incident of this severity leads to: `notify` sends alerts, `release` has caches given back,
    `abort` ends the requests it is about, `recycle` replaces the worker when it is free, `restart` ends it
    at once and has its requests begin again in another, `snapshot` writes a crash report, `exit` ends the
    server in order, for the guardian to start it again."""
    on_error: Remedies = ("notify", "release", "abort", "recycle")
    """The same for errors."""
    on_fatal: Remedies = ("notify", "snapshot", "exit")
    """The same for what this process cannot go on with."""
    actions: dict[str, Remedies] = Field(
        default={
            "device_memory": ("notify", "release"),
            "worker_died": ("notify",),
            # The worker stands still, which is not its request's fault: another worker can do it.
            "deadlock": ("notify", "release", "restart"),
        }
    )
    """The same by kind of incident; it wins over the severity."""
    incident_days: float = Field(default=30.0, gt=0)
    """Days for which incidents that are over are kept."""
    max_incidents: int = Field(default=10_000, ge=1)
    """Incidents that are kept; the oldest that are over go first."""
    crash_reports: int = Field(default=50, ge=0)
    """Crash reports that are kept; 0: none are written."""
    crash_bytes: int = Field(default=64 << 20, ge=1 << 16)
    """Bytes of all crash reports together."""
    keep_inputs: bool = False
    """Whether crash reports may hold what workers printed as it stands, with names and paths in it."""


Least = Literal["warning", "error", "fatal"]


class AlertSettings(Section):
    """Who is told about incidents. A channel is used when its address is given. Keep secrets in the
    environment or in files of their own (`*_file`): then anybody may see the settings file."""

    instance: str = ""
    """Which service speaks; empty: the name of the machine."""
    group_s: float = Field(default=10.0, ge=0)
    """Seconds for which incidents are collected into one alert."""
    per_hour: int = Field(default=30, ge=1)
    """Alerts per channel and hour; what is beyond is counted in the next one."""
    keep_hours: float = Field(default=24.0, gt=0)
    """Hours for which an alert is tried again before it is given up."""
    slack_url: SecretStr | None = None
    """Incoming webhook of Slack."""
    slack_url_file: OptionalPath = None
    """File that holds it."""
    slack_least: Least = "warning"
    """The least severity that goes there."""
    slack_kinds: Names = ()
    """Only these kinds of incidents; none: all."""
    webhook_url: SecretStr | None = None
    """Receiver of your own."""
    webhook_url_file: OptionalPath = None
    """File that holds it."""
    webhook_secret: SecretStr | None = None
    """Key of the HMAC in `X-Steadfast-Signature`."""
    webhook_secret_file: OptionalPath = None
    """File that holds it."""
    webhook_least: Least = "warning"
    """The least severity that goes there."""
    webhook_kinds: Names = ()
    """Only these kinds of incidents; none: all."""
    alertmanager_url: str | None = None
    """Alertmanager of Prometheus, for example `http://alertmanager:9093`."""
    alertmanager_least: Least = "warning"
    """The least severity that goes there."""
    alertmanager_kinds: Names = ()
    """Only these kinds of incidents; none: all."""
    mail_host: str | None = None
    """SMTP server."""
    mail_port: int = Field(default=587, ge=1, le=65535)
    """Its port."""
    mail_encryption: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted."""
    mail_user: str | None = None
    """Who logs in there; none: nobody does."""
    mail_password: SecretStr | None = None
    """With which password."""
    mail_password_file: OptionalPath = None
    """File that holds it."""
    mail_from: str = "steadfast@localhost"
    """Sender of the mails."""
    mail_to: Names = ()
    """Recipients; without any, no mail is sent."""
    mail_least: Least = "error"
    """The least severity that goes there."""
    mail_kinds: Names = ()
    """Only these kinds of incidents; none: all."""
