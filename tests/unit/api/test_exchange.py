"""Every answer is marked and hardened; every error is a problem document."""

import json

from tests.unit.api.asgi import Sent, exchange, run

from steadfast.errors import KeyRefused, NoFace, Overloaded


def test_an_error_becomes_a_problem_document_with_the_id_of_the_request() -> None:
    sent = Sent()
    run(exchange(sent=sent, headers={"X-Request-ID": "a-1"}).refuse(NoFace("No face was found.")))
    assert sent.status == 422
    assert sent.headers[b"content-type"] == b"application/problem+json"
    assert json.loads(sent.body) == {
        "type": "about:blank",
        "status": 422,
        "code": "no_face",
        "title": "No face",
        "detail": "No face was found.",
        "remedy": NoFace.default_remedy,
        "request_id": "a-1",
    }


def test_when_to_try_again_is_rounded_up_in_the_header_and_exact_in_the_body() -> None:
    sent = Sent()
    run(exchange(sent=sent).refuse(Overloaded("Full.", retry_after_s=1.2345)))
    assert sent.headers[b"retry-after"] == b"2"
    assert json.loads(sent.body)["retry_after_s"] == 1.234


def test_a_refused_key_is_challenged() -> None:
    sent = Sent()
    run(exchange(sent=sent).refuse(KeyRefused("No.")))
    assert sent.headers[b"www-authenticate"].startswith(b"Bearer")


def test_every_answer_forbids_sniffing_caching_and_framing() -> None:
    sent = Sent()
    run(exchange(sent=sent).answer_json({}))
    assert sent.headers[b"x-content-type-options"] == b"nosniff"
    assert sent.headers[b"cache-control"] == b"no-store"
    assert b"frame-ancestors 'none'" in sent.headers[b"content-security-policy"]


def test_an_id_that_could_forge_a_line_of_a_log_is_replaced() -> None:
    for harmful in ("two words", "a\tb", "é", "x" * 129, ""):
        given = exchange(headers={"X-Request-ID": harmful}).request_id
        assert given.decode() != harmful
        assert len(given) == 16


def test_a_trace_of_the_wrong_length_is_no_trace() -> None:
    assert exchange(headers={"traceparent": "00-abc"}).traceparent == ""
