"""seccomp: system calls that a worker has no business with answer EPERM from now on.

A short classic-BPF program: no sockets but local ones (whatever the kernel calls the family), no look into
other processes, no new program, no io_uring (it opens sockets past every filter), nothing that changes the
machine. Numbers are those of the kernel's tables for x86-64 and AArch64; elsewhere it is not offered.
"""

import ctypes
import errno
import os
import platform
import struct

_SET_MODE_FILTER = 1
_FLAG_ALL_THREADS = 1
_RETURN_ALLOW = 0x7FFF0000
_RETURN_ERRNO = 0x00050000
_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_OFFSET_NUMBER, _OFFSET_ARCHITECTURE, _OFFSET_FIRST_ARGUMENT = 0, 4, 16
_X32_BIT = 0x40000000
_AF_UNIX = 1

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_REFUSED = {  # name: (x86_64, aarch64)
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "execve": (59, 221),
    "execveat": (322, 281),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "setns": (308, 268),
    "unshare": (272, 97),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "pidfd_getfd": (438, 438),
    "open_by_handle_at": (304, 265),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "sethostname": (170, 161),
    "chroot": (161, 51),
}


class SeccompRefused(Exception):
    """This kernel or machine has no such filter, or refused it."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def is_known_machine() -> bool:
    """Whether the system call numbers of this machine are known here."""
    return platform.machine() in _ARCHITECTURES


def refuse_foreign_calls() -> None:
    """Filters this process for good, all of its threads. Needs `no_new_privs`. Raises `SeccompRefused`."""
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise SeccompRefused(f"the system calls of {machine} are not known here")
    code = _program(machine)
    program = _Program(length=len(code) // 8, filter=code)
    libc = ctypes.CDLL(None, use_errno=True)
    number = ctypes.c_long(_SECCOMP[machine])
    if libc.syscall(number, _SET_MODE_FILTER, _FLAG_ALL_THREADS, ctypes.byref(program)) != 0:
        raise SeccompRefused(os.strerror(ctypes.get_errno()))


def _program(machine: str) -> bytes:
    refuse = _instruction(_RETURN, _RETURN_ERRNO | errno.EPERM)
    allow = _instruction(_RETURN, _RETURN_ALLOW)
    column = list(_ARCHITECTURES).index(machine)
    code = [
        # Calls of another architecture (32 bit) carry other numbers: none of them is needed.
        _instruction(_LOAD_WORD, _OFFSET_ARCHITECTURE),
        _instruction(_JUMP_EQUAL, _ARCHITECTURES[machine], on_true=1),
        refuse,
        _instruction(_LOAD_WORD, _OFFSET_NUMBER),
    ]
    if machine == "x86_64":
        code += [_instruction(_JUMP_AT_LEAST, _X32_BIT, on_false=1), refuse]
    for numbers in _REFUSED.values():
        code += [_instruction(_JUMP_EQUAL, numbers[column], on_false=1), refuse]
    code += [
        _instruction(_JUMP_EQUAL, _SOCKET[machine], on_true=1),
        allow,
        _instruction(_LOAD_WORD, _OFFSET_FIRST_ARGUMENT),
        _instruction(_JUMP_EQUAL, _AF_UNIX, on_false=1),
        allow,
        refuse,
    ]
    return b"".join(code)


def _instruction(operation: int, value: int, *, on_true: int = 0, on_false: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, on_true, on_false, value)
