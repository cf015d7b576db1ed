"""A real server process with real workers, over real sockets: every class of answer."""

import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faulty_faces import act
from tests.serving_house import FAULTY, SOURCE, ServingHouse, serving

QUICK = FAULTY | {
    "STEADFAST_RUNTIME__WORKERS": "1",
    "STEADFAST_SERVER__BODY_GRACE_S": "0.5",
    "STEADFAST_SERVER__MIN_BODY_BYTES_PER_S": "100000",
    "STEADFAST_SERVER__HEADER_TIMEOUT_S": "1",
    "STEADFAST_SERVER__MAX_REQUEST_BYTES": "3000000",
    "STEADFAST_SERVER__BUFFER_BYTES": "500000",
    "STEADFAST_SERVER__GRACE_S": "10",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHouse]:
    with serving(tmp_path_factory.mktemp("house"), QUICK) as running:
        yield running


def problem(response: object, status: int, code: str) -> dict[str, object]:
    assert response.status_code == status, response.text  # type: ignore[attr-defined]
    document: dict[str, object] = response.json()  # type: ignore[attr-defined]
    assert response.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    assert document["code"] == code
    assert {"title", "detail", "remedy", "request_id", "status"} <= document.keys()
    return document


def test_a_swap_answers_the_picture_with_what_was_done_in_headers(house: ServingHouse) -> None:
    answer = house.swap()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-steadfast-engine"] == "faulty"
    assert answer.headers["x-steadfast-faces"] == "found=2;swapped=1"
    assert answer.headers["x-steadfast-identity"] == "0.5000"
    assert "worker;dur=" in answer.headers["server-timing"]
    assert "x-steadfast-degraded" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["sizes"] == [len(SOURCE), len(act())]


@pytest.mark.parametrize("how", [{"data": {"format": "json"}}, {"headers": {"Accept": "application/json"}}])
def test_a_swap_answers_json_where_that_is_asked_for(house: ServingHouse, how: dict[str, Any]) -> None:
    document = house.swap(**how).json()
    assert document["engine"] == "faulty"
    assert document["degraded"] == []
    assert document["picture"]["content_type"] == "image/png"
    assert document["request_id"]


def test_faces_takes_a_raw_body_and_a_form(house: ServingHouse) -> None:
    raw = house.client.post("/v1/faces", content=act())
    form = house.client.post("/v1/faces", files={"image": act()})
    assert raw.json()["sizes"] == form.json()["sizes"] == [len(act())]


def test_a_body_beyond_the_buffer_reaches_the_worker_as_a_file(house: ServingHouse) -> None:
    large = b"x" * 1_200_000
    assert house.swap(source=large).json()["sizes"] == [len(large), len(act())]
    assert list((house.data_dir / "scratch" / "bodies").iterdir()) == []


def test_ids_and_traces_of_the_caller_come_back(house: ServingHouse) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = house.swap(headers={"X-Request-ID": "order-66", "traceparent": trace})
    assert answer.headers["x-request-id"] == "order-66"
    assert answer.headers["traceparent"] == trace
    assert house.swap(headers={"X-Request-ID": "two words"}).headers["x-request-id"] != "two words"


def test_a_declared_error_of_the_task_is_a_problem(house: ServingHouse) -> None:
    problem(house.swap("no_face"), 422, "no_face")


def test_a_bug_in_the_task_tells_nobody_its_traceback(house: ServingHouse) -> None:
    document = problem(house.swap("bug"), 500, "internal_error")
    assert "Traceback" not in json.dumps(document)


def test_an_unknown_option_is_named(house: ServingHouse) -> None:
    document = problem(house.swap(data={"speed": "high"}), 400, "invalid_option")
    assert "speed" in str(document["detail"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("quality", "101"), ("quality", "x"), ("format", "mp3"), ("deadline_s", "-1"), ("priority", "first")],
)
def test_a_wrong_value_of_an_option_is_refused(house: ServingHouse, field: str, value: str) -> None:
    problem(house.swap(data={field: value}), 400, "invalid_option")


def test_a_form_without_a_target_is_refused(house: ServingHouse) -> None:
    answer = house.client.post("/v1/swap", files={"source": SOURCE})
    problem(answer, 400, "malformed_request")


def test_an_empty_picture_is_refused_before_a_worker_sees_it(house: ServingHouse) -> None:
    problem(house.client.post("/v1/faces", content=b""), 400, "empty_input")


def test_a_body_over_the_limit_is_refused_and_the_client_sees_why(house: ServingHouse) -> None:
    problem(house.client.post("/v1/faces", content=b"x" * 3_000_001), 413, "media_too_large")


def test_a_body_of_unknown_length_over_the_limit_is_refused(house: ServingHouse) -> None:
    answer = house.client.post("/v1/faces", content=(b"x" * 100_000 for _ in range(40)))
    problem(answer, 413, "media_too_large")


def test_an_unknown_path_and_a_wrong_method_are_problems(house: ServingHouse) -> None:
    problem(house.client.get("/v2"), 404, "unknown_route")
    refused = house.client.get("/v1/swap")
    problem(refused, 405, "wrong_method")
    assert refused.headers["allow"] == "POST"


def test_a_foreign_page_and_a_foreign_name_are_refused(house: ServingHouse) -> None:
    problem(house.swap(headers={"Origin": "https://evil.example"}), 403, "foreign_request")
    problem(house.swap(headers={"Host": "evil.example"}), 403, "foreign_request")
    assert house.swap(headers={"Host": "localhost"}).status_code == 200


def test_a_client_that_trickles_its_body_is_cut(house: ServingHouse) -> None:
    with raw_connection(house) as connection:
        connection.sendall(b"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_trickles_its_headers_is_cut(house: ServingHouse) -> None:
    with raw_connection(house) as connection:
        connection.sendall(b"POST /v1/faces HTTP/1.1\r\nHos")
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_headers_without_end_are_cut(house: ServingHouse) -> None:
    with raw_connection(house) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000)
        assert connection.recv(4096).startswith(b"HTTP/1.1 431 ")


def test_a_client_that_goes_away_frees_its_place(house: ServingHouse) -> None:
    body = act("work", seconds=20)
    head = f"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with raw_connection(house) as connection:
        connection.sendall(head + body)
        house.until(lambda: house.client.get("/health").json()["tasks"]["face_swap"]["busy"] == 1)
    # Its place would be taken for 20 s.
    assert house.swap(headers={"X-Deadline-Ms": "15000"}).status_code == 200


def test_a_worker_killed_from_outside_costs_one_retry(house: ServingHouse) -> None:
    house.await_ready()
    found: list[object] = []
    asking = threading.Thread(
        target=lambda: found.append(house.swap("echo", house.new_client(), seconds=3.0))
    )
    asking.start()
    house.until(lambda: house.client.get("/health").json()["tasks"]["face_swap"]["busy"] == 1)
    for worker in house.workers():
        worker.send_signal(signal.SIGKILL)
    asking.join()
    (answer,) = found
    assert answer.status_code == 200  # type: ignore[attr-defined]
    assert answer.headers["x-steadfast-attempts"] == "2"  # type: ignore[attr-defined]


def test_a_hang_is_answered_with_504_at_its_deadline(house: ServingHouse) -> None:
    house.await_ready()
    problem(house.swap("hang", headers={"X-Deadline-Ms": "600"}), 504, "deadline_exceeded")
    assert house.swap().status_code == 200


def test_an_input_that_kills_twice_is_poison_and_then_refused_at_once(house: ServingHouse) -> None:
    house.await_ready()
    problem(house.swap("segfault"), 422, "poison_input")
    house.await_ready()
    workers = {worker.pid for worker in house.workers()}
    problem(house.swap("segfault"), 422, "poison_input")
    assert {worker.pid for worker in house.workers()} == workers
    assert house.swap().status_code == 200


def test_out_of_memory_steps_down_and_the_answer_confesses(house: ServingHouse) -> None:
    house.await_ready()
    answer = house.swap("memory")
    assert answer.status_code == 200
    assert answer.headers["x-steadfast-degraded"] == "smaller side"
    assert house.client.get("/health").json()["status"] == "degraded"


def test_an_idempotency_key_gets_the_same_answer_again(house: ServingHouse) -> None:
    first = house.swap(headers={"Idempotency-Key": "once"})
    again = house.swap(headers={"Idempotency-Key": "once"})
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-steadfast-engine"] == "faulty"
    other = house.swap(headers={"Idempotency-Key": "once"}, source=b"another")
    problem(other, 422, "idempotency_mismatch")


def test_a_failed_request_may_be_repeated_under_its_idempotency_key(house: ServingHouse) -> None:
    problem(house.swap("no_face", headers={"Idempotency-Key": "again"}), 422, "no_face")
    assert house.swap(headers={"Idempotency-Key": "again"}).status_code == 200


def test_probes_and_metrics_answer(house: ServingHouse) -> None:
    assert house.client.get("/health/live").json() == {"status": "live"}
    assert house.client.get("/healthz").status_code == 200
    assert house.client.get("/health/ready?task=face_swap").status_code == 200
    problem(house.client.get("/health/ready?task=nothing"), 404, "unknown_route")
    assert house.client.get("/health/simple").text == "OK"
    assert "steadfast_http_requests_total" in house.client.get("/metrics").text
    assert "/v1/swap" in house.client.get("/openapi.json").json()["paths"]


class raw_connection:  # noqa: N801 — read as a verb
    """A socket to the server."""

    def __init__(self, house: ServingHouse) -> None:
        host, _, port = house.url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=30)

    def __enter__(self) -> socket.socket:
        return self._socket

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def test_nothing_of_a_request_is_left_behind(house: ServingHouse, tmp_path: Path) -> None:
    assert list((house.data_dir / "scratch" / "bodies").iterdir()) == []


def test_clients_that_leave_at_any_moment_leave_nothing_behind(house: ServingHouse) -> None:
    boundary = "--b\r\nContent-Disposition: form-data; name="
    body = (
        f'{boundary}"source"\r\n\r\n'.encode()
        + b"x" * 700_000  # beyond the buffer: it goes to disk
        + f'\r\n{boundary}"target"\r\n\r\n'.encode()
        + act("work", seconds=5)
        + b"\r\n--b--\r\n"
    )
    head = (
        "POST /v1/swap HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    for sent in (10, len(head), len(head) + 1000, len(head) + 600_000, len(head) + len(body)):
        for _ in range(3):
            with raw_connection(house) as connection:
                connection.sendall((head + body)[:sent])

    def is_idle() -> bool:
        pool = house.client.get("/health").json()["tasks"]["face_swap"]
        return not pool["busy"] and not pool["waiting"]

    house.until(is_idle)
    house.until(lambda: not list((house.data_dir / "scratch" / "bodies").iterdir()))
    assert house.swap().status_code == 200


def test_the_time_in_line_is_told_apart_from_the_time_at_work(house: ServingHouse) -> None:
    other = house.new_client()
    first = threading.Thread(target=lambda: house.swap("echo", other, seconds=2.5))
    first.start()
    house.until(lambda: house.client.get("/health").json()["tasks"]["face_swap"]["busy"] == 1)
    timings = house.swap(data={"format": "json"}).json()["timings_ms"]
    first.join()
    assert timings["queue"] > 100
    assert timings["worker"] < timings["queue"]
