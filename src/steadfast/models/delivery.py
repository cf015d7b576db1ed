"""Brings one model file into the store: from the first mirror that has it, locked, in one atomic move."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from urllib.parse import unquote, urlsplit

from steadfast.errors import DiskFull, DownloadFailed, OutputUnwritable
from steadfast.events import publish
from steadfast.models.catalogue import Model, ModelFile
from steadfast.models.download import BrokenOff, Refused, Transfer, fetch
from steadfast.models.facts import MirrorFailed, ModelPulled
from steadfast.models.quarantine import Quarantine
from steadfast.models.verification import Verdict, Verifier, matches

_COOLDOWN_S = 300.0
_PROGRESS_BYTES = 1 << 20  # a try that brought this much more does not count against the attempts


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to try."""

    connect_timeout_s: float
    read_timeout_s: float
    attempts: int  # tries per URL that bring nothing new


@dataclass(frozen=True, kw_only=True, slots=True)
class PullProgress:
    """How far a download is."""

    model: str
    file: str
    url: str
    done_bytes: int
    total_bytes: int


OnProgress = Callable[[PullProgress], None]


class Delivery:
    """The folder's receiving end; any number of threads and processes may deliver the same file at once."""

    def __init__(self, folder: Path, verifier: Verifier, quarantine: Quarantine) -> None:
        self._folder = folder
        self._verifier = verifier
        self._quarantine = quarantine

    def deliver(
        self,
        model: Model,
        file: ModelFile,
        urls: Sequence[str],
        patience: Patience,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Makes the file stand under its final name, verified; what wrongly stands there is quarantined.

        Raises `DownloadFailed` with what every URL said, `DiskFull`, or `OutputUnwritable`.
        """
        order = _Order(model=model, file=file, patience=patience, on_progress=on_progress or (lambda _: None))
        with _writing_to(self._folder), self.locked(file.name):
            target = self._folder / file.name
            verdict = self._verifier.check(target, file)  # another process may just have brought it
            if verdict is Verdict.GOOD:
                return
            if verdict is Verdict.WRONG:
                self._quarantine.take(model, file)
            self._fetch_from_any(order, urls)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Holds what the processes that share this folder hold one at a time; released if its owner dies."""
        from filelock import FileLock  # noqa: PLC0415 — it brings asyncio, and who only reads needs no lock

        locks = self._folder / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{name}.lock"):
            yield

    def failed_lately(self, file: ModelFile) -> bool:
        """Whether every URL failed within the last minutes, in this process or another of the folder.

        A network that swallows packets costs a timeout per URL: whoever has a next-best engine should not
        wait for it at every start.
        """
        try:
            age_s = time() - self._failure_mark(file).stat().st_mtime
        except OSError:
            return False
        return 0 <= age_s < _COOLDOWN_S

    def _fetch_from_any(self, order: "_Order", urls: Sequence[str]) -> None:
        failures: dict[str, str] = {}
        for url in urls:
            started_s = monotonic()
            try:
                self._fetch_from(order, url)
            except (Refused, BrokenOff) as error:
                failures[url] = str(error)
                publish(order.failed(url, str(error)))
            else:
                self._failure_mark(order.file).unlink(missing_ok=True)
                publish(order.pulled(url, monotonic() - started_s))
                return
        if urls:
            self._failure_mark(order.file).touch()
        raise DownloadFailed(f"{order.model.name} cannot be fetched. {_what_each_said(failures)}")

    def _failure_mark(self, file: ModelFile) -> Path:
        return self._folder / ".parts" / f"{file.name}.failed"

    def _fetch_from(self, order: "_Order", url: str) -> None:
        part = self._part(order.file)
        _refuse_full_disk(part, order.file.size_bytes)
        was_begun = part.exists()
        _fetch_patiently(order, url, part)
        if matches(part, order.file):
            self._accept(part, order.file)
            return
        part.unlink()
        if not was_begun:
            raise Refused("its content is not the model's (another sha256)")
        # What an earlier run had left may have been at fault, not this URL.
        self._fetch_from(order, url)

    def _part(self, file: ModelFile) -> Path:
        # Named after the sum: a part of one version must never grow into a file of another.
        part = self._folder / ".parts" / f"{file.name}.{file.sha256[:16]}.part"
        part.parent.mkdir(exist_ok=True)
        return part

    def _accept(self, part: Path, file: ModelFile) -> None:
        with part.open("rb") as stream:
            os.fsync(stream.fileno())  # else a power cut could leave the name without the bytes
        part.replace(self._folder / file.name)
        self._verifier.trust(self._folder / file.name, file)
        part.with_suffix(".validator").unlink(missing_ok=True)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    """What is being delivered to whom."""

    model: Model
    file: ModelFile
    patience: Patience
    on_progress: OnProgress

    def failed(self, url: str, reason: str) -> MirrorFailed:
        return MirrorFailed(model=self.model.name, file=self.file.name, url=url, reason=reason)

    def pulled(self, url: str, duration_s: float) -> ModelPulled:
        name, size_bytes = self.file.name, self.file.size_bytes
        return ModelPulled(
            model=self.model.name, file=name, url=url, size_bytes=size_bytes, duration_s=duration_s
        )

    def progress(self, url: str, done_bytes: int) -> None:
        total_bytes = self.file.size_bytes
        self.on_progress(
            PullProgress(
                model=self.model.name,
                file=self.file.name,
                url=url,
                done_bytes=done_bytes,
                total_bytes=total_bytes,
            )
        )


def _fetch_patiently(order: _Order, url: str, part: Path) -> None:
    """Fetches with growing pauses; only tries that bring nothing new count, so a lame line gets there too."""
    transfer = Transfer(
        url=url,
        part=part,
        size_bytes=order.file.size_bytes,
        connect_timeout_s=order.patience.connect_timeout_s,
        read_timeout_s=order.patience.read_timeout_s,
    )
    best_bytes = _size_of(part)
    while True:
        try:
            _fetch_with_retries(transfer, order)
        except BrokenOff:
            if _size_of(part) < best_bytes + _PROGRESS_BYTES:
                raise
            best_bytes = _size_of(part)
        else:
            return


def _fetch_with_retries(transfer: Transfer, order: _Order) -> None:
    import stamina  # noqa: PLC0415 — see download.py

    def retry(error: Exception) -> bool | float:
        # A server that says when to come back is believed.
        return (error.retry_after_s or True) if isinstance(error, BrokenOff) else False

    for attempt in stamina.retry_context(
        on=retry, attempts=order.patience.attempts, timeout=None, wait_max=20.0
    ):
        with attempt:
            fetch(transfer, lambda done_bytes: order.progress(transfer.url, done_bytes))


def _what_each_said(failures: dict[str, str]) -> str:
    """Hosts by what they said, so that three that fail alike make one clause; full URLs are in the events."""
    if not failures:
        return "There is no URL that may be asked now."
    hosts: dict[str, list[str]] = {}
    for url, reason in failures.items():
        hosts.setdefault(reason, []).append(urlsplit(url).netloc or unquote(url))
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in hosts.items()) + "."


def _size_of(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _refuse_full_disk(part: Path, size_bytes: int) -> None:
    missing_bytes = size_bytes - _size_of(part)
    free_bytes = shutil.disk_usage(part.parent).free
    if free_bytes < missing_bytes:
        raise DiskFull(f"{part.parent.parent} has {free_bytes} bytes free; {missing_bytes} are needed.")


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    """Translates what the file system says about the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(f"No space is left in the model folder {folder}.") from error
        reason = error.strerror or str(error)
        raise OutputUnwritable(
            f"The model folder {folder} cannot be written to: {reason}.",
            remedy="Choose another with STEADFAST_MODELS__DIR, or get the right to write there.",
        ) from error
