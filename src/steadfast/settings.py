"""All configuration: one TOML file and STEADFAST_* variables, read once, passed on as small objects.

`STEADFAST_MODELS__DIR=/models` sets `models.dir`; two underscores part the section from the field. A variable
wins over the file, the file over the default. The file is the one of `--config`, else of `STEADFAST_CONFIG`,
else `config.toml` in the user's configuration folder, if it is there. A list may be written as JSON or with
commas.
"""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from steadfast.errors import ConfigError

PREFIX = "STEADFAST_"
CONFIG_VARIABLE = "STEADFAST_CONFIG"
"""Names the settings file."""
NO_SETTINGS = frozenset({CONFIG_VARIABLE, "STEADFAST_URL", "STEADFAST_KEY"})
"""Variables of this prefix that are no settings; the others tell clients where the service is."""


def _listed(value: object) -> object:
    """A list out of one string: JSON, or items parted by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f"a JSON list or items parted by commas ({error})") from error
    return [item.strip() for item in value.split(",") if item.strip()]


def _urls(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_url(value) for value in values)


def _url(value: str) -> str:
    if value.startswith(("https://", "http://", "file://")):
        return value.rstrip("/")
    path = Path(value).expanduser()
    if "://" in value or not path.is_absolute():
        raise ValueError("a file://, https:// or http:// URL, or the absolute path of a folder")
    return path.as_uri()


def _expanded(path: Path | None) -> Path | None:
    return path.expanduser() if path is not None else None


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Urls = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_urls)]
Folder = Annotated[Path, AfterValidator(Path.expanduser)]
Paths = Annotated[tuple[Folder, ...], NoDecode, BeforeValidator(_listed)]


class Section(BaseModel):
    """Base of the sections: unknown fields are refused, values do not change after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ModelSettings(Section):
    """Where model files live and come from."""

    dir: Folder = Field(default_factory=lambda: Path(platformdirs.user_data_dir("steadfast")) / "models")
    """Folder of the model files."""
    mirror: Urls = ()
    """Tried in this order before every other URL: `file://` folders or `https://` prefixes that hold the
    files by name. A model that a `file://` mirror has is fetched when it is first needed."""
    auto_pull: Literal["never", "repair", "always"] = "repair"
    """When the network may be used because a model is needed: never; repair, to replace a file that was found
    damaged; always, for missing ones too. `steadfast models pull` uses it in any case."""
    connect_timeout_s: float = Field(default=10.0, gt=0)
    """Seconds to wait for a server to answer."""
    read_timeout_s: float = Field(default=30.0, gt=0)
    """Seconds of silence in the middle of a download after which it is broken off and resumed."""
    attempts: int = Field(default=4, ge=1)
    """Tries per URL, with growing pauses, before the next; one that brought a mebibyte or more is free."""


class InferenceSettings(Section):
    """How models are run."""

    providers: Names = ("tensorrt", "cuda", "cpu")
    """Execution providers in the order in which they are tried."""
    threads: int = Field(default=0, ge=0)
    """Threads of one session; 0: the cores this process may use, and one for graphs under 16 MB."""
    residency: Literal["strict", "moderate", "tolerant"] = "moderate"
    """strict: models are unloaded when a picture, video or request is done; moderate: all but those it used;
    tolerant: none. A run outside of any such work counts as one."""
    memory_limit: int = Field(default=0, ge=0)
    """Bytes of host memory the models may take; 0: no limit."""
    gpu_memory_limit: int = Field(default=0, ge=0)
    """Bytes of device memory per session's arena; 0: no limit."""


class MediaSettings(Section):
    """Limits on what is read."""

    max_pixels: int = Field(default=100_000_000, ge=1)
    """Pixels of one picture or frame; refused from the header above it."""
    max_bytes: int = Field(default=8 << 30, ge=1)
    """Bytes of one input file."""
    max_picture_bytes: int = Field(default=1 << 30, ge=1)
    """Bytes of one picture, which is read into memory as a whole."""
    max_duration_s: float = Field(default=24 * 3600.0, gt=0)
    """Seconds of one video; refused from the header above it."""


class FaceSettings(Section):
    """How faces are found and exchanged."""

    engine: Literal["auto", "embedded", "standard", "neural"] = "auto"
    """Which engine; auto takes the best whose models are present and valid."""
    glasses: Literal["remove", "keep"] = "remove"
    """What becomes of glasses that the target wears (embedded and standard): remove, the face becomes wholly
    the source's, who brings their own; keep, they stay in front, and with them much of who the target was."""


class NeuralSettings(Section):
    """How the neural engine works; of each list the first model that is present and valid is taken."""

    swappers: Names = (
        "hyperswap_1a_256",
        "hyperswap_1b_256",
        "hyperswap_1c_256",
        "inswapper_128_fp16",
        "inswapper_128",
        "hififace_unofficial_256",
    )
    """Face swappers, best first."""
    enhancers: Names = ("gpen_bfr_512", "restoreformer_plus_plus")
    """Face enhancers, best first."""
    pixel_boost_px: Literal[0, 256, 512, 1024] = 0
    """Side of the square in which a face is swapped, in tiles of the model's own side; 0: one tile."""
    feather: float = Field(default=0.15, ge=0, le=0.5)
    """Width of the soft edge of a swapped square, as a fraction of its side."""
    enhance_blend: float = Field(default=0.8, ge=0, le=1)
    """Share of the enhanced face in the result."""


class DatabaseSettings(Section):
    """Where keys, jobs and records are kept."""

    url: SecretStr | None = None
    """`postgresql://user:password@host/name` (needs the `postgres` extra); none: a SQLite file in the data
    folder."""
    synchronous: Literal["full", "normal"] = "full"
    """SQLite only. full: what was confirmed survives a power cut; normal: it survives any death of a process,
    but the last moments before a power cut may be lost; faster on slow disks."""
    busy_timeout_s: float = Field(default=10.0, gt=0)
    """Seconds to wait for a lock that another process holds."""
    pool_size: int = Field(default=5, ge=1)
    """Connections kept open."""


class ServerSettings(Section):
    """How `steadfast serve` listens, and what it takes in."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port; 0: any free one, which the start tells."""
    require_keys: Literal["auto", "always", "never"] = "auto"
    """Whether requests need an API key. auto: unless it listens on loopback only and trusts no proxy."""
    allowed_hosts: Names = ()
    """Names a `Host` or `Origin` header may have while no keys are required, beside those of loopback."""
    trusted_proxies: Names = ()
    """Addresses or networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""
    grace_s: float = Field(default=30.0, ge=0)
    """Seconds that running work may take after SIGTERM."""
    max_request_bytes: int = Field(default=256 << 20, ge=1)
    """Bytes of one request's body."""
    max_parts: int = Field(default=32, ge=2)
    """Parts of one multipart body."""
    buffer_bytes: int = Field(default=16 << 20, ge=0)
    """Bytes of one body that are kept in memory; a longer one goes to the scratch folder."""
    all_buffers_bytes: int = Field(default=512 << 20, ge=1)
    """Bytes of all bodies together that are kept in memory; beyond it they go to the scratch folder."""
    scratch_quota_bytes: int = Field(default=4 << 30, ge=1)
    """Bytes of all bodies together in the scratch folder; beyond it requests are refused for a while."""
    header_timeout_s: float = Field(default=10.0, gt=0)
    """Seconds in which the headers of a request must have come."""
    body_grace_s: float = Field(default=5.0, gt=0)
    """Seconds a body may take whatever its size …"""
    min_body_bytes_per_s: int = Field(default=16_384, ge=1)
    """… and the rate it must come at beyond that; a slower client is cut."""
    keep_alive_s: float = Field(default=75.0, gt=0)
    """Seconds for which an idle connection is kept open."""
    max_connections: int = Field(default=4096, ge=1)
    """Connections open at one time."""
    idempotency_hours: float = Field(default=24.0, gt=0)
    """Hours for which the answer to an `Idempotency-Key` is kept and repeated."""


class RuntimeSettings(Section):
    """How workers are staffed and watched."""

    face_task: str = "steadfast.tasks.face_task:FaceTask"
    """What workers run behind `/v1/swap` and `/v1/faces`, as `module:Class`."""
    python_path: Names = ()
    """Folders in which workers look for modules first."""
    workers: int = Field(default=0, ge=0)
    """Workers; 0: one per device, and on the CPU one per four cores."""
    devices: Names = ("auto",)
    """Where workers run, in turn: `cpu`, `cuda:0`, `cuda:MIG-…`, or `cuda` for every GPU and MIG instance;
    auto: `cuda` where there is one and `inference.providers` names it, else `cpu`."""
    spares: Annotated[int, Field(ge=0)] | Literal["auto"] = 1
    """Loaded and idle workers per device that take over when one dies; auto: one, unless the device's memory
    cannot hold two."""
    threads: int = Field(default=0, ge=0)
    """Threads of one worker; 0: the cores, shared out among the workers."""
    deadline_s: float = Field(default=30.0, gt=0)
    """Seconds allowed to a request that brings no deadline of its own."""
    stall_s: float = Field(default=20.0, gt=0)
    """Seconds of silence inside one unit of work after which it counts as hung."""
    load_s: float = Field(default=120.0, gt=0)
    """Seconds allowed to a worker to load its models."""
    canaries: bool = True
    """Whether idle and busy workers are checked by an inference with a known answer."""
    canary_every_s: float = Field(default=30.0, gt=0)
    """Seconds of idleness after which a canary is due."""
    max_attempts: int = Field(default=5, ge=1)
    """Workers that one request may be given to, when they die of causes from outside."""
    poison_deaths: int = Field(default=2, ge=1)
    """Deaths by one input after which it is refused."""
    poison_s: float = Field(default=3600.0, gt=0)
    """Seconds for which it is refused."""
    restarts: int = Field(default=5, ge=1)
    """Deaths before a first success …"""
    restarts_within_s: float = Field(default=60.0, gt=0)
    """… within this many seconds pause the task."""
    quiet_s: float = Field(default=120.0, gt=0)
    """Seconds without memory trouble after which a worker asks for more of the machine again."""
    soft_memory_bytes: int = Field(default=0, ge=0)
    """Resident memory at which a worker is replaced without a gap; 0: its share of the container's limit."""
    hard_memory_bytes: int = Field(default=0, ge=0)
    """Resident memory at which a worker is killed; 0: its share of the container's limit."""
    max_address_space_bytes: int = Field(default=0, ge=0)
    """RLIMIT_AS of a worker; 0: none. CUDA cannot live under one."""
    watch_leaks: bool = True
    """Whether a worker whose memory grows steadily is replaced."""
    max_requests: int = Field(default=0, ge=0)
    """Requests after which a worker is replaced; 0: never."""
    max_age_s: float = Field(default=0.0, ge=0)
    """Seconds after which a worker is replaced; 0: never."""
    shared_memory_bytes: int = Field(default=64 << 20, ge=1 << 20)
    """Most that one request may carry to a worker in shared memory, and back; more goes as a file."""
    confine_files: bool = True
    """Whether workers can open only what they need (Landlock)."""
    confine_network: bool = True
    """Whether workers have no network."""
    drop_root: bool = True
    """Whether workers become another user where the service runs as root and the files allow it."""


class AdmissionSettings(Section):
    """How much is let in."""

    max_waiting: int = Field(default=256, ge=0)
    """Requests that may wait for a worker; more are refused at once."""
    requests_per_s_by_key: float = Field(default=0.0, ge=0)
    """Requests per second that one API key may send in the long run; 0: no limit."""
    burst_by_key: int = Field(default=50, ge=1)
    """Requests that one API key may send at once."""
    requests_per_s_by_address: float = Field(default=0.0, ge=0)
    """The same by address of the client; 0: no limit."""
    burst_by_address: int = Field(default=50, ge=1)
    """The same by address of the client."""


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


Remedy = Literal["notify", "release", "abort", "recycle", "snapshot", "exit"]
Remedies = Annotated[tuple[Remedy, ...], NoDecode, BeforeValidator(_listed)]


class HealthSettings(Section):
    """How the service looks after itself: probes, incidents, crash reports."""

    enabled: bool = True
    """Whether probes run and incidents are kept."""
    interval_s: float = Field(default=5.0, gt=0)
    """Seconds between two looks of a probe that has no interval of its own."""
    disabled: Names = ()
    """Names of probes that do not run."""
    probes: dict[str, ProbeTuning] = {}
    """Changes of single probes by name, of each `interval_s`, `timeout_s`, `warning`, `error`, `fatal`:
    `STEADFAST_HEALTH__PROBES__DISK_SPACE__WARNING=0.2`."""
    on_warning: Remedies = ("notify",)
    """What an incident of this severity leads to: `notify` sends alerts, `release` has caches given back,
    `abort` ends the requests it is about, `recycle` replaces the worker, `snapshot` writes a crash report,
    `exit` ends the server in order, for the guardian to start it again."""
    on_error: Remedies = ("notify", "release", "abort", "recycle")
    """The same for errors."""
    on_fatal: Remedies = ("notify", "snapshot", "exit")
    """The same for what this process cannot go on with."""
    actions: dict[str, Remedies] = {"device_memory": ("notify", "release"), "worker_died": ("notify",)}
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
    slack_url_file: Annotated[Path | None, AfterValidator(_expanded)] = None
    """File that holds it."""
    slack_least: Least = "warning"
    """The least severity that goes there."""
    slack_kinds: Names = ()
    """Only these kinds of incidents; none: all."""
    webhook_url: SecretStr | None = None
    """Receiver of your own."""
    webhook_url_file: Annotated[Path | None, AfterValidator(_expanded)] = None
    """File that holds it."""
    webhook_secret: SecretStr | None = None
    """Key of the HMAC in `X-Steadfast-Signature`."""
    webhook_secret_file: Annotated[Path | None, AfterValidator(_expanded)] = None
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
    mail_password_file: Annotated[Path | None, AfterValidator(_expanded)] = None
    """File that holds it."""
    mail_from: str = "steadfast@localhost"
    """Sender of the mails."""
    mail_to: Names = ()
    """Recipients; without any, no mail is sent."""
    mail_least: Least = "error"
    """The least severity that goes there."""
    mail_kinds: Names = ()
    """Only these kinds of incidents; none: all."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    data_dir: Folder = Field(default_factory=lambda: Path(platformdirs.user_data_dir("steadfast")))
    """Folder of everything the service keeps: its database, scratch files and jobs."""
    bootstrap_key_file: Annotated[Path | None, AfterValidator(_expanded)] = None
    """File with the first API key (at least 32 characters), which gets every scope; none: the first start
    makes one and prints it once."""

    server: ServerSettings = ServerSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    admission: AdmissionSettings = AdmissionSettings()
    database: DatabaseSettings = DatabaseSettings()
    logs: LogSettings = LogSettings()
    diagnosis: DiagnosisSettings = DiagnosisSettings()
    health: HealthSettings = HealthSettings()
    alerts: AlertSettings = AlertSettings()
    models: ModelSettings = ModelSettings()
    inference: InferenceSettings = InferenceSettings()
    media: MediaSettings = MediaSettings()
    faces: FaceSettings = FaceSettings()
    neural: NeuralSettings = NeuralSettings()


def load_settings(file: Path | None = None) -> Settings:
    """The settings of this process.

    Raises `ConfigError`, which names the setting, its value and what was expected, if the file or a variable
    is wrong or unknown.
    """
    chosen = _settings_file(file)
    _refuse_unknown_sections()
    try:
        return _settings_over(_table_of(chosen) if chosen else {})()
    except ValidationError as error:
        raise ConfigError(_explained(error, chosen)) from error
    except SettingsError as error:
        raise ConfigError(f"A {PREFIX}* variable cannot be read: {error}.") from error


def with_options(settings: Settings, options: Mapping[str, Any]) -> Settings:
    """The settings with what the command line says: `{"server.port": 8081}`; None leaves a setting as it is.

    Raises `ConfigError` for a value that cannot be.
    """
    given = {name: value for name, value in options.items() if value is not None}
    table = settings.model_dump()
    for name, value in given.items():
        *sections, field = name.split(".")
        place = table
        for section in sections:
            place = place[section]
        place[field] = value
    try:
        return Settings(**table) if given else settings
    except ValidationError as error:
        raise ConfigError(_explained(error, None)) from error


class EffectiveSetting(NamedTuple):
    """One setting as it is in force."""

    name: str
    value: Any
    """Plain data; a secret is masked."""
    origin: str
    """The variable or the file that says so, or `default`."""


def effective_settings(settings: Settings, file: Path | None = None) -> list[EffectiveSetting]:
    """Every setting, its value and where it comes from; `file` is the one that `load_settings` was given."""
    chosen = _settings_file(file)
    table = _table_of(chosen) if chosen else {}
    return list(_effective(settings.model_dump(mode="json"), [], table, chosen))


def _effective(
    values: Mapping[str, Any], path: list[str], table: Mapping[str, Any], file: Path | None
) -> Iterator[EffectiveSetting]:
    for name, value in values.items():
        here = [*path, name]
        if isinstance(value, Mapping):
            inner = table.get(name, {})
            yield from _effective(value, here, inner if isinstance(inner, Mapping) else {}, file)
            continue
        origin = _source_of(here, file if name in table else None).removeprefix("from ")
        yield EffectiveSetting(".".join(here), value, origin.replace("the defaults", "default"))


def default_settings_file() -> Path:
    """Where the settings file of this user is looked for."""
    return Path(platformdirs.user_config_dir("steadfast")) / "config.toml"


def _settings_file(file: Path | None) -> Path | None:
    if file is not None:
        return file
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    usual = default_settings_file()
    return usual if usual.is_file() else None


def _table_of(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"The settings file {file} cannot be read: {reason}.") from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise ConfigError(f"The settings file {file} is not valid TOML: {error}.") from error


def _settings_over(table: Mapping[str, Any]) -> type[Settings]:
    """A class whose values come from variables first, then from the table of the file."""

    class SettingsOverFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — nothing is passed by keyword
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — a stray .env is no configuration
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, InitSettingsSource(settings_cls, dict(table))

    return SettingsOverFile


def _refuse_unknown_sections() -> None:
    """Refuses variables of sections that do not exist, which pydantic passes over in silence."""
    for variable in os.environ:
        if not variable.upper().startswith(PREFIX) or variable.upper() in NO_SETTINGS:
            continue
        section = variable[len(PREFIX) :].split("__")[0].lower()
        if section not in Settings.model_fields:
            known = ", ".join(Settings.model_fields)
            raise ConfigError(f"The variable {variable} is not a setting; settings begin with: {known}.")


def _explained(error: ValidationError, file: Path | None) -> str:
    return " ".join(_explanations(error, file))


def _explanations(error: ValidationError, file: Path | None) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        path = [str(part) for part in fault["loc"]]
        source = _source_of(path, file)
        name = ".".join(path)
        if fault["type"] == "extra_forbidden":
            yield f"There is no setting {name} ({source})."
        else:
            message = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            value = "a secret value" if _is_secret(path) else f"the value {fault['input']!r}"
            yield f"The setting {name} has {value} ({source}); expected {message}."


def _is_secret(path: list[str]) -> bool:
    """Whether the setting's value must not be shown: it, or something inside it, is declared a secret."""
    annotation: object = Settings
    for part in path:
        fields = getattr(annotation, "model_fields", {})
        annotation = fields[part].annotation if part in fields else annotation
    return "SecretStr" in str(annotation) or any(
        "SecretStr" in str(field.annotation) for field in getattr(annotation, "model_fields", {}).values()
    )


def _source_of(path: list[str], file: Path | None) -> str:
    variables = {name.upper(): name for name in os.environ}
    # The innermost part of a path may be the index of a list's item, which no variable names.
    for length in range(len(path), 0, -1):
        if name := variables.get(PREFIX + "__".join(path[:length]).upper()):
            return f"from {name}"
    return f"from {file}" if file else "from the defaults"
