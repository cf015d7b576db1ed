"""Settings become the front: what it takes in, and where it keeps it."""

from pathlib import Path

import pytest

from steadfast.assembly.front_options import body_room, http_options, intake_limits, spool_folder
from steadfast.errors import Overloaded
from steadfast.settings import Settings


def settings(tmp_path: Path, **sections: object) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path} | sections)


def test_a_body_in_memory_leaves_room_for_another_in_the_worker_s_shared_memory(tmp_path: Path) -> None:
    given = settings(tmp_path, server={"buffer_bytes": 64 << 20}, runtime={"shared_memory_bytes": 8 << 20})
    assert intake_limits(given).buffer_bytes == 4 << 20
    roomy = settings(tmp_path, server={"buffer_bytes": 1 << 20}, runtime={"shared_memory_bytes": 8 << 20})
    assert intake_limits(roomy).buffer_bytes == 1 << 20


def test_bodies_that_are_too_long_for_memory_lie_in_the_data_folder(tmp_path: Path) -> None:
    given = settings(tmp_path, server={"scratch_quota_bytes": 5}, runtime={"drop_root": False})
    assert spool_folder(given).is_relative_to(tmp_path)
    room = body_room(given)
    assert room.folder == spool_folder(given)
    with pytest.raises(Overloaded):
        room.take_disk(6)


def test_the_front_listens_where_it_is_told(tmp_path: Path) -> None:
    given = settings(tmp_path, server={"host": "::1", "port": 81, "trusted_proxies": "10.0.0.1"})
    options = http_options(given)
    assert (options.host, options.port, options.trusted_proxies) == ("::1", 81, ("10.0.0.1",))
