"""Videos are cut at frames, about as long as wished, where it costs least."""

from itertools import accumulate, pairwise

import pytest

from steadfast.media.frame_index import LEAD_IN_FRAMES, FrameIndex, cut, frame_index


def index_of(frames: int, keys_every: int) -> FrameIndex:
    return frame_index(range(frames), [(at, at - 2) for at in range(0, frames, keys_every)])


@pytest.mark.parametrize("keys_every", [1, 12, 25, 50, 250, 10_000])
def test_every_frame_is_in_one_segment_and_segments_are_about_as_long_as_wished(keys_every: int) -> None:
    spans = cut(index_of(3000, keys_every), seconds=4.0, time_base=1 / 25)
    assert sum(span.frames for span in spans) == 3000
    assert all(one.end_pts == other.first_pts for one, other in pairwise(spans))
    assert spans[0].first_pts is None
    assert spans[-1].end_pts is None
    assert all(60 <= span.frames <= 151 for span in spans)


def test_decoding_begins_at_a_key_frame_at_or_before_the_lead_in() -> None:
    spans = cut(index_of(3000, 70), seconds=4.0, time_base=1 / 25)
    for span in spans[1:]:
        assert span.first_pts is not None
        assert span.lead_pts == span.first_pts - LEAD_IN_FRAMES
        key = span.seek[0] if span.seek else 0
        assert key % 70 == 0
        assert key <= span.lead_pts < key + 70 * 3


def test_borders_stand_where_nothing_is_decoded_for_nothing_if_key_frames_are_near() -> None:
    spans = cut(index_of(3000, 90), seconds=4.0, time_base=1 / 25)
    for span in spans[1:]:
        assert span.seek
        assert span.lead_pts == span.seek[0], "the lead-in begins at the key frame itself"


def test_a_short_video_is_one_segment() -> None:
    assert len(cut(index_of(100, 10), seconds=4.0, time_base=1 / 25)) == 1
    assert cut(index_of(1, 1), seconds=4.0, time_base=1 / 25)[0].frames == 1


def test_a_video_of_variable_rate_is_cut_by_time_not_by_number() -> None:
    times = list(accumulate([1] * 500 + [50] * 40, initial=0))
    spans = cut(frame_index(times, [(0, 0)]), seconds=4.0, time_base=1 / 25)
    assert sum(span.frames for span in spans) == len(times)
    lengths = [(b.first_pts or 0) - (a.first_pts or 0) for a, b in pairwise(spans)]
    assert all(60 <= length <= 151 for length in lengths)


def test_a_pause_longer_than_a_segment_does_not_stop_the_cutting() -> None:
    times = [*range(50), *range(100_000, 100_300)]
    spans = cut(frame_index(times, [(0, 0)]), seconds=4.0, time_base=1 / 25)
    assert sum(span.frames for span in spans) == len(times)
    assert all(span.frames for span in spans)


def test_frames_of_one_time_are_told_apart_as_the_decoder_does() -> None:
    assert frame_index([0, 2, 2, 3, 1], []).pts == (0, 1, 2, 3, 4)
