"""What this kernel and user offer to confine the workers of `steadfast serve`, tried for real."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.runtime.sandbox import ON, Measure, available, kept_from_others

_NAMES: Mapping[Measure, str] = {
    Measure.NO_NEW_PRIVS: "No new rights",
    Measure.OTHER_USER: "Another user",
    Measure.NETWORK_NAMESPACE: "No network devices",
    Measure.LANDLOCK: "Files (Landlock)",
    Measure.SECCOMP: "System calls (seccomp)",
}
_PRIVILEGED = frozenset({Measure.OTHER_USER, Measure.NETWORK_NAMESPACE})
"""These need root, and a service that does not run as root is none the worse for it."""


def examine_confinement(
    paths: Iterable[Path] = (), attempt: Callable[[], Mapping[str, str]] = available
) -> Iterator[Finding]:
    """One finding per measure: what a worker that was taken over could not do.

    `paths`: what workers read; where another user may not, they stay who the service is.
    """
    said = attempt()
    for measure, name in _NAMES.items():
        unread = kept_from_others(paths) if measure is Measure.OTHER_USER else None
        if unread is not None and said.get(measure.value) == ON:
            yield _not_used(name, unread)
        else:
            yield _finding(measure, name, said.get(measure.value, "unknown"))


def _not_used(name: str, unread: Path) -> Finding:
    return Finding(
        section=Section.CONFINEMENT,
        name=name,
        health=Health.YELLOW,
        summary=f"can be had, but workers stay root: nobody else may read {unread}",
        remedy="Let everyone read it and pass through the folders above it, or start the service as a user.",
        facts={"path": str(unread)},
    )


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
