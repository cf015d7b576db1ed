"""Each receiver hears the same facts in its own form."""

import hashlib
import hmac
import json

from tests.unit.health.alerts.incidents import MOMENT, incident, notice, over

from steadfast.health.alerts.notice import alertmanager_post, mail, slack_post, webhook_post
from steadfast.signature import SIGNATURE


def test_the_headline_says_what_where_and_how_many() -> None:
    assert notice().headline() == "[error] worker_died of face_swap on cam-1"
    several = notice(incident(), incident(2))
    assert several.headline() == "[error] worker_died of face_swap and 1 more on cam-1"
    assert notice(over()).headline().startswith("[recovered]")


def test_what_the_rate_limit_held_back_is_confessed() -> None:
    assert "3 more alerts were held back" in notice(held_back=3).text()


def test_slack_reads_no_markup_out_of_our_words() -> None:
    post = slack_post(notice(incident(evidence=("a < b & c",))), "https://hooks.example.org/x")
    assert "a &lt; b &amp; c" in json.loads(post.body)["text"]


def test_a_webhook_is_signed_over_its_time_and_its_body() -> None:
    post = webhook_post(notice(), "https://example.org/hook", "a key", at_s=1700000000)
    expected = hmac.new(b"a key", b"1700000000." + post.body, hashlib.sha256).hexdigest()
    assert post.headers[SIGNATURE] == f"t=1700000000,v1={expected}"
    assert json.loads(post.body)["incidents"][0]["kind"] == "worker_died"
    assert SIGNATURE not in webhook_post(notice(), "https://example.org/hook", None, at_s=0).headers


def test_alertmanager_hears_when_it_began_and_when_it_was_over() -> None:
    post = alertmanager_post(notice(incident(), over(2)), "http://am:9093/")
    assert post.url == "http://am:9093/api/v2/alerts"
    begun, ended = json.loads(post.body)
    assert begun["labels"] == {
        "alertname": "Steadfast_worker_died",
        "severity": "error",
        "subject": "face_swap",
        "instance": "cam-1",
    }
    assert "endsAt" not in begun
    assert ended["endsAt"] > ended["startsAt"]


def test_a_mail_has_no_line_break_in_its_subject() -> None:
    message = mail(notice(incident(subject="a\nBcc: x")), "a@example.org", ["b@example.org"], now=MOMENT)
    assert "\n" not in message["Subject"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert "SIGSEGV" in message.get_content()
