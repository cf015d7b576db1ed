"""Times of packets that were encoded in parts are those of one encoder."""

import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from steadfast.media.coded_packet import CodedPacket, decoding_times


def test_without_reordering_pictures_are_decoded_when_they_are_shown() -> None:
    assert decoding_times([0, 40, 90, 120]) == [0, 40, 90, 120]


def test_times_of_two_closed_groups_run_on_without_a_step() -> None:
    assert decoding_times([0, 3, 1, 2, 4, 7, 5, 6]) == [-1, 0, 1, 2, 3, 4, 5, 6]


@given(st.lists(st.integers(-1000, 10_000), unique=True, max_size=40), st.randoms())
def test_nothing_is_shown_before_it_is_decoded_and_time_never_stands(pts: list[int], random: object) -> None:
    times = decoding_times(pts)
    assert len(times) == len(pts)
    assert all(dts <= at for dts, at in zip(times, pts, strict=True))
    assert all(one < other for one, other in itertools.pairwise(times))


def test_nothing_has_no_times() -> None:
    assert decoding_times([]) == []


def test_a_packet_keeps_its_bytes_and_times() -> None:
    coded = CodedPacket(7, 3, True, b"picture")
    packet = coded.as_packet(Fraction(1, 90), dts=5)
    assert (packet.pts, packet.dts, packet.duration, packet.time_base) == (7, 5, 3, Fraction(1, 90))
    assert CodedPacket.of(packet) == coded
