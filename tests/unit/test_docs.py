"""What the docs and the remedies tell people to type and to open is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from steadfast.cli.application import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.toml")])
_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_TYPED = re.compile(r"^(?: {4}|\$ |)(?:\$ )?(?:\.venv/bin/)?(steadfast [^|>&\n]*)", re.MULTILINE)
_MENTIONED = re.compile(r"`steadfast ([a-z][^`{]*)[`{]")
_GROUP: Any = typer.main.get_command(app)


def _blocks(page: str) -> Iterator[str]:
    """Lines that are shown as code."""
    is_fenced = False
    for line in page.splitlines():
        if line.startswith("```"):
            is_fenced = not is_fenced
        elif is_fenced or line.startswith("    "):
            yield line


def _command_lines() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        code = "\n".join(_blocks(page.read_text(encoding="utf-8")))
        for match in _TYPED.finditer(code):
            yield page.name, match[1].strip()


def _mentions() -> Iterator[tuple[str, str]]:
    for file in [*PAGES, *SOURCES]:
        for match in _MENTIONED.finditer(file.read_text(encoding="utf-8")):
            yield file.name, match[1].strip()


def _parse(words: list[str]) -> None:
    """Reads the words as the command line does and stops before anything is done."""
    group, context = _GROUP, _GROUP.make_context("steadfast", words)
    while hasattr(group, "commands"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = group.resolve_command(context, rest)
        group, context = command, command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_another_page_leads_there(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if ":" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(("page", "line"), sorted(set(_command_lines())))
def test_every_command_that_is_shown_can_be_typed(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    if not {"…", "..."} & set(words) and not any(word.isupper() for word in words):
        _parse(words)


@pytest.mark.parametrize(("file", "mention"), sorted(set(_mentions())))
def test_every_command_and_option_that_is_named_exists(file: str, mention: str) -> None:
    group = _GROUP
    words = mention.split()
    for word in words:
        if hasattr(group, "commands") and not word.startswith("-"):
            assert word in group.commands
            group = group.commands[word]
        elif word.startswith("--"):
            options = {option for parameter in group.params for option in parameter.opts} | {"--help"}
            assert word.split("=")[0] in options
