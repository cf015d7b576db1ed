"""No label can have more values than it says."""

import pytest

from steadfast.observability.metrics.family import OTHER, Bounds, Family, Kind, Label

LEARNED = Label(name="engine", meaning="What did it.", most=2)
KNOWN = Label(name="result", meaning="How it went.", values=frozenset({"good", "bad"}))
FAMILY = Family(name="x_total", kind=Kind.COUNTER, meaning="X.", labels=(LEARNED, KNOWN))


def test_a_label_without_a_bound_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="no bound"):
        Label(name="user", meaning="Anybody.")


def test_values_beyond_the_bound_become_one() -> None:
    bounds = Bounds(FAMILY)
    told = [bounds.admit((str(number), "good")) for number in range(5)]
    assert told == [("0", "good"), ("1", "good"), (OTHER, "good"), (OTHER, "good"), (OTHER, "good")]
    assert bounds.admit(("1", "good")) == ("1", "good")


def test_a_value_that_is_not_known_is_not_told() -> None:
    assert Bounds(FAMILY).admit(("a", "secret.jpg")) == ("a", OTHER)


@pytest.mark.parametrize("value", ["a\nb", "\x00"])
def test_what_cannot_be_printed_is_not_told(value: str) -> None:
    assert Bounds(FAMILY).admit((value, "good")) == (OTHER, "good")


def test_the_bound_of_a_family_is_the_product_of_those_of_its_labels() -> None:
    assert FAMILY.bound == (2 + 1) * (2 + 1)
