"""Outputs appear whole under their final name, or not at all.

Everything is written aside in the folder of the output and moved over the final name in one step, so that a
crash, a full disk or Ctrl-C never leaves half a file, and an output may replace its own input.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from steadfast.errors import DiskFull, OutputUnwritable, SteadfastError

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LONGEST_SUFFIX = 12  # longer ones are no file format, and the name aside must fit where the final one fits


@contextmanager
def writing_aside(output: Path, *, durable: bool = True) -> Iterator[Path]:
    """A path in the folder of `output` to write to; it takes the final name only if the block succeeds.

    The file exists, empty, with the same suffix as `output`. On any failure, Ctrl-C too, it is removed and
    whatever stood under the final name is untouched. `durable` flushes it to the disk before it is moved.
    A symbolic link is followed; permissions follow the umask, or the file that is replaced.

    Raises `OutputUnwritable` before the block where the folder is missing or may not be written, or the name
    belongs to a folder, a device or a read-only file; `DiskFull` where the block, or whatever caused the
    block's error, ran out of space.
    """
    final = _writable_final(output)
    aside = final.with_name(f".steadfast-{secrets.token_hex(6)}.part{_short_suffix(final)}")
    try:
        _create(aside, final)
        yield aside
        if durable:
            _flush(aside)
        aside.replace(final)
    except Exception as error:
        translated = _translated(error, output, aside)
        if translated is None:
            raise
        raise translated from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def write_bytes_aside(output: Path, content: bytes | memoryview, *, durable: bool = True) -> None:
    """Stores `content` under the name `output`, whole or not at all; raises as `writing_aside` does."""
    with writing_aside(output, durable=durable) as aside:
        aside.write_bytes(content)


def check_output(output: Path) -> None:
    """Raises `OutputUnwritable` now, rather than after an hour of work, where `output` cannot be written."""
    folder = _writable_final(output).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputUnwritable(f"The folder {folder} may not be written to.")


def _writable_final(output: Path) -> Path:
    final, mode = _resolved(output)
    if not final.parent.is_dir():
        raise OutputUnwritable(f"The folder {final.parent} does not exist.")
    if mode is None:
        return final
    if stat.S_ISDIR(mode):
        raise OutputUnwritable(f"{output} is a folder.", remedy="Give the name of a file inside it.")
    if not stat.S_ISREG(mode):  # replacing it would destroy a device, say /dev/null
        raise OutputUnwritable(f"{output} is not an ordinary file.", remedy="Give the name of a file.")
    if not os.access(final, os.W_OK):
        raise OutputUnwritable(f"{output} is there already and is read-only.")
    return final


def _resolved(output: Path) -> tuple[Path, int | None]:
    """The path behind links, and the mode of what stands there, if anything does."""
    try:
        final = output.resolve()
        return final, final.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return final, None
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL byte, a name too long
        reason = getattr(error, "strerror", None) or error
        raise OutputUnwritable(f"{str(output)!r} cannot be a file name here: {reason}.") from error


def _create(aside: Path, final: Path) -> None:
    os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    with suppress(OSError):  # nothing to take over, or a file system without modes
        aside.chmod(stat.S_IMODE(final.stat().st_mode))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _short_suffix(path: Path) -> str:
    return path.suffix if len(path.suffix.encode()) <= _LONGEST_SUFFIX else ""


def _translated(error: Exception, output: Path, aside: Path) -> SteadfastError | None:
    """What the error means for the output; None where it is none of the output's affair."""
    if _ran_out_of_space(error):
        return DiskFull(f"No space left to write {output}.")
    names = {str(getattr(error, "filename", None)), str(getattr(error, "filename2", None))}
    if isinstance(error, OSError) and str(aside) in names:
        return OutputUnwritable(f"{output} cannot be written: {error.strerror or error}.")
    return None


def _ran_out_of_space(error: BaseException) -> bool:
    """Looks at the causes too: encoders wrap the OSError that says why."""
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        if getattr(link, "errno", None) in _NO_SPACE:
            return True
        seen.append(link)
        link = link.__cause__ or link.__context__
    return False
