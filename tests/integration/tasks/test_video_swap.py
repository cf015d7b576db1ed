"""A real face moves into real videos with the real engine, and everything else stays."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.video_files import frame_times, make_video

from steadfast.app import App, open_app
from steadfast.errors import NoFace
from steadfast.faces.roles import Engine, EngineName
from steadfast.media.encoders import VideoOptions
from steadfast.media.provenance import Mark, mark_in_video_metadata
from steadfast.settings import ModelSettings, Settings
from steadfast.tasks.cast import Cast, CastRequest, read_cast
from steadfast.tasks.video_pipeline import VideoRequest
from steadfast.tasks.video_report import Progress
from steadfast.tasks.video_swap import swap_video

FAST = VideoOptions(preset="ultrafast")
MARK = Mark(generative=False, program="Steadfast test", engine="standard")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, shared_models: Path) -> App:
    folder = tmp_path_factory.mktemp("models")
    return open_app(Settings(models=ModelSettings(dir=folder, mirror=(shared_models.as_uri(),))))


@pytest.fixture(scope="module")
def engine(app: App) -> Engine:
    return app.open_engine(EngineName.STANDARD)


@pytest.fixture(scope="module")
def collins(engine: Engine, collins_path: Path) -> Cast:
    return read_cast(CastRequest(sources=(collins_path,)), engine)


def test_a_clip_of_a_signing_man_is_swapped_in_every_frame_and_keeps_its_times(
    tmp_path: Path, shared_media: Path, engine: Engine, collins: Cast
) -> None:
    source, output, told = shared_media / "yes.mkv", tmp_path / "out.mp4", list[Progress]()
    report = swap_video(
        VideoRequest(target=source, output=output, video=FAST),
        collins,
        engine,
        mark=MARK,
        on_progress=told.append,
    )
    assert report.frames == 65
    assert report.frames_swapped >= 0.98 * 65
    assert report.bad_frames == 0
    assert report.engine == "standard"
    assert frame_times(output) == frame_times(source)
    assert told
    with av.open(output) as container:
        assert mark_in_video_metadata(container.metadata) == MARK


def test_a_gif_is_swapped_into_a_gif(
    tmp_path: Path, shared_media: Path, engine: Engine, collins: Cast
) -> None:
    source = shared_media / "head-pose-face-detection-male.gif"
    report = swap_video(VideoRequest(target=source, output=tmp_path / "out.gif"), collins, engine)
    assert report.frames_swapped >= 55
    assert frame_times(tmp_path / "out.gif") == frame_times(source)


def test_ten_bit_video_of_high_dynamic_range_is_swapped_in_its_own_depth(
    tmp_path: Path, shared_media: Path, engine: Engine, collins: Cast
) -> None:
    source = tmp_path / "hdr.mkv"
    with av.open(shared_media / "yes.mkv") as reader, av.open(source, "w") as writer:
        stream = writer.add_stream("libx264", rate=30, options={"qp": "4", "preset": "ultrafast"})
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = 640, 480, "yuv420p10le"
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, 18, 9, 1
        for index, frame in zip(range(12), reader.decode(video=0), strict=False):
            deep = frame.reformat(
                format="yuv420p10le", dst_colorspace=9, src_color_range=2, dst_color_range=1
            )
            deep.pts, deep.time_base = index, Fraction(1, 30)
            writer.mux(stream.encode(deep))
        writer.mux(stream.encode(None))
    output = tmp_path / "out.mkv"
    report = swap_video(VideoRequest(target=source, output=output, video=FAST), collins, engine)
    assert report.pixel_format == "yuv420p10le"
    assert report.frames_swapped == 12
    with av.open(output) as container:
        first = next(container.decode(video=0))
        assert (first.format.name, int(first.color_trc), int(first.colorspace)) == ("yuv420p10le", 18, 9)
        samples = np.frombuffer(memoryview(first.planes[0]), np.uint16)
    assert len(np.unique(samples & 3)) == 4  # the two lowest bits live


def test_a_video_without_any_face_is_refused_and_nothing_is_written(
    tmp_path: Path, engine: Engine, collins: Cast
) -> None:
    source = make_video(tmp_path / "a.mkv", size=(160, 120), frames=5)
    with pytest.raises(NoFace):
        swap_video(VideoRequest(target=source, output=tmp_path / "out.mp4", video=FAST), collins, engine)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
