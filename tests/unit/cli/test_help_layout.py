"""Help is whole and plain in a terminal of 80 columns, for every command."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from steadfast.cli.application import app, run
from steadfast.cli.help_layout import reflowed
from steadfast.errors import ExitCode


def _command_lines(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, below in getattr(command, "commands", {}).items():
        yield from _command_lines(below, (*words, name))


TREE = typer.main.get_command(app)
COMMANDS = sorted(_command_lines(TREE))
_shown: dict[tuple[str, ...], str] = {}
"""What was shown already: each showing builds every command anew."""


def _help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    if words not in _shown:
        monkeypatch.setenv("COLUMNS", "80")
        assert run([*words, "--help"]) is ExitCode.OK
        _shown[words] = capsys.readouterr().out
    return _shown[words]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_it_fits_80_columns_and_names_no_type_beside_a_flag(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _help(words, capsys, monkeypatch)
    assert max(map(len, shown.splitlines())) <= 80
    assert "<bool>" not in shown
    assert not re.search(r"\S… *│", shown)  # Rich cuts a cell short like this


@pytest.mark.parametrize("words", [words for words in COMMANDS if words], ids=" ".join)
def test_it_says_what_the_command_is_for(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = _command(words)
    assert command.help
    assert command.help.split()[0] in _help(words, capsys, monkeypatch)
    assert all(parameter.help for parameter in command.params)


def test_every_command_can_answer_in_json() -> None:
    leaves = {words: _command(words) for words in COMMANDS if not hasattr(_command(words), "commands")}
    assert [words for words, command in leaves.items() if "--json" not in _options(command)] == []


def _command(words: tuple[str, ...]) -> Any:
    command: Any = TREE
    for word in words:
        command = command.commands[word]
    return command


def _options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize(
    ("words", "default"),
    [
        (("swap",), "what the settings say"),
        (("swap",), "by engine"),
        (("swap",), "20 for h264"),
        (("demo",), "embedded"),
        (("bench",), "those that work"),
        (("keys", "create"), "swap and jobs"),
    ],
)
def test_defaults_that_are_no_plain_value_are_shown_too(
    words: tuple[str, ...],
    default: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert default in _help(words, capsys, monkeypatch)


def test_line_breaks_of_a_docstring_are_no_line_breaks_of_the_help() -> None:
    assert reflowed("One.\n\n    Two\n    lines.\n    ") == "One.\n\nTwo lines."
    assert reflowed(None) is None
