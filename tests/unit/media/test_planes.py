"""The planes of a frame are read as colours a reference agrees with, and written only where they may be."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from numpy.typing import NDArray

from steadfast.media.canvas import Region
from steadfast.media.colour import MatrixCode, RangeCode, choose_matrix
from steadfast.media.planes import PlaneCanvas

WIDTH, HEIGHT = 128, 96
# Without these flags swscale itself is off by 4 levels.
_ACCURATE = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
EIGHT_BIT = [
    "yuv420p",
    "yuvj420p",
    "yuv422p",
    "yuv444p",
    "yuv440p",
    "yuv411p",
    "nv12",
    "nv21",
    "nv16",
    "gbrp",
]
PACKED = ["bgr24", "rgb24", "bgra", "rgba", "argb", "abgr"]
DEEP = ["yuv420p10le", "yuv422p10le", "yuv444p12le", "p010le", "gbrp10le", "yuv420p16le", "p016le"]
SWSCALE_MATRIX = {
    MatrixCode.SMPTE170M: Colorspace.ITU601,
    MatrixCode.BT709: Colorspace.ITU709,
    MatrixCode.BT2020: Colorspace.BT2020,
    MatrixCode.SMPTE240M: Colorspace.SMPTE240M,
}


def smooth_picture(width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Colours of skin that change slowly, so that ways of resampling chroma hardly differ."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    channels = [90 + 60 * across, 110 + 50 * down, 150 + 70 * across * down]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def frame_of(
    picture: NDArray[np.uint8], pixel_format: str, matrix: MatrixCode, range_: RangeCode
) -> VideoFrame:
    """A tagged frame converted by swscale, the independent reference."""
    frame = VideoFrame.from_ndarray(picture, format="bgr24").reformat(
        format=pixel_format,
        dst_colorspace=SWSCALE_MATRIX[matrix],
        src_color_range=2,
        dst_color_range=int(range_),
        interpolation=_ACCURATE | Interpolation.AREA,
    )
    frame.colorspace, frame.color_range = int(matrix), int(range_)
    return frame


def plane_bytes(frame: VideoFrame) -> list[bytes]:
    return [bytes(plane) for plane in frame.planes]


def plane_arrays(frame: VideoFrame) -> list[NDArray[np.uint8]]:
    return [np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1) for plane in frame.planes]


@pytest.mark.parametrize("range_", [RangeCode.LIMITED, RangeCode.FULL])
@pytest.mark.parametrize("matrix", list(SWSCALE_MATRIX))
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "nv12", "yuv420p10le", "p010le"])
def test_what_swscale_coded_with_a_matrix_and_range_is_read_back_as_the_same_colours(
    pixel_format: str, matrix: MatrixCode, range_: RangeCode
) -> None:
    picture = smooth_picture()
    canvas = PlaneCanvas(frame_of(picture, pixel_format, matrix, range_))
    region = Region(left=10, top=8, right=90, bottom=70)
    difference = cv2.absdiff(canvas.read(region), picture[8:70, 10:90])
    assert difference.max() <= 3
    assert difference.mean() < 1.0


@pytest.mark.parametrize("range_", [RangeCode.LIMITED, RangeCode.FULL])
@pytest.mark.parametrize("matrix", list(SWSCALE_MATRIX))
def test_what_is_written_is_what_swscale_decodes(matrix: MatrixCode, range_: RangeCode) -> None:
    picture = smooth_picture()
    frame = frame_of(np.full_like(picture, 128), "yuv444p", matrix, range_)
    whole = Region(left=0, top=0, right=WIDTH, bottom=HEIGHT)
    PlaneCanvas(frame).write(whole, picture, np.full((HEIGHT, WIDTH), 255, np.uint8))
    decoded = frame.reformat(
        format="bgr24",
        src_colorspace=SWSCALE_MATRIX[matrix],
        src_color_range=int(range_),
        dst_color_range=2,
        interpolation=_ACCURATE | Interpolation.POINT,
    ).to_ndarray()
    assert cv2.absdiff(decoded, picture).max() <= 3


def test_bt601_limited_agrees_with_opencv_to_one_level() -> None:
    rng = np.random.default_rng(1)
    frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    planes = [rng.integers(60, 180, (p.height, p.width), dtype=np.uint8) for p in frame.planes]
    for plane, samples in zip(frame.planes, planes, strict=True):
        np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width] = samples
    packed = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(HEIGHT * 3 // 2, WIDTH)
    reference = cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420)
    ours = PlaneCanvas(frame).read(Region(left=0, top=0, right=WIDTH, bottom=HEIGHT))
    assert cv2.absdiff(ours, reference).max() <= 1


@pytest.mark.parametrize("pixel_format", [*EIGHT_BIT, *PACKED, *DEEP, "gray", "gray10le"])
@pytest.mark.parametrize("region", [(10, 8, 60, 50), (11, 7, 58, 49), (0, 0, 131, 97), (129, 95, 131, 97)])
def test_outside_the_mask_every_byte_of_every_plane_stays(
    pixel_format: str, region: tuple[int, int, int, int]
) -> None:
    frame = noise_frame(131, 97, pixel_format)
    before = plane_arrays(frame)
    area = Region(left=region[0], top=region[1], right=region[2], bottom=region[3])
    mask = np.zeros((area.height, area.width), np.uint8)
    mask[area.height // 4 : area.height // 2 + 1, area.width // 4 : area.width // 2 + 1] = 1
    canvas = PlaneCanvas(frame)
    canvas.write(area, 255 - canvas.read(area), mask)
    touched = np.zeros((97, 131), np.uint8)
    touched[area.top : area.bottom, area.left : area.right] = mask
    after = plane_arrays(frame)
    assert any((old != new).any() for old, new in zip(before, after, strict=True))
    for plane, old, new in zip(frame.planes, before, after, strict=True):
        allowed = allowed_bytes(touched, plane.width, plane.height, old.shape[1], pixel_format)
        assert (old == new)[~allowed].all()


def noise_frame(width: int, height: int, pixel_format: str) -> VideoFrame:
    rng = np.random.default_rng(2)
    frame = VideoFrame(width, height, pixel_format)
    deep = any(component.bits > 8 for component in frame.format.components)
    for plane in frame.planes:
        view = np.frombuffer(memoryview(plane), np.uint16 if deep else np.uint8)
        if not deep:
            view[:] = rng.integers(60, 180, view.shape)
        elif pixel_format.startswith("p01"):
            view[:] = rng.integers(60 << 2, 180 << 2, view.shape) << 6
        else:
            bits = frame.format.components[0].bits
            view[:] = rng.integers(60 << (bits - 8), 180 << (bits - 8), view.shape)
    return frame


def allowed_bytes(
    touched: NDArray[np.uint8], width: int, height: int, row_bytes: int, pixel_format: str
) -> NDArray[np.bool_]:
    """Bytes of a plane that belong to a masked pixel (any masked pixel of a chroma sample's block)."""
    across, down = round(touched.shape[1] / width), round(touched.shape[0] / height)
    padded = np.zeros((height * down, width * across), np.uint8)
    padded[: touched.shape[0], : touched.shape[1]] = touched
    blocks = padded.reshape(height, down, width, across).max(axis=(1, 3)) != 0
    frame = VideoFrame(touched.shape[1], touched.shape[0], pixel_format)
    sample_bytes = 2 if frame.format.components[0].bits > 8 else 1
    if pixel_format in PACKED:
        sample_bytes = 4 if "a" in pixel_format else 3
    if pixel_format.startswith(("nv", "p0")) and down * across > 1:
        sample_bytes *= 2
    allowed = np.zeros((height, row_bytes), bool)
    spread = np.repeat(blocks, sample_bytes, axis=1)
    allowed[:, : spread.shape[1]] = spread
    return allowed


@pytest.mark.parametrize("pixel_format", [*EIGHT_BIT, *PACKED])
def test_writing_what_was_read_changes_no_sample_by_more_than_one_level(pixel_format: str) -> None:
    frame = noise_frame(WIDTH, HEIGHT, pixel_format)
    before = plane_arrays(frame)
    canvas = PlaneCanvas(frame)
    region = Region(left=4, top=4, right=100, bottom=80)
    canvas.write(region, canvas.read(region), np.full((76, 96), 255, np.uint8))
    for old, new in zip(before, plane_arrays(frame), strict=True):
        assert cv2.absdiff(old, new).max() <= 1 or clipped(canvas, region)


def clipped(canvas: PlaneCanvas, region: Region) -> bool:
    """Whether noise asked for colours that BGR has no place for, which no conversion can keep."""
    pixels = canvas.read(region)
    return bool(pixels.min() == 0 or pixels.max() == 255)


@pytest.mark.parametrize("pixel_format", DEEP)
def test_deep_samples_survive_a_write_of_the_same_pixels_bit_for_bit(pixel_format: str) -> None:
    picture = smooth_picture()
    frame = frame_of(picture, pixel_format, MatrixCode.BT2020, RangeCode.LIMITED)
    before = plane_bytes(frame)
    canvas = PlaneCanvas(frame)
    region = Region(left=4, top=4, right=100, bottom=80)
    canvas.write(region, canvas.read(region), np.full((76, 96), 255, np.uint8))
    assert plane_bytes(frame) == before


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "p010le", "yuv420p"])
def test_a_changed_colour_arrives(pixel_format: str) -> None:
    frame = frame_of(smooth_picture(), pixel_format, MatrixCode.BT709, RangeCode.LIMITED)
    canvas = PlaneCanvas(frame)
    region = Region(left=20, top=20, right=60, bottom=60)
    wanted = np.full((40, 40, 3), (60, 140, 200), np.uint8)
    canvas.write(region, wanted, np.full((40, 40), 255, np.uint8))
    assert cv2.absdiff(canvas.read(region), wanted).max() <= 2


def test_a_frame_the_decoder_still_predicts_from_is_copied_before_it_is_written(shared_media: Path) -> None:
    untouched = [plane_bytes(frame) for frame in decoded(shared_media, 12)]
    region = Region(left=100, top=100, right=300, bottom=300)
    for index, frame in enumerate(decoded(shared_media, 12)):
        if index % 2 == 0:
            black = np.zeros((200, 200, 3), np.uint8)
            PlaneCanvas(frame).write(region, black, np.full((200, 200), 255, np.uint8))
            assert plane_bytes(frame) != untouched[index]
        else:
            assert plane_bytes(frame) == untouched[index]


def decoded(folder: Path, count: int) -> Iterator[VideoFrame]:
    with av.open(folder / "book.mkv") as container:
        yield from islice(container.decode(video=0), count)


def test_the_thumbnail_is_the_whole_frame_made_small() -> None:
    picture = smooth_picture(640, 480)
    canvas = PlaneCanvas(frame_of(picture, "yuv420p", MatrixCode.SMPTE170M, RangeCode.FULL))
    small, scale = canvas.thumbnail(160)
    assert small.shape == (120, 160, 3)
    assert scale == pytest.approx(0.25)
    assert cv2.absdiff(small, cv2.resize(picture, (160, 120), interpolation=cv2.INTER_AREA)).max() <= 3


def test_a_frame_smaller_than_the_thumbnail_comes_whole() -> None:
    canvas = PlaneCanvas(noise_frame(31, 17, "yuv420p"))
    small, scale = canvas.thumbnail(640)
    assert (small.shape, scale) == ((17, 31, 3), 1.0)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "nv12", "yuv420p10le", "p010le", "bgra", "gbrp"])
def test_the_luma_signature_is_bright_where_the_frame_is(pixel_format: str) -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, 320:] = 255
    frame = frame_of(picture, pixel_format, MatrixCode.BT709, RangeCode.LIMITED)
    signature = PlaneCanvas(frame).luma_signature()
    assert signature.shape == (36, 64)
    assert signature[:, :30].max() < 30
    assert signature[:, 34:].min() > 220


def test_untagged_video_is_read_as_players_do() -> None:
    assert choose_matrix(2, 640, 480) is MatrixCode.SMPTE170M
    assert choose_matrix(2, 1280, 720) is MatrixCode.BT709
    assert choose_matrix(9, 640, 480) is MatrixCode.BT2020


@pytest.mark.parametrize("pixel_format", ["pal8", "yuyv422", "xyz12le"])
def test_a_format_without_a_layout_says_so_before_it_is_touched(pixel_format: str) -> None:
    assert not PlaneCanvas.is_supported(pixel_format)
