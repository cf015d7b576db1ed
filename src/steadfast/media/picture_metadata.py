"""What a picture file says beside its pixels, cleaned for an output whose pixels have changed."""

from dataclasses import dataclass
from typing import Any

from PIL import Image

from steadfast.media.xmp import packet_in_gif

_ORIENTATION, _EXIF_IFD, _GPS_IFD, _XMP_TAG = 0x0112, 0x8769, 0x8825, 700
# A TIFF keeps its EXIF among the tags that describe its strips; only what a person wrote is taken along.
_DESCRIPTIVE_TAGS = frozenset({270, 271, 272, 305, 306, 315, 33432, _EXIF_IFD, _GPS_IFD})


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """What a picture file says beside its pixels."""

    icc_profile: bytes | None = None  # of the pixels as they are now
    exif: bytes | None = None  # orientation reset, without the thumbnail, which would show the old face
    xmp: bytes | None = None  # as found; untrusted
    dpi: tuple[float, float] | None = None


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation 1–8, from EXIF or else XMP; 1 where it is missing or makes no sense."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 — damaged EXIF raises anything; the picture is fine without it
        return 1
    return orientation if orientation in range(1, 9) else 1


def metadata_of(image: Image.Image, data: bytes, *, keeps_profile: bool) -> tuple[Metadata, tuple[str, ...]]:
    """The metadata worth keeping of the image that was opened on `data`, and notes on what was dropped."""
    exif, notes = _cleaned_exif(image)
    icc = image.info.get("icc_profile") if keeps_profile else None
    metadata = Metadata(
        icc_profile=icc if isinstance(icc, bytes) and icc else None,
        exif=exif,
        xmp=packet_in_gif(data) if image.format == "GIF" else _xmp(image),
        dpi=_dpi(image.info.get("dpi")),
    )
    return metadata, notes


def _cleaned_exif(image: Image.Image) -> tuple[bytes | None, tuple[str, ...]]:
    try:
        exif = image.getexif()
        if image.format == "TIFF":
            for tag in set(exif) - _DESCRIPTIVE_TAGS:
                del exif[tag]
        exif.pop(_ORIENTATION, None)
        return (exif.tobytes() if len(exif) else None), ()
    except Exception:  # noqa: BLE001 — see orientation_of
        return None, ("Its EXIF data was damaged and was left out.",)


def _xmp(image: Image.Image) -> bytes | None:
    found: Any = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if not found and image.format == "TIFF":
        found = getattr(image, "tag_v2", {}).get(_XMP_TAG)
    if isinstance(found, str):
        return found.encode("utf-8", "replace")
    return found if isinstance(found, bytes) else None


def _dpi(found: object) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in found)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return (across, down) if 1 <= across <= 10_000 and 1 <= down <= 10_000 else None
