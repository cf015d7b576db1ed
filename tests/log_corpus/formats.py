"""How programs write their lines: the same message as a dozen loggers, containers and kernels would."""

# ruff: noqa: E501 — lines of programs are as long as they are

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random

Format = Callable[[float, str, str], str]
"""Seconds since 1970, a level in lower case, a message; one line."""


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, tz=UTC)


def _iso(at_s: float) -> str:
    return _moment(at_s).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def structlog_json(at_s: float, level: str, message: str) -> str:
    return json.dumps({"timestamp": _iso(at_s), "level": level, "event": message})


def json_message(at_s: float, level: str, message: str) -> str:
    return json.dumps({"time": at_s, "severity": level.upper(), "logger": "server", "message": message})


def python_logging(at_s: float, level: str, message: str) -> str:
    return f"{_moment(at_s):%Y-%m-%d %H:%M:%S},{int(at_s * 1000) % 1000:03d} - server - {level.upper()} - {message}"


def loguru(at_s: float, level: str, message: str) -> str:
    return f"{_moment(at_s):%Y-%m-%d %H:%M:%S}.{int(at_s * 1000) % 1000:03d} | {level.upper():<8} | app.main:run:42 - {message}"


def uvicorn(_at_s: float, level: str, message: str) -> str:
    return f"{level.upper() + ':':<9} {message}"


def gunicorn(at_s: float, level: str, message: str) -> str:
    return f"[{_moment(at_s):%Y-%m-%d %H:%M:%S} +0000] [7] [{level.upper()}] {message}"


def glog(at_s: float, level: str, message: str) -> str:
    return f"{level[0].upper()}{_moment(at_s):%m%d %H:%M:%S.%f} 1 server.cc:312] {message}"


def ray_serve(at_s: float, level: str, message: str) -> str:
    return f"(ServeReplica:default:Model pid=4711) {level.upper()} {_moment(at_s):%Y-%m-%d %H:%M:%S},{int(at_s * 1000) % 1000:03d} default_Model x1y2 -- {message}"


def torchserve(at_s: float, level: str, message: str) -> str:
    return f"{_moment(at_s):%Y-%m-%dT%H:%M:%S},{int(at_s * 1000) % 1000:03d} [{level.upper():<5}] W-9000-resnet_1.0-stdout MODEL_LOG - {message}"


def syslog(at_s: float, _level: str, message: str) -> str:
    return f"{_moment(at_s):%b %d %H:%M:%S} node7 server[4711]: {message}"


def coloured(at_s: float, level: str, message: str) -> str:
    return f"\x1b[2m{_iso(at_s)}\x1b[0m [\x1b[32m{level:<8}\x1b[0m] \x1b[1m{message}\x1b[0m"


def plain(_at_s: float, _level: str, message: str) -> str:
    return message


INNER: Mapping[str, Format] = {
    format_.__name__: format_
    for format_ in (
        structlog_json,
        json_message,
        python_logging,
        loguru,
        uvicorn,
        gunicorn,
        glog,
        ray_serve,
        torchserve,
        syslog,
        coloured,
    )
}


def docker_json(at_s: float, line: str) -> str:
    return json.dumps({"log": line + "\n", "stream": "stderr", "time": _iso(at_s)})


def cri(at_s: float, line: str) -> str:
    return f"{_iso(at_s)} stderr F {line}"


def compose(_at_s: float, line: str) -> str:
    return f"server-1  | {line}"


def kubectl(_at_s: float, line: str) -> str:
    return f"[pod/server-7c9d8/server] {line}"


def journald_json(at_s: float, line: str) -> str:
    return json.dumps({"__REALTIME_TIMESTAMP": str(int(at_s * 1e6)), "_COMM": "python3", "MESSAGE": line})


def bare(_at_s: float, line: str) -> str:
    return line


OUTER: tuple[Callable[[float, str], str], ...] = (
    bare,
    bare,
    bare,
    docker_json,
    cri,
    compose,
    kubectl,
    journald_json,
)


def kernel(at_s: float, message: str, random: Random) -> str:
    """A line of dmesg, of journalctl -k, or of /var/log/kern.log."""
    uptime = at_s % 1_000_000
    return random.choice(
        (
            f"[{uptime:12.6f}] {message}",
            f"{_moment(at_s):%b %d %H:%M:%S} node7 kernel: [{uptime:.6f}] {message}",
            f"{_moment(at_s):%b %d %H:%M:%S} node7 kernel: {message}",
        )
    )
