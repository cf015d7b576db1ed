"""The recorded mix of traffic."""

from itertools import islice
from pathlib import Path

import pytest

from steadfast.drill.mix import Kind, Mix, Recorded, built_in_mix, read_mix
from steadfast.errors import InvalidOption


def test_the_built_in_mix_has_photos_videos_and_questions() -> None:
    assert {request.kind for request in built_in_mix().requests} == set(Kind)


def test_a_mix_is_played_over_and_over_at_the_rate_that_is_wanted() -> None:
    mix = built_in_mix()
    due = [due_s for due_s, _ in islice(mix.at_rate(10.0), 3 * len(mix.requests))]
    assert due == sorted(due)
    assert 3 * len(mix.requests) / due[-1] == pytest.approx(10.0, rel=0.05)


def test_kinds_that_a_service_does_not_do_can_be_left_out() -> None:
    mix = built_in_mix().only(frozenset(Kind) - {Kind.ENTAIL})
    assert Kind.ENTAIL not in {request.kind for request in mix.requests}


def test_a_recording_of_ones_own_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"span_s": 2.0, "requests": [{"at_s": 0.5, "kind": "faces", "picture": 3}]}')
    assert read_mix(file) == Mix(requests=(Recorded(at_s=0.5, kind=Kind.FACES, picture=3),), span_s=2.0)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"span_s": 1}',
        '{"span_s": 1, "requests": []}',
        '{"span_s": 1, "requests": [{"at_s": 0, "kind": "x"}]}',
    ],
)
def test_what_is_no_recording_is_refused_in_words(tmp_path: Path, content: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(content)
    with pytest.raises(InvalidOption, match=r"mine\.json"):
        read_mix(file)


def test_a_recording_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="cannot be read"):
        read_mix(tmp_path / "none.json")
