"""Drilling a service that runs: only one that has agreed, and only for its administrator."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
from tests.serving_house import FAULTY, serving

from steadfast.admission.keys import KeyStore
from steadfast.admission.scopes import Scope
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.errors import ExitCode
from steadfast.settings import DatabaseSettings

KEYS = {"STEADFAST_SERVER__REQUIRE_KEYS": "always"}


def drill(url: str, *arguments: str, key: str = "") -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "steadfast", "drill", "--json", "--target", url, *arguments],
        env={**os.environ, "STEADFAST_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout)


def test_a_service_that_has_not_agreed_is_not_drilled(tmp_path: Path) -> None:
    with serving(tmp_path, FAULTY) as house:
        status, said = drill(house.url, "--i-own-this", "--only", "worker-sigkill")
        assert len(house.workers()) == 1
    assert status != 0
    assert "does not obey a drill" in str(said["error"])
    assert "drill.enabled" in str(said["error"])


def test_whoever_does_not_say_that_it_is_theirs_is_refused_before_anything_is_asked() -> None:
    status, said = drill("http://127.0.0.1:9", "--only", "worker-sigkill")
    assert status == int(ExitCode.USAGE)
    assert "--i-own-this" in str(said["error"])


def test_only_an_administrator_may_give_orders(tmp_path: Path) -> None:
    settings = KEYS | {"STEADFAST_DRILL__ENABLED": "true", "STEADFAST_FACES__ENGINE": "embedded"}
    with serving(tmp_path, settings, ready=False) as house:
        database = open_database(database_options(DatabaseSettings(), tmp_path))
        plain = KeyStore(database).create(name="client", scopes=[Scope.SWAP]).token
        database.close()
        order = {"order": {"id": "x", "act": "segfault"}}
        answers = {
            name: httpx.post(
                f"{house.url}/v1/drill", json=order, headers=headers, timeout=30, trust_env=False
            )
            for name, headers in {
                "nobody": {},
                "client": {"Authorization": f"Bearer {plain}"},
                "admin": {"Authorization": f"Bearer {house.key}"},
            }.items()
        }
        standing = json.loads((tmp_path / "drill" / "orders.json").read_bytes())
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "nobody": 401,
        "client": 403,
        "admin": 200,
    }
    assert [one["act"] for one in standing] == ["segfault"]
