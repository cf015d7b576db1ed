"""Nothing that a user put into any field of a request is in anything that the service wrote.

A secret of its own in every input field; then everything is searched: standard output and error of all
processes, the database, incidents, crash reports and their bundles, alerts, the live stream, what is left on
disk, and every answer that others than the asker may read.
"""

import base64
import json
import secrets as random
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from tests.faulty_faces import act
from tests.http_receiver import Hook
from tests.picture_files import encoded
from tests.secrets_everywhere import Secrets, files_below, png_with_text, with_metadata
from tests.serving_house import FAULTY, ServingHouse, serving

from steadfast.admission.keys import KeyStore
from steadfast.admission.scopes import Scope
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.settings import load_settings

OPEN = {
    "STEADFAST_SERVER__REQUIRE_KEYS": "always",
    "STEADFAST_SERVER__IDEMPOTENCY_HOURS": "1",
    "STEADFAST_RUNTIME__WORKERS": "1",
    "STEADFAST_HEALTH__INTERVAL_S": "0.2",
    "STEADFAST_LOGS__LEVEL": "debug",
    "STEADFAST_LOGS__SLOW_MS": "1",
    "STEADFAST_ALERTS__GROUP_S": "0",
}


class Listener:
    """Reads the live stream of incidents until the service ends it."""

    def __init__(self, house: ServingHouse) -> None:
        self.heard = b""
        self._client = house.new_client()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            with self._client.stream("GET", "/v1/incidents/stream", timeout=60) as stream:
                for piece in stream.iter_raw():
                    self.heard += piece
        except httpx.HTTPError:
            return

    def end(self) -> bytes:
        self._thread.join(15)
        return self.heard


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(token="".join(random.choice("bcdfghjk") for _ in range(5)))


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


def asked_in_every_way(house: ServingHouse, secrets: Secrets, picture: bytes) -> None:
    """Requests with secrets in every field; most are refused, each in another place."""
    at = secrets.at
    client = house.client
    good: Any = [("source", picture), ("target", picture)]

    def post(place: str, **more: Any) -> httpx.Response:
        return client.post("/v1/swap", **{"files": good, **more})

    headers = {
        "User-Agent": at("user agent"),
        "Cookie": f"session={at('cookie')}",
        "Referer": f"https://example.org/{at('referer')}",
        "X-Forwarded-For": at("forwarded for"),
        "Forwarded": f"for={at('forwarded')}",
        "X-Request-ID": at("request id"),
        "Idempotency-Key": at("idempotency key"),
        "traceparent": at("traceparent"),
        "tracestate": f"vendor={at('tracestate')}",
        "baggage": f"user={at('baggage')}",
        "X-Custom": at("custom header"),
        at("header name"): "x",
    }
    named = [("source", (at("file name 1") + ".jpg", picture)), ("target", (at("file name 2"), picture))]
    post("all headers", headers=headers, files=named)
    post("again", headers=headers, files=named)  # the idempotent repetition
    post("bearer", headers={"Authorization": f"Bearer {at('bearer')}"})
    post("basic", headers={"Authorization": f"Basic {at('basic')}"})
    post("key header", headers={"X-Api-Key": at("key header")})
    post("host", headers={"Host": f"{at('host')}.example.org"})
    post("origin", headers={"Origin": f"https://{at('origin')}.example.org"})
    for name in ("X-Priority", "X-Deadline-Ms", "Accept", "If-None-Match", "Expect-CT", "Content-Language"):
        post(name, headers={name: at(name)})
    post("type", headers={"Content-Type": f"multipart/form-data; boundary={at('boundary')}"})
    post("type", headers={"Content-Type": at("content type")})
    post("encoding", headers={"Content-Encoding": at("content encoding")})
    post("part name", files=[*good, (at("part name"), b"x")])
    post("part type", files=[*good, ("reference", ("x", picture, at("part type")))])
    post(
        "part header",
        files=[("source", ("x", picture, "image/jpeg", {"X-Part": at("part header")})), good[1]],
    )
    for name in ("faces", "format", "quality", "priority", "deadline_s", "answer", at("field name")):
        post(name, data={name: at(f"field {name}")})
    post("query", params={"faces": at("query value"), at("query name"): "1"})
    client.post("/v1/swap", json={"text": at("json body"), at("json key"): 1})
    client.post("/v1/swap", content=at("raw body").encode())
    client.post("/v1/faces", content=at("no picture").encode())
    client.post("/v1/faces", content=png_with_text(secrets, "damaged png"))
    client.post(
        "/v1/faces", content=with_metadata(encoded("PNG"), secrets, "listed"), params={"full": "true"}
    )
    _ask_for_entailment(client, secrets, picture)
    _upload(client, secrets)
    _submit_jobs(house, secrets, picture)
    for path in ("", "/v1/", "/v1/incidents/", "/v1/crashes/", "/v1/jobs/", "/v1/uploads/", "/health/"):
        client.get(path + "/" * (not path) + at(f"path {path}"))
    client.get("/health", params={"task": at("task")})
    client.get("/v1/incidents", params={"severity": at("severity"), "limit": at("limit")})
    client.request(at("method").upper(), "/v1/swap")
    _say_nonsense(house, secrets)


def _ask_for_entailment(client: httpx.Client, secrets: Secrets, picture: bytes) -> None:
    at = secrets.at
    files = {"image": (at("file name of entailment"), picture)}
    for text in ("text", "hypothesis", "caption"):
        client.post("/v1/entail", files=files, data={text: f"Somebody says {at(f'entail {text}')}."})
    client.post("/v1/entail", json={"text": at("entail json"), "image": at("entail image")})


def _upload(client: httpx.Client, secrets: Secrets) -> None:
    at = secrets.at
    said = base64.b64encode(at("upload metadata").encode()).decode()
    headers = {"Tus-Resumable": "1.0.0", "Upload-Metadata": f"filename {said},{at('upload key')} {said}"}
    client.post("/v1/uploads", headers=headers | {"Upload-Length": at("upload length")})
    client.post(
        "/v1/uploads", headers=headers | {"Upload-Length": "10", "Tus-Resumable": at("upload version")}
    )
    announced = client.post("/v1/uploads", headers=headers | {"Upload-Length": "1000"})
    assert announced.status_code == 201, announced.text
    piece = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    client.patch(announced.headers["location"], content=at("upload piece").encode(), headers=piece)
    client.patch(f"/v1/uploads/{at('upload id')}", headers={"Tus-Resumable": "1.0.0", "Upload-Offset": "0"})


_WORDS_OF_JOBS = {
    *(f"job {part}" for part in ("source name", "target name", "label", "label name", "subject", "callback")),
    *(f"changed {part}" for part in ("label", "label name")),
    *(f"job field {name}" for name in ("faces", "format", "codec")),
}
"""What a job is told and called by who submitted it: kept in its rows, and told to nobody else."""


def _submit_jobs(house: ServingHouse, secrets: Secrets, picture: bytes) -> None:
    """By somebody who is no administrator."""
    at = secrets.at
    database = open_database(database_options(load_settings(None).database, house.data_dir))
    try:
        token = KeyStore(database).create(name="somebody", scopes=[Scope.JOBS]).token
    finally:
        database.close()
    client = house.new_client()
    client.headers["Authorization"] = f"Bearer {token}"
    files = [
        ("source", (at("job source name"), picture)),
        ("target", (at("job target name") + ".jpg", picture)),
    ]
    words = {
        "labels": json.dumps({at("job label name"): at("job label")}),
        "subject": at("job subject"),
        "callback_url": f"https://{at('job callback').lower()}.invalid/",
    }
    key = {"Idempotency-Key": at("job idempotency key"), "X-Request-ID": at("job request id")}
    accepted = client.post("/v1/jobs", files=files, data=words, headers=key)
    assert accepted.status_code == 202, accepted.text
    for name in ("faces", "format", "priority", "pairing", "expires_in", "codec", "callback_url", "labels"):
        client.post("/v1/jobs", files=files, data={name: at(f"job field {name}")})
    client.post("/v1/jobs", files=files, data={at("job field name"): "x"})
    for reference in ("upload:", "s3://bucket/", "file:///", ""):
        client.post(
            "/v1/jobs", json={"source": reference + at("reference"), "target": [reference + at("named")]}
        )
    client.post("/v1/jobs", json={at("job json key"): at("job json")})
    one = f"/v1/jobs/{accepted.json()['id']}"
    client.patch(one, json={"labels": {at("changed label name"): at("changed label")}})
    client.patch(one, json={"priority": at("changed priority")})
    client.get("/v1/jobs", params={"label": f"{at('asked label')}=x", "state": at("asked state")})
    client.get("/v1/jobs", params={"subject": at("asked subject"), "cursor": at("cursor")})
    client.get(f"{one}/events", headers={"Last-Event-ID": at("last event")})
    client.get(f"{one}/result", params={"item": at("item")}, headers={"Range": at("range")})
    client.get(f"/v1/jobs/{at('job id')}/{at('job part')}")
    client.post("/v1/jobs/purge", json={"subject": at("purged subject")})


def _say_nonsense(house: ServingHouse, secrets: Secrets) -> None:
    """What is no HTTP, or breaks off."""
    host, port = urlsplit(house.url).hostname, urlsplit(house.url).port
    at = secrets.at
    for text in (
        f"{at('request line')}\r\n\r\n",
        f"GET /{at('raw path')} HTTP/9.9\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\n{at('no header')}\r\n\r\n",
        f"POST /v1/swap HTTP/1.1\r\nHost: x\r\nContent-Length: {at('length')}\r\n\r\n",
        f"POST /v1/faces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.key}\r\n"
        f"Content-Length: 5000\r\n\r\n{at('broken off')}",
        f"POST /v1/faces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{at('chunk')}\r\n",
    ):
        with socket.create_connection((host, port), timeout=5) as connection:
            connection.sendall(text.encode())
            connection.settimeout(1.0)
            try:
                connection.recv(4096)
            except TimeoutError:
                continue


def hurt_in_every_way(house: ServingHouse, secrets: Secrets) -> None:
    """Inputs that make workers talk, fail and die."""
    at = secrets.at
    named: Any = {"headers": {"X-Request-ID": at("request id of a killer")}}
    for place, more in (
        ("echoed", {"do": "echo"}),
        ("quoted", {"do": "quote"}),
        ("of a bug", {"do": "bug"}),
        ("of no face", {"do": "no_face"}),
        ("of a death with words", {"do": "quote", "dies": True}),
        ("of a segfault", {"do": "segfault"}),
    ):
        house.swap(**more, what=at(f"input {place}"), source=at(f"source {place}").encode(), **named)
        house.await_ready()
    # A worker with a secret in its hands is killed from outside, and its request gets another one.
    slow = threading.Thread(
        target=house.swap, args=("work", house.new_client()), kwargs={"seconds": 1, "what": at("in hand")}
    )
    slow.start()
    house.until(lambda: any(p["busy"] for p in house.client.get("/health").json()["tasks"].values()))
    house.workers()[0].send_signal(signal.SIGKILL)
    slow.join()
    house.await_ready()


def everything_said(house: ServingHouse) -> bytes:
    """What others than the asker may read over HTTP."""
    get = house.client.get
    incidents, crashes = get("/v1/incidents?limit=1000").json(), get("/v1/crashes").json()
    paths = [
        *("/health", "/health/ready", "/metrics", "/openapi.json", "/v1/jobs"),
        *(f"/v1/incidents/{one['id']}" for one in incidents["incidents"]),
        *(f"/v1/crashes/{one['id']}" for one in crashes["crashes"]),
        *(f"/v1/crashes/{one['id']}/bundle" for one in crashes["crashes"]),
    ]
    said = [get(path).content for path in paths]
    return json.dumps([incidents, crashes]).encode() + b"\n".join(said)


def everything_written(house: ServingHouse) -> dict[str, bytes]:
    """Every file of the service, and what it printed after its first words, which show the first key."""
    written = {
        str(file.relative_to(house.data_dir)): file.read_bytes()
        for file in files_below([house.data_dir])
        # What is kept for its owner, and for nobody else: answers for repetition, uploads and files of jobs.
        if file.relative_to(house.data_dir).parts[0] not in ("answers", "blobs")
    }
    written["stdout.log"] = written["stdout.log"].partition(b"\n}\n")[2]
    return written


def leaks(house: ServingHouse, secrets: Secrets, *more: bytes) -> dict[str, list[str]]:
    texts = everything_written(house) | {f"said {at}": text for at, text in enumerate(more)}
    found = {name: set(secrets.found_in(text)) for name, text in texts.items()}
    # The protocol of uploads has the service give an upload's metadata back to its owner.
    found["steadfast.db"] -= {"upload metadata", "upload key"} | _WORDS_OF_JOBS
    return {name: sorted(places) for name, places in found.items() if places}


def end(house: ServingHouse) -> None:
    house.process.send_signal(signal.SIGTERM)
    assert house.process.wait(30) == 0


@pytest.fixture
def lived(tmp_path: Path, secrets: Secrets, hook: Hook) -> Callable[..., Any]:
    folder = tmp_path / secrets.at("data folder")
    return lambda settings: serving(
        folder, OPEN | {"STEADFAST_ALERTS__WEBHOOK_URL": f"{hook.url}/x"} | settings, guardian=True
    )


def test_no_secret_of_any_field_is_written_anywhere_whatever_becomes_of_the_request(
    lived: Callable[..., Any], secrets: Secrets, hook: Hook
) -> None:
    with lived(FAULTY) as house:
        listener = Listener(house)
        asked_in_every_way(house, secrets, act("echo", what=secrets.at("picture")))
        hurt_in_every_way(house, secrets)
        house.until(lambda: len(house.client.get("/v1/crashes").json()["crashes"]) >= 3)
        said = everything_said(house)
        end(house)
        heard = listener.end()
        told = b"\n".join(body for _, _, body in hook.got)
        assert b"SIGABRT" in said  # so that nothing is not found for nothing being there
        assert b"worker_died" in heard
        assert b"worker_died" in told
        assert b"request_ended" in everything_written(house)["stdout.log"]
        assert leaks(house, secrets, said, heard, told) == {}
        assert house.key is not None
        texts = [*everything_written(house).values(), said, heard, told]
        assert not any(house.key.encode() in text for text in texts)


def test_no_metadata_of_a_picture_is_written_anywhere_when_a_real_engine_reads_it(
    lived: Callable[..., Any], secrets: Secrets, collins_path: Path, hopper_path: Path, shared_models: Path
) -> None:
    settings = {
        "STEADFAST_FACES__ENGINE": "embedded",
        "STEADFAST_HEALTH__INTERVAL_S": "2",
        "STEADFAST_MODELS__MIRROR": shared_models.as_uri(),
    }
    with lived(settings) as house:
        pictures = [
            (part, (f"{quote(secrets.at(part))}.jpg", with_metadata(path.read_bytes(), secrets, part)))
            for part, path in (("source", collins_path), ("target", hopper_path))
        ]
        answer = house.client.post("/v1/swap", files=pictures)
        assert answer.status_code == 200, answer.text
        asked_in_every_way(house, secrets, with_metadata(collins_path.read_bytes(), secrets, "asked"))
        said = everything_said(house)
        end(house)
        assert leaks(house, secrets, said) == {}


def test_the_search_finds_what_was_planted_in_whatever_form() -> None:
    secrets = Secrets(token="bcdfg")
    word = secrets.at("somewhere")
    assert secrets.found_in(f"x{word}y".encode()) == ["somewhere"]
    assert secrets.found_in(word.upper().encode()) == ["somewhere"]
    assert secrets.found_in(word.encode().hex().encode()) == ["somewhere"]
    import base64

    for before in (b"", b"a", b"ab"):
        assert secrets.found_in(base64.b64encode(before + word.encode() + b"after")) == ["somewhere"]
    assert secrets.found_in(b"nothing") == []
