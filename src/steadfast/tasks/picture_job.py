"""A picture as a job: one segment, which is the result."""

from pathlib import Path

import msgspec

from steadfast.faces.roles import Engine
from steadfast.media.limits import MediaLimits
from steadfast.media.output import write_bytes_aside
from steadfast.media.picture_writer import encode_picture
from steadfast.media.pictures import Picture, read_picture
from steadfast.readings import Readings
from steadfast.task_steps import Job, SegmentDone
from steadfast.tasks.cast import Cast
from steadfast.tasks.face_checks import refuse_nonsense
from steadfast.tasks.face_job_options import FaceJobOptions
from steadfast.tasks.output_mark import mark_of
from steadfast.tasks.picture_swap import PictureSwap, swap_picture
from steadfast.tasks.quality_sample import QualitySampler, readings_or_none
from steadfast.tasks.result_formats import PICTURE_FORMATS


def swap_picture_of(
    job: Job[FaceJobOptions],
    cast: Cast | None,
    engine: Engine,
    limits: MediaLimits,
    *,
    suffix: str,
    sampler: QualitySampler | None = None,
) -> tuple[SegmentDone, Path]:
    """The target with faces exchanged, as a file of the kind that `suffix` names; no cast: as it was.

    `sampler`: what measures it; None: nothing does.
    Raises what reading, finding faces and writing raise.
    """
    target = read_picture(job.inputs[-1].read_bytes(), limits, name="the target")
    picture, notes, faces, swapped = target, target.notes, 0, 0
    done: PictureSwap | None = None
    if cast is not None:
        done = swap_picture(target, cast, engine, enhance=job.options.enhance)
        refuse_nonsense(done)
        picture, faces, swapped = done.picture, done.faces_found, len(done.swapped)
        notes = (*engine.notes, *target.notes, *cast.notes)
    content, more = encode_picture(
        picture,
        PICTURE_FORMATS[suffix],
        quality=job.options.quality,
        mark=None if cast is None else mark_of(engine),
    )
    file = job.folder / f"result{suffix}"
    write_bytes_aside(file, content, durable=False)
    report = {"faces_found": faces, "faces_swapped": swapped, "pixels": target.width * target.height}
    note = {**report, "engine": engine.name.value, "notes": [*notes, *more]}
    readings = _measured(target, done, content, sampler)
    return (
        SegmentDone(
            units=1, note=msgspec.msgpack.encode(note), report={**report, "frames": 1}, readings=readings
        ),
        file,
    )


def _measured(
    target: Picture, done: PictureSwap | None, content: bytes, sampler: QualitySampler | None
) -> Readings:
    if done is None or sampler is None:
        return {}
    return readings_or_none(lambda: sampler.measure(target, done, content))
