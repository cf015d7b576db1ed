"""What lies beside the pictures in a video file: sound, subtitles, fonts, chapters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from av.container import InputContainer
from av.stream import Stream

if TYPE_CHECKING:
    from av.container.core import Chapter  # its stub alone knows the name

_ARTWORK = "cover picture"
_CHAPTER_TITLES = "bin_data"  # FFmpeg's name of what is in that stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Companions:
    """The companions of one video, as templates for what is written; valid while its reader is open."""

    sound: Sequence[Stream] = ()
    subtitles: Sequence[Stream] = ()
    attachments: Sequence[Stream] = ()  # fonts of subtitles, as a rule
    chapters: "Sequence[Chapter]" = ()
    others: Sequence[str] = ()  # what no output carries: timecodes, telemetry, cover pictures, more videos


def companions_of(container: InputContainer, video: Stream, *, with_sound: bool) -> Companions:
    """Everything in the file but the stream of its pictures."""
    by_type = {
        kind: tuple(stream for stream in container.streams if stream.type == kind)
        for kind in ("audio", "subtitle", "attachment")
    }
    chapters = tuple(container.chapters())
    left = [s for s in container.streams if s.type not in by_type and s is not video]
    if chapters:  # QuickTime keeps their titles in a stream of its own
        left = [s for s in left if s.name != _CHAPTER_TITLES]
    return Companions(
        sound=by_type["audio"] if with_sound else (),
        subtitles=by_type["subtitle"],
        attachments=by_type["attachment"],
        chapters=chapters,
        others=tuple(_ARTWORK if s.type == "video" else f"{s.type} stream" for s in left),
    )
