"""Who is given to whom: source photos read and made into identities, faces of the target chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from steadfast.errors import InvalidOption, NoFace
from steadfast.faces.analyse import analyse
from steadfast.faces.face import Embedding, Face
from steadfast.faces.roles import Engine, SourceIdentity, SourcePhoto
from steadfast.faces.selection import (
    ChosenFace,
    Selection,
    SelectionRule,
    SourceMap,
    area,
    select_faces,
)
from steadfast.faces.similarity import SAME_PERSON, similarity
from steadfast.media.canvas import ArrayCanvas
from steadfast.media.limits import DEFAULT_LIMITS, MediaLimits
from steadfast.media.pictures import Picture, read_picture

_EVERYONE = "source"  # the key of the one person that all photos show


@dataclass(frozen=True, kw_only=True, slots=True)
class CastRequest:
    """What a caller asks for, as paths."""

    sources: tuple[Path, ...] = ()  # photos of one person; under LEFT_TO_RIGHT, one person each
    by_index: Mapping[int, Path] = field(default_factory=dict)  # a photo per face number
    selection: Selection = field(default_factory=Selection)  # the faces of the target that are meant


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    """Identities ready to be given, and the rule by which faces get them."""

    people: Mapping[str, SourceIdentity]
    order: SourceMap
    selection: Selection
    reference: Embedding | None = None  # of the person meant by LIKE
    notes: tuple[str, ...] = ()  # what a user should know of the source photos

    def assign(self, faces: Sequence[Face]) -> list[tuple[ChosenFace, SourceIdentity]]:
        """Each chosen face with the identity it gets; raises what `select_faces` raises."""
        chosen = select_faces(faces, self.selection, reference=self.reference)
        keys = ((face, self.order.key_for(face, self.selection.rule)) for face in chosen)
        return [(face, self.people[key]) for face, key in keys if key is not None]


def read_cast(request: CastRequest, engine: Engine, limits: MediaLimits = DEFAULT_LIMITS) -> Cast:
    """Reads every source photo and prepares its person for the engine's swapper.

    Of a photo with several faces the largest is taken, and a note says so. Raises InvalidOption without any
    source, NoFace naming the photo, and what `read_picture` raises.
    """
    notes: list[str] = []

    def person(paths: Sequence[Path]) -> SourceIdentity:
        photos = [_read_source(path, engine, limits, notes) for path in paths]
        notes.extend(_strangers([path.name for path in paths], photos))
        return engine.swapper.prepare(photos)

    selection, order, groups = _grouped(request)
    reference = selection.reference
    return Cast(
        people={key: person(paths) for key, paths in groups.items()},
        order=order,
        selection=selection,
        reference=None if reference is None else _read_source(reference, engine, limits, []).face.embedding,
        notes=tuple(notes),
    )


_CastKey = tuple[object, ...]


class CastReader:
    """Reads casts for one engine and keeps the last few, so that a batch reads each source photo once.

    Not for several threads at once.
    """

    def __init__(self, engine: Engine, limits: MediaLimits = DEFAULT_LIMITS, *, kept: int = 8) -> None:
        self.engine = engine
        self.limits = limits
        self._kept = kept
        self._casts: dict[_CastKey, Cast] = {}

    def read(self, request: CastRequest) -> Cast:
        """What `read_cast` answers; a photo that changed since is read again."""
        key = _key_of(request)
        cast = self._casts.pop(key, None) or read_cast(request, self.engine, self.limits)
        self._casts[key] = cast  # last: dictionaries keep their order, so the first is the oldest
        if len(self._casts) > self._kept:
            del self._casts[next(iter(self._casts))]
        return cast


def _key_of(request: CastRequest) -> _CastKey:
    pairs = tuple(sorted(request.by_index.items()))
    reference = (request.selection.reference,) if request.selection.reference else ()
    paths = (*request.sources, *(path for _, path in pairs), *reference)
    return (request.sources, pairs, request.selection, *(_state_of(path) for path in paths))


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None  # reading it will say why
    return found.st_ino, found.st_size, found.st_mtime_ns


def _grouped(request: CastRequest) -> tuple[Selection, SourceMap, dict[str, Sequence[Path]]]:
    """The photos of each person by key."""
    selection = request.selection
    if request.by_index:
        if request.sources:
            raise InvalidOption(
                "Sources are given both for all faces and for single ones.",
                remedy="Use either --source or --map.",
            )
        selection = Selection(rule=SelectionRule.INDEX, indices=tuple(sorted(request.by_index)))
        keys = {number: str(path) for number, path in request.by_index.items()}
        return selection, SourceMap(by_index=keys), {str(p): [p] for p in request.by_index.values()}
    if not request.sources:
        raise InvalidOption(
            "There is no source photo.", remedy="Give one with --source PHOTO, or --map 0=PHOTO."
        )
    if selection.rule is SelectionRule.LEFT_TO_RIGHT:
        order = SourceMap(in_order=tuple(map(str, request.sources)))
        return selection, order, {str(path): [path] for path in request.sources}
    return selection, SourceMap(in_order=(_EVERYONE,)), {_EVERYONE: request.sources}


def cast_pictures(
    sources: Sequence[Picture], engine: Engine, selection: Selection, reference: Picture | None = None
) -> Cast:
    """The cast of pictures that are in memory already, as a worker has them; raises as `read_cast` does.

    `reference` shows the person meant by LIKE; the path in `selection` is not read.
    """
    if not sources:
        raise InvalidOption("There is no source photo.", remedy="Send at least one part named source.")
    notes: list[str] = []
    photos = [source_photo(picture, picture.name, engine, notes) for picture in sources]
    people = {_EVERYONE: photos}
    if selection.rule is SelectionRule.LEFT_TO_RIGHT:
        people = {str(number): [photo] for number, photo in enumerate(photos)}
    else:
        notes.extend(_strangers([picture.name for picture in sources], photos))
    shown = None if reference is None else source_photo(reference, reference.name, engine, [])
    return Cast(
        people={key: engine.swapper.prepare(of_one) for key, of_one in people.items()},
        order=SourceMap(in_order=tuple(people)),
        selection=selection,
        reference=None if shown is None else shown.face.embedding,
        notes=tuple(notes),
    )


def source_photo(picture: Picture, name: str, engine: Engine, notes: list[str]) -> SourcePhoto:
    """The person a picture shows: its largest face; a note where there are several. Raises NoFace."""
    faces = analyse(ArrayCanvas(picture.pixels), engine)
    if not faces:
        raise NoFace(f"No face was found in the source photo {name}.")
    if len(faces) > 1:
        notes.append(f"{name} shows {len(faces)} faces; the largest is the source.")
    return SourcePhoto(image=picture.pixels, face=max(faces, key=area))


def _read_source(path: Path, engine: Engine, limits: MediaLimits, notes: list[str]) -> SourcePhoto:
    return source_photo(read_picture(path, limits), path.name, engine, notes)


def _strangers(names: Sequence[str], photos: Sequence[SourcePhoto]) -> list[str]:
    """A note on each photo that does not show the person of the first."""
    first = photos[0].face.embedding
    notes = []
    for name, photo in zip(names[1:], photos[1:], strict=True):
        other = photo.face.embedding
        if first and other and similarity(first, other) < SAME_PERSON[first.space]:
            notes.append(f"{name} seems to show someone else than {names[0]}; both were averaged.")
    return notes
