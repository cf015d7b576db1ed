"""Quantiles and shares of durations that lie in buckets."""

from collections.abc import Mapping

from steadfast.sla.tally import bucket_of, seconds_of


def quantile_s(buckets: Mapping[int, int], share: float) -> float | None:
    """The duration that this share of them do not exceed, to 1 %; None: there are none."""
    total = sum(buckets.values())
    if not total:
        return None
    wanted, so_far = share * total, 0
    for bucket in sorted(buckets):
        so_far += buckets[bucket]
        if so_far >= wanted:
            return seconds_of(bucket)
    return seconds_of(max(buckets))


def count_within(buckets: Mapping[int, int], bound_s: float) -> int:
    """How many took at most that long, to the 2 % of a bucket."""
    bound = bucket_of(bound_s * 1e6)
    return sum(count for bucket, count in buckets.items() if bucket <= bound)
