"""The kinds of files that a job's result may be, by the ending of its name."""

from pathlib import Path

from steadfast.errors import InvalidOption
from steadfast.media.limits import MediaLimits, identify
from steadfast.media.picture_encoders import ENCODERS
from steadfast.media.sniff import FileFormat, MediaKind

CONTENT_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska",
    ".webm": "video/webm", ".gif": "image/gif", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
    ".png": "image/png", ".webp": "image/webp", ".tiff": "image/tiff", ".avif": "image/avif",
    ".heic": "image/heic", ".bmp": "image/bmp", ".tif": "image/tiff",
}  # fmt: skip
_VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
PICTURE_FORMATS = {f".{f.value}": f for f in ENCODERS} | {".jpg": FileFormat.JPEG, ".tif": FileFormat.TIFF}
"""Of pictures."""


def suffix_for(wanted: str, kind: MediaKind, target: Path, limits: MediaLimits) -> str:
    """The ending of the result's name: the one that is asked for, or the target's own kind."""
    suffix = f".{wanted.lower().lstrip('.')}" if wanted else ""
    known = PICTURE_FORMATS if kind is MediaKind.PICTURE else (*_VIDEO_SUFFIXES, ".gif")
    if suffix and suffix not in known:
        raise InvalidOption(
            f"A {kind.value} cannot be written as {wanted!r}.",
            remedy=f"Use one of {', '.join(name.lstrip('.') for name in known)}.",
        )
    return suffix or _own_suffix(kind, target, limits)


def _own_suffix(kind: MediaKind, target: Path, limits: MediaLimits) -> str:
    found = identify(target, limits)
    if kind is MediaKind.PICTURE:
        return f".{found.value}" if found in ENCODERS else ".jpeg"
    if found is FileFormat.GIF:
        return ".gif"
    with target.open("rb") as file:
        head = file.read(64)
    if found is FileFormat.MATROSKA:
        return ".webm" if b"webm" in head else ".mkv"
    return ".mov" if b"ftypqt" in head else ".mp4"
