"""The mark by which an output says what it is: made by a program, from whose parts, and how.

IPTC's `DigitalSourceType` is what galleries, social networks and C2PA-aware viewers read to label a picture;
the codes are at http://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.dom import minidom

from steadfast.media import xmp
from steadfast.media.pictures import read_metadata

_CODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_SOURCE_TYPE = (xmp.IPTC_EXT, "DigitalSourceType")
_CREATOR_TOOL = (xmp.XMP, "CreatorTool")
_ENGINE = (xmp.STEADFAST, "Engine")
_MODELS = (xmp.STEADFAST, "Models")


class DigitalSourceType(StrEnum):
    """How the pixels came about; each value is the URI that IPTC gives it."""

    COMPOSITE_SYNTHETIC = f"{_CODES}compositeSynthetic"  # composed, at least one part made by a program
    COMPOSITE_WITH_TRAINED = (
        f"{_CODES}compositeWithTrainedAlgorithmicMedia"  # parts made by a trained generator
    )
    TRAINED = f"{_CODES}trainedAlgorithmicMedia"  # wholly generated; only ever found, never written


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What an output says of itself."""

    generative: bool  # a trained generator made pixels of it (neural), not only geometry
    program: str  # name and version
    engine: str  # which engine made it
    models: tuple[str, ...] = ()  # the models that filled its roles

    @property
    def source_type(self) -> DigitalSourceType:
        """The code of IPTC's vocabulary."""
        if self.generative:
            return DigitalSourceType.COMPOSITE_WITH_TRAINED
        return DigitalSourceType.COMPOSITE_SYNTHETIC


def xmp_packet(
    mark: Mark | None, existing: bytes | None = None, *, max_bytes: int | None = None
) -> tuple[bytes | None, tuple[str, ...]]:
    """The packet for an output: what its input said, and the mark; and notes on what was dropped.

    Without a mark the existing packet is only cleaned, and there is none where there was none. A hostile or
    damaged packet, or one with which the whole would pass `max_bytes`, is left out and noted. The mark is
    never weaker than what was there: a picture once said to hold generated parts stays so.
    """
    if mark is None and existing is None:
        return None, ()
    try:
        merged = xmp.merged_packet(existing, _properties(mark, _found_type(existing)))
        if max_bytes is None or len(merged) <= max_bytes:
            return merged, ()
        note = "Its XMP data does not fit the output's format and was left out."
    except xmp.HostileXmp:
        note = "Its XMP data was damaged or unsafe and was left out."
    return (xmp.merged_packet(None, _properties(mark, None)) if mark else None), (note,)


def mark_in_packet(packet: bytes) -> Mark | None:
    """The mark that a packet carries, if it carries one of this program."""
    try:
        document = xmp.parse_packet(packet)
    except xmp.HostileXmp:
        return None
    engine, program = xmp.value_in(document, _ENGINE), xmp.value_in(document, _CREATOR_TOOL)
    source_type = _source_type_in(document)
    if engine is None or source_type is None:
        return None
    return Mark(
        generative=source_type is not DigitalSourceType.COMPOSITE_SYNTHETIC,
        program=program or "",
        engine=engine,
        models=xmp.values_in(document, _MODELS),
    )


def read_mark(path: Path) -> Mark | None:
    """The mark of a picture file, if it carries one; raises as `read_picture` does."""
    packet = read_metadata(path).xmp
    return mark_in_packet(packet) if packet else None


def video_metadata(mark: Mark) -> dict[str, str]:
    """The mark as container metadata.

    `comment` is the one key that MP4, MOV, Matroska and WebM all keep, so it holds everything; the others are
    for containers with free keys.
    """
    models = f"; models: {', '.join(mark.models)}" if mark.models else ""
    comment = (
        f"{_COMMENT_HEAD}{mark.source_type.value}; program: {mark.program}; engine: {mark.engine}{models}"
    )
    return {"comment": comment, "digital_source_type": mark.source_type.value}


def mark_in_video_metadata(metadata: Mapping[str, str]) -> Mark | None:
    """The mark that `video_metadata` wrote, if it is there; keys in any case, as containers change it."""
    comment = next((value for key, value in metadata.items() if key.lower() == "comment"), "")
    if not comment.startswith(_COMMENT_HEAD):
        return None
    parts = comment.removeprefix(_COMMENT_HEAD).split("; ")
    named = dict(part.split(": ", 1) for part in parts[1:] if ": " in part)
    return Mark(
        generative=parts[0] != DigitalSourceType.COMPOSITE_SYNTHETIC,
        program=named.get("program", ""),
        engine=named.get("engine", ""),
        models=tuple(filter(None, named.get("models", "").split(", "))),
    )


_COMMENT_HEAD = "Composite with an exchanged face. DigitalSourceType: "


def _properties(
    mark: Mark | None, found: DigitalSourceType | None
) -> dict[xmp.Property, str | tuple[str, ...]]:
    if mark is None:
        return {}
    stays_generative = found in {DigitalSourceType.TRAINED, DigitalSourceType.COMPOSITE_WITH_TRAINED}
    source_type = DigitalSourceType.COMPOSITE_WITH_TRAINED if stays_generative else mark.source_type
    return {
        _SOURCE_TYPE: source_type.value,
        _CREATOR_TOOL: mark.program,
        _ENGINE: mark.engine,
        _MODELS: mark.models,
    }


def _found_type(packet: bytes | None) -> DigitalSourceType | None:
    return None if packet is None else _source_type_in(xmp.parse_packet(packet))


def _source_type_in(document: minidom.Document) -> DigitalSourceType | None:
    value = xmp.value_in(document, _SOURCE_TYPE)
    return DigitalSourceType(value) if value in set(DigitalSourceType) else None
