"""The kinds of video files that are written, by the ending of their name."""

from dataclasses import dataclass
from pathlib import Path

from steadfast.errors import InvalidOption


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputContainer:
    """One kind of file."""

    label: str  # for people
    muxer: str  # FFmpeg's name
    usual_codec: str  # of its video, where the user names none
    codecs: tuple[str, ...]  # of video that players of this kind of file expect
    audio_encoder: str | None  # for sound that cannot be copied; None: it holds no sound
    holds_attachments: bool = False  # fonts and the like
    holds_chapters: bool = True
    options: tuple[tuple[str, str], ...] = ()  # for the muxer


# faststart: the index comes first, so that playing can begin while the rest loads.
# use_metadata_tags: keys that QuickTime does not know are kept.
_QUICKTIME_OPTIONS = (("movflags", "+faststart+use_metadata_tags"),)

_BY_SUFFIX = {
    ".mp4": OutputContainer(
        label="MP4",
        muxer="mp4",
        usual_codec="h264",
        codecs=("h264", "hevc", "av1", "vp9"),
        audio_encoder="aac",
        options=_QUICKTIME_OPTIONS,
    ),
    ".mov": OutputContainer(
        label="MOV",
        muxer="mov",
        usual_codec="h264",
        codecs=("h264", "hevc"),
        audio_encoder="aac",
        options=_QUICKTIME_OPTIONS,
    ),
    ".mkv": OutputContainer(
        label="MKV",
        muxer="matroska",
        usual_codec="h264",
        codecs=("h264", "hevc", "av1", "vp9"),
        audio_encoder="aac",
        holds_attachments=True,
    ),
    ".webm": OutputContainer(
        label="WebM", muxer="webm", usual_codec="vp9", codecs=("vp9", "av1"), audio_encoder="libopus"
    ),
    ".gif": OutputContainer(
        label="GIF",
        muxer="gif",
        usual_codec="gif",
        codecs=("gif",),
        audio_encoder=None,
        holds_chapters=False,
        options=(("loop", "0"),),
    ),
}
_BY_SUFFIX[".m4v"] = _BY_SUFFIX[".mp4"]

VIDEO_SUFFIXES = tuple(_BY_SUFFIX)
"""Endings of names that a video can be written under."""


def output_container(output: Path) -> OutputContainer:
    """The kind of file that the ending of the name asks for; `InvalidOption` for an ending that is none."""
    container = _BY_SUFFIX.get(output.suffix.lower())
    if container is None:
        raise InvalidOption(
            f"{output.name!r} does not end like a video that can be written.",
            remedy=f"End its name in {', '.join(VIDEO_SUFFIXES)}.",
        )
    return container
