"""Settings of the service: its database, its front, its workers, how much is let in."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from steadfast.settings.values import Cores, Names, OptionalPath, Section


class DatabaseSettings(Section):
    """Where keys, jobs and records are kept."""

    url: SecretStr | None = None
    """`postgresql://user:password@host/name` (needs the `postgres` extra); none: a SQLite file in the data
    folder."""
    url_file: OptionalPath = None
    """File that holds it."""
    password_file: OptionalPath = None
    """File that holds the password, where the URL names none."""
    synchronous: Literal["full", "normal"] = "full"
    """SQLite only. full: what was confirmed survives a power cut; normal: it survives any death of a process,
    but the last moments before a power cut may be lost; faster on slow disks."""
    busy_timeout_s: float = Field(default=10.0, gt=0)
    """Seconds to wait for a lock that another process holds."""
    pool_size: int = Field(default=5, ge=1)
    """Connections kept open."""
    statement_timeout_s: float = Field(default=30.0, gt=0)
    """PostgreSQL only. Seconds after which a statement is given up."""
    behind_pooler: bool = False
    """PostgreSQL only. Whether a PgBouncer in transaction mode stands between: limits then go with each
    transaction, and nothing is prepared."""


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
    """Bytes of all bodies together that are kept in memory, and never more than an eighth of a container's
    limit; beyond it they go to the scratch folder."""
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
    preflight: bool = False
    """Whether a start first looks for what cannot work (`steadfast doctor --preflight`) and ends with one
    sentence and status 78 if it finds it; on in the container images."""
    idempotency_hours: float = Field(default=24.0, gt=0)
    """Hours for which the answer to an `Idempotency-Key` is kept and repeated."""


class RuntimeSettings(Section):
    """How workers are staffed and watched."""

    face_task: str = "steadfast.tasks.face_task:FaceTask"
    """What workers run behind `/v1/swap` and `/v1/faces`, as `module:Class`."""
    python_path: Names = ()
    """Folders in which workers look for modules first."""
    workers: int = Field(default=0, ge=0)
    """Workers; 0: one per device, and on the CPU one per four cores, as far as a container's memory goes."""
    devices: Names = ("auto",)
    """Where workers run, in turn: `cpu`, `cuda:0`, `cuda:MIG-…`, or `cuda` for every GPU and MIG instance;
    auto: `cuda` where there is one and `inference.providers` names it, else `cpu`."""
    spares: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """Loaded and idle workers per device that take over when one dies; auto: one, unless the device's memory
    or the container's limit cannot hold two."""
    threads: int = Field(default=0, ge=0)
    """Threads of one worker; 0: the cores, shared out among the workers."""
    cores: Cores = ()
    """Cores that workers may use, such as `2-7,9`, so that the others are left to the server; none: all."""
    nice: int = Field(default=5, ge=0, le=19)
    """How far loaded workers stand back behind other programs; the server itself does not."""
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
    """Requests that may wait for a worker, in a container at most one per mebibyte it has for bodies; more
    are refused at once."""
    requests_per_s_by_key: float = Field(default=0.0, ge=0)
    """Requests per second that one API key may send in the long run; 0: no limit."""
    burst_by_key: int = Field(default=50, ge=1)
    """Requests that one API key may send at once."""
    requests_per_s_by_address: float = Field(default=0.0, ge=0)
    """The same by address of the client; 0: no limit."""
    burst_by_address: int = Field(default=50, ge=1)
    """The same by address of the client."""
