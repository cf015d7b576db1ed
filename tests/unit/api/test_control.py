"""The operator's socket answers its owner and nobody else."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.api.asgi import run

from steadfast.api.control import ControlSocket, tell
from steadfast.errors import ConfigError, ServiceError


async def asked(path: Path, do: str) -> dict[str, object]:
    async def reload() -> dict[str, object]:
        return {"workers": ["a"]}

    async def fail() -> dict[str, object]:
        raise ConfigError("The file is wrong.", remedy="Mend it.")

    control = ControlSocket(path, {"reload": reload, "fail": fail})
    await control.open()
    try:
        assert path.stat().st_mode & 0o777 == 0o600
        return await asyncio.to_thread(tell, path, do, timeout_s=5)
    finally:
        await control.close()


def test_a_command_is_carried_out_and_answered(tmp_path: Path) -> None:
    assert run(asked(tmp_path / "control.sock", "reload")) == {"workers": ["a"]}


def test_a_folder_with_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25) / ("name" * 10)
    folder.mkdir(parents=True)
    assert run(asked(folder / "control.sock", "reload")) == {"workers": ["a"]}


def test_an_error_comes_back_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="The file is wrong") as refused:
        run(asked(tmp_path / "control.sock", "fail"))
    assert refused.value.remedy == "Mend it."


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="does not know"):
        run(asked(tmp_path / "control.sock", "explode"))


def test_where_no_server_runs_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="No server answers"):
        tell(tmp_path / "control.sock", "reload", timeout_s=1)
