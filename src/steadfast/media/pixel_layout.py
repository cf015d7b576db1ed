"""Where the samples of a pixel lie in the planes of a frame, for every format that is touched in place."""

import re
import sys
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Arrangement(Enum):
    """How components are spread over planes."""

    PLANAR = "planar"  # three planes: Y, Cb, Cr
    SEMI_PLANAR = "semi_planar"  # Y, then Cb and Cr side by side
    PLANAR_RGB = "planar_rgb"  # three planes: green, blue, red
    PACKED_RGB = "packed_rgb"  # one plane, 3 or 4 samples a pixel
    GREY = "grey"  # one plane: Y


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelLayout:
    """One pixel format."""

    arrangement: Arrangement
    depth_bits: int = 8
    shift_bits: int = 0  # zero bits below the sample in its 16-bit word, as in p010
    chroma_width_log2: int = 0  # luma columns per chroma column, as a power of two
    chroma_height_log2: int = 0  # luma rows per chroma row, as a power of two
    cr_first: bool = False  # of semi-planar chroma
    samples: int = 3  # per pixel, of packed RGB
    bgr_order: tuple[int, int, int] = (0, 1, 2)  # where blue, green and red stand, of packed RGB
    full_range: bool = False  # by its name alone, as in yuvj420p

    @property
    def sample_bytes(self) -> int:
        """Bytes of one stored sample."""
        return 1 if self.depth_bits + self.shift_bits <= 8 else 2


_SUBSAMPLING = {"444": (0, 0), "422": (1, 0), "420": (1, 1), "440": (0, 1), "411": (2, 0), "410": (2, 2)}

_SEMI_PLANAR = {
    "nv12": PixelLayout(arrangement=Arrangement.SEMI_PLANAR, chroma_width_log2=1, chroma_height_log2=1),
    "nv21": PixelLayout(
        arrangement=Arrangement.SEMI_PLANAR, chroma_width_log2=1, chroma_height_log2=1, cr_first=True
    ),
    "nv16": PixelLayout(arrangement=Arrangement.SEMI_PLANAR, chroma_width_log2=1),
    "nv24": PixelLayout(arrangement=Arrangement.SEMI_PLANAR),
    "p010le": PixelLayout(
        arrangement=Arrangement.SEMI_PLANAR,
        depth_bits=10,
        shift_bits=6,
        chroma_width_log2=1,
        chroma_height_log2=1,
    ),
    "p016le": PixelLayout(
        arrangement=Arrangement.SEMI_PLANAR, depth_bits=16, chroma_width_log2=1, chroma_height_log2=1
    ),
    "p210le": PixelLayout(
        arrangement=Arrangement.SEMI_PLANAR, depth_bits=10, shift_bits=6, chroma_width_log2=1
    ),
}

_PACKED = {
    "bgr24": (3, (0, 1, 2)),
    "rgb24": (3, (2, 1, 0)),
    "bgra": (4, (0, 1, 2)),
    "bgr0": (4, (0, 1, 2)),
    "rgba": (4, (2, 1, 0)),
    "rgb0": (4, (2, 1, 0)),
    "argb": (4, (3, 2, 1)),
    "0rgb": (4, (3, 2, 1)),
    "abgr": (4, (1, 2, 3)),
    "0bgr": (4, (1, 2, 3)),
}

_PLANAR_NAME = re.compile(r"yuv(?P<family>[aj]?)(?P<sampling>4\d\d)p(?:(?P<depth>9|10|12|14|16)le)?")
_REGULAR_NAMES = (
    (re.compile(r"gbra?p(?:(?P<depth>9|10|12|14|16)le)?"), Arrangement.PLANAR_RGB),
    (re.compile(r"gray(?:(?P<depth>9|10|12|14|16)le)?"), Arrangement.GREY),
)


@lru_cache(maxsize=128)
def layout_of(pixel_format: str) -> PixelLayout | None:
    """The layout of a format by FFmpeg's name; None for one that must be converted first."""
    if sys.byteorder != "little" and pixel_format.endswith("le"):
        return None
    if pixel_format in _SEMI_PLANAR:
        return _SEMI_PLANAR[pixel_format]
    if pixel_format in _PACKED:
        samples, order = _PACKED[pixel_format]
        return PixelLayout(arrangement=Arrangement.PACKED_RGB, samples=samples, bgr_order=order)
    if match := _PLANAR_NAME.fullmatch(pixel_format):
        return _planar(match["family"], match["sampling"], match["depth"])
    for name, arrangement in _REGULAR_NAMES:
        if match := name.fullmatch(pixel_format):
            return PixelLayout(arrangement=arrangement, depth_bits=int(match["depth"] or 8))
    return None


def _planar(family: str, sampling: str, depth: str | None) -> PixelLayout | None:
    if sampling not in _SUBSAMPLING:
        return None
    width_log2, height_log2 = _SUBSAMPLING[sampling]
    return PixelLayout(
        arrangement=Arrangement.PLANAR,
        depth_bits=int(depth or 8),
        chroma_width_log2=width_log2,
        chroma_height_log2=height_log2,
        full_range=family == "j",
    )
