"""Traces are off, and cost no import, unless they are asked for; what is wrong is said at once."""

import subprocess
import sys

import pytest
from pydantic import SecretStr

from steadfast.assembly.tracekeeping import headers_of, open_traces
from steadfast.errors import ConfigError
from steadfast.settings import TelemetrySettings


def test_switched_off_nothing_is_traced_and_nothing_imported() -> None:
    program = (
        "import sys; import steadfast.assembly.service, steadfast.assembly.tracekeeping as t; "
        "from steadfast.settings import Settings; "
        "assert t.open_traces(Settings().telemetry, None) is None; "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "steadfast.observability.traces.export", None)
    with pytest.raises(ConfigError) as caught:
        open_traces(TelemetrySettings(traces=True), None)  # type: ignore[arg-type]
    assert "steadfast[otel]" in caught.value.remedy


def test_headers_are_pairs() -> None:
    given = TelemetrySettings(otlp_headers=SecretStr("authorization=Bearer a=b, x-tenant=one,"))
    assert headers_of(given) == {"authorization": "Bearer a=b", "x-tenant": "one"}
    assert headers_of(TelemetrySettings()) == {}


@pytest.mark.parametrize("wrong", ["hush-hush", "=hush-hush", "a=b,hush-hush"])
def test_wrong_headers_are_refused_without_being_told(wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        headers_of(TelemetrySettings(otlp_headers=SecretStr(wrong)))
    assert "hush-hush" not in f"{caught.value.detail} {caught.value.remedy}"
