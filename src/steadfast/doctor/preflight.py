"""What a start of the service looks for first: whatever would let it come up only to fail, found in a moment.

Unlike the whole examination it loads no engine and opens no codec: it must cost a start next to nothing. Red
means that the service cannot work as its settings ask; yellow, that it will, but less well.
"""

import os
from collections.abc import Mapping, Sequence

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.doctor.start_devices import examine_gpus
from steadfast.doctor.start_models import examine_models
from steadfast.doctor.start_room import examine_room
from steadfast.errors import PreflightFailed
from steadfast.settings import Settings

SKIP_VARIABLE = "SKIP_PREFLIGHT"
"""For emergencies: any value but 0, false and no starts the service whatever is found."""
_NO = frozenset({"", "0", "false", "no"})


def is_skipped(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody said that nothing is to be looked for."""
    return environment.get(SKIP_VARIABLE, "").strip().lower() not in _NO


def preflight(settings: Settings) -> tuple[Finding, ...]:
    """Looks at everything; settings that could be read were the first of it."""
    read = Finding(
        section=Section.MACHINE, name="Settings", health=Health.GREEN, summary="can be read, and make sense"
    )
    return (
        read,
        *examine_room(settings),
        *examine_models(settings),
        *examine_gpus(settings.runtime.devices, settings.inference),
    )


def refuse_what_is_fatal(findings: Sequence[Finding]) -> None:
    """Raises `PreflightFailed` with one sentence for all that is red, and the first remedy."""
    fatal = [finding for finding in findings if finding.health is Health.RED]
    if fatal:
        found = "; ".join(f"{finding.name}: {finding.summary}" for finding in fatal)
        raise PreflightFailed(f"The service cannot start here. {found}.", remedy=fatal[0].remedy)
