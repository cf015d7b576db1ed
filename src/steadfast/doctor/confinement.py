"""What this kernel and user offer to confine the workers of `steadfast serve`, tried for real."""

from collections.abc import Callable, Iterator, Mapping

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.runtime.sandbox import ON, Measure, available

_NAMES: Mapping[Measure, str] = {
    Measure.NO_NEW_PRIVS: "No new rights",
    Measure.OTHER_USER: "Another user",
    Measure.NETWORK_NAMESPACE: "No network devices",
    Measure.LANDLOCK: "Files (Landlock)",
    Measure.SECCOMP: "System calls (seccomp)",
}
_PRIVILEGED = frozenset({Measure.OTHER_USER, Measure.NETWORK_NAMESPACE})
"""These need root, and a service that does not run as root is none the worse for it."""


def examine_confinement(attempt: Callable[[], Mapping[str, str]] = available) -> Iterator[Finding]:
    """One finding per measure: what a worker that was taken over could not do."""
    said = attempt()
    for measure, name in _NAMES.items():
        yield _finding(measure, name, said.get(measure.value, "unknown"))


def _finding(measure: Measure, name: str, said: str) -> Finding:
    if said == ON:
        return Finding(section=Section.CONFINEMENT, name=name, health=Health.GREEN, summary="can be had")
    health = Health.OFF if measure in _PRIVILEGED else Health.YELLOW
    return Finding(
        section=Section.CONFINEMENT,
        name=name,
        health=health,
        summary=f"cannot be had: {said}",
        remedy="" if health is Health.OFF else "A newer kernel, or a container that allows it, gives it.",
        facts={"reason": said},
    )
