"""Quality of real traffic, end to end: sampled in the worker, judged in the server, shown in the report."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.tasks.test_face_jobs import moving
from tests.serving_house import ROOT, ServingHouse, serving

READINGS = ("identity", "flicker", "psnr_outside", "ssim_outside", "mask_overlap", "face_distance")
_TARGETS = {
    "IDENTITY": "0.999",  # nobody is as like: it must be missed
    "FLICKER": "5",
    "PSNR_OUTSIDE": "20",
    "SSIM_OUTSIDE": "0.5",
    "MASK_OVERLAP": "0.3",
    "FACE_DISTANCE": "1000",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHouse]:
    settings = {
        "STEADFAST_FACES__ENGINE": "embedded",
        "STEADFAST_FACES__DISTANCE_BATCH": "4",
        "STEADFAST_RUNTIME__WORKERS": "1",
        "STEADFAST_RUNTIME__SPARES": "0",
        "STEADFAST_OBJECTIVES__SAMPLED": "1",
        "STEADFAST_OBJECTIVES__PROFILE": "neural-gpu",
        **{f"STEADFAST_OBJECTIVES__QUALITY__EMBEDDED__{name}": value for name, value in _TARGETS.items()},
    }
    with serving(tmp_path_factory.mktemp("sampled") / "data", settings, spares=0) as running:
        yield running


def measured(house: ServingHouse, reading: str, verdict: str) -> float:
    labels = f'engine="embedded",reading="{reading}",verdict="{verdict}"'
    start = f"steadfast_quality_readings_total{{{labels}}} "
    lines = house.client.get("/metrics").text.splitlines()
    return sum(float(line.removeprefix(start)) for line in lines if line.startswith(start))


def test_a_video_s_segments_and_pictures_are_measured_judged_and_reported(
    house: ServingHouse, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    clip = moving(collins_path, tmp_path / "clip.mp4", 12)
    files: list[Any] = [("source", hopper_path.read_bytes()), ("target", (clip.name, clip.read_bytes()))]
    job = house.client.post("/v1/jobs", files=files)
    assert job.status_code == 202, job.text
    house.until(lambda: measured(house, "flicker", "met") >= 1, within_s=90)
    pictures = {"source": collins_path.read_bytes(), "target": hopper_path.read_bytes()}
    for _ in range(20):  # so many judged readings make a batch
        answer = house.client.post("/v1/swap", files=pictures)
        assert answer.status_code == 200, answer.text
    for reading in READINGS:
        verdict = "missed" if reading == "identity" else "met"
        house.until(lambda reading=reading, verdict=verdict: measured(house, reading, verdict) > 0)  # type: ignore[misc]
    _opens_an_incident(house)
    _is_reported(house)
    assert _pixels_kept(house) == []


def _opens_an_incident(house: ServingHouse) -> None:
    def found() -> list[dict[str, Any]]:
        incidents = house.client.get("/v1/incidents").json()["incidents"]
        return [one for one in incidents if one["kind"] == "quality_low"]

    house.until(lambda: found() != [])
    assert found()[0]["subject"] == "embedded/identity"


def _is_reported(house: ServingHouse) -> None:
    environment = os.environ | {
        "STEADFAST_DATA_DIR": str(house.data_dir),
        "STEADFAST_OBJECTIVES__PROFILE": "neural-gpu",
        **{f"STEADFAST_OBJECTIVES__QUALITY__EMBEDDED__{name}": value for name, value in _TARGETS.items()},
    }
    command = [sys.executable, "-m", "steadfast", "sla", "report", "--json"]
    said = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True).stdout
    standing = {one["name"]: one["standing"] for one in json.loads(said)["objectives"]}
    for reading in READINGS:
        wanted = "missed" if reading == "identity" else "met"
        assert standing[f"{reading.replace('_', ' ')} embedded"] == wanted
    assert standing["identity neural"] == "not measured"  # promised, and no model was there to measure it
    assert standing["frame neural"] == "not measured"


def _pixels_kept(house: ServingHouse) -> list[str]:
    """Pictures left behind by looking at them: the stored inputs and results of the job are blobs."""
    kept = (".png", ".jpg", ".jpeg", ".npy")
    return [
        file.name for file in house.data_dir.rglob("*") if file.suffix in kept and "blobs" not in file.parts
    ]
