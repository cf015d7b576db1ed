"""No mutation of a real picture escapes as anything but a declared error, and none costs more than it may."""

import os
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from tests import picture_files as files
from tests.mutations import MutatedFile, mutated

from steadfast.errors import BadMedia, EncodingFailed
from steadfast.media.limits import MediaLimits
from steadfast.media.picture_encoders import ENCODERS
from steadfast.media.picture_writer import write_picture
from steadfast.media.pictures import read_picture
from steadfast.media.provenance import Mark
from steadfast.media.sniff import FileFormat

LIMITS = MediaLimits(max_pixels=1_000_000, max_picture_bytes=1 << 20)
MARK = Mark(generative=False, program="Steadfast 1.2.3", engine="standard")


@cache
def originals() -> dict[str, bytes]:
    profile = files.srgb_profile()
    marked = {f"marked.{target.value}": files.marked(target) for target in FileFormat if target in ENCODERS}
    return marked | {
        "plain.jpg": files.encoded("JPEG", quality=90),
        "progressive.jpg": files.encoded("JPEG", progressive=True, icc_profile=profile),
        "cmyk.jpg": files.encoded("JPEG", "CMYK"),
        "turned.jpg": files.turned(6),
        "plain.png": files.encoded("PNG", "RGBA", icc_profile=profile),
        "deep.png": files.deep(".png"),
        "animated.png": files.animation("PNG"),
        "palette.gif": files.encoded("GIF", "P"),
        "animated.gif": files.animation("GIF"),
        "plain.webp": files.encoded("WEBP"),
        "lossless.webp": files.encoded("WEBP", "RGBA", lossless=True),
        "animated.webp": files.animation("WEBP"),
        "plain.tiff": files.encoded("TIFF"),
        "turned.tiff": files.turned(8, "TIFF"),
        "lzw.tiff": files.encoded("TIFF", compression="tiff_lzw"),
        "deep.tiff": files.deep(".tiff"),
        "plain.bmp": files.encoded("BMP"),
        "plain.heic": files.encoded("HEIF"),
        "plain.avif": files.encoded("AVIF"),
    }


def check(case: MutatedFile, folder: Path) -> None:
    """Reads, and where that succeeds writes; whatever happens must be what the docstrings say."""
    output = folder / "out.png"
    try:
        picture = read_picture(case.content, LIMITS)
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.shape == (picture.height, picture.width, 3)
        assert picture.width * picture.height <= LIMITS.max_pixels
        assert picture.alpha is None or picture.alpha.shape == (picture.height, picture.width)
        write_picture(picture, output, mark=MARK, durable=False)
        assert (read_picture(output, LIMITS).pixels == picture.pixels).all()
        output.unlink()
    except (BadMedia, EncodingFailed):
        pass  # each carries a sentence and a remedy; anything else would fail the test
    assert list(folder.iterdir()) == []


@given(case=mutated(originals()))
@settings(max_examples=int(os.environ.get("STEADFAST_TEST_MUTATIONS", "400")))
def test_a_mutated_picture_is_read_or_refused_and_leaves_nothing_behind(
    case: MutatedFile, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check(case, tmp_path_factory.mktemp("mutated"))


@pytest.mark.parametrize("name", sorted(originals()))
def test_the_originals_of_the_mutations_are_fine(name: str, tmp_path: Path) -> None:
    check(MutatedFile(name=name, content=originals()[name]), tmp_path)
    assert read_picture(originals()[name], LIMITS).format in set(FileFormat)


def test_bombs_of_every_format_are_refused_within_a_small_memory() -> None:
    """In a process of its own, whose address space could not hold one of them decoded."""
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from tests import picture_files as files\n"
        "from steadfast.errors import MediaTooLarge\n"
        "from steadfast.media.pictures import read_picture\n"
        "before = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (before + (128 << 20),) * 2)\n"
        "for codec in ['PNG', 'JPEG', 'GIF', 'BMP', 'TIFF', 'WEBP', 'HEIF', 'AVIF']:\n"
        "    bomb = files.bomb(codec)\n"
        "    try:\n"
        "        read_picture(bomb)\n"
        "    except MediaTooLarge:\n"
        "        continue\n"
        "    sys.exit(f'{codec} was not refused')\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_reading_does_not_leak_memory_when_files_are_bad() -> None:
    cut = originals()["plain.png"][:600]
    grown = []
    for _ in range(3):
        for _ in range(60):
            with pytest.raises(BadMedia):
                read_picture(cut, LIMITS)
        grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert grown[2] - grown[1] < 4096  # KiB
