"""What a server serves follows from its role and its settings."""

from pathlib import Path
from typing import Any

import pytest

from steadfast.assembly.tasks_served import employments, tasks_of_jobs
from steadfast.settings import Settings


def settings(tmp_path: Path, role: str = "all", *, entailment: bool = True) -> Settings:
    given: dict[str, Any] = {"cluster": {"role": role}, "entailment": {"enabled": entailment}}
    return Settings.model_validate({"data_dir": tmp_path, **given})


@pytest.mark.parametrize(
    ("role", "entailment", "tasks"),
    [
        ("all", True, ("face_swap", "visual_entailment")),
        ("node", True, ("face_swap", "visual_entailment")),
        ("all", False, ("face_swap",)),
        ("api", True, ()),
    ],
)
def test_workers_are_employed_for_the_tasks_whose_jobs_are_done_here(
    tmp_path: Path, role: str, entailment: bool, tasks: tuple[str, ...]
) -> None:
    wanted = settings(tmp_path, role, entailment=entailment)
    assert tasks_of_jobs(wanted) == tasks
    assert tuple(employment.spec.name for employment in employments(wanted, {})) == tasks
