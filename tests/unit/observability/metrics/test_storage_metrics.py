"""Disks are looked at aside, and what cannot be read is left out."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.observability.metrics.surroundings import metrics

from steadfast.errors import DatabaseBusy
from steadfast.observability.metrics.service_metrics import ServiceMetrics
from steadfast.observability.metrics.storage_metrics import StorageSurvey, StoreFigures, bytes_under


def test_bytes_of_a_folder_are_those_of_all_files_below_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"x" * 10)
    (tmp_path / "a" / "b" / "two").write_bytes(b"x" * 5)
    (tmp_path / "a" / "link").symlink_to("/dev/zero")
    assert bytes_under(tmp_path / "a") == 15 + len("/dev/zero")  # the link itself, not what it leads to


def test_bytes_of_a_database_are_those_of_its_file_and_its_log(tmp_path: Path) -> None:
    for name, size in (("steadfast.db", 10), ("steadfast.db-wal", 5), ("other", 100)):
        (tmp_path / name).write_bytes(b"x" * size)
    assert bytes_under(tmp_path / "steadfast.db") == 15


def test_what_is_not_there_takes_nothing(tmp_path: Path) -> None:
    survey = StorageSurvey({"scratch": tmp_path / "gone"}, {"data": tmp_path / "gone", "here": tmp_path})
    survey.look()
    assert survey.used_bytes == {"scratch": 0}
    assert list(survey.free_bytes) == ["here"]
    assert 0 < survey.free_bytes["here"] <= survey.size_bytes["here"]


def after_asking(house: ServiceMetrics, *answers: StoreFigures | Exception) -> None:
    """Lets it ask, as often as there are answers."""
    left = list(answers)

    async def ask() -> StoreFigures:
        if not left:
            raise asyncio.CancelledError
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(house.ask_forever(ask))


def test_a_database_that_is_busy_is_asked_again_and_the_last_figures_stay(tmp_path: Path) -> None:
    house = metrics(tmp_path)
    house._survey_every_s = 0.0
    figures = StoreFigures(jobs={"queued": 2}, blob_bytes=7, database_bytes=9)
    after_asking(house, figures, DatabaseBusy("busy"))
    get = house.registry.get_sample_value
    assert get("steadfast_jobs", {"state": "queued"}) == 2
    assert get("steadfast_storage_used_bytes", {"area": "blobs"}) == 7
    assert get("steadfast_storage_used_bytes", {"area": "database"}) == 9


def test_a_look_that_takes_long_comes_seldom(tmp_path: Path) -> None:
    house = metrics(tmp_path)
    assert house._pause_s(0.01) == 15.0
    assert house._pause_s(2.0) == 200.0
