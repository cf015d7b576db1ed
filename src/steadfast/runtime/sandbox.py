"""What a worker may no longer do once it is set up, and what this kernel offers for it.

Each measure stands alone: one that the kernel refuses is reported (`Hello.confinement`, `steadfast
doctor`), and the others hold. Order matters: namespaces and the other user need privileges that
`no_new_privs` and the filters end.
"""

import ctypes
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path

import msgspec

from steadfast.runtime import landlock, seccomp
from steadfast.runtime.landlock import LandlockRefused
from steadfast.runtime.messages import Setup
from steadfast.runtime.seccomp import SeccompRefused

_SET_DEATH_SIGNAL, _SET_DUMPABLE, _SET_NO_NEW_PRIVS = 1, 4, 38
_NEW_NETWORK_NAMESPACE = 0x40000000
NOBODY = (65534, 65534)
"""User and group that own nothing."""
ON = "on"


class Measure(StrEnum):
    """One kind of confinement."""

    NO_NEW_PRIVS = "no_new_privs"  # set-user-ID programs give nothing any more
    OTHER_USER = "other_user"  # runs as a user that owns nothing
    NETWORK_NAMESPACE = "network_namespace"  # sees no network device
    LANDLOCK = "landlock"  # reaches only the files it was given
    SECCOMP = "seccomp"  # no sockets, no look into other processes, no new programs


def confine(setup: Setup) -> dict[str, str]:
    """Confines this process as `setup` asks; measure → `on`, `off`, or why it could not be had.

    Call it in the main thread before any other thread starts.
    """
    state = {
        Measure.NETWORK_NAMESPACE: _attempt(setup.no_network, leave_network),
        Measure.OTHER_USER: _attempt(setup.uid > 0, lambda: become(setup.uid, setup.gid)),
        Measure.NO_NEW_PRIVS: _attempt(setup.landlock or setup.no_network, forbid_new_privileges),
        Measure.LANDLOCK: _attempt(setup.landlock, lambda: _confine_files(setup)),
        Measure.SECCOMP: _attempt(setup.no_network, seccomp.refuse_foreign_calls),
    }
    return {measure.value: said for measure, said in state.items()}


def _attempt(wanted: bool, act: Callable[[], object]) -> str:
    if not wanted:
        return "off"
    try:
        act()
    except (OSError, LandlockRefused, SeccompRefused) as error:
        return str(error)
    return ON


def _confine_files(setup: Setup) -> None:
    # Its own entry in /proc stays writable: the title in `ps` is written there, and it gives no new power.
    own = (Path("/proc/self/mem"), Path("/proc/self/comm"))
    landlock.confine_to(
        readable=[*map(Path, setup.readable), *interpreter_paths(), *system_paths()],
        writable=[*map(Path, setup.writable), *own, *_devices()],
        network=not setup.no_network,
    )


def interpreter_paths() -> list[Path]:
    """Where Python and its packages lie: modules are imported late, too."""
    roots = {sys.prefix, sys.base_prefix, sys.exec_prefix, *(entry for entry in sys.path if entry)}
    return [Path(root) for root in sorted(roots)]


def system_paths() -> list[Path]:
    """What libraries read of the system; no home, no configuration of services, no other process."""
    names = (
        "/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
        "/etc/localtime", "/etc/mime.types", "/etc/fonts", "/etc/OpenCL", "/proc/self", "/proc/cpuinfo",
        "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/proc/driver/nvidia", "/sys/devices",
        "/sys/fs/cgroup", "/sys/module/nvidia", "/dev/urandom", "/dev/random", "/opt/nvidia", "/opt/rocm",
        "/opt/intel",
    )  # fmt: skip
    return [Path(name) for name in names]


def _devices() -> list[Path]:
    return [Path("/dev/null"), Path("/dev/dri"), Path("/dev/kfd"), *Path("/dev").glob("nvidia*")]


def leave_network() -> None:
    """Moves into a network namespace without a device. Needs CAP_SYS_ADMIN; raises `OSError`."""
    if _libc().unshare(_NEW_NETWORK_NAMESPACE) != 0:
        raise _last_error()


def become(uid: int, gid: int) -> None:
    """Becomes another user for good. Raises `OSError` unless this is root."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    # The kernel makes a process that changed its user undumpable, and then its own /proc belongs to root.
    # Other workers of this user are kept out by Landlock and seccomp instead.
    _prctl(_SET_DUMPABLE, 1)


def forbid_new_privileges() -> None:
    """From now on no program that this process starts gains rights. Raises `OSError`."""
    _prctl(_SET_NO_NEW_PRIVS, 1)


def die_with_parent(parent_pid: int) -> None:
    """SIGKILL when the thread that spawned this process ends; at once if it has ended already.

    The kernel forgets the wish when the user changes: call it again after `become`.
    """
    _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the wish was heard
        os._exit(1)


def hide_memory() -> None:
    """Makes the server unreadable to others of its user: memory, environment, open files."""
    _prctl(_SET_DUMPABLE, 0)


def user_for_workers(paths: Iterable[Path]) -> tuple[int, int] | None:
    """`nobody`, if this is root and everyone may read `paths`; None where workers must stay who we are."""
    return NOBODY if os.geteuid() == 0 and kept_from_others(paths) is None else None


def kept_from_others(paths: Iterable[Path]) -> Path | None:
    """The first of `paths`, or of what Python itself needs, that another user may not read; None: all may be.

    A worker that became somebody who cannot read the interpreter's own modules could import nothing any more.
    """
    wanted = (*interpreter_paths(), Path(sys.executable), *paths)
    return next((path for path in wanted if not _everyone_may_read(path)), None)


def _everyone_may_read(path: Path) -> bool:
    real = path.resolve()
    try:
        mode = real.stat().st_mode
    except FileNotFoundError:
        return True
    wanted = 0o005 if stat.S_ISDIR(mode) else 0o004
    return mode & wanted == wanted and all(folder.stat().st_mode & 0o001 for folder in real.parents)


def available() -> dict[str, str]:
    """What this kernel and user can offer, tried for real in a process of its own; for `steadfast doctor`."""
    import subprocess  # noqa: PLC0415 — this module is part of every worker's start, and workers start none

    tried = subprocess.run(  # noqa: S603 — this interpreter, this module
        [sys.executable, "-I", "-m", __name__], capture_output=True, timeout=30, check=False, env={}
    )
    if tried.returncode != 0:
        return {measure.value: "the attempt ended its process" for measure in Measure}
    return msgspec.json.decode(tried.stdout, type=dict[str, str])


def _try_everything() -> None:
    state = {
        Measure.NETWORK_NAMESPACE: _attempt(True, leave_network),
        Measure.OTHER_USER: _attempt(True, lambda: become(*NOBODY)),
        Measure.NO_NEW_PRIVS: _attempt(True, forbid_new_privileges),
        Measure.LANDLOCK: _attempt(
            True, lambda: landlock.confine_to(readable=[], writable=[], network=False)
        ),
        Measure.SECCOMP: _attempt(True, seccomp.refuse_foreign_calls),
    }
    sys.stdout.buffer.write(msgspec.json.encode({measure.value: said for measure, said in state.items()}))


def _prctl(option: int, value: int) -> None:
    if _libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise _last_error()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _last_error() -> OSError:
    return OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    _try_everything()
