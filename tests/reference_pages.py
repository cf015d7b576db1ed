"""The reference pages that are made from the code: `python -m tests.reference_pages` writes them anew."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from steadfast.errors import ExitCode, SteadfastError
from steadfast.observability.metrics import batch_metrics
from steadfast.observability.metrics.family import Family, Label
from steadfast.observability.metrics.service_metrics import FAMILIES
from steadfast.settings import PREFIX, Section, Settings

FOLDER = Path(__file__).parents[1] / "docs" / "reference"

MEANINGS = {
    ExitCode.OK: "It worked.",
    ExitCode.UNEXPECTED: "Something the program does not declare happened: a bug. `--debug` shows all of it.",
    ExitCode.USAGE: "The command line is wrong, or an option has a value that cannot work.",
    ExitCode.BAD_INPUT: "A picture or video cannot be used: its bytes, or its faces.",
    ExitCode.NO_INPUT: "An input is not there or cannot be opened.",
    ExitCode.UNAVAILABLE: "An engine or a model is missing, or a licence was not accepted.",
    ExitCode.FAILED: "The program failed; the same command may succeed later.",
    ExitCode.CANNOT_CREATE: "The output cannot be written where it was asked for.",
    ExitCode.DISK_FULL: "A disk is full.",
    ExitCode.OUT_OF_MEMORY: "Memory ran out, of the machine, the container or the device.",
    ExitCode.NO_PERMISSION: "The API key does not allow this.",
    ExitCode.CONFIG: "The settings file or a `STEADFAST_*` variable is wrong, or no service can start here.",
    ExitCode.INTERRUPTED: "Ctrl-C. Nothing half-written stands under a final name.",
    ExitCode.READER_GONE: "The program that read the output ended first, as `head` does.",
    ExitCode.TERMINATED: "SIGTERM. Nothing half-written stands under a final name.",
}

_KINDS: dict[Any, str] = {
    int: "whole number",
    float: "number",
    bool: "true or false",
    str: "text",
    SecretStr: "text, kept secret",
    Path: "path",
}

_EXIT_CODES_HEAD = """# Exit statuses and errors

*Made from `src/steadfast/errors.py` by `python -m tests.reference_pages`; a test holds it true.*

Every error is one sentence and a remedy on standard error, and an exit status after `sysexits.h`. With
`--json` it is an object on standard output: `{"error": {"code": …, "detail": …, "remedy": …}}`. Codes are
stable: a script may rely on them. `steadfast models pull` and `verify` of several go on past a failure,
tell each, and end with the status of the first.

## Exit statuses

| status | meaning |
|---|---|
"""

_SETTINGS_HEAD = f"""# Settings

*Made from `src/steadfast/settings/` by `python -m tests.reference_pages`; a test holds it true.*

A setting comes from a variable, else from the settings file, else from its default. The file is the one of
`--config`, else of `{PREFIX}CONFIG`, else `config.toml` in the user's configuration folder
(`~/.config/steadfast` on Linux). Two underscores part the section from the field in a variable; a list is
JSON, or items parted by commas. A value that cannot work, and a name that is no setting, end the program with
exit status 78 and a sentence that says which.

```toml
# config.toml
[models]
mirror = ["file:///srv/models", "https://models.example.org/steadfast"]

[faces]
engine = "standard"
```
"""

_METRICS_HEAD = """# Metrics

*Made from `src/steadfast/observability/metrics/` by `python -m tests.reference_pages`; a test holds it true.*

What `GET /metrics` shows: OpenMetrics to clients that accept it (Prometheus does), with the id of the trace
beside the buckets of `steadfast_request_duration_seconds`, else Prometheus' own text. The server counts, not
the workers, so nothing is lost when one dies; when the server itself is started anew, counters begin at 0,
which Prometheus knows how to read. What to do with it: [how-to/monitoring.md](../how-to/monitoring.md).

Families of the GPU are absent where NVML finds none; those of probes and GPUs, where `health.enabled` is off.

## Families

| family | kind | labels | meaning |
|---|---|---|---|
"""

_GENERAL_HEAD = """
## In no section

| setting | variable | values | default | |
|---|---|---|---|---|
"""


def exit_codes_page() -> str:
    """Every exit status with its meaning, and every error."""
    statuses = "".join(f"| {int(status)} | {meaning} |\n" for status, meaning in MEANINGS.items())
    errors = "".join(_error_row(error) for error in _every_error(SteadfastError))
    return (
        f"{_EXIT_CODES_HEAD}{statuses}\n## Errors\n\n"
        f"| code | exit | HTTP | what happened | remedy |\n|---|---|---|---|---|\n{errors}"
    )


def settings_page() -> str:
    """The fields of no section, then every section with every field."""
    sections = {name: field for name, field in Settings.model_fields.items() if _is_section(field)}
    own = "".join(
        _field_row("", name, f) for name, f in Settings.model_fields.items() if name not in sections
    )
    return _SETTINGS_HEAD + _GENERAL_HEAD + own + "".join(_section(*item) for item in sections.items())


def metrics_page() -> str:
    """Every family, then every label with its bound."""
    rows = "".join(_family_row(family) for family in FAMILIES)
    pushed = "".join(_family_row(family) for family in batch_metrics.FAMILIES)
    every = (*FAMILIES, *batch_metrics.FAMILIES)
    labels = dict.fromkeys(label for family in every for label in family.labels)
    return (
        f"{_METRICS_HEAD}{rows}\n## Pushed by `steadfast batch --push-metrics`\n\n"
        f"| family | kind | labels | meaning |\n|---|---|---|---|\n{pushed}"
        "\n## Labels\n\nEvery label is bounded: one value more than it may have, and the rest is counted as "
        f"`other`.\n\n| label | values | meaning |\n|---|---|---|\n{''.join(map(_label_row, labels))}"
    )


PAGES: Mapping[str, Callable[[], str]] = {
    "exit-codes.md": exit_codes_page,
    "metrics.md": metrics_page,
    "settings.md": settings_page,
}


def _family_row(family: Family) -> str:
    labels = ", ".join(f"`{name}`" for name in family.label_names)
    return f"| `{family.name}` | {family.kind.value} | {labels} | {family.meaning} |\n"


def _label_row(label: Label) -> str:
    return f"| `{label.name}` | at most {label.bound} | {label.meaning} |\n"


def _every_error(root: type[SteadfastError]) -> Iterator[type[SteadfastError]]:
    for child in root.__subclasses__():
        if child.__module__ == "steadfast.errors":
            yield child
            yield from _every_error(child)


def _error_row(error: type[SteadfastError]) -> str:
    what = (error.__doc__ or "").splitlines()[0].replace("|", "\\|")
    remedy = error.default_remedy.replace("|", "\\|")
    return f"| `{error.code}` | {int(error.exit_code)} | {error.status} | {what} | {remedy} |\n"


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Section)


def _section(name: str, field: FieldInfo) -> str:
    section = field.annotation
    assert isinstance(section, type)
    assert issubclass(section, Section)
    rows = "".join(_field_row(name, key, value) for key, value in section.model_fields.items())
    heading = f"\n## {name}\n\n{(section.__doc__ or '').strip()}\n\n"
    return f"{heading}| setting | variable | values | default | |\n|---|---|---|---|---|\n{rows}"


def _field_row(section: str, name: str, field: FieldInfo) -> str:
    variable = (PREFIX + "__".join(filter(None, (section, name)))).upper()
    full_name = ".".join(filter(None, (section, name)))
    meaning = " ".join((field.description or "").split()).replace("|", "\\|")
    return f"| `{full_name}` | `{variable}` | {_values(field)} | {_default(field)} | {meaning} |\n"


def _values(field: FieldInfo) -> str:
    choices = tuple(choice for choice in get_args(field.annotation) if choice is not NoneType)
    if len(choices) == 1 and isinstance(choices[0], type):
        return _KINDS.get(choices[0], "list")
    if choices and all(isinstance(choice, str | int) for choice in choices):
        return ", ".join(f"`{choice}`" for choice in choices)
    kind = "table" if get_origin(field.annotation) is dict else _KINDS.get(field.annotation, "list")
    bounds = [_bound(rule) for rule in field.metadata]
    return " ".join([kind, *filter(None, bounds)])


def _bound(rule: object) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return " ".join(f"{sign} {getattr(rule, name)}" for name, sign in signs.items() if hasattr(rule, name))


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "in the user's data folder"  # differs from machine to machine
    if isinstance(field.default, tuple):
        return ", ".join(f"`{item}`" for item in field.default) or "none"
    if field.default is None:
        return "none"
    return f"`{field.default}`"


if __name__ == "__main__":
    for page, make in PAGES.items():
        (FOLDER / page).write_text(make(), encoding="utf-8")
