"""Many questions out of a file: each may fail, none stops the others, and a second run goes on from there."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadfast.entailment.model import EntailmentModel
from steadfast.errors import ExitCode, OutputUnwritable, SteadfastError
from steadfast.media.limits import MediaLimits
from steadfast.media.output import write_bytes_aside
from steadfast.tasks.entail_file import Asked, EntailReport, entail_files
from steadfast.tasks.entail_questions import NamedQuestion, questions_in, text_of

_FAILURES_TOLD = 5
_BEGINNING = '{"row": '
"""Of every line that is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of the file of questions."""

    number: int
    """From 1; a heading does not count."""
    asked: Asked | None
    problem: SteadfastError | None = None
    """Why there is nothing to ask."""

    @property
    def key(self) -> str:
        """Tells whether an answer was given to this very question."""
        asked = self.asked
        parts = [] if asked is None else [str(asked.image), asked.text, asked.caption or ""]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True, slots=True)
class EntailBatchReport:
    """What became of all."""

    answered: int
    skipped: int
    """Answered by an earlier run."""
    failed: int
    exit_code: ExitCode
    failures: tuple[str, ...] = ()
    """Why, of the first few: for people; all of them stand in the output."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"answered": self.answered, "skipped": self.skipped, "failed": self.failed}


def read_rows(file: Path) -> list[Row]:
    """The questions of a CSV file with a heading, or of JSON Lines; pictures are sought beside the file.

    Raises `InputMissing`, and `InvalidOption` where the file as a whole is of neither kind.
    """
    found = questions_in(text_of(file), str(file))
    return [_row(number, question, file.parent) for number, question in enumerate(found, start=1)]


def _row(number: int, question: NamedQuestion | SteadfastError, folder: Path) -> Row:
    if isinstance(question, SteadfastError):
        return Row(number=number, asked=None, problem=question)
    asked = Asked(image=folder / question.image, text=question.text, caption=question.caption)
    return Row(number=number, asked=asked)


def run_rows(
    rows: Sequence[Row],
    model: EntailmentModel,
    output: Path,
    limits: MediaLimits,
    *,
    together: int = 16,
    on_done: Callable[[int], None] = lambda _: None,
) -> EntailBatchReport:
    """Answers into `output` (JSON Lines), a line as soon as it is known.

    What an earlier run has answered stays and is not asked again; what failed then is. Raises
    `OutputUnwritable`.
    """
    kept = _kept_lines(output, rows)
    waiting = [row for row in rows if row.number not in kept]
    write_bytes_aside(output, "".join(kept[number] for number in sorted(kept)).encode())
    on_done(len(kept))
    answered, failures, told = 0, list[SteadfastError](), list[str]()
    with output.open("a", encoding="utf-8") as stream:
        for first in range(0, len(waiting), together):
            group = waiting[first : first + together]
            results = _answers_to(group, model, limits)
            failures += [result for result in results if isinstance(result, SteadfastError)]
            told += _told(group, results)
            answered += sum(isinstance(result, EntailReport) for result in results)
            stream.writelines(_line(row, result) for row, result in zip(group, results, strict=True))
            stream.flush()  # what is answered survives whatever happens next
            on_done(len(group))
    return EntailBatchReport(
        answered=answered,
        skipped=len(kept),
        failed=len(failures),
        exit_code=failures[0].exit_code if failures else ExitCode.OK,
        failures=tuple(told[:_FAILURES_TOLD]),
    )


def _told(group: Sequence[Row], results: Sequence[EntailReport | SteadfastError]) -> list[str]:
    pairs = zip(group, results, strict=True)
    return [f"Row {row.number}: {one.detail}" for row, one in pairs if isinstance(one, SteadfastError)]


def _answers_to(
    group: Sequence[Row], model: EntailmentModel, limits: MediaLimits
) -> list[EntailReport | SteadfastError]:
    asked = [row.asked for row in group if row.asked is not None]
    found = iter(entail_files(model, asked, limits))
    return [next(found) if row.asked is not None else _problem_of(row) for row in group]


def _problem_of(row: Row) -> SteadfastError:
    assert row.problem is not None
    return row.problem


def _line(row: Row, result: EntailReport | SteadfastError) -> str:
    plain: dict[str, Any] = {"row": row.number, "key": row.key}
    if isinstance(result, EntailReport):
        plain |= result.as_dict()
    else:
        named = {} if row.asked is None else {"image": str(row.asked.image), "text": row.asked.text}
        plain |= {**named, "error": result.as_dict()}
    return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n"


def _kept_lines(output: Path, rows: Sequence[Row]) -> dict[int, str]:
    """Good answers of an earlier run to these very questions; a line that was cut off is none.

    Raises `OutputUnwritable` where the file holds something else.
    """
    if not output.exists():
        return {}
    keys = {row.number: row.key for row in rows}
    kept: dict[int, str] = {}
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    is_ours = not lines or (len(lines) == 1 and lines[0].startswith(_BEGINNING))  # a run that was cut off
    for line in lines:
        plain = _plain_of(line)
        number = plain.get("row")
        if number in keys and keys[number] == plain.get("key"):
            is_ours = True
            if "answer" in plain and line.endswith("\n"):
                kept[number] = line
    if not is_ours:
        raise OutputUnwritable(
            f"{output} is there already and holds no answers to these questions.",
            remedy="Name another file, or remove it.",
        )
    return kept


def _plain_of(line: str) -> dict[str, Any]:
    try:
        plain = json.loads(line)
    except ValueError:
        return {}
    return plain if isinstance(plain, dict) and isinstance(plain.get("row"), int) else {}
