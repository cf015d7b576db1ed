"""A start is refused with one sentence, and can be forced."""

from pathlib import Path

import pytest

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.doctor.preflight import is_skipped, preflight, refuse_what_is_fatal
from steadfast.errors import ExitCode, PreflightFailed
from steadfast.settings import Settings


def finding(name: str, health: Health) -> Finding:
    return Finding(
        section=Section.MACHINE, name=name, health=health, summary="is wrong", remedy=f"Mend {name}."
    )


def test_all_that_is_fatal_is_told_in_one_sentence_with_the_first_remedy() -> None:
    everything = [finding(name, health) for name, health in zip("abcd", Health, strict=True)]
    refuse_what_is_fatal([one for one in everything if one.health is not Health.RED])
    with pytest.raises(PreflightFailed) as refused:
        refuse_what_is_fatal([*everything, finding("e", Health.RED)])
    assert refused.value.detail == "The service cannot start here. c: is wrong; e: is wrong."
    assert refused.value.remedy == "Mend c."
    assert refused.value.exit_code is ExitCode.CONFIG


@pytest.mark.parametrize(
    ("value", "skipped"),
    [(None, False), ("", False), ("0", False), ("No", False), ("1", True), ("y", True)],
)
def test_an_emergency_skips_it(value: str | None, skipped: bool) -> None:
    assert is_skipped({} if value is None else {"SKIP_PREFLIGHT": value}) is skipped


def test_a_usual_machine_is_good_enough(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "runtime": {"devices": ["cpu"]}})
    refuse_what_is_fatal(findings := preflight(settings))
    assert {one.section for one in findings} == {Section.MACHINE, Section.MODELS, Section.INFERENCE}
