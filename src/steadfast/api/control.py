"""A socket in the data folder, by which this machine's operator tells the server what to do.

Whoever may open it owns the data folder, so it asks for no key. One line of JSON in, one out.
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from steadfast.errors import ConfigError, ServiceError, SteadfastError

Command = Callable[[], Awaitable[dict[str, object]]]

_LONGEST_LINE_BYTES = 64 * 1024


class ControlSocket:
    """The server's end."""

    def __init__(self, path: Path, commands: Mapping[str, Command]) -> None:
        self._path = path
        self._commands = commands
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listens; the file is this user's only."""
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            with _short(self._path) as name:
                listening.bind(name)
        finally:
            os.umask(before)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening)

    async def close(self) -> None:
        """Ends it and removes the file."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            line = await reader.readline()
            writer.write(json.dumps(await self._obey(line)).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _obey(self, line: bytes) -> dict[str, object]:
        try:
            command = self._commands[json.loads(line)["do"]]
        except (ValueError, KeyError, TypeError):
            return {"error": ServiceError("The server does not know that command.").as_dict()}
        try:
            return {"done": await command()}
        except SteadfastError as error:
            return {"error": error.as_dict()}


def tell(path: Path, do: str, *, timeout_s: float) -> dict[str, Any]:
    """Has the server of that socket do something and answers what it said.

    Raises `ServiceError` where no server listens there, or what went wrong in it; `ConfigError` where
    it reads wrong settings.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as calling, _short(path) as name:
            calling.settimeout(timeout_s)
            calling.connect(name)
            calling.sendall(json.dumps({"do": do}).encode() + b"\n")
            with calling.makefile("rb") as stream:
                said: dict[str, Any] = json.loads(stream.readline(_LONGEST_LINE_BYTES) or b"{}")
    except (OSError, ValueError) as error:
        raise ServiceError(
            f"No server answers at {path}.", remedy="Start it, or give the --data-dir it was started with."
        ) from error
    if "error" in said:
        told = said["error"]
        kind = ConfigError if told["code"] == ConfigError.code else ServiceError
        raise kind(told["detail"], remedy=told["remedy"])
    return dict(said.get("done", {}))


class _short:  # noqa: N801 — read as a verb: `with _short(path) as name`
    """A name of the path that fits into a socket's address, which holds about a hundred bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder: int | None = None

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) < 100:
            return str(self._path)
        self._folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            os.close(self._folder)
