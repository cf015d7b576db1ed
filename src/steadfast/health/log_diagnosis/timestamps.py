"""When a log line was written, in the forms that servers, kernels and containers use."""

import re
from datetime import UTC, datetime
from typing import Any

_ISO = re.compile(
    r"\b(\d{4})[-/](\d\d)[-/](\d\d)(?:[T ]| - )(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d\b)?"
)
_CLF = re.compile(r"\[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})\]")
_SYSLOG = re.compile(r"^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)\b")
_GLOG = re.compile(r"^[IWEF](\d\d)(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?\b")
_UPTIME = re.compile(r"^(?:<\d+>)?\[ {0,6}(\d{1,9}\.\d{1,6})\]")
_MONTHS = {"Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6}
_MONTHS |= {"Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12}
_HEAD = 120  # characters in which a timestamp is looked for
_A_LEAP_YEAR = 2024  # for lines without a year: 29 February must exist
_MILLIS_FROM, _MICROS_FROM, _NANOS_FROM = 1e11, 1e14, 1e17

TIME_FIELDS = (
    "timestamp",
    "time",
    "ts",
    "at",
    "@timestamp",
    "asctime",
    "t",
    "__REALTIME_TIMESTAMP",
    "datetime",
)
"""Where JSON lines say it."""


def time_of_text(text: str) -> float | None:
    """Seconds since 1970, or since boot for kernel lines that know no more; None where the line does not say.

    A time without a zone counts as UTC: only differences matter here.
    """
    head = text[:_HEAD]
    if found := _ISO.search(head):
        return _from_iso(found)
    if found := _CLF.search(head):
        day, month, year, *clock, zone = found.groups()
        return _seconds(int(year), _MONTHS.get(month, 1), int(day), clock) - _offset_s(zone)
    if found := _SYSLOG.match(head):
        month, day, *clock = found.groups()
        return _seconds(_A_LEAP_YEAR, _MONTHS.get(month, 1), int(day), clock)
    if found := _GLOG.match(head):
        month, day, *clock, fraction = found.groups()
        return _seconds(_A_LEAP_YEAR, int(month), int(day), clock) + float(f"0.{fraction or 0}")
    if found := _UPTIME.match(head):
        return float(found[1])
    return None


def time_of_fields(fields: dict[str, Any]) -> float | None:
    """The same of a JSON line."""
    for name in TIME_FIELDS:
        value = fields.get(name)
        if isinstance(value, str):
            if (quick := _from_standard(value)) is not None:
                return quick
            if (found := time_of_text(value)) is not None:
                return found
            value = float(value) if value.replace(".", "", 1).isdigit() else None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _in_seconds(float(value))
    return None


def _from_standard(text: str) -> float | None:
    """The one form that Python reads by itself, and quickly."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _from_iso(found: re.Match[str]) -> float | None:
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    moment = _seconds(int(year), int(month), int(day), [hour, minute, second])
    return moment + float(f"0.{fraction or 0}") - _offset_s(zone)


def _seconds(year: int, month: int, day: int, clock: list[str]) -> float:
    hour, minute, second = (int(part) for part in clock)
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).timestamp()
    except ValueError:  # 31 February of a damaged line
        return 0.0


def _offset_s(zone: str | None) -> float:
    if zone is None or zone == "Z":
        return 0.0
    digits = zone[1:].replace(":", "")
    offset_s = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -offset_s if zone[0] == "-" else offset_s


def _in_seconds(value: float) -> float:
    for least, divisor in ((_NANOS_FROM, 1e9), (_MICROS_FROM, 1e6), (_MILLIS_FROM, 1e3)):
        if value >= least:
            return value / divisor
    return value
