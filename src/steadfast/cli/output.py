"""What a person or a program sees: tables and sentences on a terminal, or exactly one JSON document.

Results go to standard output, everything else (progress, notes, errors) to standard error, so that a pipe
carries only what was asked for. With `--json` standard output holds one JSON document whatever happens: the
result, or `{"error": {…}}`.
"""

import dataclasses
import errno
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Never

from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn
from rich.text import Text

from steadfast.errors import DiskFull, ExitCode, OutOfHostMemory, SteadfastError

_PIPED_WIDTH = 160  # columns of a table that nobody's terminal limits
_REPORT_IT = "Run again with --debug and report what it prints."


class _QuietlyClosedConsole(Console):
    """A console whose reader may leave early, as `head` does."""

    def on_broken_pipe(self) -> Never:
        """Ends the program without a word."""
        leave_broken_pipe()


def leave_broken_pipe() -> Never:
    """Ends the program with the status shells give to a writer whose reader has left."""
    # What is still buffered would fail again when the interpreter flushes at exit.
    sys.stdout = None
    raise SystemExit(int(ExitCode.READER_GONE))


class Output:
    """Everything a command says."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False, debug: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.debug = debug

    @property
    def console(self) -> Console:
        """Standard output, for results."""
        return _console(stderr=False)

    @property
    def notes(self) -> Console:
        """Standard error, for everything that is not the result."""
        return _console(stderr=True)

    def show(self, data: Any, human: RenderableType | Callable[[], RenderableType]) -> None:
        """Shows a result: `data` as JSON with `--json`, else `human` (or what it returns).

        `data` may hold dataclasses, paths, enums, numpy values and objects with `as_dict()`. A string is
        shown as it stands, neither wrapped nor read as markup: scripts read it too.
        """
        if self.as_json:
            self._write_json(data)
            return
        shown = human() if callable(human) else human
        if isinstance(shown, str):
            self.console.print(Text(shown), soft_wrap=True)
        else:
            self.console.print(shown)

    def say(self, sentence: str) -> None:
        """A remark for the person at the terminal; dropped with `--quiet`."""
        if not self.quiet:
            self.notes.print(Text(sentence), soft_wrap=not self.notes.is_terminal)

    def warn(self, sentence: str) -> None:
        """A remark that is shown even with `--quiet`."""
        self.notes.print(Text.assemble(("Warning: ", "bold yellow"), sentence))

    def progress(self, *columns: ProgressColumn | str) -> Progress:
        """A live display on standard error that vanishes when it ends; silent where there is no terminal."""
        silent = self.quiet or not self.notes.is_terminal
        return Progress(*columns, console=self.notes, transient=True, disable=silent)

    def fail(self, error: BaseException) -> ExitCode:
        """Tells of an error in one sentence and a remedy; the answer is the exit status."""
        declared = _declared(error)
        if self.debug:
            traceback.print_exception(error)
        if declared is None:
            return self._fail(_undeclared(error), ExitCode.UNEXPECTED)
        return self._fail(declared.as_dict(), declared.exit_code)

    def fail_usage(self, message: str, hint: str) -> ExitCode:
        """Tells that the command line itself is wrong."""
        exit_code = ExitCode.USAGE
        plain = {"code": "usage", "detail": message, "remedy": hint, "exit_code": int(exit_code)}
        return self._fail(plain, exit_code)

    def _fail(self, plain: Mapping[str, Any], exit_code: ExitCode) -> ExitCode:
        if self.as_json:
            self._write_json({"error": plain})
        else:
            told = Text.assemble(("Error: ", "bold red"), f"{plain['detail']}\n", (plain["remedy"], "dim"))
            self.notes.print(told, soft_wrap=not self.notes.is_terminal)
        return exit_code

    def _write_json(self, data: Any) -> None:
        document = json.dumps(as_plain_data(data), indent=2, ensure_ascii=False, allow_nan=False)
        try:
            sys.stdout.write(document + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            leave_broken_pipe()


def as_plain_data(value: Any) -> Any:
    """The value made of dicts, lists, strings, numbers, booleans and None; NaN and infinity become None."""
    if hasattr(value, "as_dict"):
        return as_plain_data(value.as_dict())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_plain_data(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(as_plain_data(key)): as_plain_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_plain_data(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy, without importing it here
        return as_plain_data(value.tolist())
    if isinstance(value, float) and not (float("-inf") < value < float("inf")):
        return None
    return value


def _console(*, stderr: bool) -> Console:
    # Made anew each time: the streams and the terminal's size may have changed since the last time.
    console = _QuietlyClosedConsole(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    return console


def _declared(error: BaseException) -> SteadfastError | None:
    """The error as one of ours, if only the whole machine can be at fault."""
    if isinstance(error, SteadfastError):
        return error
    if isinstance(error, MemoryError):
        return OutOfHostMemory("The memory of this machine or container ran out.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return DiskFull(f"No space is left on the disk of {error.filename or 'the output'}.")
    return None


def _undeclared(error: BaseException) -> dict[str, Any]:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return {
        "code": "unexpected",
        "detail": f"Something went wrong that this program did not foresee ({what}).",
        "remedy": _REPORT_IT,
        "exit_code": int(ExitCode.UNEXPECTED),
    }
