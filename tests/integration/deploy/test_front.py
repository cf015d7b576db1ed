"""The front with real parts: TLS, limits, ids, streams, an instance that is killed, a rolling restart."""

import http.client
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.faulty_faces import act
from tests.front_house import KEY, LIMITS, ROOT, FrontHouse, beside, front
from tests.serving_house import SOURCE

CLIENTS = 4


@pytest.fixture(scope="module")
def house() -> Iterator[FrontHouse]:
    with front() as opened:
        yield opened


def swap(
    client: httpx.Client, do: bytes | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    return client.post("/v1/swap", files=[("source", SOURCE), ("target", do or act())], headers=headers)


# --- TLS


def handshake(house: FrontHouse, version: str) -> subprocess.CompletedProcess[str]:
    """What the openssl client says of one version, with nothing forbidden on its own side."""
    connect = f"127.0.0.1:{house.port}"
    command = ["openssl", "s_client", "-connect", connect, version, "-cipher", "ALL:@SECLEVEL=0", "-brief"]
    trusted = ["-CAfile", str(house.certificate), "-verify_return_error"]
    return subprocess.run(
        [*command, *trusted], input="", capture_output=True, text=True, timeout=30, check=False
    )


def test_tls_1_3_is_spoken(house: FrontHouse) -> None:
    told = handshake(house, "-tls1_3")
    assert told.returncode == 0, told.stderr
    assert "TLSv1.3" in told.stderr


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1", "-tls1_2"])
def test_older_versions_are_refused_by_the_front(house: FrontHouse, version: str) -> None:
    told = handshake(house, version)
    assert told.returncode != 0
    assert "alert protocol version" in told.stderr  # the front's word, not the client's own refusal


def test_plain_http_is_sent_to_https_with_its_method(house: FrontHouse) -> None:
    with httpx.Client(trust_env=False) as client:
        answer = client.post(f"http://127.0.0.1:{house.plain_port}/v1/swap?faces=all")
    assert (answer.status_code, answer.headers["location"]) == (308, "https://127.0.0.1/v1/swap?faces=all")


@pytest.mark.parametrize("path", ["/health/ready", "/v1/swap", "/metrics"])
def test_browsers_are_told_to_come_encrypted_whatever_the_answer(house: FrontHouse, path: str) -> None:
    with house.client() as client:
        assert client.get(path).headers["strict-transport-security"].startswith("max-age=63072000")


def test_grafana_has_a_port_of_its_own_and_the_front_does_not_need_it(house: FrontHouse) -> None:
    with house.client() as client:
        answer = client.get(f"https://127.0.0.1:{house.grafana_port}/login")
    assert answer.status_code == 502  # nobody is behind it here
    assert "strict-transport-security" in answer.headers


# --- limits


def status_of(
    port: int, path: str, announced_bytes: int, *, tls: FrontHouse | None, method: str = "POST"
) -> int:
    """What a body of that length is answered from its headers alone; nothing of it is sent."""
    connection: http.client.HTTPConnection
    if tls is not None:
        context = ssl.create_default_context(cafile=str(tls.certificate))
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.2", port, timeout=30)
    connection.putrequest(method, path)
    connection.putheader("Authorization", f"Bearer {KEY}")
    connection.putheader("Content-Length", str(announced_bytes))
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.endheaders()
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "most_bytes"),
    [("/v1/swap", int(LIMITS["MAX_REQUEST_BYTES"])), ("/v1/jobs", int(LIMITS["MAX_UPLOAD_BYTES"]))],
)
def test_a_body_over_the_limit_is_cut_at_the_front_and_at_the_instance_alike(
    house: FrontHouse, path: str, most_bytes: int
) -> None:
    assert status_of(house.port, path, most_bytes + 1, tls=house) == 413
    assert status_of(house.instance_port, path, most_bytes + 1, tls=None) == 413


def test_a_body_at_the_limit_passes_the_front(house: FrontHouse) -> None:
    with house.client() as client:
        rest = int(LIMITS["MAX_REQUEST_BYTES"]) - 3_000  # what the form adds is less than that
        answer = client.post("/v1/swap", files=[("source", b"x" * rest), ("target", act())])
    assert answer.status_code == 200


def test_a_refusal_of_the_front_reads_like_one_of_the_service(house: FrontHouse) -> None:
    with house.client() as client:
        answer = client.post("/v1/swap", content=b"x" * 200_001, headers={"X-Request-ID": "mine-1"})
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["code"], told["request_id"]) == (413, "media_too_large", "mine-1")
    assert {"type", "title", "detail", "remedy"} <= told.keys()


def test_whoever_sends_too_much_is_told_when_to_come_back(house: FrontHouse) -> None:
    strict = LIMITS | {"RATE_PER_ADDRESS": "1r/m", "BURST_PER_ADDRESS": "3"}
    with beside(house, strict) as other, other.client() as client:
        answers = [client.get("/health/live") for _ in range(6)]
    # One of the four that may pass was the question whether it is up.
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429, 429]
    told = answers[-1].json()
    assert (told["code"], answers[-1].headers["retry-after"]) == ("rate_limited", "1")


def test_figures_are_not_for_the_world(house: FrontHouse) -> None:
    with house.client() as client:
        assert client.get("/metrics").status_code == 404


# --- what is passed on


def test_an_id_that_a_client_brings_goes_through_and_one_that_is_none_is_replaced(house: FrontHouse) -> None:
    with house.client() as client:
        assert swap(client, headers={"X-Request-ID": "order-17"}).headers["x-request-id"] == "order-17"
        made = swap(client, headers={"X-Request-ID": 'x" y'}).headers["x-request-id"]
    assert len(made) == 32


def test_both_instances_get_work(house: FrontHouse) -> None:
    with house.client() as client:
        pids = {swap(client).json()["pid"] for _ in range(12)}
    assert len(pids) == 2


def test_a_repetition_finds_the_instance_that_has_its_answer(house: FrontHouse) -> None:
    with house.client() as client:
        for number in range(6):
            headers = {"Idempotency-Key": f"order-{number}"}
            first, second = swap(client, headers=headers), swap(client, headers=headers)
            assert (first.status_code, second.headers.get("idempotent-replayed")) == (200, "true")


def test_a_resumable_upload_goes_on_where_it_was_begun(house: FrontHouse) -> None:
    tus = {"Tus-Resumable": "1.0.0"}
    with house.client() as client:
        place = client.post("/v1/uploads", headers=tus | {"Upload-Length": "6"}).headers["location"]
        piece = tus | {"Content-Type": "application/offset+octet-stream"}
        for offset in (0, 3):
            answer = client.patch(place, content=b"abc", headers=piece | {"Upload-Offset": str(offset)})
            assert answer.status_code == 204
        assert client.head(place, headers=tus).headers["upload-offset"] == "6"


@pytest.fixture(scope="module")
def paused_job(house: FrontHouse) -> str:
    """One that will not end by itself, so that the stream of its events stays open."""
    with house.client() as client:
        made = client.post("/v1/jobs", files=[("source", SOURCE), ("target", act(seconds=20))]).json()
        paused = client.post(f"/v1/jobs/{made['id']}/pause")
    assert paused.status_code == 200, paused.text
    return str(made["id"])


def test_events_come_as_they_happen(house: FrontHouse, paused_job: str) -> None:
    with house.client() as client, client.stream("GET", f"/v1/jobs/{paused_job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        pieces, told = stream.iter_bytes(), b""
        while b"submitted" not in told:
            told += next(pieces)
    assert b": still here" not in told  # a front that buffers would tell it with the sign of life after 15 s


def test_a_web_socket_goes_through(house: FrontHouse, paused_job: str) -> None:
    context = ssl.create_default_context(cafile=str(house.certificate))
    with (
        socket.create_connection(("127.0.0.1", house.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        wanted = ("Host: 127.0.0.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        given = (f"Authorization: Bearer {KEY}", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        head = [f"GET /v1/jobs/{paused_job}/events HTTP/1.1", *wanted, *given, "", ""]
        line.sendall("\r\n".join(head).encode())
        told = b""
        while b"submitted" not in told:
            told += line.recv(4096) or pytest.fail(f"it was closed: {told!r}")
    assert told.startswith(b"HTTP/1.1 101 ")


# --- instances that go


@dataclass(kw_only=True)
class Load:
    """Some clients that send all the time, and what they were answered."""

    house: FrontHouse
    keep_alive: bool
    answers: list[tuple[float, str]] = field(default_factory=list)
    """When each was sent, and `200` or what went wrong."""
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self._threads = [threading.Thread(target=self._send) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(60)

    def _send(self) -> None:
        with self.house.client(keep_alive=self.keep_alive) as client:
            while not self._done.is_set():
                sent_s = time.monotonic()
                try:
                    answer = swap(client, act(seconds=0.02))
                    said = "200" if answer.status_code == 200 else f"{answer.status_code} {answer.text}"
                except httpx.TransportError as error:
                    said = repr(error)
                self.answers.append((sent_s, said))

    def until(self, count: int) -> None:
        """Waits for that many more answers."""
        wanted, until_s = len(self.answers) + count, time.monotonic() + 60
        while len(self.answers) < wanted:
            assert time.monotonic() < until_s
            time.sleep(0.01)

    @property
    def failures(self) -> list[tuple[float, str]]:
        return [(sent_s, said) for sent_s, said in self.answers if said != "200"]


def test_an_instance_that_is_killed_costs_only_what_it_had_in_hand(house: FrontHouse) -> None:
    order = {"Idempotency-Key": "order-of-the-dead"}
    with house.client() as client:
        first = swap(client, headers=order)
    with Load(house=house, keep_alive=True) as load:
        load.until(50)
        house.kill("127.0.0.2")
        dead_s = time.monotonic()
        load.until(100)
        with house.client() as client:
            again = swap(client, headers=order)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")  # whoever had it
    # A POST that was sent may have been carried out, so the front may not repeat it: one of each client.
    assert len(load.failures) <= CLIENTS
    assert all("service_unreachable" in said for _, said in load.failures)
    assert [said for sent_s, said in load.failures if sent_s > dead_s] == []
    house.start("127.0.0.2")
    house.instances["127.0.0.2"].await_ready(spares=0)


def test_instances_restarted_one_after_the_other_fail_no_request(house: FrontHouse, tmp_path: Path) -> None:
    statuses: list[int] = []
    with Load(house=house, keep_alive=False) as load, restarts_asked_by_docker(house, tmp_path, statuses):
        load.until(20)
        environment = os.environ | {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "FRONT": str(house.folder / "instances"),
            "WAIT_S": "30",
        }
        told = subprocess.run(
            [ROOT / "deploy/compose/roll"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        load.until(20)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("serves again") == 2
    assert statuses == [0, 0]
    assert load.failures == []
    assert " down;" not in (house.folder / "instances/instances.conf").read_text()


class restarts_asked_by_docker:  # noqa: N801 — reads as the context that it is
    """A `docker` in a folder for PATH that does to these processes what the real one does to containers."""

    def __init__(self, house: FrontHouse, folder: Path, statuses: list[int]) -> None:
        self._house, self._folder, self._statuses = house, folder, statuses
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        nginx = " ".join(house.nginx())
        script = f"""#!/bin/sh
case "$*" in
  *" exec -T nginx nginx "*) while [ "$1" != nginx ]; do shift; done; shift 2; exec {nginx} "$@" ;;
  *" exec -T nginx sh -c "*) while [ "$1" != -c ]; do shift; done
    exec sh -c "$(echo "$2" | sed 's|/tmp/nginx.pid|{house.folder}/nginx.pid|')" ;;
  *" up "*) for name in "$@"; do :; done
    echo "$name" > {folder}/.asked && mv {folder}/.asked {folder}/asked
    while [ -e {folder}/asked ]; do sleep 0.05; done ;;
  *) echo "not expected: $*" >&2; exit 9 ;;
esac
"""
        (folder / "docker").write_text(script)
        (folder / "docker").chmod(0o755)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(60)

    def _serve(self) -> None:
        asked = self._folder / "asked"
        while not self._done.wait(0.02):
            if asked.exists():
                self._statuses.append(self._house.restart(asked.read_text().strip()))
                asked.unlink()
