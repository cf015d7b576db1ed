"""Real picture files of every kind, built from a small picture whose corners tell which way it is turned."""

import io
import struct
import zlib
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from steadfast.media.picture_writer import encode_picture
from steadfast.media.pictures import read_picture
from steadfast.media.provenance import Mark
from steadfast.media.sniff import FileFormat

WIDTH_PX, HEIGHT_PX = 64, 48


@cache
def sample() -> NDArray[np.uint8]:
    """48 × 64 × 3, RGB: smooth, with a red, a green and a blue corner; bottom right is white."""
    across = np.linspace(40, 200, WIDTH_PX)[None, :, None]
    down = np.linspace(0, 50, HEIGHT_PX)[:, None, None]
    image = np.broadcast_to(across + down, (HEIGHT_PX, WIDTH_PX, 3)).astype(np.uint8)
    image[:16, :16] = (230, 20, 20)
    image[:16, -16:] = (20, 200, 20)
    image[-16:, :16] = (20, 20, 220)
    image[-16:, -16:] = (250, 250, 250)
    return image


def encoded(codec: str, mode: str = "RGB", **options: object) -> bytes:
    """The sample as Pillow writes it."""
    buffer = io.BytesIO()
    Image.fromarray(sample()).convert(mode).save(buffer, codec, **options)
    return buffer.getvalue()


def deep(suffix: str, *, alpha: bool = False) -> bytes:
    """The sample with 16 bits per channel, the lower byte not a copy of the upper."""
    bgr = sample()[..., ::-1].astype(np.uint16) * 256 + 77
    samples = np.dstack((bgr, np.full(bgr.shape[:2], 30_000, np.uint16))) if alpha else bgr
    done, content = cv2.imencode(suffix, samples)
    assert done
    return content.tobytes()


def turned(orientation: int, codec: str = "JPEG") -> bytes:
    """The sample stored sideways, with the EXIF orientation that makes it upright again."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = Image.fromarray(sample())
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    stored = image.transpose(undo[orientation]) if orientation in undo else image
    stored.save(buffer, codec, exif=exif, quality=95)
    return buffer.getvalue()


def animation(codec: str = "GIF", frames: int = 3) -> bytes:
    """The sample, then darker and darker copies of it."""
    images = [Image.fromarray(sample() // (i + 1)) for i in range(frames)]
    buffer = io.BytesIO()
    images[0].save(buffer, codec, save_all=True, append_images=images[1:], duration=80)
    return buffer.getvalue()


def marked(target: FileFormat) -> bytes:
    """The sample as this program writes it: with XMP, EXIF with a place, profile and resolution."""
    exif = Image.Exif()
    exif[0x010F] = "A Camera"
    exif.get_ifd(0x8825)[1] = "N"
    picture = read_picture(encoded("JPEG", exif=exif, icc_profile=srgb_profile(), dpi=(300, 300)))
    mark = Mark(generative=False, program="Steadfast 1.2.3", engine="standard", models=("a", "b"))
    return encode_picture(picture, target, mark=mark)[0]


def srgb_profile() -> bytes:
    """An ICC profile as editors embed it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def bomb(codec: str, side_px: int = 30_000) -> bytes:
    """A small file whose header claims `side_px` × `side_px` pixels."""
    makers = {"PNG": _png_bomb, "JPEG": _jpeg_bomb, "GIF": _gif_bomb, "BMP": _bmp_bomb, "TIFF": _tiff_bomb}
    if codec == "WEBP":
        return _webp_bomb()
    if codec in {"HEIF", "AVIF"}:
        return _ispe_bomb(codec, side_px)
    return makers[codec](side_px)


def _png_bomb(side: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    row = bytes(1 + side * 3)
    rows = b"".join(packer.compress(row) for _ in range(40)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _jpeg_bomb(side: int) -> bytes:
    content = encoded("JPEG")
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", side, side) + content[at + 4 :]


def _gif_bomb(side: int) -> bytes:
    content = encoded("GIF", "P")
    return content[:6] + struct.pack("<HH", side, side) + content[10:]


def _bmp_bomb(side: int) -> bytes:
    content = encoded("BMP")
    return content[:18] + struct.pack("<ii", side, side) + content[26:]


def _tiff_bomb(side: int) -> bytes:
    entries = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, side * side)]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)


def _webp_bomb() -> bytes:
    content = encoded("WEBP", "RGBA", lossless=True)  # 16,384 × 16,384 is the most a WebP can claim
    at = content.index(b"VP8L") + 9
    bits = int.from_bytes(content[at : at + 4], "little") | 0xFFFFFFF
    return content[:at] + bits.to_bytes(4, "little") + content[at + 4 :]


def _ispe_bomb(codec: str, side: int) -> bytes:
    content = encoded(codec)
    at = content.index(b"ispe") + 8
    return content[:at] + struct.pack(">II", side, side) + content[at + 8 :]
