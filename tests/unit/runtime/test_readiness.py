"""Ready means: a request sent now would be answered."""

from steadfast.runtime.readiness import PlaceFacts, why_not_ready


def place(*, able: bool = True, silent_s: float = 0.0, allowed_s: float = 5.0) -> PlaceFacts:
    return PlaceFacts(able=able, silent_s=silent_s, allowed_s=allowed_s)


def judged(*places: PlaceFacts, breaker_open: bool = False, hangs: int = 0, usual_s: float = 0.05) -> str:
    return why_not_ready(places=places, breaker_open=breaker_open, hangs_in_a_row=hangs, usual_s=usual_s)


def test_an_idle_loaded_worker_is_ready() -> None:
    assert judged(place()) == ""


def test_without_a_loaded_worker_it_is_not() -> None:
    assert "loaded" in judged(place(able=False))
    assert "die" in judged(place(able=False), breaker_open=True)


def test_one_that_hangs_beside_one_that_works_is_ready() -> None:
    assert judged(place(silent_s=4.9), place()) == ""


def test_all_hanging_turns_it_red_before_their_deadline() -> None:
    assert "silent" in judged(place(silent_s=4.6), place(silent_s=4.6))
    assert "silent" in judged(place(silent_s=1.2), place(silent_s=1.2))


def test_slow_work_is_no_hang() -> None:
    assert judged(place(silent_s=2.0, allowed_s=30), usual_s=1.0) == ""


def test_hangs_in_a_row_keep_it_red_after_the_workers_are_replaced() -> None:
    assert judged(place(), place(), hangs=1) == ""
    assert "never returned" in judged(place(), place(), hangs=2)


def test_an_open_breaker_with_a_living_worker_is_ready() -> None:
    assert judged(place(), place(able=False), breaker_open=True) == ""
