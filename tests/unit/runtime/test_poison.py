"""Inputs that kill are refused after the second death, and only they."""

from pathlib import Path

import pytest
from tests.unit.runtime.clock import Clock

from steadfast.errors import PoisonInput
from steadfast.runtime.poison import Outline, PoisonRegister, fingerprint

OUTLINE = Outline("swap", b"options", (4,))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def register(clock: Clock) -> PoisonRegister:
    return PoisonRegister(deaths=2, forget_s=100, clock=clock)


def test_one_death_is_no_proof(register: PoisonRegister) -> None:
    assert not register.count_death("a", OUTLINE)
    register.check("a")
    assert register.refused == 0


def test_the_second_death_refuses_it_at_once(register: PoisonRegister) -> None:
    register.count_death("a", OUTLINE)
    assert register.count_death("a", OUTLINE)
    with pytest.raises(PoisonInput, match="2 workers"):
        register.check("a")
    register.check("b")
    assert register.refused == 1


def test_a_success_clears_it(register: PoisonRegister) -> None:
    register.count_death("a", OUTLINE)
    register.clear("a")
    assert not register.count_death("a", OUTLINE)
    register.check("a")


def test_it_is_forgotten_after_a_while(register: PoisonRegister, clock: Clock) -> None:
    register.count_death("a", OUTLINE)
    register.count_death("a", OUTLINE)
    clock.pass_(100)
    register.check("a")
    assert register.refused == 0
    assert not register.may_know(OUTLINE)


def test_the_content_is_only_read_when_its_outline_has_killed(register: PoisonRegister) -> None:
    assert not register.may_know(OUTLINE)
    register.count_death("a", OUTLINE)
    assert register.may_know(Outline("swap", b"options", (4,)))
    assert not register.may_know(Outline("swap", b"options", (5,)))
    assert not register.may_know(Outline("swap", b"others", (4,)))
    assert not register.may_know(Outline("faces", b"options", (4,)))


def test_two_suspects_of_one_outline_are_told_apart(register: PoisonRegister) -> None:
    register.count_death("a", OUTLINE)
    register.count_death("b", OUTLINE)
    register.clear("a")
    assert register.may_know(OUTLINE)
    register.clear("b")
    assert not register.may_know(OUTLINE)


def test_whoever_sends_killers_without_end_does_not_fill_the_memory(clock: Clock) -> None:
    register = PoisonRegister(deaths=2, forget_s=100, clock=clock)
    for number in range(10_050):
        register.count_death(str(number), OUTLINE)
    assert len(register) == 10_000
    register.check("0")


def test_the_fingerprint_does_not_depend_on_the_pieces() -> None:
    whole = fingerprint(OUTLINE, [[b"abcd"]])
    assert fingerprint(OUTLINE, [[b"ab", bytearray(b"c"), memoryview(b"d")]]) == whole


def test_the_fingerprint_depends_on_everything_else(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abcd")
    prints = {
        fingerprint(OUTLINE, [[b"abcd"]]),
        fingerprint(OUTLINE, [[b"abce"]]),
        fingerprint(OUTLINE, [[b"ab"], [b"cd"]]),
        fingerprint(OUTLINE, [file]),
        fingerprint(Outline("swap", b"other", (4,)), [[b"abcd"]]),
        fingerprint(Outline("faces", b"options", (4,)), [[b"abcd"]]),
    }
    assert len(prints) == 6


def test_the_fingerprint_of_a_file_follows_its_content(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in "abc")
    one.write_bytes(b"x" * 10)
    same.write_bytes(b"x" * 10)
    other.write_bytes(b"y" * 10)
    assert fingerprint(OUTLINE, [one]) == fingerprint(OUTLINE, [same])
    assert fingerprint(OUTLINE, [one]) != fingerprint(OUTLINE, [other])
