"""Secrets for every place where a user can put something, and a search for them in what was written."""

import base64
import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from PIL.PngImagePlugin import PngInfo


@dataclass(kw_only=True)
class Secrets:
    """Each place gets a word of its own, so that a leak says where it came from."""

    token: str
    planted: dict[str, str] = field(default_factory=dict)

    def at(self, place: str) -> str:
        """The secret of a place: letters only, so that any field takes it."""
        return self.planted.setdefault(place, f"Zq{self.token}{len(self.planted):03d}xPrivat")

    def found_in(self, text: bytes) -> list[str]:
        """The places whose secret stands in there, as it is or as it is usually encoded."""
        lowered = text.lower()
        return [place for place, word in self.planted.items() if any(f in lowered for f in _forms(word))]


def _forms(word: str) -> Iterator[bytes]:
    raw = word.encode()
    yield raw.lower()
    yield raw.hex().encode()
    yield quote(word).lower().encode()
    for shift in range(3):  # base64 of it, wherever it begins in what was encoded
        yield base64.b64encode(b"\0" * shift + raw)[4:-4].lower()
    yield word.lower().encode("utf-16-le")


def with_metadata(picture: bytes, secrets: Secrets, name: str) -> bytes:
    """The picture as JPEG, with a secret in EXIF, GPS, XMP, the profile, a comment, and behind its end."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    exif = Image.Exif()
    for tag in (0x010E, 0x013B, 0x8298, 0x0131):  # description, artist, copyright, software
        exif[tag] = secrets.at(f"{name} exif {tag:#x}")
    exif.get_ifd(0x8769)[0x9286] = secrets.at(f"{name} exif comment").encode()
    exif.get_ifd(0x8825)[0x1D] = secrets.at(f"{name} exif gps")
    buffer = io.BytesIO()
    image.save(
        buffer,
        "JPEG",
        quality=95,
        exif=exif,
        comment=secrets.at(f"{name} comment").encode(),
        xmp=f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{secrets.at(f'{name} xmp')}</x:xmpmeta>".encode(),
    )
    return buffer.getvalue() + secrets.at(f"{name} trailer").encode()


def png_with_text(secrets: Secrets, name: str) -> bytes:
    """A damaged PNG with a secret in its text chunks."""
    info = PngInfo()
    info.add_text(secrets.at(f"{name} text key"), secrets.at(f"{name} text"))
    info.add_itxt("Comment", secrets.at(f"{name} itxt"), zip=True)
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG", pnginfo=info)
    data = buffer.getvalue()
    body = secrets.at(f"{name} chunk").encode()
    chunk = struct.pack(">I", len(body)) + b"prIv" + body + struct.pack(">I", zlib.crc32(b"prIv" + body))
    return data[:33] + chunk + data[33:-30]


def files_below(folders: Iterable[Path]) -> Iterator[Path]:
    """Every file, whatever its name."""
    for folder in folders:
        yield from (file for file in sorted(folder.rglob("*")) if file.is_file())
