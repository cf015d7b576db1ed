"""Settings of kept files: where they lie, how they come in, how long they stay, who is told."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from steadfast.settings.values import Names, OptionalPath, Paths, Section


class BlobSettings(Section):
    """Where inputs, segments and results of jobs are kept."""

    url: str | None = None
    """`s3://bucket/prefix` (needs the `s3` extra), or the absolute path of a folder; none: the folder `blobs`
    in the data folder."""
    endpoint: str | None = None
    """S3: URL of a server that is not Amazon's."""
    region: str | None = None
    """S3: the bucket's region; none: as the AWS variables say."""
    access_key_id: str | None = None
    """S3: id of the access key; none: as the AWS variables or the machine's role say."""
    secret_access_key: SecretStr | None = None
    """S3: its secret …"""
    secret_access_key_file: OptionalPath = None
    """… or the file that holds it."""
    path_style: bool = False
    """S3: whether the bucket stands in the path and not in the host's name, as many other servers want it."""
    ca_file: OptionalPath = None
    """S3: PEM file of an authority that signs the endpoint's certificate, beside the known ones."""
    encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    """S3: how the server encrypts what it stores; none: as the bucket says."""
    kms_key_id: str | None = None
    """S3: the key for `aws:kms`."""
    quota_bytes_by_key: int = Field(default=0, ge=0)
    """Bytes that the files of one API key may take; 0: no bound."""
    full_at: float = Field(default=0.9, gt=0, le=1)
    """Share of the disk in use at which no new jobs and uploads are taken."""

    @field_validator("url")
    @classmethod
    def _is_a_place(cls, value: str | None) -> str | None:
        if value is None or value.startswith("/"):
            return value
        if value.startswith("s3://") and value[len("s3://") :].partition("/")[0]:
            return value.rstrip("/")
        raise ValueError("s3://bucket/prefix or the absolute path of a folder")


class UploadSettings(Section):
    """Resumable uploads (tus)."""

    max_bytes: int = Field(default=16 << 30, ge=1)
    """Bytes of one upload."""
    max_open_by_key: int = Field(default=100, ge=1)
    """Uploads of one API key that are not finished or not used yet."""
    expire_after_hours: float = Field(default=24.0, gt=0)
    """Hours after its last piece for which an upload waits to be continued, or, once whole, to be used."""


class RetentionSettings(Section):
    """How long files of jobs are kept after the job's end; each job may say so for itself."""

    inputs_hours: float = Field(default=24.0, ge=0)
    """Hours for which inputs are kept."""
    results_hours: float = Field(default=168.0, ge=0)
    """Hours for which results are kept."""
    longest_hours: float = Field(default=8760.0, gt=0)
    """Hours beyond which no job may have its files kept."""
    records_days: float = Field(default=365.0, gt=0)
    """Days for which jobs' rows, and the record of what was deleted, are kept."""
    every_s: float = Field(default=60.0, gt=0)
    """Seconds between two looks for what is past its time."""


class WebhookSettings(Section):
    """Telling a `callback_url` about a job's changes."""

    enabled: bool = True
    """Whether jobs may have a `callback_url`."""
    secret: SecretStr | None = None
    """Signs every call (HMAC-SHA256), through a secret of each API key that is derived from it …"""
    secret_file: OptionalPath = None
    """… or the file that holds it; neither: a secret that the first start makes, in `webhook.secret` in the
    data folder."""
    allowed_networks: Names = ()
    """Private networks that may be called, such as `10.1.0.0/16` or `127.0.0.1/32`; all others may not."""
    allow_http: bool = True
    """Whether `http://` may be called; else only `https://`."""
    timeout_s: float = Field(default=10.0, gt=0)
    """Seconds that one call may take from its first to its last byte."""
    give_up_after_hours: float = Field(default=24.0, gt=0)
    """Hours for which a call that fails is tried again."""
    at_once: int = Field(default=4, ge=1)
    """Calls that run at one time; one receiver never has two of them."""


class ReferenceSettings(Section):
    """`file://` and `s3://` references in a job's inputs: off until a root is named."""

    file_roots: Paths = ()
    """Folders that `file://` may name files in, by whoever may submit jobs."""
    s3_roots: Names = ()
    """`s3://bucket/prefix/` that `s3://` may name objects under; read with the access of `blobs`."""
    max_bytes: Annotated[int, Field(ge=1)] = 16 << 30
    """Bytes of one file that is referred to."""
