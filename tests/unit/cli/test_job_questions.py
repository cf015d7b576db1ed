"""Questions out of a file become one job."""

from pathlib import Path
from typing import Any

import pytest

from steadfast.cli import job_questions
from steadfast.cli.application import run
from steadfast.cli.job_questions import pictures_of
from steadfast.errors import InputMissing, InvalidOption


def table(folder: Path, *lines: str) -> Path:
    file = folder / "questions.csv"
    file.write_text("\n".join(["image,text", *lines]), encoding="utf-8")
    return file


def test_each_picture_is_sent_once_however_many_questions_there_are_about_it(tmp_path: Path) -> None:
    file = table(tmp_path, "b.png,There is a star.", "a.png,There is a star.", "b.png,There is a ring.")
    assert pictures_of(file) == [str(tmp_path / "b.png"), str(tmp_path / "a.png")]


def test_a_line_that_cannot_be_asked_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="no image or no text"):
        pictures_of(table(tmp_path, ",There is a star."))
    with pytest.raises(InputMissing):
        pictures_of(tmp_path / "missing.csv")


def test_the_job_has_the_pictures_as_targets_and_the_file_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def submitted(_invocation: Any, _client: Any, inputs: Any, fields: Any, _key: str) -> dict[str, Any]:
        sent.append((inputs, fields))
        return {"id": "01job", "state": "queued"}

    monkeypatch.setattr(job_questions, "submitted", submitted)
    (tmp_path / "a.png").write_bytes(b"picture")
    file = table(tmp_path, "a.png,There is a star.")
    assert run(["jobs", "ask", str(file), "--label", "set=one"]) == 0
    assert sent[0][0] == {"target": [str(tmp_path / "a.png")], "questions": [str(file)]}
    assert (sent[0][1]["task"], sent[0][1]["labels"]) == ("visual_entailment", {"set": "one"})
    assert "01job" in capsys.readouterr().out
