"""Milliseconds to read and to write a picture of one megapixel, beside plain OpenCV and plain Pillow.

    python -m benchmarks.picture_io

OpenCV keeps neither profile nor EXIF nor XMP; Pillow's row writes none of them either.
"""

import io
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from steadfast.media.picture_writer import encode_picture
from steadfast.media.pictures import read_picture
from steadfast.media.provenance import Mark
from steadfast.media.sniff import FileFormat
from steadfast.tasks.showcase import HOPPER, portrait

_SIZE_PX = (880, 1136)  # one megapixel
_REPEATS = 15
_MARK = Mark(generative=False, program="benchmark", engine="none")
_ROWS = ((FileFormat.JPEG, ".jpg"), (FileFormat.PNG, ".png"), (FileFormat.WEBP, ".webp"))


def median_ms(work: Callable[[], object]) -> float:
    """The median of several runs."""
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def by_pillow(pixels: NDArray[np.uint8], codec: str) -> bytes:
    """Pillow's file with its defaults, at the same quality."""
    buffer = io.BytesIO()
    Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)).save(buffer, codec, quality=95)
    return buffer.getvalue()


def main() -> None:
    """Prints the table."""
    image = cv2.imread(str(portrait(HOPPER)))
    assert image is not None
    pixels = np.asarray(cv2.resize(image, _SIZE_PX, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    print(f"{'':8}{'read ms':>30}{'write ms':>30}{'kB':>21}")
    print(
        f"{'':8}" + f"{'steadfast':>10}{'opencv':>10}{'pillow':>10}" * 2 + f"{'steadfast':>11}{'pillow':>10}"
    )
    for target, suffix in _ROWS:
        content = by_pillow(pixels, target.value.upper())
        picture, raw = read_picture(content), np.frombuffer(content, np.uint8)
        reads = (
            median_ms(lambda: read_picture(content)),  # noqa: B023 — run at once
            median_ms(lambda: cv2.imdecode(raw, cv2.IMREAD_COLOR)),  # noqa: B023
            median_ms(lambda: np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))),  # noqa: B023
        )
        writes = (
            median_ms(lambda: encode_picture(picture, target, mark=_MARK)),  # noqa: B023
            median_ms(lambda: cv2.imencode(suffix, pixels)),  # noqa: B023
            median_ms(lambda: by_pillow(pixels, target.value.upper())),  # noqa: B023
        )
        cells = "".join(f"{ms:10.1f}" for ms in (*reads, *writes))
        sizes = len(encode_picture(picture, target, mark=_MARK)[0]) / 1e3, len(content) / 1e3
        print(f"{target.value:8}{cells}{sizes[0]:11.0f}{sizes[1]:10.0f}")


if __name__ == "__main__":
    main()
