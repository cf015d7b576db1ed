"""A report says what is true, in every format."""

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from tests.unit.sla.house import BEGIN, LedgerHouse

from steadfast.cli.output import as_plain_data
from steadfast.observability.quality import Verdict
from steadfast.readings import QualityReading
from steadfast.settings import ObjectiveSettings, QualityTargets
from steadfast.sla.achievement import Standing
from steadfast.sla.frames import Frame, FrameKind
from steadfast.sla.intervals import without
from steadfast.sla.page import as_html
from steadfast.sla.quantiles import count_within, quantile_s
from steadfast.sla.report import MinuteState, Report
from steadfast.sla.tables import JOBS
from steadfast.sla.tally import READINGS, VERDICTS, bucket_of
from steadfast.sla.targets import quality_targets, verdict_of
from steadfast.sla.words import as_csv, as_markdown, percent

NEURAL = ObjectiveSettings(profile="neural-gpu")


def test_a_figure_that_nothing_was_measured_for_is_never_met(house: LedgerHouse) -> None:
    house.answer()
    house.wait(60)
    found = {one.name: one.standing for one in house.report(NEURAL).objectives}
    promised = ("identity", "psnr outside", "mask overlap", "face distance", "frame")
    assert {found[f"{name} neural"] for name in promised} == {Standing.NOT_MEASURED}
    assert found["availability"] is Standing.NOT_MEASURED


def test_the_profile_states_the_classic_promise() -> None:
    targets = quality_targets(NEURAL)["neural"]
    assert targets.identity == 0.85
    assert targets.face_distance == 20
    assert targets.psnr_outside == 30
    assert targets.mask_overlap == 0.92
    assert targets.frame_s == 0.040


def test_what_is_said_of_an_engine_wins_over_the_profile() -> None:
    own = ObjectiveSettings(profile="neural-gpu", quality={"neural": QualityTargets(identity=0.7)})
    assert quality_targets(own)["neural"].identity == 0.7
    assert quality_targets(own)["neural"].psnr_outside == 30


@pytest.mark.parametrize(
    ("reading", "value", "verdict"),
    [
        (QualityReading.IDENTITY, 0.85, Verdict.MET),
        (QualityReading.IDENTITY, 0.84, Verdict.MISSED),
        (QualityReading.FACE_DISTANCE, 19.0, Verdict.MET),
        (QualityReading.FACE_DISTANCE, 21.0, Verdict.MISSED),
        (QualityReading.FLICKER, 9.0, Verdict.NOT_JUDGED),
    ],
)
def test_a_reading_is_judged_by_the_promise(reading: QualityReading, value: float, verdict: Verdict) -> None:
    assert verdict_of(quality_targets(NEURAL)["neural"], reading, value) is verdict


def test_readings_are_judged_in_the_report(house: LedgerHouse) -> None:
    house.answer()
    assert house.journal is not None
    for verdict in ("met", "met", "missed"):
        house.journal.write(
            Frame(
                kind=FrameKind.READING,
                at_us=house.now_us,
                engine="neural",
                value=0.9,
                size_class=READINGS.index("identity"),
                outcome=VERDICTS.index(verdict),
            )
        )
    found = {one.name: one for one in house.report(NEURAL).objectives}["identity neural"]
    assert (found.good, found.total, found.standing) == (2, 3, Standing.MISSED)


def test_quantiles_are_right_to_one_percent() -> None:
    took_us = [number * 1000 for number in range(1, 1001)]
    buckets: dict[int, int] = {}
    for one in took_us:
        buckets[bucket_of(one)] = buckets.get(bucket_of(one), 0) + 1
    for share in (0.5, 0.9, 0.99):
        assert quantile_s(buckets, share) == pytest.approx(share, rel=0.0101)
    assert count_within(buckets, 0.8) == pytest.approx(800, rel=0.02)
    assert quantile_s({}, 0.5) is None


def test_intervals_lose_what_is_removed() -> None:
    assert without([(0, 10), (20, 30)], [(5, 6), (8, 22), (29, 40)]) == [(0, 5), (6, 8), (22, 29)]
    assert without([(0, 10)], []) == [(0, 10)]
    assert without([(0, 10)], [(0, 10)]) == []


def test_a_part_is_never_rounded_up_to_all() -> None:
    assert percent(0.9999999) == "99.99999 %"
    assert percent(1.0) == "100 %"


def test_minutes_are_told_apart(house: LedgerHouse) -> None:
    house.answer()
    house.end(house.begin(5))
    house.wait(60)
    house.end(house.begin(5))
    house.end(house.begin(1), "shed")
    house.wait(60)
    house.end(house.begin(1))
    house.end(house.begin(5), "error")
    house.wait(60)
    house.wait(60)
    house.kill()
    house.wait(60)
    states = house.report().minutes
    assert states == [
        MinuteState.GOOD,
        MinuteState.IMPAIRED,
        MinuteState.DOWN,
        MinuteState.IDLE,
        MinuteState.DOWN,
    ]


def test_latencies_beside_maintenance_count_request_by_request(house: LedgerHouse) -> None:
    house.answer()
    house.announce(BEGIN + timedelta(minutes=10), BEGIN + timedelta(minutes=20))
    house.end(house.begin(10), took_us=100_000)
    house.wait(15 * 60)
    house.end(house.begin(50), took_us=9_000_000)
    house.wait(10 * 60)
    house.end(house.begin(10), took_us=200_000)
    house.stop()
    house.fold()
    found = {one.name: one for one in house.report().objectives}["latency p99 small"]
    assert (found.good, found.total) == (20, 20)


def test_a_page_needs_nothing_from_anywhere(house: LedgerHouse) -> None:
    page = as_html(_eventful(house))
    assert page.count("<svg") == 3
    references = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')>\s]+)', page)
    assert all(one.startswith(("#", "data:")) for one in references), references
    assert "<script" not in page


def test_names_of_others_are_no_markup(house: LedgerHouse) -> None:
    house.answer()
    house.end(house.begin(), "error", code="<b>&", task="<i>")
    house.wait(60)
    assert "<b>&<" not in as_html(house.report())


def test_the_same_figures_make_the_same_page(house: LedgerHouse) -> None:
    report = _eventful(house)
    assert as_html(report) == as_html(report)


def test_json_and_csv_say_the_same(house: LedgerHouse) -> None:
    report = _eventful(house)
    plain = json.loads(json.dumps(as_plain_data(report)))
    rows = list(csv.DictReader(io.StringIO(as_csv(report))))
    assert [row["name"] for row in rows] == [one["name"] for one in plain["objectives"]]
    assert float(rows[0]["achieved"]) == plain["objectives"][0]["achieved"] == 0.9
    assert plain["outages"][0]["why"] == "died"


def test_markdown_names_what_ate_the_budget(house: LedgerHouse) -> None:
    text = as_markdown(_eventful(house))
    assert "no server (died)" in text
    assert "| availability |" in text


def _eventful(house: LedgerHouse) -> Report:
    house.answer()
    house.end(house.begin(9), engine="standard")
    house.end(house.begin(1), "error", code="worker_crashed")
    house.wait(60)
    house.kill()
    house.wait(30)
    house.answer()
    house.wait(60)
    return house.report()


@pytest.mark.parametrize("is_folded", [True, False], ids=["folded", "in the journal"])
def test_nothing_of_announced_maintenance_counts_and_all_beside_it_does(
    is_folded: bool, house: LedgerHouse
) -> None:
    settings = ObjectiveSettings(quality={"standard": QualityTargets(identity=0.8)})
    house.answer()
    house.announce(BEGIN + timedelta(minutes=10), BEGIN + timedelta(minutes=20))
    for minute, took_us in ((5, 100_000), (15, 9_000_000), (25, 100_000)):
        house.pass_to(round((BEGIN + timedelta(minutes=minute)).timestamp() * 1e6))
        house.end(house.begin(10), "ok", took_us=took_us, engine="standard")
        house.end(house.begin(1), "error", code=f"at {minute}")
        assert house.journal is not None
        kept = VERDICTS.index(Verdict.MISSED if minute == 15 else Verdict.MET)
        for kind, fields in (
            (FrameKind.TAKEOVER, {"took_us": took_us}),
            (FrameKind.READING, {"engine": "standard", "value": 0.9, "outcome": kept}),
        ):
            house.journal.write(Frame(kind=kind, at_us=house.now_us, task="face_swap", **fields))
    if is_folded and house.journal is not None:
        house.journal.turn()
        house.fold()
    report = house.report(settings)
    found = {one.name: one for one in report.objectives}
    for name, total in (
        ("takeover", 2),
        ("identity standard", 2),
        ("latency p90 small", 20),
        ("success", 22),
    ):
        assert (found[name].total, found[name].standing) == (total, found[name].standing), name
    assert found["takeover"].bad == found["identity standard"].bad == found["latency p99 small"].bad == 0
    assert {code for _, code, _ in report.errors} == {"at 5", "at 25"}
    assert [one.why for one in report.maintenance] == ["new disks"]


def test_a_job_s_time_is_counted_without_the_maintenance_it_waited_through(house: LedgerHouse) -> None:
    house.answer()
    house.announce(BEGIN + timedelta(minutes=10), BEGIN + timedelta(minutes=40))
    with house.database.writing() as connection:
        connection.execute(
            JOBS.insert().values(
                job_id="job_1",
                task="face_swap",
                submitted_at=BEGIN + timedelta(minutes=5),
                ended_at=BEGIN + timedelta(minutes=45),
                state="succeeded",
                code="",
                took_s=2400.0,
            )
        )
    house.wait(3600)
    turnaround = next(one for one in house.report().objectives if one.name == "turnaround")
    assert (turnaround.good, turnaround.total, turnaround.shown) == (1, 1, "600.00 s")
