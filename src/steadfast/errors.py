"""Every error this program declares, in one tree: the caller's fault, or ours.

    SteadfastError
    ├── CallerError                     the caller can mend it
    │   ├── InvalidOption               an option or setting has a value that cannot work
    │   │   ├── UnknownCodec            no such encoder in this build
    │   │   └── UnsafePath              a name pattern would leave its folder
    │   ├── ConfigError                 the settings file or a STEADFAST_* variable is wrong
    │   ├── PreflightFailed             the machine or the container is not as the settings ask
    │   ├── InputMissing                the file is not there or cannot be opened
    │   ├── BadMedia                    the bytes are not a usable picture or video
    │   │   ├── EmptyInput              no bytes
    │   │   ├── UnsupportedMedia        not a format this program reads
    │   │   ├── DamagedMedia            a known format, but truncated or corrupt
    │   │   └── MediaTooLarge           over a limit on bytes, pixels, frames or seconds
    │   ├── LogUnreadable               the bytes are no log: binary, or packed in a way that is not known
    │   ├── FaceProblem                 the picture is fine, its faces are not
    │   │   ├── NoFace
    │   │   ├── FaceTooSmall
    │   │   ├── TooManyFaces            one was asked for, several are there
    │   │   └── FaceNotMatched          no face like the reference, or no face at that index
    │   ├── TextProblem                 a sentence that cannot be judged
    │   │   ├── EmptyText               no word is in it, or none is left once it is cleaned
    │   │   ├── TextTooLong             over a limit on characters or words
    │   │   └── TextUnreadable          its bytes were no text
    │   ├── OutputUnwritable            the folder is missing or read-only, or the file exists and may not
    │   ├── LicenseNotAccepted          a model's terms must be accepted first
    │   ├── AccessRefused               nobody may do this, as far as we know
    │   │   ├── KeyRefused              no API key, or one that does not hold (any more)
    │   │   ├── ScopeMissing            the key is good, but not for this
    │   │   └── ForeignRequest          a web page of somebody else sent it, or under a name that is not ours
    │   ├── MalformedRequest            headers, form or query cannot be read
    │   ├── WrongContentType            the body is of another kind than the path takes
    │   ├── HeadTooLarge                the headers alone are larger than any request needs
    │   ├── UnknownRoute                nothing is served at that path
    │   ├── NotServedHere               another server of the cluster serves it
    │   ├── WrongMethod                 the path is served, but not by that method
    │   ├── SlowClient                  its bytes came too slowly
    │   ├── RateLimited                 its key or address sends too often
    │   ├── KeyUnknown                  there is no API key of that id
    │   ├── IncidentUnknown             there is no incident or crash report of that id
    │   ├── NodeUnknown                 there is no node of that name
    │   ├── MaintenanceUnknown          there is no planned maintenance of that id
    │   ├── JobProblem                  a job is not as the request wants it
    │   │   ├── JobUnknown              there is none of that id
    │   │   ├── JobConflict             not possible in the state it is in
    │   │   ├── JobExpired              it had not ended by `expires_in`
    │   │   ├── ResultNotReady          the result is not there yet
    │   │   ├── RangeUnusable           the range begins behind the end of the result
    │   │   └── ResultGone              the result was deleted
    │   ├── BlobMissing                 what was kept is not there (any more)
    │   ├── QuotaExceeded               the key's files would take more room than it may have
    │   ├── ReferenceRefused            that address may not be read, or called back, from here
    │   ├── UploadProblem               a resumable upload
    │   │   ├── UploadUnknown           there is none of that id
    │   │   ├── UploadExpired           it was not finished in time
    │   │   ├── UploadConflict          the offset is not where it stands, or somebody else is sending
    │   │   ├── UploadUnfinished        it is not whole yet
    │   │   ├── UploadVersion           it speaks another version of the tus protocol
    │   │   └── ChecksumMismatch        a piece came with another sum than was announced
    │   ├── IdempotencyMismatch         the Idempotency-Key was used for another request
    │   ├── IdempotencyInProgress       the first request with that Idempotency-Key is still running
    │   ├── PoisonInput                 this input killed the workers that touched it
    │   └── RequestCancelled            whoever asked went away or took it back
    └── ServiceError                    we failed
        ├── EngineUnavailable           no engine of that name can work here
        │   └── RuntimeMissing          no ONNX Runtime is installed
        ├── ModelProblem
        │   ├── ModelMissing            not on disk and cannot be fetched
        │   ├── ModelDamaged            its sum is wrong, or it does not load
        │   ├── ModelUnsupported        of a kind, or with options, that this program does not know
        │   ├── DownloadFailed
        │   └── InvalidModelOutput      NaN, infinity, or a shape the contract does not know
        ├── OutOfMemory
        │   ├── OutOfDeviceMemory
        │   └── OutOfHostMemory
        ├── OutOfHandles
        ├── DiskFull
        ├── BlobProblem                 the store of files
        │   ├── BlobDamaged             its content is not what was put there
        │   └── BlobStoreUnreachable    it does not answer, or refuses us
        ├── LeaseRefused                a step of a job is somebody else's by now
        ├── EncodingFailed              the encoder refused or broke off
        ├── TooManyBadFrames            more frames failed than `max_bad_frames` allows
        ├── DatabaseProblem             the database cannot be used
        │   ├── DatabaseBusy            somebody else holds it for too long
        │   ├── DatabaseDamaged         its file is no database any more
        │   └── SchemaTooNew            a newer version of this program has written it
        ├── ServiceUnreachable          no service answers at the URL that was given
        ├── ServiceUnsupported          this system cannot keep workers
        └── ServingProblem              the request is fine; the service could not carry it out now
            ├── DeadlineExceeded        its time was over before it was done
            ├── Overloaded              there is more work than can be done in time
            ├── WorkerCrashed           the workers that had it died, and no retry was left
            ├── RequestAborted          it was ended to keep the service well
            ├── BreakerOpen             the task's workers die before they serve: it is paused
            ├── PinLost                 a job cannot go on as it was begun: a model or a device is gone
            └── ShuttingDown            no new work is taken

Each class carries what every surface needs: a stable `code`, the HTTP `status`, the `exit_code` of the
command line (sysexits.h), a `severity`, and a `remedy` in one sentence. No web framework is known here.
"""

import math
from enum import IntEnum, StrEnum
from typing import ClassVar


class Severity(StrEnum):
    """How loudly an error speaks."""

    INFO = "info"  # the caller's affair
    WARNING = "warning"  # we coped
    ERROR = "error"  # this piece of work failed
    FATAL = "fatal"  # the process should not go on


class ExitCode(IntEnum):
    """Exit statuses of the command line, after sysexits.h."""

    OK = 0
    UNEXPECTED = 1  # a bug: an error that this tree does not declare
    USAGE = 2  # the command line itself is wrong
    BAD_INPUT = 65  # EX_DATAERR: bytes, faces
    NO_INPUT = 66  # EX_NOINPUT
    UNAVAILABLE = 69  # EX_UNAVAILABLE: engine or model
    FAILED = 70  # EX_SOFTWARE: our own failure
    CANNOT_CREATE = 73  # EX_CANTCREAT
    DISK_FULL = 74  # EX_IOERR
    OUT_OF_MEMORY = 75  # EX_TEMPFAIL
    NO_PERMISSION = 77  # EX_NOPERM
    CONFIG = 78  # EX_CONFIG
    INTERRUPTED = 130  # 128 + SIGINT
    READER_GONE = 141  # 128 + SIGPIPE: `steadfast … | head`
    TERMINATED = 143  # 128 + SIGTERM


class SteadfastError(Exception):
    """Base of everything this program raises on purpose. `str()` is one sentence for a person."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    severity: ClassVar[Severity] = Severity.ERROR
    default_remedy: ClassVar[str] = "Run again with --debug and report what it prints."

    def __init__(self, detail: str, *, remedy: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy or self.default_remedy
        self.effort: dict[str, float | str] = {}
        """What had been spent by then, as logs name it: `worker`, `attempts`, `queue_ms`, `worked_ms`."""

    def as_dict(self) -> dict[str, str | int]:
        """Plain data, for JSON output and for crossing a process boundary."""
        return {
            "code": self.code,
            "detail": self.detail,
            "remedy": self.remedy,
            "status": self.status,
            "exit_code": int(self.exit_code),
            "severity": self.severity.value,
        }


# --- the caller's fault -------------------------------------------------------------------------------


class CallerError(SteadfastError):
    """The request cannot be served as it stands; the caller can mend it."""

    code = "bad_request"
    status = 400
    exit_code = ExitCode.BAD_INPUT
    severity = Severity.INFO
    default_remedy = "Mend the input and try again."


class InvalidOption(CallerError):
    """An option or a setting has a value that cannot work."""

    code = "invalid_option"
    exit_code = ExitCode.USAGE
    default_remedy = "See --help for the values that are allowed."


class UnknownCodec(InvalidOption):
    """No encoder of that name is part of this build."""

    code = "unknown_codec"
    default_remedy = "`steadfast doctor` lists the codecs that work here."


class UnsafePath(InvalidOption):
    """A name pattern would write outside the folder it was given."""

    code = "unsafe_path"
    default_remedy = "Use a name pattern without '..' and without a leading '/'."


class ConfigError(CallerError):
    """The settings file or a STEADFAST_* variable is wrong."""

    code = "config_error"
    exit_code = ExitCode.CONFIG
    default_remedy = "docs/reference/settings.md lists every setting and its values."


class PreflightFailed(CallerError):
    """The machine or the container is not as the settings ask; a service would come up only to fail."""

    code = "preflight_failed"
    exit_code = ExitCode.CONFIG
    default_remedy = "`steadfast doctor --preflight` lists everything that was looked at."


class InputMissing(CallerError):
    """The input is not there or cannot be opened."""

    code = "input_missing"
    status = 404
    exit_code = ExitCode.NO_INPUT
    default_remedy = "Check the path and that you may read the file."


class BadMedia(CallerError):
    """The bytes are not a picture or video that can be used."""

    code = "bad_media"
    status = 422


class EmptyInput(BadMedia):
    """There are no bytes."""

    code = "empty_input"
    status = 400
    default_remedy = "The file has no content; export or copy it again."


class UnsupportedMedia(BadMedia):
    """Not a format that this program reads."""

    code = "unsupported_media"
    status = 415
    default_remedy = (
        "Use JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF pictures, or MP4, MOV, MKV, WebM or GIF videos."
    )


class DamagedMedia(BadMedia):
    """A known format, but truncated or corrupt."""

    code = "damaged_media"
    default_remedy = "Copy the file again, or export it again from where it was made."


class MediaTooLarge(BadMedia):
    """Over a limit on bytes, pixels, frames or seconds."""

    code = "media_too_large"
    status = 413
    default_remedy = "Scale it down, or raise the limit in the settings (`media.*`)."


class LogUnreadable(CallerError):
    """The bytes are no log that can be read."""

    code = "log_unreadable"
    status = 422
    exit_code = ExitCode.BAD_INPUT
    default_remedy = (
        "Give a text log, or one packed with gzip; `journalctl -o short-iso` makes text of a journal."
    )


class FaceProblem(CallerError):
    """The picture is fine; its faces do not allow what was asked."""

    code = "face_problem"
    status = 422


class NoFace(FaceProblem):
    """No face was found."""

    code = "no_face"
    default_remedy = "Use a picture in which a face is well lit, upright and at least 40 pixels wide."


class FaceTooSmall(FaceProblem):
    """The face has too few pixels to work with."""

    code = "face_too_small"
    default_remedy = "Use a picture in which the face is larger."


class TooManyFaces(FaceProblem):
    """One face was asked for and several are there."""

    code = "too_many_faces"
    default_remedy = (
        "Say which one: --faces largest, --faces all, or --faces 0 (`steadfast faces IMAGE` numbers them)."
    )


class FaceNotMatched(FaceProblem):
    """No face is like the reference, or none has that index."""

    code = "face_not_matched"
    default_remedy = (
        "`steadfast faces IMAGE` lists the faces that are there; lower --similarity if one is yours."
    )


class TextProblem(CallerError):
    """A sentence that cannot be judged."""

    code = "text_problem"
    status = 422


class EmptyText(TextProblem):
    """There is no word in it, or none is left once it is cleaned."""

    code = "empty_text"
    status = 400
    default_remedy = "Send a sentence in English, for example `The red circle is left of the square.`."


class TextTooLong(TextProblem):
    """Over a limit on characters or words."""

    code = "text_too_long"
    status = 413
    default_remedy = "Ask about one sentence at a time."


class TextUnreadable(TextProblem):
    """Its bytes were no text."""

    code = "text_unreadable"
    default_remedy = "Send the sentence as UTF-8."


class OutputUnwritable(CallerError):
    """The output cannot be written where it was asked for."""

    code = "output_unwritable"
    exit_code = ExitCode.CANNOT_CREATE
    default_remedy = "Create the folder, or choose one that you may write to."


class LicenseNotAccepted(CallerError):
    """A model's licence has terms that somebody must accept first."""

    code = "license_not_accepted"
    status = 403
    exit_code = ExitCode.UNAVAILABLE
    default_remedy = "Read the licence, then pull it with `steadfast models pull NAME --accept-license`."


class AccessRefused(CallerError):
    """This caller may not do this."""

    code = "access_refused"
    status = 403
    exit_code = ExitCode.NO_PERMISSION


class KeyRefused(AccessRefused):
    """There is no API key, or it is unknown, revoked or expired."""

    code = "key_refused"
    status = 401
    default_remedy = "Send a valid key: `Authorization: Bearer KEY`. `steadfast keys create` makes one."


class ScopeMissing(AccessRefused):
    """The API key is good, but not for this."""

    code = "scope_missing"
    default_remedy = "Use a key with that scope; `steadfast keys list` shows who has which."


class ForeignRequest(AccessRefused):
    """It came under a host name that is not this service's, or from a web page of another origin."""

    code = "foreign_request"
    default_remedy = "Add the name to server.allowed_hosts, or use an API key."


class MalformedRequest(CallerError):
    """The headers, the form or the query cannot be read."""

    code = "malformed_request"
    default_remedy = "docs/reference/http.md shows a request for every route."


class UnknownRoute(CallerError):
    """Nothing is served at that path."""

    code = "unknown_route"
    status = 404
    default_remedy = "/openapi.json lists what is served."


class NotServedHere(CallerError):
    """Other servers of this cluster serve it; this one has another role."""

    code = "not_served_here"
    status = 421
    default_remedy = "Send it to a server with the role that serves it: see cluster.role."


class WrongMethod(CallerError):
    """The path is served, but not by that method."""

    code = "wrong_method"
    status = 405
    default_remedy = "The `Allow` header names the methods."


class WrongContentType(CallerError):
    """The body says that it is of another kind than is taken at that path."""

    code = "wrong_content_type"
    status = 415
    default_remedy = "docs/reference/http.md shows a request for every route."


class HeadTooLarge(CallerError):
    """The headers of a request are larger than is ever needed."""

    code = "head_too_large"
    status = 431
    default_remedy = "Send fewer or shorter headers and a shorter URL."


class SlowClient(CallerError):
    """The request came too slowly, so its connection was needed for others."""

    code = "slow_client"
    status = 408
    default_remedy = "Send the request again over a faster connection."


class RateLimited(CallerError):
    """The API key or the address sends more than it may. `retry_after_s`: when one is allowed again."""

    code = "rate_limited"
    status = 429
    default_remedy = "Wait as long as `Retry-After` says; send fewer requests per second."

    def __init__(self, detail: str, *, retry_after_s: float = 1.0, remedy: str | None = None) -> None:
        super().__init__(detail, remedy=remedy)
        self.retry_after_s = retry_after_s

    @property
    def retry_after_ms(self) -> int:
        """The same in whole milliseconds, never too few."""
        return math.ceil(self.retry_after_s * 1000.0)


class KeyUnknown(CallerError):
    """There is no API key of that id."""

    code = "key_unknown"
    status = 404
    exit_code = ExitCode.NO_INPUT
    default_remedy = "`steadfast keys list` shows the ids."


class IncidentUnknown(CallerError):
    """There is no incident or crash report of that id."""

    code = "incident_unknown"
    status = 404
    exit_code = ExitCode.NO_INPUT
    default_remedy = "`steadfast incidents list` and `steadfast crashes list` show the ids."


class NodeUnknown(CallerError):
    """There is no node of that name."""

    code = "node_unknown"
    status = 404
    exit_code = ExitCode.NO_INPUT
    default_remedy = "List them: steadfast cluster status."


class MaintenanceUnknown(CallerError):
    """There is no planned maintenance of that id."""

    code = "maintenance_unknown"
    status = 404
    exit_code = ExitCode.NO_INPUT
    default_remedy = "`steadfast sla maintenance list` shows the ids."


class JobProblem(CallerError):
    """A job is not as the request wants it."""

    code = "job_problem"
    status = 409


class JobUnknown(JobProblem):
    """There is no job of that id."""

    code = "job_unknown"
    status = 404
    exit_code = ExitCode.NO_INPUT
    default_remedy = "`steadfast jobs list` shows the ids."


class JobConflict(JobProblem):
    """That cannot be done in the state the job is in."""

    code = "job_conflict"
    default_remedy = "`steadfast jobs show ID` says where it stands."


class JobExpired(JobProblem):
    """The job had not ended by the time it was given (`expires_in`)."""

    code = "job_expired"
    default_remedy = "Submit it again with more time, or retry it: finished segments are kept."


class ResultNotReady(JobProblem):
    """The result is not there yet."""

    code = "result_not_ready"
    default_remedy = "Wait until the job has succeeded: `steadfast jobs watch ID`."


class RangeUnusable(JobProblem):
    """The range begins behind the end of the result."""

    code = "range_unusable"
    status = 416
    default_remedy = "Ask for bytes that are there, or for the whole."


class ResultGone(JobProblem):
    """The result was deleted: retention, or a purge."""

    code = "result_gone"
    status = 410
    default_remedy = "Submit the job again; results are kept as long as `keep_results` says."


class BlobMissing(CallerError):
    """What was kept is not there (any more): retention or a purge has removed it."""

    code = "blob_missing"
    status = 410
    exit_code = ExitCode.NO_INPUT
    default_remedy = "Send the file again; `retention.*` says for how long files are kept."


class QuotaExceeded(CallerError):
    """The files of this key would take more room than it may have."""

    code = "quota_exceeded"
    status = 413
    default_remedy = "Delete jobs or uploads that are not needed, or raise blobs.quota_bytes_by_key."


class ReferenceRefused(CallerError):
    """That address may not be read, or called back, from here."""

    code = "reference_refused"
    status = 403
    default_remedy = (
        "Ask the operator to allow it: references.file_roots, references.s3_roots, webhooks.allowed_networks."
    )


class UploadProblem(CallerError):
    """A resumable upload cannot go on like this."""

    code = "upload_problem"


class UploadUnknown(UploadProblem):
    """There is no upload of that id."""

    code = "upload_unknown"
    status = 404
    exit_code = ExitCode.NO_INPUT
    default_remedy = "Create one: POST /v1/uploads."


class UploadExpired(UploadProblem):
    """It was not finished, or not used, in time and is gone."""

    code = "upload_expired"
    status = 410
    default_remedy = "Create a new one: POST /v1/uploads."


class UploadConflict(UploadProblem):
    """The offset is not where the upload stands, or another request is sending to it."""

    code = "upload_conflict"
    status = 409
    default_remedy = "Ask where it stands (HEAD), and send from there."


class UploadUnfinished(UploadProblem):
    """It is not whole yet."""

    code = "upload_unfinished"
    status = 409
    default_remedy = "Send the rest first: HEAD tells the offset, PATCH continues."


class UploadVersion(UploadProblem):
    """The request speaks another version of the tus protocol, or none."""

    code = "upload_version"
    status = 412
    default_remedy = "Use a tus client, or send `Tus-Resumable: 1.0.0`."


class ChecksumMismatch(UploadProblem):
    """A piece came with another sum than was announced; none of it was kept."""

    code = "checksum_mismatch"
    status = 460  # as the tus protocol wants it
    default_remedy = "Send the piece again from the same offset."


class IdempotencyMismatch(CallerError):
    """The Idempotency-Key was used for another request."""

    code = "idempotency_mismatch"
    status = 422
    default_remedy = "Use a new Idempotency-Key for a new request."


class IdempotencyInProgress(CallerError):
    """The first request with that Idempotency-Key is still running."""

    code = "idempotency_in_progress"
    status = 409
    default_remedy = "Wait for the first request to end, then ask again with the same key."


class PoisonInput(CallerError):
    """This input killed the workers that touched it, alone; it is not tried again until that is forgotten."""

    code = "poison_input"
    status = 422
    default_remedy = "Export or convert the file with another program, or use another one."


class RequestCancelled(CallerError):
    """Whoever asked went away or took the request back."""

    code = "request_cancelled"
    status = 499
    default_remedy = "Send the request again and wait for its answer."


# --- our fault ----------------------------------------------------------------------------------------


class ServiceError(SteadfastError):
    """We failed; the same request may succeed later or elsewhere."""

    code = "internal_error"


class EngineUnavailable(ServiceError):
    """No engine of that name can work here."""

    code = "engine_unavailable"
    status = 503
    exit_code = ExitCode.UNAVAILABLE
    default_remedy = "`steadfast doctor` says what is missing."


class RuntimeMissing(EngineUnavailable):
    """No ONNX Runtime is installed."""

    code = "runtime_missing"
    default_remedy = (
        "Install one: `pip install 'steadfast[cpu]'` or, with an NVIDIA GPU, `pip install 'steadfast[gpu]'`."
    )


class ModelProblem(ServiceError):
    """A model file or its answers are at fault."""

    code = "model_problem"
    status = 503
    exit_code = ExitCode.UNAVAILABLE
    default_remedy = "`steadfast models verify` says which file is at fault."


class ModelMissing(ModelProblem):
    """The model is not on disk and cannot be fetched."""

    code = "model_missing"
    default_remedy = "Fetch it: `steadfast models pull NAME`."


class ModelDamaged(ModelProblem):
    """The file's sum is wrong, or the runtime cannot load it. `model` names it for the repair."""

    code = "model_damaged"
    default_remedy = "Fetch it again: `steadfast models pull NAME`."

    def __init__(self, detail: str, *, remedy: str | None = None, model: str | None = None) -> None:
        super().__init__(detail, remedy=remedy)
        self.model = model


class ModelUnsupported(ModelProblem):
    """A model of a kind, or with options, that this program does not know."""

    code = "model_unsupported"
    default_remedy = "Use a model of the kind that the how-to names; nothing was guessed and nothing written."


class DownloadFailed(ModelProblem):
    """Every mirror failed."""

    code = "download_failed"
    default_remedy = (
        "Check the network, or set STEADFAST_MODELS__MIRROR to a folder or server that has the file."
    )


class InvalidModelOutput(ModelProblem):
    """NaN, infinity, or a shape that the model's contract does not know."""

    code = "invalid_model_output"
    status = 500


class OutOfMemory(ServiceError):
    """Memory ran out."""

    code = "out_of_memory"
    status = 503
    exit_code = ExitCode.OUT_OF_MEMORY
    default_remedy = "Use a smaller picture, fewer threads, or a smaller model."


class OutOfDeviceMemory(OutOfMemory):
    """The accelerator's memory ran out."""

    code = "out_of_device_memory"
    default_remedy = "Set inference.gpu_memory_limit lower, use a smaller model, or run on the CPU."


class OutOfHostMemory(OutOfMemory):
    """The machine's or container's memory ran out."""

    code = "out_of_host_memory"


class OutOfHandles(ServiceError):
    """A worker can open no more files or start no more threads: it leaks them, and is replaced."""

    code = "out_of_handles"
    status = 503
    exit_code = ExitCode.UNAVAILABLE
    default_remedy = "Ask again: the worker is being replaced. If this goes on, something is never closed."


class DiskFull(ServiceError):
    """No space left where something must be written."""

    code = "disk_full"
    status = 507
    exit_code = ExitCode.DISK_FULL
    default_remedy = "Free some space or write to another disk; nothing half-written was left behind."


class BlobProblem(ServiceError):
    """The store of files fails us."""

    code = "blob_problem"
    status = 503
    exit_code = ExitCode.UNAVAILABLE
    default_remedy = "Check the folder or bucket that `blobs.*` names, and the rights on it."


class BlobDamaged(BlobProblem):
    """A file's content is not what was put there."""

    code = "blob_damaged"
    status = 500
    exit_code = ExitCode.FAILED
    default_remedy = "Check the disk; send the file, or run the job, again."


class BlobStoreUnreachable(BlobProblem):
    """The store does not answer, or refuses us."""

    code = "blob_store_unreachable"


class LeaseRefused(ServiceError):
    """A step of a job is somebody else's by now, or not wanted any more; what was made is dropped."""

    code = "lease_refused"
    status = 503
    severity = Severity.INFO
    default_remedy = "Nothing: whoever has the step finishes it."


class EncodingFailed(ServiceError):
    """The encoder refused its input or broke off."""

    code = "encoding_failed"
    default_remedy = "Try another --codec or container."


class TooManyBadFrames(ServiceError):
    """More frames failed than `max_bad_frames` allows."""

    code = "too_many_bad_frames"
    exit_code = ExitCode.BAD_INPUT
    default_remedy = "Mend the video, or allow more with --max-bad-frames."


class DatabaseProblem(ServiceError):
    """The database cannot be used."""

    code = "database_problem"
    status = 503
    exit_code = ExitCode.UNAVAILABLE
    default_remedy = "Check that the database runs and that `database.url` or the data folder is right."


class DatabaseBusy(DatabaseProblem):
    """Somebody else holds the database for too long."""

    code = "database_busy"
    default_remedy = "Try again; if it stays so, look for a process that holds the database open."


class DatabaseDamaged(DatabaseProblem):
    """The file is no database any more."""

    code = "database_damaged"
    default_remedy = "Restore the file from a backup, or move it away and start with an empty one."


class SchemaTooNew(DatabaseProblem):
    """A newer version of this program has written the database."""

    code = "schema_too_new"
    exit_code = ExitCode.CONFIG
    default_remedy = (
        "Run that version, or go back to the copy from before its upgrade (`steadfast.db.before-…`)."
    )


class ServiceUnreachable(ServiceError):
    """No service answers at the URL that was given."""

    code = "service_unreachable"
    status = 503
    exit_code = ExitCode.UNAVAILABLE
    default_remedy = "Start it with `steadfast serve`, or say where it is: STEADFAST_URL=http://host:port."


class ServiceUnsupported(ServiceError):
    """This system cannot keep workers: the service needs Linux; everything else works without it."""

    code = "service_unsupported"
    status = 503
    exit_code = ExitCode.UNAVAILABLE
    default_remedy = "Run the service on Linux 5.4 or newer, for example in a container."


class ServingProblem(ServiceError):
    """The request is fine; the service could not carry it out now. `retry_after_s`: when to try again."""

    code = "serving_problem"
    status = 503
    exit_code = ExitCode.UNAVAILABLE
    severity = Severity.WARNING
    default_remedy = "Try again later."

    def __init__(self, detail: str, *, remedy: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(detail, remedy=remedy)
        self.retry_after_s = retry_after_s

    @property
    def retry_after_ms(self) -> int | None:
        """The same in whole milliseconds, never too few."""
        return None if self.retry_after_s is None else math.ceil(self.retry_after_s * 1000.0)


class DeadlineExceeded(ServingProblem):
    """The request's time was over before it was done."""

    code = "deadline_exceeded"
    status = 504
    default_remedy = "Allow more time, or send a smaller input."


class Overloaded(ServingProblem):
    """There is more work than can be done in time."""

    code = "overloaded"


class WorkerCrashed(ServingProblem):
    """The workers that had the request died, and no retry was left."""

    code = "worker_crashed"
    severity = Severity.ERROR
    default_remedy = "Try again; the incident was recorded with its cause."

    def __init__(self, detail: str, *, remedy: str | None = None, by_input: bool = False) -> None:
        super().__init__(detail, remedy=remedy)
        self.by_input = by_input
        """Whether the death was attributed to what was worked on, and not to the outside."""


class RequestAborted(ServingProblem):
    """The request was ended so that the service stays well: its worker stood still."""

    code = "request_aborted"
    severity = Severity.ERROR
    default_remedy = "Send it again; the incident was recorded with its cause."


class PinLost(ServingProblem):
    """A worker cannot do a segment as the segments before it were done: a model or a device is gone."""

    code = "pin_lost"
    default_remedy = "Bring back what the job was begun with, or start it over."


class BreakerOpen(ServingProblem):
    """The task's workers die before they serve anything, so it is paused and tried again after a while."""

    code = "breaker_open"
    severity = Severity.ERROR


class ShuttingDown(ServingProblem):
    """The service is stopping and takes no new work."""

    code = "shutting_down"
    default_remedy = "Send the request to another instance, or again when the service is back."
