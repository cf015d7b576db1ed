"""Landlock: files and folders beyond which a process can never reach again, whatever runs in it.

The kernel's own numbers (landlock(7), uapi/linux/landlock.h), called through ctypes because no library of the
interpreter knows them. Rights that this kernel does not know yet are left out; `abi()` says what it knows.
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_QUERY = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE = 1 << 14  # ABI 3
_IOCTL_DEVICE = 1 << 15  # ABI 5
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_READ = _READ_FILE | _READ_DIR
_NO_DEVICE_NODES = ~((1 << 6) | (1 << 11))  # a writable folder still cannot hold new char or block devices
_NET_BIND_AND_CONNECT = 0b11  # ABI 4, TCP
_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # ABI 6


class LandlockRefused(Exception):
    """This kernel has no Landlock, or refused a rule."""


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi() -> int:
    """Version of Landlock in this kernel; 0: none, or it is switched off."""
    try:
        return max(0, _call(_CREATE_RULESET, None, 0, _VERSION_QUERY))
    except LandlockRefused:
        return 0


def confine_to(*, readable: Iterable[Path], writable: Iterable[Path], network: bool) -> int:
    """Confines this process for good; the answer is the ABI that did it. Needs `no_new_privs`.

    Paths that do not exist are passed over. Nothing may be executed. Without `network`, TCP is closed too
    (from ABI 4 on). Raises `LandlockRefused`.
    """
    version = abi()
    if version == 0:
        raise LandlockRefused("this kernel has no Landlock, or it is switched off")
    handled = _handled_rights(version)
    ruleset = _create_ruleset(version, handled, network)
    try:
        for path in readable:
            _allow(ruleset, path, _READ & handled)
        for path in writable:
            _allow(ruleset, path, handled & ~_EXECUTE & _NO_DEVICE_NODES)
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _handled_rights(version: int) -> int:
    known = (1 << 13) - 1
    if version >= 2:
        known |= 1 << 13  # REFER
    if version >= 3:
        known |= _TRUNCATE
    if version >= 5:
        known |= _IOCTL_DEVICE
    return known


def _create_ruleset(version: int, handled: int, network: bool) -> int:
    attributes = _RulesetAttributes(handled_access_fs=handled)
    size = 8
    if version >= 4:
        attributes.handled_access_net = 0 if network else _NET_BIND_AND_CONNECT
        size = 16
    if version >= 6:
        attributes.scoped = _SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS
        size = 24
    return _call(_CREATE_RULESET, ctypes.byref(attributes), size, 0)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not path.is_dir():
            rights &= _OF_FILES
        rule = _PathBeneath(allowed_access=rights, parent_fd=parent)
        _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    passed = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *passed))
    if result < 0:
        raise LandlockRefused(os.strerror(ctypes.get_errno()))
    return result
