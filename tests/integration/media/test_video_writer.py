"""What goes into a video comes out: times, colours, sound, and every sample nobody touched."""

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from tests.video_files import frame_times, make_video, packets, picture, planes

from steadfast.errors import DamagedMedia, EncodingFailed
from steadfast.media.colour import ColourTags, RangeCode
from steadfast.media.containers import output_container
from steadfast.media.encoders import VideoOptions, choose_encoder
from steadfast.media.frame_decoder import DecodedFrame
from steadfast.media.video_reader import open_video
from steadfast.media.video_writer import VideoWriter, WrittenVideo

FAST = VideoOptions(preset="ultrafast", threads=1)
HDR = ColourTags(primaries=9, transfer=16, matrix=9, range=RangeCode.LIMITED)


def rewrite(
    source: Path,
    output: Path,
    options: VideoOptions = FAST,
    *,
    path: Path | None = None,
    metadata: dict[str, str] | None = None,
    before_finish: Callable[[VideoWriter], None] = lambda writer: None,
) -> WrittenVideo:
    """Every frame and packet of a video written again, untouched; `path` stands in for the output's."""
    with open_video(source) as reader:
        container = output_container(output)
        chosen = choose_encoder(options, container, reader.shape, reader.info.average_rate or Fraction(25))
        writer = VideoWriter(
            path or output,
            container=container,
            chosen=chosen,
            info=reader.info,
            companions=reader.companions(),
            metadata=metadata,
            threads=1,
        )
        try:
            reader.deliver_as(writer.shape)
            for item in reader:
                if not isinstance(item, DecodedFrame):
                    writer.write_packet(item)
                elif item.frame is not None:
                    writer.write(item.frame)
            before_finish(writer)
            return writer.finish()
        except BaseException:
            writer.abort()
            raise


IRREGULAR = [0, 1, 4, 5, 11, 30, 31, 90]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_irregular_times_are_kept_exactly(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / "a.mkv", pts=[40 * n for n in IRREGULAR], time_base=Fraction(1, 1000))
    output = tmp_path / f"out{suffix}"
    written = rewrite(source, output)
    assert written.frames == len(IRREGULAR)
    assert frame_times(output) == frame_times(source) == [Fraction(n, 25) for n in IRREGULAR]


def test_times_finer_than_a_millisecond_are_kept_in_mp4(tmp_path: Path) -> None:
    times = [0, 3003, 6006, 9010, 21_000]
    source = make_video(tmp_path / "a.mp4", pts=times, time_base=Fraction(1, 90_000))
    rewrite(source, tmp_path / "out.mp4")
    assert frame_times(tmp_path / "out.mp4") == [Fraction(n, 90_000) for n in times]


@pytest.mark.parametrize(
    ("pixel_format", "colours"),
    [
        ("yuv420p", ColourTags(primaries=1, transfer=1, matrix=1, range=RangeCode.LIMITED)),
        ("yuvj420p", ColourTags(primaries=2, transfer=2, matrix=2, range=RangeCode.FULL)),
        ("yuv422p", ColourTags(primaries=6, transfer=6, matrix=6, range=RangeCode.LIMITED)),
        ("yuv444p", ColourTags(primaries=1, transfer=13, matrix=1, range=RangeCode.FULL)),
        ("yuv420p10le", HDR),
        ("yuv420p10le", ColourTags(primaries=9, transfer=18, matrix=9, range=RangeCode.LIMITED)),
    ],
)
def test_untouched_frames_survive_a_lossless_encoding_bit_for_bit_with_their_tags(
    tmp_path: Path, pixel_format: str, colours: ColourTags
) -> None:
    lossless = {"qp": "0"}
    source = make_video(
        tmp_path / "a.mkv", pixel_format=pixel_format, colours=colours, options=lossless, frames=4
    )
    output = tmp_path / "out.mp4"
    rewrite(source, output, VideoOptions(quality=0, preset="ultrafast"))
    with open_video(output) as reader:
        assert reader.info.colours == colours
        assert reader.info.pixel_format.replace("yuvj", "yuv") == pixel_format.replace("yuvj", "yuv")
    if colours.is_hdr:
        assert len(planes(output)) == 4  # x264 is lossless at CRF 0 with 8 bits only
    else:
        assert planes(output) == planes(source)


def test_full_range_is_not_squeezed_by_an_encoder_that_knows_no_j_formats(tmp_path: Path) -> None:
    tags = ColourTags(range=RangeCode.FULL)
    source = make_video(
        tmp_path / "a.mkv", pixel_format="yuvj420p", colours=tags, options={"qp": "0"}, frames=3
    )
    rewrite(source, tmp_path / "out.webm", VideoOptions(quality=4, preset="ultrafast"))
    with open_video(tmp_path / "out.webm") as reader:
        assert reader.info.colours.range is RangeCode.FULL
    before, after = planes(source)[1][0], planes(tmp_path / "out.webm")[1][0]
    difference = np.frombuffer(before, np.uint8).astype(int) - np.frombuffer(after, np.uint8)
    assert np.abs(difference).mean() < 3


def test_the_shape_of_a_pixel_and_the_title_are_kept(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", aspect=Fraction(4, 3), metadata={"title": "A title"})
    rewrite(source, tmp_path / "out.mp4", metadata={"comment": "made so"})
    with open_video(tmp_path / "out.mp4") as reader:
        assert reader.info.sample_aspect_ratio == Fraction(4, 3)
        said = {key.lower(): value for key, value in reader.info.metadata}
    assert (said["title"], said["comment"]) == ("A title", "made so")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_free_keys_of_metadata_survive_in_every_container(tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out{suffix}"
    rewrite(make_video(tmp_path / "a.mp4"), output, metadata={"digital_source_type": "http://code"})
    with av.open(output) as container:
        said = {key.lower(): value for key, value in container.metadata.items()}
    assert said["digital_source_type"] == "http://code"


def test_a_turned_video_is_written_upright_and_no_longer_asks_to_be_turned(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", rotation_deg=90, options={"qp": "0"})
    rewrite(source, tmp_path / "out.mp4", VideoOptions(quality=0, preset="ultrafast"))
    with av.open(tmp_path / "out.mp4") as container:
        first = next(container.decode(video=0))
    assert (first.width, first.height, first.rotation) == (48, 64, 0)
    assert np.abs(first.to_ndarray(format="bgr24").astype(int) - np.rot90(picture(0, (64, 48)))).mean() < 12


def test_the_index_of_an_mp4_comes_first(tmp_path: Path) -> None:
    rewrite(make_video(tmp_path / "a.mkv"), tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


# --- sound ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sound", "suffix"),
    [("aac", ".mp4"), ("aac", ".mkv"), ("libopus", ".webm"), ("libopus", ".mkv"), ("flac", ".mkv")],
)
def test_sound_is_copied_bit_for_bit_where_the_container_takes_it(
    tmp_path: Path, sound: str, suffix: str
) -> None:
    source = make_video(tmp_path / "a.mkv", frames=40, sound=(sound,), languages=("deu",))
    written = rewrite(source, tmp_path / f"out{suffix}")
    assert packets(tmp_path / f"out{suffix}", "audio") == packets(source, "audio")
    assert "copied" in written.sound[0]
    with av.open(tmp_path / f"out{suffix}") as container:
        assert container.streams.audio[0].language == "deu"


@pytest.mark.parametrize("sound", ["aac", "pcm_s16le", "flac"])
def test_sound_that_webm_cannot_hold_becomes_opus_of_the_same_length(tmp_path: Path, sound: str) -> None:
    source = make_video(tmp_path / "a.mkv", frames=50, sound=(sound,))
    written = rewrite(source, tmp_path / "out.webm")
    assert "libopus" in written.sound[0]
    with av.open(tmp_path / "out.webm") as container:
        assert container.streams.audio[0].codec_context.name in ("opus", "libopus")
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(heard) / 48_000 == pytest.approx(2.0, abs=0.1)
    middle = heard[24_000:72_000]
    strongest_hz = np.argmax(np.abs(np.fft.rfft(middle))) * 48_000 / len(middle)
    assert strongest_hz == pytest.approx(440, abs=2)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_and_pictures_stay_together_though_sound_starts_before_zero(
    tmp_path: Path, suffix: str
) -> None:
    source = make_video(tmp_path / "a.mp4", frames=30, sound=("aac",))
    output = tmp_path / f"out{suffix}"
    rewrite(source, output)
    before, after = ([first_time(path, kind) for kind in ("video", "audio")] for path in (source, output))
    assert before[1] - before[0] == pytest.approx(-1024 / 48_000)
    assert after[1] - after[0] == pytest.approx(before[1] - before[0], abs=0.001)


def first_time(path: Path, kind: str) -> float:
    with av.open(path) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return min(float(p.pts * p.time_base) for p in container.demux(stream) if p.pts is not None)


def test_all_streams_of_sound_are_kept(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", sound=("aac", "libopus"), languages=("eng", "deu"))
    rewrite(source, tmp_path / "out.mp4")
    with av.open(tmp_path / "out.mp4") as container:
        assert [s.language for s in container.streams.audio] == ["eng", "deu"]


def test_a_gif_leaves_the_sound_out_and_says_so(tmp_path: Path) -> None:
    written = rewrite(make_video(tmp_path / "a.mkv", sound=("aac",)), tmp_path / "out.gif")
    assert any("Sound left out" in note for note in written.notes)


def corrupt_sound(source: Path, target: Path, *, every: int, filled_with: bytes = b"\xff") -> Path:
    data = bytearray(source.read_bytes())
    with av.open(source) as container:
        places = [(p.pos, p.size) for p in container.demux(audio=0) if p.size and p.pos is not None]
    for place, size in places[::every]:
        data[place : place + size] = (filled_with * size)[:size]
    target.write_bytes(data)
    return target


def test_corrupt_sound_is_copied_as_it_is_because_the_pictures_are_whole(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", frames=40, sound=("aac",))
    bad = corrupt_sound(source, tmp_path / "bad.mp4", every=2, filled_with=b"\x55")
    rewrite(bad, tmp_path / "out.mp4")
    assert packets(tmp_path / "out.mp4", "audio") == packets(bad, "audio")


def test_sound_that_the_muxer_refuses_is_left_out_and_counted(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", frames=40, sound=("aac",))
    bad = corrupt_sound(source, tmp_path / "bad.mp4", every=2)  # looks like the start of another framing
    written = rewrite(bad, tmp_path / "out.mp4")
    assert "damaged packets left out" in written.sound[0]
    assert len(frame_times(tmp_path / "out.mp4")) == 40


def test_damaged_packets_of_sound_that_must_be_encoded_anew_are_left_out_and_counted(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", frames=60, sound=("aac",))
    bad = corrupt_sound(source, tmp_path / "bad.mp4", every=4)
    written = rewrite(bad, tmp_path / "out.webm")
    assert "damaged packets left out" in written.sound[0]
    assert "Sound is damaged" in written.notes[0]
    assert len(frame_times(tmp_path / "out.webm")) == 60


def test_sound_of_which_nothing_can_be_decoded_is_one_clear_error(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", frames=20, sound=("aac",))
    bad = corrupt_sound(source, tmp_path / "bad.mp4", every=1)
    with pytest.raises(DamagedMedia, match="none of it can be decoded"):
        rewrite(bad, tmp_path / "out.webm")


def test_sound_of_noise_is_refused_too_though_the_end_of_its_stream_decodes(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", frames=20, sound=("aac",))
    noise = random.Random(1).randbytes(1000)
    bad = corrupt_sound(source, tmp_path / "bad.mp4", every=1, filled_with=noise)
    with pytest.raises(DamagedMedia, match="none of it can be decoded"):
        rewrite(bad, tmp_path / "out.webm")


# --- subtitles, GIF ---------------------------------------------------------------------------------------


def test_subtitles_are_copied_where_they_fit_and_noted_where_not(tmp_path: Path) -> None:
    source = tmp_path / "subtitled.mkv"
    in_order = make_video(tmp_path / "a.mkv", options={"bf": "0"})
    with av.open(in_order) as plain, av.open(source, "w") as target:
        video = target.add_stream_from_template(plain.streams.video[0], opaque=True)
        text = target.add_mux_stream("subrip", time_base=Fraction(1, 1000))
        for packet in plain.demux(video=0):
            if packet.size:
                packet.dts = packet.pts if packet.dts is None else packet.dts
                packet.stream = video
                target.mux(packet)
        line = av.Packet(b"Hello")
        line.pts = line.dts = 100
        line.duration, line.time_base, line.stream = 200, Fraction(1, 1000), text
        target.mux(line)
    rewrite(source, tmp_path / "out.mkv")
    assert packets(tmp_path / "out.mkv", "subtitle") == [b"Hello"]
    assert any("Subtitles left out" in note for note in rewrite(source, tmp_path / "out.webm").notes)


@pytest.mark.parametrize("source_suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_chapters_are_kept(tmp_path: Path, source_suffix: str, suffix: str) -> None:
    chapter = {
        "id": 1,
        "start": 0,
        "end": 200,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": "Opening"},
    }
    source = make_video(tmp_path / f"a{source_suffix}", frames=20, chapters=[chapter])
    assert rewrite(source, tmp_path / f"out{suffix}").notes == ()
    with av.open(tmp_path / f"out{suffix}") as container:
        assert [c["metadata"]["title"] for c in container.chapters()] == ["Opening"]


def test_fonts_are_kept_where_there_is_a_place_for_them_and_noted_where_not(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", font=b"not really a font")
    rewrite(source, tmp_path / "out.mkv")
    with av.open(tmp_path / "out.mkv") as container:
        assert [a.data for a in container.streams.attachments] == [b"not really a font"]
    assert any("attachment" in note for note in rewrite(source, tmp_path / "out.mp4").notes)


def test_a_gif_keeps_its_delays_and_its_colours(tmp_path: Path, shared_media: Path) -> None:
    source = shared_media / "head-pose-face-detection-male.gif"
    rewrite(source, tmp_path / "out.gif")
    assert frame_times(tmp_path / "out.gif") == frame_times(source)
    with av.open(source) as before, av.open(tmp_path / "out.gif") as after:
        pairs = zip(before.decode(video=0), after.decode(video=0), strict=True)
        difference = [
            np.abs(a.to_ndarray(format="rgb24").astype(int) - b.to_ndarray(format="rgb24")).mean()
            for a, b in pairs
        ]
    assert max(difference) < 2.0


def test_a_gif_of_a_fast_video_leaves_out_what_browsers_would_slow_down(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", pts=range(0, 600, 10), time_base=Fraction(1, 1000))
    written = rewrite(source, tmp_path / "out.gif")
    times = frame_times(tmp_path / "out.gif")
    assert len(times) == 30
    assert any("30 frames left out" in note for note in written.notes)
    assert {after - before for before, after in pairwise(times)} == {Fraction(2, 100)}


def test_a_video_of_odd_size_becomes_even_by_repeating_its_edge(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", size=(65, 49), pixel_format="yuv444p", options={"qp": "0"})
    rewrite(source, tmp_path / "still444.mp4")
    with open_video(tmp_path / "still444.mp4") as reader:
        assert (reader.info.width, reader.info.height) == (65, 49)
    gif = make_video(tmp_path / "a.gif", size=(65, 49), codec="gif", pixel_format="rgb8")
    rewrite(gif, tmp_path / "out.mp4")
    with open_video(tmp_path / "out.mp4") as reader:
        assert (reader.info.width, reader.info.height) == (66, 50)


# --- failures ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told_with_its_cause(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", size=(320, 240), frames=50, sound=("aac",))
    with pytest.raises(EncodingFailed) as caught:
        rewrite(source, tmp_path / "out.mkv", path=Path("/dev/full"))
    assert getattr(caught.value.__cause__, "errno", None) == 28


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(EncodingFailed):
        rewrite(make_video(tmp_path / "a.mkv"), tmp_path / "gone" / "out.mp4")
