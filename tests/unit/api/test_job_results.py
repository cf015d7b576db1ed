"""Ranges of a result, as RFC 9110 has them."""

import pytest

from steadfast.api.job_results import Extent, extent_of
from steadfast.errors import RangeUnusable


@pytest.mark.parametrize(
    ("asked", "first", "size"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=90-", 90, 10),
        ("bytes=90-1000", 90, 10),
        ("bytes=-7", 93, 7),
        ("bytes=-1000", 0, 100),
        ("bytes=99-99", 99, 1),
    ],
)
def test_one_range_is_answered(asked: str, first: int, size: int) -> None:
    assert extent_of(asked, 100) == Extent(first_byte=first, size_bytes=size)


@pytest.mark.parametrize("asked", ["bytes=-", "bytes=5-1", "bytes=0-1,5-6", "items=0-1", "bytes=a-b", ""])
def test_what_is_no_single_range_is_answered_with_the_whole(asked: str) -> None:
    assert extent_of(asked, 100) is None


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(asked: str) -> None:
    with pytest.raises(RangeUnusable, match="100 bytes"):
        extent_of(asked, 100)


def test_an_extent_says_where_it_lies() -> None:
    assert Extent(first_byte=5, size_bytes=10).content_range(100) == b"bytes 5-14/100"
