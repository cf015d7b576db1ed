"""What a dead process has printed, without what may belong to users: frames and kinds of errors, no messages.

It works by an allowlist, as the redaction of logs does: a line is told only in the forms that Python and
faulthandler write, and of a file only its name and its folder's.
"""

import re
from collections.abc import Iterator
from pathlib import PurePath

_FRAME = re.compile(r'^\s*File "([\w./+<> -]{1,300})", line (\d{1,7}),? in ([\w<>.]{1,80})$')
_THREAD = re.compile(
    r"^(Current thread|Thread) 0x[0-9a-f]{1,16}( \[[\w :/-]{1,40}\])? \(most recent call first\):$"
)
_FATAL = re.compile(r"^Fatal Python error: ([A-Za-z ]{3,60})")
_ERROR = re.compile(r"^((?:[A-Za-z_][\w]*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning))(?::.*)?$")
_HEADING = re.compile(
    r"^(Traceback \(most recent call last\):|Extension modules: .*|  <no Python frame>|\.\.\.)$"
)
_MOST_LINES = 500


def outline_of(text: str) -> list[str]:
    """The lines that may be told; of what stands between, how many there were."""
    return list(_outline(text.splitlines()[-_MOST_LINES:]))


def _outline(lines: list[str]) -> Iterator[str]:
    withheld = 0
    for line in lines:
        told = _told(line)
        if told is None:
            withheld += 1
            continue
        if withheld:
            yield f"[{withheld} lines withheld]"
            withheld = 0
        yield told
    if withheld:
        yield f"[{withheld} lines withheld]"


def _told(line: str) -> str | None:
    if frame := _FRAME.match(line):
        file = PurePath(frame[1])
        return f"  {file.parent.name}/{file.name}:{frame[2]} {frame[3]}"
    if fatal := _FATAL.match(line):
        return f"Fatal Python error: {fatal[1].strip()}"
    if error := _ERROR.match(line):
        return error[1]
    if _THREAD.match(line):
        return line
    if heading := _HEADING.match(line):
        return "Extension modules: …" if line.startswith("Extension") else heading[0]
    return None
