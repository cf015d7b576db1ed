"""The photos of a job: read by content, whatever their files are called, and analysed once per worker."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from steadfast.errors import EmptyInput, SteadfastError
from steadfast.faces.roles import Engine
from steadfast.faces.selection import Selection
from steadfast.media.limits import MediaLimits
from steadfast.media.pictures import Picture, read_picture
from steadfast.task_steps import Job
from steadfast.tasks.cast import Cast, cast_pictures
from steadfast.tasks.face_job_options import FaceJobOptions

_KEPT = 8


class JobPhotos:
    """Makes casts of a job's photos for one engine, and keeps the last few. Not for several threads."""

    def __init__(self, engine: Engine, limits: MediaLimits) -> None:
        self._engine = engine
        self._limits = limits
        self._casts: dict[tuple[str, ...], Cast] = {}

    def cast(self, job: Job[FaceJobOptions], selection: Selection) -> Cast:
        """Those of the job: who is given, to whom. Raises `EmptyInput`, and what `cast_pictures` raises."""
        photos = [path.read_bytes() for path in job.inputs[:-1]]
        key = (repr(replace(selection, reference=None)), *(hashlib.sha256(p).hexdigest() for p in photos))
        cast = self._casts.pop(key, None) or self._read(photos, selection, job.options.has_reference)
        self._casts[key] = cast  # last: dictionaries keep their order, so the first is the oldest
        if len(self._casts) > _KEPT:
            del self._casts[next(iter(self._casts))]
        return cast

    def _read(self, photos: list[bytes], selection: Selection, has_reference: bool) -> Cast:
        reference = self._picture(photos.pop(), "The reference", "the reference") if has_reference else None
        sources = [
            self._picture(content, f"Source {number}", f"number {number}")
            for number, content in enumerate(photos, start=1)
        ]
        return cast_pictures(sources, self._engine, selection, reference)

    def _picture(self, content: bytes, label: str, name: str) -> Picture:
        if not content:
            raise EmptyInput(f"{label} is empty.")
        return replace(read_picture(content, self._limits, name=label), name=name)


@contextmanager
def naming_inputs(job: Job[FaceJobOptions]) -> Iterator[None]:
    """Errors speak of the target, not of a file of ours: its path says nothing to who sent it."""
    try:
        yield
    except SteadfastError as error:
        error.detail = _without_paths(error.detail, job)
        raise


def _without_paths(detail: str, job: Job[FaceJobOptions]) -> str:
    names: dict[Path, str] = {path: f"photo {n}" for n, path in enumerate(job.inputs[:-1], start=1)}
    names |= {job.inputs[-1]: "the target", job.folder: "the scratch folder"} if job.inputs else {}
    for path, name in names.items():
        for said in (str(path), str(path.resolve())):
            detail = detail.replace(said, name)
    return detail[:1].upper() + detail[1:]
