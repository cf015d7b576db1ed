"""What a reload changes while the service runs, and what only a restart can change."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steadfast.settings import Settings

_LIVE_SECTIONS = frozenset(
    {"runtime", "models", "inference", "media", "faces", "neural", "entailment", "admission"}
)
_LIVE_SETTINGS = frozenset(
    {
        "server.grace_s",
        "server.max_request_bytes",
        "server.max_parts",
        "server.buffer_bytes",
        "server.body_grace_s",
        "server.min_body_bytes_per_s",
        "logs.slow_ms",
    }
)
_AT_RESTART = frozenset({"runtime.workers", "runtime.devices", "runtime.drop_root", "entailment.enabled"})
"""Of live sections: tasks and places stay as many as they were, and files keep their owner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What differs between the settings in force and those that were read."""

    settings: Settings
    """Those in force from now on: what needs a restart is as before."""
    applied: tuple[str, ...]
    """Settings whose new values take effect now, sorted."""
    need_restart: tuple[str, ...]
    """Settings whose new values wait for the next start, sorted."""


def changes(in_force: Settings, read: Settings) -> Changes:
    """Parts what takes effect at a reload from what does not."""
    differing = sorted(_differing(in_force.model_dump(), read.model_dump()))
    applied = tuple(name for name in differing if takes_effect_at_reload(name))
    need_restart = tuple(name for name in differing if not takes_effect_at_reload(name))
    return Changes(settings=_with(in_force, read, applied), applied=applied, need_restart=need_restart)


def takes_effect_at_reload(name: str) -> bool:
    """Whether a setting, such as `faces.engine`, can change while the service runs."""
    section, _, _ = name.partition(".")
    return name in _LIVE_SETTINGS or (section in _LIVE_SECTIONS and name not in _AT_RESTART)


def _differing(one: Mapping[str, Any], other: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name in one.keys() | other.keys():
        here = f"{path}{name}"
        before, after = one.get(name), other.get(name)
        if not path and isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differing(before, after, f"{here}.")
        elif before != after:
            yield here


def _with(in_force: Settings, read: Settings, names: tuple[str, ...]) -> Settings:
    sections: dict[str, dict[str, Any]] = {}
    for name in names:
        section, _, field = name.partition(".")
        sections.setdefault(section, {})[field] = getattr(getattr(read, section), field)
    updates = {
        section: getattr(in_force, section).model_copy(update=fields) for section, fields in sections.items()
    }
    return in_force.model_copy(update=updates)
