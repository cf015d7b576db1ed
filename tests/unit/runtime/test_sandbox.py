"""Workers become another user only where that user can read what they need."""

import os
from pathlib import Path

import pytest

from steadfast.runtime import sandbox
from steadfast.runtime.sandbox import NOBODY, kept_from_others, user_for_workers


@pytest.fixture
def python_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "interpreter_paths", lambda: [Path("/usr")])
    monkeypatch.setattr("sys.executable", "/bin/sh")
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.usefixtures("python_for_all")
def test_root_s_workers_become_nobody_where_everyone_may_read() -> None:
    assert user_for_workers([Path("/usr/lib"), Path("/usr/absent")]) == NOBODY


@pytest.mark.usefixtures("python_for_all")
def test_an_interpreter_that_only_root_may_read_keeps_them_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "python"
    hidden.mkdir()
    hidden.chmod(0o700)
    monkeypatch.setattr(sandbox, "interpreter_paths", lambda: [hidden])
    assert user_for_workers([]) is None
    assert kept_from_others([]) == hidden


@pytest.mark.usefixtures("python_for_all")
@pytest.mark.parametrize("mode", [0o700, 0o744, 0o711])
def test_a_folder_is_read_only_by_who_may_list_and_pass_it(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    folder.chmod(mode)
    assert kept_from_others([folder]) == folder


@pytest.mark.usefixtures("python_for_all")
def test_who_is_not_root_stays_who_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert user_for_workers([]) is None
