"""A batch goes on past failures and says what became of every item."""

from collections.abc import Callable
from pathlib import Path

import pytest

from steadfast.errors import DiskFull, ExitCode, NoFace, OutputUnwritable
from steadfast.media.sniff import MediaKind
from steadfast.tasks.batch import BatchReport, ItemState, run_batch
from steadfast.tasks.batch_plan import BatchJob
from steadfast.tasks.face_swap import SwapReport

DONE, FAILED, SKIPPED, NOT_RUN = ItemState.DONE, ItemState.FAILED, ItemState.SKIPPED, ItemState.NOT_RUN


def report_of(job: BatchJob) -> SwapReport:
    return SwapReport(
        output=job.output,
        kind=MediaKind.PICTURE,
        engine="embedded",
        models=(),
        faces_found=1,
        faces_swapped=1,
        seconds={},
    )


def jobs(folder: Path, *names: str) -> list[BatchJob]:
    return [
        BatchJob(target=Path(name), sources=(Path("x.png"),), output=folder / "sub" / f"{name}.png")
        for name in names
    ]


def failing(errors: dict[str, BaseException]) -> Callable[[BatchJob], SwapReport]:
    def swap(job: BatchJob) -> SwapReport:
        if job.target.name in errors:
            raise errors[job.target.name]
        job.output.write_bytes(b"swapped")
        return report_of(job)

    return swap


def states(report: BatchReport) -> list[ItemState]:
    return [item.state for item in report.items]


def test_a_failure_does_not_stop_the_others(tmp_path: Path) -> None:
    report = run_batch(jobs(tmp_path, "a", "b", "c"), failing({"b": NoFace("No face.")}))
    assert states(report) == [DONE, FAILED, DONE]
    assert report.exit_code is ExitCode.BAD_INPUT
    assert (tmp_path / "sub" / "c.png").exists()


def test_a_bug_met_by_one_item_does_not_stop_the_others(tmp_path: Path) -> None:
    report = run_batch(jobs(tmp_path, "a", "b"), failing({"a": ZeroDivisionError("oops")}))
    assert states(report) == [FAILED, DONE]
    assert report.items[0].error is not None
    assert "oops" in report.items[0].error.detail


def test_a_full_disk_ends_the_batch(tmp_path: Path) -> None:
    report = run_batch(jobs(tmp_path, "a", "b", "c"), failing({"b": DiskFull("No space left.")}))
    assert states(report) == [DONE, FAILED, NOT_RUN]
    assert report.exit_code is ExitCode.DISK_FULL


def test_ctrl_c_is_not_swallowed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_batch(jobs(tmp_path, "a", "b"), failing({"b": KeyboardInterrupt()}))


def test_what_the_plan_refused_or_found_done_is_not_started(tmp_path: Path) -> None:
    refused = BatchJob(
        target=Path("a"), sources=(), output=tmp_path / "a", problem=OutputUnwritable("Taken.")
    )
    done = BatchJob(target=Path("b"), sources=(), output=tmp_path / "b", is_done=True)

    def swap(_: BatchJob) -> SwapReport:
        pytest.fail("nothing may be started")

    assert states(run_batch([refused, done], swap)) == [FAILED, SKIPPED]


def test_the_report_is_plain_data_with_sums_and_reasons(tmp_path: Path) -> None:
    ticks = iter(range(100))
    seen: list[ItemState] = []
    report = run_batch(
        jobs(tmp_path, "a", "b"),
        failing({"b": NoFace("No face in b.")}),
        on_item=lambda item: seen.append(item.state),
        clock=lambda: float(next(ticks)),
    )
    plain = report.as_dict()
    assert plain["counts"] == {"done": 1, "skipped": 0, "failed": 1, "not_run": 0}
    assert plain["seconds"] == 5.0
    assert plain["items"][0]["swap"]["engine"] == "embedded"
    assert plain["items"][1]["error"]["code"] == "no_face"
    assert plain["items"][1]["seconds"] == 1.0
    assert seen == [DONE, FAILED]
