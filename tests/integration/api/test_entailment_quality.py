"""Quality of answers about pictures, end to end: measured in the worker, judged in the server, reported."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from tests.serving_house import FAULTY, ROOT, ServingHouse, serving

from steadfast.entailment.shapes.rendering import render
from steadfast.entailment.shapes.world import Colour, Item, Scene, Shape, Size

_MODEL = "shapes_entailment"
_PROMISED = {
    f"STEADFAST_OBJECTIVES__QUALITY__{_MODEL.upper()}__ACCURACY": "0.9",
    f"STEADFAST_OBJECTIVES__QUALITY__{_MODEL.upper()}__STEADINESS": "1",  # nobody keeps that
}
_CLOSE_CALL = "The purple cross is left of the black triangle."


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHouse]:
    settings = {
        **FAULTY,
        **_PROMISED,
        "STEADFAST_ENTAILMENT__ENABLED": "true",
        "STEADFAST_RUNTIME__SPARES": "0",
        "STEADFAST_OBJECTIVES__SAMPLED": "1",
    }
    with serving(tmp_path_factory.mktemp("sampled") / "data", settings, spares=0) as running:
        yield running


def close_call() -> bytes:
    """Two shapes of which hardly anybody could say which one is further left."""
    places = ((Colour.PURPLE, Shape.CROSS, 0.495, 0.25), (Colour.BLACK, Shape.TRIANGLE, 0.505, 0.75))
    items = tuple(
        Item(
            shape=shape, colour=colour, size=Size.LARGE, x=x, y=y, radius=0.16, turned_deg=0.0, tint=(0, 0, 0)
        )
        for colour, shape, x, y in places
    )
    scene = Scene(items=items, background=(225, 225, 225), noise=5.0, noise_seed=3)
    return cv2.imencode(".png", np.ascontiguousarray(render(scene)[..., ::-1]))[1].tobytes()


def measured(house: ServingHouse, reading: str, verdict: str) -> float:
    labels = f'engine="{_MODEL}",reading="{reading}",verdict="{verdict}"'
    start = f"steadfast_quality_readings_total{{{labels}}} "
    lines = house.client.get("/metrics").text.splitlines()
    return sum(float(line.removeprefix(start)) for line in lines if line.startswith(start))


def test_answers_and_segments_are_measured_judged_and_reported(house: ServingHouse) -> None:
    picture = close_call()
    for _ in range(20):  # so many judged readings make a batch
        answer = house.client.post("/v1/entail", files={"image": picture}, data={"text": _CLOSE_CALL})
        assert (answer.status_code, answer.json()["in_domain"]) == (200, True)
    # The last look may not be over when its answer is here.
    house.until(lambda: measured(house, "accuracy", "met") + measured(house, "accuracy", "missed") == 20)
    house.until(lambda: measured(house, "steadiness", "missed") == 20)
    _opens_an_incident(house)
    _counts_segments_of_jobs(house, picture)
    _is_reported(house)
    assert _kept(house) == []


def _opens_an_incident(house: ServingHouse) -> None:
    def found() -> list[dict[str, Any]]:
        incidents = house.client.get("/v1/incidents").json()["incidents"]
        return [one for one in incidents if one["kind"] == "quality_low"]

    house.until(lambda: found() != [])
    assert [one["subject"] for one in found()] == [f"{_MODEL}/steadiness"]


def _counts_segments_of_jobs(house: ServingHouse, picture: bytes) -> None:
    files = [("target", ("one.png", picture))]
    data = {"task": "visual_entailment", "texts": json.dumps(["There is a purple cross."])}
    assert house.client.post("/v1/jobs", files=files, data=data).status_code == 202
    house.until(lambda: measured(house, "accuracy", "met") + measured(house, "accuracy", "missed") == 21)


def _is_reported(house: ServingHouse) -> None:
    environment = os.environ | _PROMISED | {"STEADFAST_DATA_DIR": str(house.data_dir)}
    command = [sys.executable, "-m", "steadfast", "sla", "report", "--json"]
    said = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True).stdout
    standing = {one["name"]: one["standing"] for one in json.loads(said)["objectives"]}
    assert standing[f"accuracy {_MODEL}"] == "met"
    assert standing[f"steadiness {_MODEL}"] == "missed"


def _kept(house: ServingHouse) -> list[str]:
    """Pictures and sentences left behind by looking at them; what a job was given is a blob."""
    files = [file for file in house.data_dir.rglob("*") if file.is_file() and "blobs" not in file.parts]
    return [
        file.name
        for file in files
        if file.suffix in {".png", ".jpg", ".npy"} or b"left of the black triangle" in file.read_bytes()
    ]
