"""Many questions out of a file."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.unit.entailment.fake_model import BrightnessModel

from steadfast.errors import ExitCode, InputMissing, InvalidOption, OutputUnwritable
from steadfast.media.limits import DEFAULT_LIMITS
from steadfast.tasks.entail_batch import EntailBatchReport, read_rows, run_rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, shade in (("bright", 230), ("dark", 20)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((16, 16, 3), shade, np.uint8))
    return tmp_path


def questions(folder: Path, text: str, name: str = "questions.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def run(file: Path, **options: Any) -> tuple[EntailBatchReport, list[dict[str, Any]], BrightnessModel]:
    model, output = BrightnessModel(), file.with_name("answers.jsonl")
    report = run_rows(read_rows(file), model, output, DEFAULT_LIMITS, **options)
    return report, [json.loads(line) for line in output.read_text().splitlines()], model


def test_csv_and_json_lines_ask_the_same(folder: Path) -> None:
    table = questions(
        folder, 'image,text,caption\nbright.png,"It is day, or so.",a sky\ndark.png,It is day.,\n'
    )
    lines = questions(
        folder,
        '{"image": "bright.png", "text": "It is day, or so.", "caption": "a sky"}\n\n'
        '{"image": "dark.png", "text": "It is day."}\n',
        "questions.jsonl",
    )
    assert read_rows(table) == read_rows(lines)
    report, answers, model = run(table)
    assert [answer["answer"] for answer in answers] == ["yes", "no"]
    assert answers[0]["probabilities"] == {"yes": 0.8, "no": 0.1, "maybe": 0.1}
    assert (report.answered, report.exit_code) == (2, ExitCode.OK)
    assert model.batches == [2]


def test_a_question_that_fails_stops_no_other_and_gives_the_exit_status(folder: Path) -> None:
    text = "image,text\nbright.png,Day.\nmissing.png,Day.\n,no image\ndark.png,\u200b\ndark.png,Night.\n"
    report, answers, _ = run(questions(folder, text), together=2)
    assert [answer.get("answer") for answer in answers] == ["yes", None, None, None, "no"]
    assert [answer["error"]["code"] for answer in answers if "error" in answer] == [
        "input_missing",
        "invalid_option",
        "empty_text",
    ]
    assert (report.answered, report.failed, report.exit_code) == (2, 3, ExitCode.NO_INPUT)


def test_a_second_run_goes_on_with_what_is_missing_failed_or_changed(folder: Path) -> None:
    file = questions(folder, "image,text\nbright.png,Day.\nlate.png,Day.\ndark.png,Day.\n")
    run(file)
    cv2.imwrite(str(folder / "late.png"), np.full((8, 8, 3), 250, np.uint8))
    questions(folder, "image,text\nbright.png,Day.\nlate.png,Day.\ndark.png,Night.\n")
    report, answers, model = run(file)
    assert (report.answered, report.skipped, report.failed) == (2, 1, 0)
    assert model.batches == [2]
    assert sorted(answer["row"] for answer in answers) == [1, 2, 3]


def test_an_answer_that_was_cut_off_is_asked_again(folder: Path) -> None:
    file = questions(folder, "image,text\nbright.png,Day.\ndark.png,Day.\n")
    run(file)
    output = folder / "answers.jsonl"
    output.write_bytes(output.read_bytes()[:-20])
    report, answers, _ = run(file)
    assert (report.answered, report.skipped) == (1, 1)
    assert [answer["answer"] for answer in answers] == ["yes", "no"]


def test_a_run_in_which_everything_failed_may_be_repeated(folder: Path) -> None:
    file = questions(folder, "image,text\nlater.png,Day.\n")
    assert run(file)[0].failed == 1
    (folder / "later.png").write_bytes((folder / "bright.png").read_bytes())
    report, answers, _ = run(file)
    assert (report.answered, [answer["answer"] for answer in answers]) == (1, ["yes"])


def test_a_run_that_was_killed_at_its_first_line_may_be_repeated(folder: Path) -> None:
    file = questions(folder, "image,text\nbright.png,Day.\n")
    (folder / "answers.jsonl").write_text('{"row": 1, "key": "ab')
    assert run(file)[0].answered == 1


def test_a_file_of_something_else_is_not_overwritten(folder: Path) -> None:
    file = questions(folder, "image,text\nbright.png,Day.\n")
    (folder / "answers.jsonl").write_text("my diary\n")
    with pytest.raises(OutputUnwritable, match="holds no answers"):
        run(file)
    assert (folder / "answers.jsonl").read_text() == "my diary\n"


def test_progress_counts_every_row(folder: Path) -> None:
    done: list[int] = []
    run(questions(folder, "image,text\n" + "bright.png,Day.\n" * 5), together=2, on_done=done.append)
    assert sum(done) == 5


@pytest.mark.parametrize("text", ["picture,sentence\na.png,b\n", ""])
def test_a_table_without_the_columns_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(InvalidOption, match="image and text"):
        read_rows(questions(folder, text))


def test_a_line_that_is_no_json_fails_alone(folder: Path) -> None:
    rows = read_rows(questions(folder, '{"image"\n[1]\n{"image": "a", "text": "b"}\n', "q.jsonl"))
    assert [row.problem is None for row in rows] == [False, False, True]


def test_a_missing_file_of_questions_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match=r"nothing\.csv"):
        read_rows(tmp_path / "nothing.csv")


def test_the_first_failures_are_told_beside_the_file(folder: Path) -> None:
    rows = "".join(f"gone{number}.png,It is day.\n" for number in range(1, 9))
    report, _, _ = run(questions(folder, f"image,text\nbright.png,It is day.\n{rows}"), together=2)
    assert report.failed == 8
    assert [failure.partition(":")[0] for failure in report.failures] == [f"Row {n}" for n in range(2, 7)]
    assert "gone1.png" in report.failures[0]
