"""What a drill's traffic is made of: photos, a video, a drawing with a question; or a user's own photos."""

import io
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from steadfast.drill.client import Ask, form
from steadfast.errors import InputMissing

_PHOTOS = 16
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_LIGHTER = 2
QUESTION = "The red circle is left of the blue square."


@cache
def face() -> bytes:
    """A small public-domain portrait that comes with the package."""
    return resources.files("steadfast.tasks").joinpath("canary_face.jpg").read_bytes()


@dataclass(frozen=True, kw_only=True, slots=True)
class Materials:
    """Bytes to send; the server's workers are the first to look into them."""

    source: bytes
    photos: tuple[bytes, ...]
    """Targets; every one is another input."""
    video: bytes
    drawing: bytes
    """For questions."""
    question: str = QUESTION
    big_photo: bytes = field(default=b"", repr=False)
    """A picture of many megapixels in few bytes."""

    def swap(
        self,
        number: int = 0,
        *,
        target: bytes | None = None,
        deadline_s: float | None = None,
        priority: str = "interactive",
    ) -> Ask:
        """A face swapped in a photo."""
        picture = self.photos[number % len(self.photos)] if target is None else target
        files = [("source", self.source), ("target", picture)]
        return form("/v1/swap", files, *_deadline(deadline_s), measure="false", priority=priority)

    def faces(self, number: int = 0, *, deadline_s: float | None = None) -> Ask:
        """The faces of a photo."""
        picture = self.photos[number % len(self.photos)]
        return Ask(path="/v1/faces", body=picture, headers=_deadline(deadline_s))

    def ask(self, *, picture: bytes | None = None, deadline_s: float | None = None) -> Ask:
        """A question about a drawing."""
        files = [("image", self.drawing if picture is None else picture)]
        return form("/v1/entail", files, *_deadline(deadline_s), text=self.question)

    def video_job(self, key: str) -> Ask:
        """A face swapped in a video, as a job that is submitted once however often it is sent."""
        files = [("source", self.source), ("target", self.video)]
        return form("/v1/jobs", files, ("idempotency-key", key), fresh="true", segment_s="1")


def _deadline(deadline_s: float | None) -> tuple[tuple[str, str], ...]:
    return () if deadline_s is None else (("x-deadline-ms", str(round(deadline_s * 1000))),)


def built_in_materials(*, video_s: float = 2.0) -> Materials:
    """Made of the portrait and of drawn shapes; the same each time."""
    import cv2  # noqa: PLC0415 — `--help` and `--list` stay fast
    import numpy as np  # noqa: PLC0415

    pixels = cv2.imdecode(np.frombuffer(face(), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    photos = []
    for number in range(_PHOTOS):
        lighter = np.clip(pixels.astype(np.int16) + _LIGHTER * number, 0, 255).astype(np.uint8)
        photos.append(cv2.imencode(".jpg", lighter, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return Materials(
        source=face(),
        photos=tuple(photos),
        video=_video(pixels, video_s),
        drawing=_drawing(),
        big_photo=_bomb(),
    )


def materials_of_folder(folder: Path) -> Materials:
    """A user's own photos; the first by name gives the face. Raises `InputMissing`."""
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise InputMissing(
            f"There are no photos in {folder}.", remedy="Put some .jpg, .png or .webp files there."
        )
    usual = built_in_materials()
    return replace(usual, source=files[0].read_bytes(), photos=tuple(file.read_bytes() for file in files))


def _video(pixels: "object", seconds: float) -> bytes:
    from steadfast.tasks.showcase import render_clip  # noqa: PLC0415

    with TemporaryDirectory(prefix="steadfast-drill-") as folder:
        file = Path(folder) / "clip.mp4"
        render_clip(pixels, file, seconds=seconds, size=(320, 240), fps=10)  # type: ignore[arg-type]
        return file.read_bytes()


def _drawing() -> bytes:
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    canvas = np.full((128, 128, 3), 225, np.uint8)
    cv2.circle(canvas, (36, 64), 20, (35, 35, 215), -1, cv2.LINE_AA)
    cv2.rectangle(canvas, (76, 48), (108, 80), (210, 80, 35), -1)
    return cv2.imencode(".png", canvas)[1].tobytes()


def _bomb() -> bytes:
    """A PNG of 900 megapixels in a hundred kilobytes: what it would take in memory stands in its head."""
    import struct  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    side = 30_000
    squeeze = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    data = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    out = io.BytesIO(b"")
    out.write(b"\x89PNG\r\n\x1a\n")
    for kind, content in ((b"IHDR", head), (b"IDAT", data), (b"IEND", b"")):
        out.write(
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )
    return out.getvalue()
