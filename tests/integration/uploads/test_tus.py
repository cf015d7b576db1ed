"""Uploads through a real server: the protocol's words, and what survives the server's death at any byte."""

import base64
import hashlib
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serving_house import ServingHouse, serving

from steadfast.assembly.filekeeping import open_library
from steadfast.blobs.blob import BlobAddress
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.settings import load_settings

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = TUS | {"Content-Type": "application/offset+octet-stream"}
SETTINGS = {
    "STEADFAST_RUNTIME__FACE_TASK": "tests.faulty_faces:FaultyFaces",
    "STEADFAST_RUNTIME__PYTHON_PATH": str(Path(__file__).resolve().parents[3]),
    "STEADFAST_SERVER__REQUIRE_KEYS": "never",
    "STEADFAST_HEALTH__ENABLED": "false",
    "STEADFAST_RUNTIME__SPARES": "0",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHouse]:
    with serving(tmp_path_factory.mktemp("house") / "data", SETTINGS, ready=False) as running:
        yield running


def announce(client: httpx.Client, size: int, **headers: str) -> str:
    answer = client.post("/v1/uploads", headers=TUS | {"Upload-Length": str(size)} | headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["tus-resumable"] == "1.0.0"
    return str(answer.headers["location"])


def send(client: httpx.Client, place: str, offset: int, content: bytes, **headers: str) -> httpx.Response:
    return client.patch(place, content=content, headers=PIECE | {"Upload-Offset": str(offset)} | headers)


def offset_of(client: httpx.Client, place: str) -> int:
    answer = client.head(place, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def checksum(content: bytes) -> dict[str, str]:
    return {"Upload-Checksum": "sha1 " + base64.b64encode(hashlib.sha1(content).digest()).decode()}


def test_the_service_says_what_it_speaks(house: ServingHouse) -> None:
    answer = house.client.options("/v1/uploads")
    assert answer.status_code == 204
    assert "content-length" not in answer.headers
    assert answer.headers["tus-version"] == "1.0.0"
    assert {"creation", "expiration", "checksum", "termination"} <= set(
        answer.headers["tus-extension"].split(",")
    )
    assert int(answer.headers["tus-max-size"]) > 1 << 30
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"


def test_an_upload_goes_on_at_its_offset(house: ServingHouse) -> None:
    name = base64.b64encode(b"a b.mp4").decode()
    place = announce(house.client, 10, **{"Upload-Metadata": f"filename {name},is_private"})
    first = send(house.client, place, 0, b"01234")
    assert (first.status_code, first.headers["upload-offset"]) == (204, "5")
    assert first.headers["upload-expires"].endswith("GMT")
    told = house.client.head(place, headers=TUS)
    assert (told.headers["upload-offset"], told.headers["upload-length"]) == ("5", "10")
    assert told.headers["upload-metadata"] == f"filename {name},is_private"
    last = send(house.client, place, 5, b"56789", **checksum(b"56789"))
    assert (last.status_code, last.headers["upload-offset"]) == (204, "10")


def test_bytes_may_come_with_the_announcement(house: ServingHouse) -> None:
    answer = house.client.post("/v1/uploads", content=b"0123", headers=PIECE | {"Upload-Length": "4"})
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "4")


def test_what_is_refused_is_refused_in_the_words_of_the_protocol(house: ServingHouse) -> None:
    client, place = house.client, announce(house.client, 4)
    refusals: list[tuple[httpx.Response, int, str]] = [
        (send(client, place, 1, b"x"), 409, "upload_conflict"),
        (send(client, place, 0, b"x", **{"Content-Type": "text/plain"}), 415, "unsupported_media"),
        (send(client, place, 0, b"x", **{"Tus-Resumable": "0.2.2"}), 412, "upload_version"),
        (send(client, place, 0, b"x", **checksum(b"y")), 460, "checksum_mismatch"),
        (send(client, place, 0, b"x", **{"Upload-Checksum": "crc32 AAAA"}), 400, "malformed_request"),
        (send(client, place, 0, b"01234"), 400, "malformed_request"),
        (client.patch(place, content=b"x", headers=PIECE), 400, "malformed_request"),
        (client.post("/v1/uploads", headers=TUS), 400, "malformed_request"),
        (client.post("/v1/uploads", headers=TUS | {"Upload-Defer-Length": "1"}), 400, "malformed_request"),
        (client.post("/v1/uploads", headers=TUS | {"Upload-Length": str(1 << 50)}), 413, "media_too_large"),
        (client.get(place, headers=TUS), 405, "wrong_method"),
        (send(client, "/v1/uploads/unknown", 0, b"x"), 404, "upload_unknown"),
    ]
    for answer, status, code in refusals:
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert all(
        answer.headers.get("tus-resumable") == "1.0.0" for answer, status, _ in refusals if status != 405
    )
    assert offset_of(client, place) == 0


def test_a_client_that_cannot_patch_may_say_so(house: ServingHouse) -> None:
    place = announce(house.client, 2)
    headers = PIECE | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert house.client.post(place, content=b"ab", headers=headers).status_code == 204


def test_an_upload_that_is_ended_is_gone(house: ServingHouse) -> None:
    place = announce(house.client, 4)
    send(house.client, place, 0, b"01")
    assert house.client.delete(place, headers=TUS).status_code == 204
    assert house.client.head(place, headers=TUS).status_code == 404


def test_a_server_killed_at_any_byte_goes_on_where_it_was(tmp_path: Path) -> None:
    content = random.Random(7).randbytes(3 << 20)
    data_dir = tmp_path / "data"
    with serving(data_dir, SETTINGS, ready=False) as house:
        place = announce(house.client, len(content))
        proven = announce(house.client, len(content))
        half_sent(house, place, content, 1 << 20, {})
        half_sent(house, proven, content, 1 << 20, checksum(content))
        kill(house)
    with serving(data_dir, SETTINGS, ready=False) as house:
        stands = offset_of(house.client, place)
        assert 0 < stands <= 1 << 20, "what had come counts"
        assert offset_of(house.client, proven) == 0, "what was not proven does not"
        assert send(house.client, place, stands, content[stands:]).status_code == 204
        assert send(house.client, proven, 0, content, **checksum(content)).status_code == 204
        kill(house)
    address = BlobAddress(space="_", sha256=hashlib.sha256(content).hexdigest())
    settings = load_settings().model_copy(update={"data_dir": data_dir})
    database = open_database(database_options(settings.database, data_dir))
    try:
        library = open_library(settings, database)
        library.verify(address)
        assert len(list(library.store.listed())) == 1, "the same content is stored once"
    finally:
        database.close()


def half_sent(house: ServingHouse, place: str, content: bytes, size: int, headers: dict[str, str]) -> None:
    """Announces all and sends some, and waits until the server has read it; the connection stays open."""
    address: Any = httpx.URL(house.url)
    lines = PIECE | {"Upload-Offset": "0", "Content-Length": str(len(content)), "Host": "localhost"} | headers
    head = f"PATCH {place} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    link = socket.create_connection((address.host, address.port))
    link.sendall(head.encode() + b"\r\n" + content[:size])
    house.clients.append(link)  # type: ignore[arg-type]  # closed with the house
    file = house.data_dir / "blobs" / ".staging" / "uploads" / place.rsplit("/", 1)[1]
    until_s = time.monotonic() + 20
    while not (file.exists() and file.stat().st_size):
        assert time.monotonic() < until_s, "nothing arrived"
        time.sleep(0.01)


def kill(house: ServingHouse) -> None:
    os.kill(house.process.pid, signal.SIGKILL)
    house.process.wait(10)
