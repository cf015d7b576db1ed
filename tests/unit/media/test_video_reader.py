"""A video is read whole, upright and in order, or refused with one clear error before work begins."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet
from tests.video_files import Recipe, add_beep, frame_times, make_video, picture

from steadfast.errors import (
    BadMedia,
    DamagedMedia,
    EmptyInput,
    InputMissing,
    MediaTooLarge,
    UnsupportedMedia,
)
from steadfast.media.colour import ColourTags, MatrixCode, RangeCode
from steadfast.media.frame_decoder import DecodedFrame
from steadfast.media.limits import MediaLimits
from steadfast.media.video_reader import VideoReader, open_video

RGB_FRAME_TOLERANCE = 12  # levels, after a lossless encoding in 4:2:0


def read_all(path: Path, *, threads: int = 1) -> tuple[list[DecodedFrame], VideoReader]:
    with open_video(path, decoder_threads=threads) as reader:
        return [item for item in reader if isinstance(item, DecodedFrame)], reader


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_frames_come_in_order_with_their_own_times(tmp_path: Path, name: str) -> None:
    path = make_video(tmp_path / name, pts=[0, 1, 4, 5, 11, 30, 31], time_base=Fraction(1, 30))
    frames, reader = read_all(path)
    times = [frame.pts * reader.info.time_base for frame in frames]
    assert times == frame_times(path)
    assert [float(time) for time in times] == pytest.approx(
        [n / 30 for n in (0, 1, 4, 5, 11, 30, 31)], abs=1e-3
    )
    assert reader.bad_frames == 0


def test_the_header_is_told_as_plain_values(tmp_path: Path) -> None:
    tags = ColourTags(primaries=9, transfer=16, matrix=9, range=RangeCode.LIMITED)
    path = make_video(
        tmp_path / "hdr.mkv",
        pixel_format="yuv420p10le",
        colours=tags,
        aspect=Fraction(4, 3),
        sound=("aac", "libopus"),
        languages=("eng", "deu"),
        metadata={"title": "A title"},
    )
    with open_video(path) as reader:
        info = reader.info
    assert (info.width, info.height, info.pixel_format, info.codec) == (64, 48, "yuv420p10le", "h264")
    assert info.colours == tags
    assert info.colours.is_hdr
    assert info.sample_aspect_ratio == Fraction(4, 3)
    assert [(track.codec, track.language) for track in info.audio] == [("aac", "eng"), ("opus", "deu")]
    assert ("TITLE", "A title") in [(key.upper(), value) for key, value in info.metadata]
    assert info.frames_expected in (12, 13)  # from the duration: the sound ends a little later


@pytest.mark.parametrize(("rotation_deg", "turns"), [(90, 1), (180, 2), (-90, 3)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p10le"])
def test_a_camera_held_sideways_gives_upright_frames(
    tmp_path: Path, rotation_deg: int, turns: int, pixel_format: str
) -> None:
    path = make_video(
        tmp_path / "turned.mp4",
        frames=1,
        rotation_deg=rotation_deg,
        pixel_format=pixel_format,
        options={"qp": "0"},
        aspect=Fraction(2, 1),
    )
    (frame,), reader = read_all(path)
    assert frame.frame is not None
    upright = np.rot90(picture(0, (64, 48)), turns)
    assert (reader.info.width, reader.info.height) == (upright.shape[1], upright.shape[0])
    assert reader.info.was_turned
    assert reader.info.sample_aspect_ratio == (Fraction(1, 2) if turns % 2 else Fraction(2))
    shown = frame.frame.to_ndarray(format="bgr24").astype(int)
    assert np.abs(shown - upright).mean() < RGB_FRAME_TOLERANCE


def test_a_gif_comes_with_its_delays(shared_media: Path) -> None:
    path = shared_media / "head-pose-face-detection-male.gif"
    frames, reader = read_all(path)
    assert len(frames) == 62
    assert [frame.pts * reader.info.time_base for frame in frames] == frame_times(path)


def test_webm_is_read(tmp_path: Path) -> None:
    frames, reader = read_all(make_video(tmp_path / "a.webm", codec="libvpx-vp9", options={"cpu-used": "8"}))
    assert len(frames) == 12
    assert reader.info.codec in ("vp9", "libvpx-vp9")


def test_invisible_frames_of_vp8_are_not_taken_for_damage(tmp_path: Path) -> None:
    options = {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8", "b": "100k"}
    path = make_video(tmp_path / "a.webm", codec="libvpx", frames=40, options=options)
    frames, reader = read_all(path)
    assert (len(frames), reader.bad_frames) == (40, 0)


def test_sound_comes_beside_the_frames_as_it_lies_in_the_file(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", sound=("aac",))
    with av.open(path) as container:
        expected = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    with open_video(path) as reader:
        assert [bytes(item) for item in reader if isinstance(item, Packet)] == expected


# --- damage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 4])
def test_damaged_frames_are_shown_as_the_one_before_and_counted(tmp_path: Path, threads: int) -> None:
    path = make_video(tmp_path / "a.mkv", frames=40, options={"bf": "0", "x264-params": "keyint=10"})
    data = bytearray(path.read_bytes())
    with av.open(path) as container:
        packet = [p for p in container.demux(video=0) if p.size][20]
        assert packet.pos is not None
        start, size = packet.pos, packet.size
    data[start + 12 : start + size] = bytes(size - 12)
    (tmp_path / "bad.mkv").write_bytes(data)
    frames, reader = read_all(tmp_path / "bad.mkv", threads=threads)
    assert len(frames) == 40
    assert [frame.time_s for frame in frames] == pytest.approx([n / 25 for n in range(40)], abs=1e-3)
    repeated = [index for index, frame in enumerate(frames) if frame.frame is None]
    assert 20 in repeated
    assert reader.bad_frames == len(repeated)


def test_a_hole_in_the_file_is_bridged_by_repeats_at_the_usual_pace(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "a.mkv",
        frames=100,
        size=(160, 120),
        options={"x264-params": "keyint=10", "qp": "10"},
        muxer_options={"cluster_time_limit": "400"},
    )
    data = bytearray(path.read_bytes())
    with av.open(path) as container:
        places = [p.pos for p in container.demux(video=0) if p.size and p.pos is not None]
    data[places[40] - 6 : places[46]] = b"\xff" * (places[46] - places[40] + 6)
    (tmp_path / "hole.mkv").write_bytes(data)
    frames, reader = read_all(tmp_path / "hole.mkv")
    assert len(frames) == 100
    assert reader.bad_frames >= 6
    gaps = np.diff([frame.time_s for frame in frames])
    assert gaps.max() < 0.06


def test_the_first_frames_missing_are_counted_though_nothing_can_be_shown_for_them(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", frames=40, options={"bf": "0", "x264-params": "keyint=10"})
    data = bytearray(path.read_bytes())
    with av.open(path) as container:
        first = next(p for p in container.demux(video=0) if p.size)
        assert first.pos is not None
        data[first.pos + 4 : first.pos + first.size] = b"\xff" * (first.size - 4)
    (tmp_path / "bad.mkv").write_bytes(data)
    frames, reader = read_all(tmp_path / "bad.mkv")
    assert frames[0].frame is not None
    assert reader.bad_frames >= 1


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, name: str, share: float) -> None:
    options = {"movflags": "+faststart"} if name == "a.mp4" else {}
    whole = make_video(tmp_path / name, frames=100, size=(160, 120), muxer_options=options).read_bytes()
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DamagedMedia):
        read_all(cut)


def test_an_mp4_cut_before_its_index_is_refused_before_decoding(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mp4", frames=50).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[:-300])
    with pytest.raises(DamagedMedia):
        open_video(tmp_path / "cut.mp4")


# --- what is no video -------------------------------------------------------------------------------------


def _text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("once upon a time\n" * 20)
    return path


def _empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def _only_sound(folder: Path) -> Path:
    path = folder / "sound.mp4"
    with av.open(path, "w") as container:
        add_beep(container, "aac", seconds=1.0)
    return path


def _playlist(folder: Path) -> Path:
    path = folder / "list.mp4"
    path.write_text("#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")
    return path


def _concat(folder: Path) -> Path:
    path = folder / "concat.mkv"
    path.write_text("ffconcat version 1.0\nfile /etc/hostname\n")
    return path


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (_text, UnsupportedMedia),
        (_empty, EmptyInput),
        (_only_sound, UnsupportedMedia),
        (_playlist, UnsupportedMedia),
        (_concat, UnsupportedMedia),
        (lambda folder: folder, InputMissing),
        (lambda folder: folder / "nowhere.mp4", InputMissing),
    ],
)
def test_what_is_no_video_is_refused_with_its_own_error(
    tmp_path: Path, make: Callable[[Path], Path], error: type[Exception]
) -> None:
    with pytest.raises(error):
        open_video(make(tmp_path))


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.webm"])
def test_a_video_without_frames_is_refused(tmp_path: Path, name: str) -> None:
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    with pytest.raises(BadMedia):
        open_video(make_video(tmp_path / name, frames=0, codec=codec))


def test_a_name_that_looks_like_a_protocol_is_only_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "a.mp4").rename(tmp_path / "concat:a.mp4|b.mp4")
    frames, _ = read_all(Path("concat:a.mp4|b.mp4"))
    assert len(frames) == 12


# --- limits -----------------------------------------------------------------------------------------------


def test_too_many_pixels_are_refused_from_the_header(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", size=(320, 240))
    with pytest.raises(MediaTooLarge):
        open_video(path, MediaLimits(max_pixels=320 * 240 - 1))


def test_a_header_that_claims_a_giant_frame_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    data = bytearray(make_video(tmp_path / "a.gif", codec="gif", pixel_format="rgb8").read_bytes())
    data[6:10] = struct.pack("<HH", 30_000, 30_000)  # the screen, on which each frame is drawn
    (tmp_path / "giant.gif").write_bytes(data)
    with pytest.raises(MediaTooLarge, match="30000 × 30000"):
        open_video(tmp_path / "giant.gif")


def test_a_video_that_lasts_too_long_is_refused_from_the_header(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=50)
    with pytest.raises(MediaTooLarge, match="lasts 2 seconds"):
        open_video(path, MediaLimits(max_duration_s=1.0))


def test_a_video_that_grows_midway_keeps_its_first_size(tmp_path: Path) -> None:
    parts = [
        make_video(tmp_path / f"{side}.h264", Recipe(size=(side, side), muxer="h264")) for side in (64, 96)
    ]
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    path = tmp_path / "joined.mkv"
    with av.open(joined, format="h264") as source, av.open(path, "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for index, packet in enumerate(p for p in source.demux(video=0) if p.size):
            packet.pts = packet.dts = index * 40
            packet.time_base = Fraction(1, 1000)
            packet.stream = stream
            target.mux(packet)
    frames, reader = read_all(path)
    sizes = {(frame.frame.width, frame.frame.height) for frame in frames if frame.frame is not None}
    assert sizes == {(reader.info.width, reader.info.height)}


def test_the_matrix_of_a_tagged_video_is_the_decoders_word(tmp_path: Path) -> None:
    tags = ColourTags(primaries=1, transfer=1, matrix=int(MatrixCode.BT709), range=RangeCode.FULL)
    with open_video(make_video(tmp_path / "a.mkv", colours=tags)) as reader:
        assert reader.info.colours == tags
