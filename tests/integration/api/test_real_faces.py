"""A swap through everything: HTTP, admission, a confined worker, a real engine."""

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.serving_house import ServingHouse, serving

from steadfast.media.pictures import read_picture


@pytest.fixture(scope="module", params=["embedded", "standard"])
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared_models: Path
) -> Iterator[ServingHouse]:
    folder = tmp_path_factory.mktemp("real")
    settings = {
        "STEADFAST_FACES__ENGINE": request.param,
        "STEADFAST_MODELS__DIR": str(folder / "models"),
        "STEADFAST_MODELS__MIRROR": shared_models.as_uri(),
        "STEADFAST_RUNTIME__WORKERS": "1",
        "STEADFAST_RUNTIME__SPARES": "0",
    }
    with serving(folder / "data", settings, spares=0) as running:
        yield running


def swap(house: ServingHouse, source: Path, target: Path | bytes, **data: str) -> httpx.Response:
    content = target.read_bytes() if isinstance(target, Path) else target
    return house.client.post("/v1/swap", files={"source": source.read_bytes(), "target": content}, data=data)


def test_the_answer_is_the_target_with_the_source_s_face(
    house: ServingHouse, collins_path: Path, hopper_path: Path
) -> None:
    answer = swap(house, collins_path, hopper_path)
    assert answer.status_code == 200, answer.text
    picture, before = read_picture(answer.content), read_picture(hopper_path)
    assert picture.pixels.shape == before.pixels.shape
    assert float(answer.headers["x-steadfast-identity"]) > 0.4
    assert answer.headers["x-steadfast-faces"] == "found=1;swapped=1"


def test_json_carries_the_same_picture(house: ServingHouse, collins_path: Path, hopper_path: Path) -> None:
    document = swap(house, collins_path, hopper_path, format="json").json()
    picture = read_picture(base64.b64decode(document["picture"]["base64"]))
    assert (picture.width, picture.height) == (document["picture"]["width"], document["picture"]["height"])
    assert document["faces_swapped"] == 1


def test_faces_are_listed(house: ServingHouse, collins_path: Path) -> None:
    answer = house.client.post("/v1/faces", content=collins_path.read_bytes())
    (face,) = answer.json()["faces"]
    assert 80 < face["width"] < 130


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"text", 415, "unsupported_media"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, 422, "damaged_media"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, 422, "damaged_media"),
    ],
)
def test_bad_bytes_are_declared_errors(
    house: ServingHouse, collins_path: Path, content: bytes, status: int, code: str
) -> None:
    answer = swap(house, collins_path, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "/" not in answer.json()["detail"]


def test_workers_are_confined(house: ServingHouse) -> None:
    (worker,) = house.workers()
    status = Path(f"/proc/{worker.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    environment = Path(f"/proc/{worker.pid}/environ").read_bytes()
    assert b"STEADFAST_" not in environment
