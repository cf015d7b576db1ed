"""A real service with two tasks: questions about pictures beside faces."""

import json
import signal
from collections.abc import Iterator

import cv2
import httpx
import numpy as np
import pytest
from tests.serving_house import FAULTY, ServingHouse, serving

from steadfast.entailment.canary import _canary_pixels

TASK = "visual_entailment"


def drawing() -> bytes:
    return cv2.imencode(".png", _canary_pixels())[1].tobytes()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHouse]:
    settings = FAULTY | {"STEADFAST_ENTAILMENT__ENABLED": "true", "STEADFAST_RUNTIME__SPARES": "1"}
    with serving(tmp_path_factory.mktemp("entail") / "data", settings) as running:
        yield running


def ask(house: ServingHouse, text: str, image: bytes | None = None) -> dict[str, object]:
    files = {"image": drawing() if image is None else image}
    answer: dict[str, object] = house.client.post("/v1/entail", files=files, data={"text": text}).json()
    return answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The red circle is left of the blue square.", "yes"),
        ("The red circle is right of the blue square.", "no"),
        ("The blue square is heavy.", "maybe"),
    ],
)
def test_a_fresh_machine_answers(house: ServingHouse, text: str, expected: str) -> None:
    answer = ask(house, text)
    assert (answer["answer"], answer["in_domain"], answer["domain"]) == (expected, True, "shapes")


def test_a_photo_is_answered_with_a_warning(house: ServingHouse) -> None:
    photo = np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8)
    answer = ask(house, "There is a circle.", cv2.imencode(".png", photo)[1].tobytes())
    assert (answer["answer"], answer["in_domain"]) == ("maybe", False)
    assert answer["warnings"]


def test_each_task_has_its_own_readiness(house: ServingHouse) -> None:
    tasks = house.client.get("/health").json()["tasks"]
    assert set(tasks) == {"face_swap", TASK}
    assert house.client.get("/health/ready", params={"task": TASK}).status_code == 200


def test_a_worker_that_is_killed_costs_no_answer(house: ServingHouse) -> None:
    for worker in house.workers():
        if TASK in " ".join(worker.cmdline()):
            worker.send_signal(signal.SIGKILL)
    assert ask(house, "The red circle is left of the blue square.")["answer"] == "yes"


def test_what_is_no_picture_is_the_caller_s_error(house: ServingHouse) -> None:
    assert ask(house, "There is a circle.", b"nothing")["code"] == "unsupported_media"
    assert ask(house, "\u200b")["code"] == "empty_text"


def submit(house: ServingHouse, **fields: str) -> httpx.Response:
    files = [("target", ("one.png", drawing())), ("target", ("no.png", b"no picture"))]
    return house.client.post("/v1/jobs", files=files, data={"task": TASK} | fields)


def test_a_batch_is_a_job_in_which_a_bad_picture_spoils_no_other(house: ServingHouse) -> None:
    texts = ["The red circle is left of the blue square.", "\u200b", "There is a green star."]
    answer = submit(house, texts=json.dumps(texts))
    assert answer.status_code == 202, answer.text
    url = answer.headers["location"]
    house.until(lambda: house.client.get(url).json()["state"] in ("succeeded", "failed"), 60.0)
    job = house.client.get(url).json()
    assert (job["task"], job["state"], job["failure"]["code"]) == (TASK, "failed", "unsupported_media")
    result = house.client.get(f"{url}/result", params={"item": 0})
    assert result.headers["content-type"] == "application/jsonl"
    lines = [json.loads(line) for line in result.text.splitlines()]
    assert [line["text"] for line in lines] == texts
    assert (lines[0]["answer"], lines[1]["error"]["code"], lines[2]["answer"]) == ("yes", "empty_text", "no")


def test_a_file_of_questions_says_what_each_picture_is_asked(house: ServingHouse) -> None:
    questions = b"image,text\none.png,There is a red circle.\ntwo.png,There is a green star.\n"
    files = [
        ("target", ("one.png", drawing())),
        ("target", ("two.png", drawing())),
        ("questions", ("questions.csv", questions)),
    ]
    url = house.client.post("/v1/jobs", files=files, data={"task": TASK}).headers["location"]
    house.until(lambda: house.client.get(url).json()["state"] in ("succeeded", "failed"), 60.0)
    results = [house.client.get(f"{url}/result", params={"item": number}) for number in (0, 1)]
    assert [json.loads(result.text)["answer"] for result in results] == ["yes", "no"]
    assert 'filename="two.jsonl"' in results[1].headers["content-disposition"]


def test_a_job_that_asks_nothing_or_of_faces_is_refused(house: ServingHouse) -> None:
    assert submit(house).json()["code"] == "invalid_option"
    assert submit(house, texts="There is a circle.", enhance="true").json()["code"] == "invalid_option"
    assert submit(house, texts="a b\n" * 30_000).status_code == 400
