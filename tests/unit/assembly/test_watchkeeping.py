"""Settings become a watch over the right things."""

from pathlib import Path

from steadfast.assembly.watchkeeping import watched_folders
from steadfast.settings import Settings


def test_every_disk_that_must_not_run_full_is_watched_once_under_its_name(tmp_path: Path) -> None:
    data, models, blobs = (tmp_path / name for name in ("data", "models", "blobs"))
    for folder in (data, models, blobs):
        folder.mkdir()
    settings = Settings.model_validate(
        {"data_dir": str(data), "models": {"dir": str(models)}, "blobs": {"url": str(blobs)}}
    )
    assert watched_folders(settings) == {
        "data": data,
        "scratch": data / "scratch",
        "models": models,
        "blobs": blobs,
    }


def test_what_lies_in_the_data_folder_or_far_away_is_not_watched_twice(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    settings = Settings.model_validate(
        {"data_dir": str(tmp_path), "models": {"dir": str(models)}, "blobs": {"url": "s3://bucket/prefix"}}
    )
    assert watched_folders(settings).keys() == {"data", "scratch"}
