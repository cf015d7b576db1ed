"""What a batch will do, decided before any work: which targets, which sources, which names."""

import glob
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count, product
from pathlib import Path

from steadfast.errors import CallerError, InputMissing, InvalidOption, OutputUnwritable
from steadfast.media.containers import VIDEO_SUFFIXES
from steadfast.media.limits import DEFAULT_LIMITS, MediaLimits, identify
from steadfast.media.picture_writer import PICTURE_SUFFIXES
from steadfast.media.sniff import FileFormat, MediaKind
from steadfast.tasks.batch_names import NamePattern, NameValues

_WRITABLE = frozenset(PICTURE_SUFFIXES) | frozenset(VIDEO_SUFFIXES)
_PATTERN_SIGNS = re.compile(r"[*?\[]")


class Conflict(StrEnum):
    """What happens to an output whose name is taken."""

    SKIP = "skip"  # it is left as it is: a batch that was broken off goes on where it stopped
    OVERWRITE = "overwrite"
    NUMBER = "number"  # the new one gets a number behind its name
    FAIL = "fail"  # that one item fails


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """A file that an argument led to."""

    path: Path
    folder: str  # where it lies inside the folder that was given; empty at its top, and for single files


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchJob:
    """One output to make."""

    target: Path
    sources: tuple[Path, ...]  # photos of one person
    output: Path
    problem: CallerError | None = None  # why it cannot be started
    is_done: bool = False  # the output is there and is to be left alone


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchOptions:
    """How a batch is laid out."""

    folder: Path  # of the outputs
    pattern: NamePattern
    conflict: Conflict = Conflict.SKIP
    recursive: bool = False  # look into folders inside folders
    one_person: bool = False  # all source photos show one person; else each is a person of its own


def plan_batch(
    targets: Sequence[str],
    sources: Sequence[str],
    options: BatchOptions,
    limits: MediaLimits = DEFAULT_LIMITS,
) -> list[BatchJob]:
    """Every target with every source, in the order of the arguments and of the numbers in file names.

    Raises `InputMissing` where an argument leads to nothing, `UnsafePath` for a name outside the folder,
    `InvalidOption` where two outputs would have one name or an output would replace an input.
    """
    if not options.folder.is_dir():
        raise OutputUnwritable(f"The folder {options.folder} does not exist.")
    found_targets = list(find_files(targets, options, limits, pictures_only=False))
    found_sources = [found.path for found in find_files(sources, options, limits, pictures_only=True)]
    people = [tuple(found_sources)] if options.one_person else [(path,) for path in found_sources]
    pairs = enumerate(product(found_targets, people), start=1)
    jobs = [_job(found, person, index, options, limits) for index, (found, person) in pairs]
    _check_distinct(jobs, found_sources, options.conflict)
    return list(_settled(jobs, options.conflict))


def find_files(
    arguments: Iterable[str], options: BatchOptions, limits: MediaLimits, *, pictures_only: bool
) -> Iterator[FoundFile]:
    """The files that arguments lead to, each once: files, glob patterns, and folders.

    Of a folder only what is a picture or a video by its content; hidden files and the outputs' own folder are
    passed over. A file that is named, or that a pattern matches, is taken whatever it holds.
    """
    seen: set[Path] = set()
    for argument in arguments:
        matches = list(_matches(argument, options, limits, pictures_only=pictures_only))
        if not matches:
            what = "picture" if pictures_only else "picture or video"
            raise InputMissing(f"{argument} leads to no {what}.")
        for found in matches:
            if found.path.resolve() not in seen:
                seen.add(found.path.resolve())
                yield found


def natural_order(path: Path) -> list[tuple[int, int | str]]:
    """A key by which `img2` comes before `img10`."""
    pieces = re.split(r"(\d+)", str(path).casefold())
    return [(0, int(piece)) if piece.isdecimal() else (1, piece) for piece in pieces if piece]


def _matches(
    argument: str, options: BatchOptions, limits: MediaLimits, *, pictures_only: bool
) -> Iterator[FoundFile]:
    path = Path(argument).expanduser()
    if path.is_dir():
        yield from _in_folder(path, options, limits, pictures_only=pictures_only)
    elif path.exists() or not _PATTERN_SIGNS.search(argument):
        if path.exists():
            yield FoundFile(path=path, folder="")
    else:
        found = glob.glob(str(path), recursive=True)  # noqa: PTH207 — Path.glob takes no absolute pattern
        hits = sorted(map(Path, found), key=natural_order)
        yield from (FoundFile(path=hit, folder="") for hit in hits if hit.is_file())


def _in_folder(
    folder: Path, options: BatchOptions, limits: MediaLimits, *, pictures_only: bool
) -> Iterator[FoundFile]:
    outputs = options.folder.resolve()
    keeps_out = outputs != folder.resolve()  # swapping a folder into itself is meant
    for path in sorted(folder.rglob("*") if options.recursive else folder.iterdir(), key=natural_order):
        inside = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in inside.parts)
        is_output = keeps_out and path.resolve().is_relative_to(outputs)
        if is_hidden or is_output or not path.is_file():
            continue
        if _is_media(path, limits, pictures_only=pictures_only):
            parent = inside.parent.as_posix()
            yield FoundFile(path=path, folder="" if parent == "." else parent)


def _is_media(path: Path, limits: MediaLimits, *, pictures_only: bool) -> bool:
    try:
        found = identify(path, limits)
    except CallerError:
        return False
    return found.kind is not MediaKind.VIDEO if pictures_only else True


def _job(
    found: FoundFile, person: tuple[Path, ...], index: int, options: BatchOptions, limits: MediaLimits
) -> BatchJob:
    values = NameValues(
        stem=found.path.stem,
        suffix=_output_suffix(found.path, limits),
        source=person[0].stem,
        index=index,
        folder=found.folder,
    )
    output = options.pattern.path_in(options.folder, values)
    return BatchJob(target=found.path, sources=person, output=output)


def _output_suffix(target: Path, limits: MediaLimits) -> str:
    """The target's own ending where such files can be written, else the usual one of its kind."""
    if target.suffix.lower() in _WRITABLE:
        return target.suffix
    try:
        found = identify(target, limits)
    except CallerError:
        return target.suffix  # reading it will say what is wrong
    if found is FileFormat.JPEG:
        return ".jpg"
    return ".mp4" if found.kind is MediaKind.VIDEO else f".{found.value}"


def _check_distinct(jobs: Sequence[BatchJob], sources: Sequence[Path], conflict: Conflict) -> None:
    inputs = {path.resolve() for path in sources} | {job.target.resolve() for job in jobs}
    made: dict[Path, BatchJob] = {}
    for job in jobs:
        place = job.output.resolve()
        if place in inputs and conflict is not Conflict.NUMBER:
            raise InvalidOption(
                f"{job.output} is an input; a batch does not replace its own inputs.",
                remedy="Choose another folder, or a --name with {source} or a word of your own.",
            )
        other = made.setdefault(place, job)
        if other is not job and conflict is not Conflict.NUMBER:
            raise InvalidOption(
                f"{other.target} and {job.target} would both become {job.output}.",
                remedy="Add {source}, {index} or {folder} to --name, or use --on-conflict number.",
            )


def _settled(jobs: Sequence[BatchJob], conflict: Conflict) -> Iterator[BatchJob]:
    """The jobs with the names that are taken dealt with."""
    taken: set[Path] = set()
    for job in jobs:
        is_taken = job.output in taken or job.output.exists()
        settled = _resolved(job, conflict, taken) if is_taken else job
        taken.add(settled.output)
        yield settled


def _resolved(job: BatchJob, conflict: Conflict, taken: Set[Path]) -> BatchJob:
    if conflict is Conflict.SKIP:
        return replace(job, is_done=True)
    if conflict is Conflict.FAIL:
        problem = OutputUnwritable(
            f"{job.output} is there already.",
            remedy="Use --on-conflict skip, overwrite or number, or another folder.",
        )
        return replace(job, problem=problem)
    if conflict is Conflict.OVERWRITE:
        return job
    names = (job.output.with_name(f"{job.output.stem} ({n}){job.output.suffix}") for n in count(2))
    return replace(job, output=next(name for name in names if name not in taken and not name.exists()))
