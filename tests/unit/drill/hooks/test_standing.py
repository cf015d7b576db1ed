"""Orders as a worker learns of them."""

import os
from pathlib import Path

import msgspec
import pytest

from steadfast.drill.hooks.standing import StandingOrders
from steadfast.drill.orders import FILE, Act, Order, mark_in, marked


def stand(folder: Path, *orders: Order) -> None:
    aside = folder / "aside"
    aside.write_bytes(msgspec.json.encode(orders))
    aside.replace(folder / FILE)


def test_without_a_file_nothing_stands(tmp_path: Path) -> None:
    assert StandingOrders(tmp_path / FILE, "face_swap").now() == []


def test_an_order_stands_until_it_is_lifted(tmp_path: Path) -> None:
    orders = StandingOrders(tmp_path / FILE, "face_swap")
    stand(tmp_path, Order(id="a", act=Act.SLOW, amount=3.0))
    assert [order.id for order in orders.now()] == ["a"]
    stand(tmp_path)
    assert orders.now() == []


@pytest.mark.parametrize("of", [{"task": "visual_entailment"}, {"pid": os.getpid() + 1}])
def test_an_order_for_somebody_else_is_not_obeyed(tmp_path: Path, of: dict[str, str | int]) -> None:
    stand(tmp_path, Order(id="a", act=Act.SEGFAULT, **of))  # type: ignore[arg-type]
    assert StandingOrders(tmp_path / FILE, "face_swap").now() == []


def test_an_order_about_marked_requests_is_for_those_only(tmp_path: Path) -> None:
    stand(tmp_path, Order(id="a1", act=Act.HANG_WITH_GIL, is_marked=True))
    orders = StandingOrders(tmp_path / FILE, "face_swap")
    assert orders.now() == []
    assert orders.now("another") == []
    assert [order.id for order in orders.now("a1")] == ["a1"]


def test_a_mark_is_read_back_and_its_salt_makes_another_input_of_it() -> None:
    one, other = marked(b"picture", "a1", "x"), marked(b"picture", "a1", "y")
    assert one != other
    assert mark_in(one) == mark_in(other) == "a1"
    assert mark_in(b"picture") == ""
