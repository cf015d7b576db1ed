"""Files on their way from a worker to the server: each worker has a folder that is its alone.

A worker that parses hostile media is not trusted: what it hands over is an ordinary file in its own folder,
or nothing. It is moved, never copied, so the folders of both sides must lie on one disk.
"""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from steadfast.runtime.options import WorkerOptions


def make_outbox(options: WorkerOptions) -> Path | None:
    """A new folder for one worker; None where workers hand over no files. Raises `OSError`."""
    if options.outboxes is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="worker-", dir=options.outboxes))
    if options.confinement.user is not None:
        os.chown(folder, *options.confinement.user)
    return folder


def remove_outbox(folder: Path | None) -> None:
    """Takes the folder away with whatever a worker left in it."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def remove_old_outboxes(outboxes: Path) -> None:
    """What workers of a server that was killed have left; call it before any worker is started."""
    for folder in outboxes.glob("worker-*"):
        remove_outbox(folder)


def take_out(outbox: Path | None, name: str, deliver_to: Path) -> None:
    """Moves the file `name` of a worker to `deliver_to`, replacing what is there; it is ours afterwards.

    Raises `ValueError` for what is no ordinary file of that folder: no link, no other name of a file.
    """
    if outbox is None or not name or name in (".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is no name of a file in an outbox")
    folder = os.open(outbox, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            raise ValueError(f"{name!r} is not in the outbox") from error
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise ValueError(f"{name!r} is no ordinary file")
        os.rename(name, deliver_to, src_dir_fd=folder)
    finally:
        os.close(folder)
    if found.st_uid != os.geteuid():
        os.chown(deliver_to, os.geteuid(), os.getegid(), follow_symlinks=False)
    deliver_to.chmod(0o600)
