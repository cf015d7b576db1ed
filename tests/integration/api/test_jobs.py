"""Jobs through a real server with a real engine: from a clip that is sent to a file that plays."""

import hashlib
import io
import json
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from tests.serving_house import ServingHouse, serving
from websockets.sync.client import connect

from steadfast.admission.keys import KeyStore
from steadfast.admission.scopes import Scope
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.settings import load_settings

SETTINGS = {
    "STEADFAST_FACES__ENGINE": "embedded",
    "STEADFAST_RUNTIME__WORKERS": "1",
    "STEADFAST_RUNTIME__SPARES": "0",
    "STEADFAST_SERVER__REQUIRE_KEYS": "always",
    "STEADFAST_HEALTH__ENABLED": "false",
    "STEADFAST_JOBS__SEGMENT_S": "0.5",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, shared_media: Path) -> Iterator[ServingHouse]:
    folder = tmp_path_factory.mktemp("house") / "data"
    settings = SETTINGS | {"STEADFAST_REFERENCES__FILE_ROOTS": str(shared_media)}
    with serving(folder, settings, spares=0) as running:
        yield running


@pytest.fixture
def clip(shared_media: Path) -> Path:
    return shared_media / "yes.mkv"


def parts(source: Path, *targets: Path) -> list[Any]:
    return [
        ("source", (source.name, source.read_bytes())),
        *(("target", (target.name, target.read_bytes())) for target in targets),
    ]


def submit(client: httpx.Client, source: Path, *targets: Path, **fields: str) -> dict[str, Any]:
    answer = client.post("/v1/jobs", files=parts(source, *targets), data=fields)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    return job


def ended(client: httpx.Client, job_id: str, within_s: float = 120.0) -> dict[str, Any]:
    until_s = time.monotonic() + within_s
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        if job["state"] in ("succeeded", "failed", "cancelled"):
            return job
        assert time.monotonic() < until_s, job
        time.sleep(0.05)


def frames_in(video: Path) -> int:
    with av.open(video) as container:
        return sum(1 for _ in container.decode(video=0))


def events_of(client: httpx.Client, job_id: str, **headers: str) -> list[dict[str, Any]]:
    with client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as stream:
        return [json.loads(line[5:]) for line in stream.iter_lines() if line.startswith("data:")]


def over_web_socket(house: ServingHouse, job_id: str, *, after: int) -> list[dict[str, Any]]:
    url = house.url.replace("http://", "ws://") + f"/v1/jobs/{job_id}/events?after={after}"
    headers = {"Authorization": f"Bearer {house.key}"}
    with connect(url, additional_headers=headers, proxy=None) as socket:
        return [json.loads(message) for message in socket]


def another_key(house: ServingHouse, *scopes: Scope) -> str:
    database = open_database(database_options(load_settings(None).database, house.data_dir))
    try:
        return KeyStore(database).create(name="another", scopes=scopes).token
    finally:
        database.close()


def test_a_video_that_is_sent_comes_back_with_all_its_frames(
    house: ServingHouse, hopper_path: Path, clip: Path, tmp_path: Path
) -> None:
    job = submit(house.client, hopper_path, clip, labels="trip=lisbon", priority="high", subject="anna")
    assert (job["labels"], job["priority"], job["subject"]) == ({"trip": "lisbon"}, "high", "anna")
    seen = events_of(house.client, job["id"])
    assert [one["data"]["state"] for one in seen if one["kind"] in ("submitted", "state")] == [
        "queued",
        "running",
        "succeeded",
    ]
    done = ended(house.client, job["id"])
    assert (done["state"], done["engine"], done["progress"]["share"]) == ("succeeded", "embedded", 1.0)
    assert done["cost"]["frames"] == done["progress"]["frames_done"] == frames_in(clip)
    answer = house.client.get(f"/v1/jobs/{job['id']}/result")
    assert answer.headers["content-type"] == "video/x-matroska"
    assert 'filename="yes.mkv"' in answer.headers["content-disposition"]
    result = tmp_path / "result.mkv"
    result.write_bytes(answer.content)
    assert frames_in(result) == frames_in(clip)
    # The kept numbers go on where a client stopped; a browser that has seen everything is told to stay away.
    numbered = [one for one in seen if one["id"]]
    behind_first = events_of(house.client, job["id"], **{"Last-Event-ID": str(numbered[0]["id"])})
    assert [one["id"] for one in behind_first if one["id"]] == [one["id"] for one in numbered[1:]]
    assert over_web_socket(house, job["id"], after=numbered[0]["id"]) == behind_first
    again = {"Last-Event-ID": str(numbered[-1]["id"])}
    assert house.client.get(f"/v1/jobs/{job['id']}/events", headers=again).status_code == 204
    _ranges_put_together_are_the_whole(house.client, job["id"], answer)
    _it_is_found_again(house.client, job["id"])


def _ranges_put_together_are_the_whole(client: httpx.Client, job_id: str, whole: httpx.Response) -> None:
    path, etag, size = f"/v1/jobs/{job_id}/result", whole.headers["etag"], len(whole.content)
    assert etag == f'"{hashlib.sha256(whole.content).hexdigest()}"'

    def asked(value: str, **more: str) -> httpx.Response:
        return client.get(path, headers={"Range": value} | more)

    first, rest = asked("bytes=0-999"), asked("bytes=1000-", **{"If-Range": etag})
    assert (first.status_code, first.headers["content-range"]) == (206, f"bytes 0-999/{size}")
    assert first.content + rest.content == whole.content
    assert asked("bytes=-7").content == whole.content[-7:]
    assert asked("bytes=0-", **{"If-Range": '"another"'}).status_code == 200
    beyond = asked(f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    head = client.head(path)
    assert (head.headers["content-length"], head.content) == (str(size), b"")
    assert client.get("/health/live").status_code == 200  # the connection is fit for more


def _it_is_found_again(client: httpx.Client, job_id: str) -> None:
    def listed(**query: str) -> list[str]:
        return [one["id"] for one in client.get("/v1/jobs", params=query).json()["jobs"]]

    assert job_id in listed(state="succeeded,failed", label="trip=lisbon")
    assert listed(label="trip=porto") == []
    changed = client.patch(f"/v1/jobs/{job_id}", json={"labels": {"trip": "porto"}}).json()
    assert changed["labels"] == {"trip": "porto"}
    assert listed(label="trip=porto") == [job_id]
    assert listed(subject="anna") == [job_id]


def test_a_batch_has_a_result_for_every_target_and_source_and_pages_through_lists(
    house: ServingHouse, hopper_path: Path, collins_path: Path
) -> None:
    earlier = submit(house.client, hopper_path, collins_path)
    files = [*parts(hopper_path, hopper_path, collins_path), parts(collins_path)[0]]
    answer = house.client.post("/v1/jobs", files=files)
    job = ended(house.client, answer.json()["id"])
    assert (job["state"], job["progress"]["items_done"]) == ("succeeded", 4)
    first = house.client.get(f"/v1/jobs/{job['id']}/items", params={"limit": 3}).json()
    rest = house.client.get(f"/v1/jobs/{job['id']}/items", params={"first": first["next"]}).json()
    items = first["items"] + rest["items"]
    assert ([one["number"] for one in items], rest["next"]) == ([0, 1, 2, 3], None)
    assert len({one["result"]["sha256"] for one in items}) == 4
    for one in items:
        assert house.client.get(one["result"]["url"]).headers["content-type"].startswith("image/")
    together = house.client.get(f"/v1/jobs/{job['id']}/result")
    assert together.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(together.content))
    sums = [hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()]
    assert sums == [one["result"]["sha256"] for one in items]
    page = house.client.get("/v1/jobs", params={"limit": 1}).json()
    older = house.client.get("/v1/jobs", params={"limit": 1, "cursor": page["next"]}).json()
    assert [one["jobs"][0]["id"] for one in (page, older)] == [job["id"], earlier["id"]]


def test_inputs_may_be_named_instead_of_sent(house: ServingHouse, hopper_path: Path, clip: Path) -> None:
    tus = {"Tus-Resumable": "1.0.0"}
    content = hopper_path.read_bytes()
    headers = tus | {
        "Upload-Length": str(len(content)),
        "Content-Type": "application/offset+octet-stream",
    }
    upload = house.client.post("/v1/uploads", content=content, headers=headers)
    reference = "upload:" + upload.headers["location"].rpartition("/")[2]
    named = {"source": reference, "target": [reference, clip.as_uri()], "fresh": True}
    answer = house.client.post("/v1/jobs", json=named)
    assert answer.status_code == 202, answer.text
    assert ended(house.client, answer.json()["id"])["state"] == "succeeded"
    # In a form a word may stand in the place of a file.
    answer = house.client.post("/v1/jobs", files=[parts(hopper_path)[0], ("target", (None, reference))])
    assert answer.status_code == 202, answer.text
    for wrong, code in (("upload:nothing", "upload_unknown"), ("file:///etc/hostname", "reference_refused")):
        refused = house.client.post("/v1/jobs", json={"source": reference, "target": wrong})
        assert refused.json()["code"] == code, refused.text


def test_a_submission_that_is_sent_twice_makes_one_job(house: ServingHouse, hopper_path: Path) -> None:
    headers = {"Idempotency-Key": "once"}
    both = [
        house.client.post("/v1/jobs", files=parts(hopper_path, hopper_path), headers=headers)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in both] == [202, 202]
    assert both[0].json()["id"] == both[1].json()["id"]
    assert both[1].headers["idempotent-replayed"] == "true"
    other = house.client.post(
        "/v1/jobs", files=parts(hopper_path, hopper_path), data={"faces": "all"}, headers=headers
    )
    assert other.json()["code"] == "idempotency_mismatch"


def test_a_cancelled_job_stops_and_a_retry_finishes_it(
    house: ServingHouse, hopper_path: Path, shared_media: Path
) -> None:
    client = house.client
    job_id = submit(client, hopper_path, shared_media / "again.mkv", fresh="true")["id"]
    house.until(lambda: client.get(f"/v1/jobs/{job_id}").json()["progress"]["frames_done"] > 0, 60)
    assert client.delete(f"/v1/jobs/{job_id}").json()["state"] == "cancelled"
    house.until(lambda: not any(pool["busy"] for pool in client.get("/health").json()["tasks"].values()))
    assert client.get(f"/v1/jobs/{job_id}/result").json()["code"] == "result_not_ready"
    assert client.post(f"/v1/jobs/{job_id}/pause").json()["code"] == "job_conflict"
    assert client.post(f"/v1/jobs/{job_id}/retry").json()["state"] in ("queued", "running")
    assert client.post(f"/v1/jobs/{job_id}/pause").json()["state"] == "paused"
    assert client.patch(f"/v1/jobs/{job_id}", json={"priority": "low"}).json()["priority"] == "low"
    assert client.post(f"/v1/jobs/{job_id}/resume").json()["state"] in ("queued", "running")
    assert ended(client, job_id)["state"] == "succeeded"
    attempts = client.get(f"/v1/jobs/{job_id}/attempts").json()["attempts"]
    assert {"done", "given_back"} <= {one["outcome"] for one in attempts}


def test_a_key_sees_its_own_jobs_only_and_an_administrator_no_words_of_others(
    house: ServingHouse, hopper_path: Path
) -> None:
    own = {"Authorization": f"Bearer {another_key(house, Scope.JOBS)}"}
    other = {"Authorization": f"Bearer {another_key(house, Scope.JOBS)}"}
    swaps = {"Authorization": f"Bearer {another_key(house, Scope.SWAP)}"}
    files = parts(hopper_path, hopper_path)
    job = house.client.post(
        "/v1/jobs", files=files, data={"labels": "who=anna", "subject": "s"}, headers=own
    ).json()
    for method, path in (
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/items"),
        ("GET", "/attempts"),
        ("GET", "/result"),
        ("DELETE", ""),
        ("POST", "/retry"),
        ("POST", "/pause"),
        ("POST", "/resume"),
    ):
        answer = house.client.request(method, f"/v1/jobs/{job['id']}{path}", headers=other)
        assert (answer.status_code, answer.json()["code"]) == (404, "job_unknown"), path
    assert house.client.get("/v1/jobs", headers=other).json()["jobs"] == []
    assert house.client.get("/v1/jobs", headers=swaps).json()["code"] == "scope_missing"
    assert [one["id"] for one in house.client.get("/v1/jobs", headers=own).json()["jobs"]] == [job["id"]]
    seen = house.client.get(f"/v1/jobs/{job['id']}").json()  # the first key is an administrator's
    assert "labels" not in seen
    assert "subject" not in seen
    purged = house.client.post("/v1/jobs/purge", json={"subject": "s"}, headers=other).json()
    assert purged["jobs"] == []
    receipt = house.client.post("/v1/jobs/purge", json={"subject": "s"}, headers=own).json()
    assert (receipt["jobs"], receipt["is_complete"]) == ([job["id"]], True)
    assert house.client.get(f"/v1/jobs/{job['id']}", headers=own).status_code == 404


def test_what_cannot_be_a_job_is_refused_in_one_sentence_and_leaves_nothing(
    house: ServingHouse, hopper_path: Path
) -> None:
    content = hopper_path.read_bytes()
    good = parts(hopper_path, hopper_path)
    before = sorted(file.name for file in (house.data_dir / "blobs").rglob("*") if file.is_file())
    unknown = content + b"never seen"
    for request, code in (
        ({"files": good[:1]}, "malformed_request"),
        ({"files": good[1:]}, "malformed_request"),
        ({"files": good, "data": {"colour": "red"}}, "invalid_option"),
        ({"files": good, "data": {"quality": "900"}}, "invalid_option"),
        ({"files": good, "data": {"faces": "biggest"}}, "invalid_option"),
        ({"files": good, "data": {"format": "webm", "codec": "h264"}}, "invalid_option"),
        ({"files": good, "data": {"expires_in": "soon"}}, "invalid_option"),
        ({"files": good, "data": {"keep_results": "9999999h"}}, "invalid_option"),
        ({"files": good, "data": {"callback_url": "http://169.254.169.254/"}}, "reference_refused"),
        ({"files": good, "data": {"labels": "steadfast.x=1"}}, "invalid_option"),
        ({"files": [good[0], ("target", ("x.jpg", b""))]}, "empty_input"),
        (
            {"files": [good[0], ("target", ("x.jpg", unknown))], "data": {"faces": "", "x": "1"}},
            "invalid_option",
        ),
        ({"content": b"[]", "headers": {"Content-Type": "application/json"}}, "malformed_request"),
        ({"json": {"source": 7, "target": "x"}}, "malformed_request"),
        ({"json": {"source": "x.jpg", "target": "y.jpg"}}, "invalid_option"),
        ({"content": b"x"}, "wrong_content_type"),
    ):
        answer = house.client.post("/v1/jobs", **request)
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.json()["code"], bool(answer.json()["remedy"])) == (code, True), (request, answer.text)
    staging = list((house.data_dir / "blobs").rglob("*.part"))
    assert staging == []
    after = sorted(file.name for file in (house.data_dir / "blobs").rglob("*") if file.is_file())
    assert len(after) <= len(before) + 2  # kept for an hour without an owner, then collected


def test_a_server_killed_between_accepted_and_done_finishes_the_job(
    tmp_path: Path, hopper_path: Path, clip: Path
) -> None:
    from steadfast.cli.job_watch import events_in

    settings = SETTINGS | {"STEADFAST_SERVER__REQUIRE_KEYS": "never"}
    with serving(tmp_path / "data", settings, spares=0) as house:
        job = submit(house.client, hopper_path, clip)
        house.until(
            lambda: bool(house.client.get(f"/v1/jobs/{job['id']}").json()["progress"]["segments_done"])
        )
        for process in [*house.server.children(recursive=True), house.server]:
            process.send_signal(signal.SIGKILL)
    with serving(tmp_path / "data", settings, spares=0) as house:
        heard: list[dict[str, Any]] = []

        def listen() -> None:
            with house.new_client().stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
                heard.extend(events_in(stream.iter_lines()))

        listener = threading.Thread(target=listen)
        listener.start()
        done = ended(house.client, job["id"])
        listener.join(30)
        assert done["state"] == "succeeded"
        assert heard[-1]["data"]["state"] == "succeeded"
        result = tmp_path / "result.mkv"
        result.write_bytes(house.client.get(f"/v1/jobs/{job['id']}/result").content)
        assert frames_in(result) == frames_in(clip)
        # Watching clients do not hold up the end of the service.
        house.process.send_signal(signal.SIGTERM)
        assert house.process.wait(60) == 0
