"""Limits that hold before anything is decoded: on the file, its bytes, and the pixels it claims to have."""

import errno
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from steadfast.errors import EmptyInput, InputMissing, MediaTooLarge, UnsupportedMedia
from steadfast.media.headers import gif_is_animated
from steadfast.media.sniff import HEAD_BYTES, FileFormat, MediaKind, is_text, sniff
from steadfast.settings import MediaSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaLimits:
    """What is read at most."""

    max_pixels: int = 100_000_000  # of one picture or frame
    max_bytes: int = 8 << 30  # of one input file
    max_picture_bytes: int = 1 << 30  # of one picture, which is read into memory as a whole
    max_duration_s: float = 24 * 3600.0  # of one video

    @classmethod
    def of(cls, settings: MediaSettings) -> Self:
        """The limits that the settings give."""
        return cls(
            max_pixels=settings.max_pixels,
            max_bytes=settings.max_bytes,
            max_picture_bytes=min(settings.max_picture_bytes, settings.max_bytes),
            max_duration_s=settings.max_duration_s,
        )


DEFAULT_LIMITS = MediaLimits()


def identify(path: Path, limits: MediaLimits = DEFAULT_LIMITS) -> FileFormat:
    """The format of the file, by its content.

    Raises `InputMissing` (not there, a folder, not readable), `EmptyInput`, `MediaTooLarge` (bytes) and
    `UnsupportedMedia` (nothing this program reads), before more than its first bytes are read.
    """
    return _identified(path, _checked_head(path, limits.max_bytes))


def kind_of(path: Path, limits: MediaLimits = DEFAULT_LIMITS) -> MediaKind:
    """Whether the file is a picture or is to be treated as a video; a GIF of one frame is a picture.

    Raises as `identify` does.
    """
    found = identify(path, limits)
    if found is not FileFormat.GIF:
        return found.kind
    is_small = path.stat().st_size <= limits.max_picture_bytes
    moves = not is_small or gif_is_animated(read_picture_file(path, limits))
    return MediaKind.ANIMATION if moves else MediaKind.PICTURE


def read_picture_file(path: Path, limits: MediaLimits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a picture file.

    Raises as `identify` does, and `UnsupportedMedia` where the file is a video.
    """
    head = _checked_head(path, limits.max_picture_bytes)
    found = _identified(path, head)
    if found.kind is MediaKind.VIDEO:
        raise UnsupportedMedia(
            f"{path} is a video ({found.value}); a picture is needed here.",
            remedy="Give a JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF picture.",
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputMissing(f"{path} cannot be read: {error.strerror or error}.") from error


def check_pixels(name: str, width_px: int, height_px: int, limits: MediaLimits) -> None:
    """Raises `MediaTooLarge` where a header claims more pixels than the limit allows."""
    if width_px * height_px > limits.max_pixels:
        raise MediaTooLarge(
            f"{name} has {width_px} × {height_px} pixels ({width_px * height_px / 1e6:.0f} megapixels);"
            f" the limit is {limits.max_pixels / 1e6:.0f} megapixels.",
            remedy="Scale it down, or raise STEADFAST_MEDIA__MAX_PIXELS.",
        )


def _checked_head(path: Path, max_bytes: int) -> bytes:
    try:
        status = path.stat()
        _check_is_file(path, status.st_mode)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise InputMissing(f"{path} does not exist.") from error
    except OSError as error:
        raise InputMissing(f"{path} cannot be opened: {_reason(error)}.") from error
    except ValueError as error:  # a NUL byte
        raise InputMissing(f"{str(path)!r} cannot be a file name.") from error
    if not head:
        raise EmptyInput(f"{path} is empty.")
    if status.st_size > max_bytes:
        raise MediaTooLarge(
            f"{path} has {status.st_size / 1e6:.0f} MB; the limit is {max_bytes / 1e6:.0f} MB.",
            remedy="Make it smaller, or raise STEADFAST_MEDIA__MAX_BYTES and MAX_PICTURE_BYTES.",
        )
    return head


def _check_is_file(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise InputMissing(
            f"{path} is a folder.",
            remedy="Give a file inside it, or use `steadfast batch` for the whole folder.",
        )
    if not stat.S_ISREG(mode):  # reading a pipe or a device may never end
        raise InputMissing(f"{path} is not an ordinary file.", remedy="Save it to a file first.")


def _identified(path: Path, head: bytes) -> FileFormat:
    found = sniff(head)
    if found is FileFormat.UNKNOWN:
        looks_like = "is a text file" if is_text(head) else "is neither a picture nor a video"
        raise UnsupportedMedia(f"{path} {looks_like}{', whatever its name says' if path.suffix else ''}.")
    return found


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "its symbolic links go in a circle"
    return error.strerror or str(error)
