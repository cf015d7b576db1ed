"""The guardian stays small because it stands on the standard library alone."""

import json
import subprocess
import sys

ASK = """
import json, sys
before = set(sys.modules)
import steadfast.guardian.__main__
print(json.dumps(sorted(set(sys.modules) - before)))
"""
HEAVY = {"asyncio", "http", "ssl", "email", "logging", "subprocess", "multiprocessing", "concurrent"}


def modules_of_the_guardian() -> list[str]:
    ran = subprocess.run([sys.executable, "-c", ASK], capture_output=True, check=True, text=True, timeout=30)
    loaded: list[str] = json.loads(ran.stdout)
    return loaded


def test_nothing_but_the_standard_library_and_its_own_package_is_loaded() -> None:
    foreign = [
        name
        for name in modules_of_the_guardian()
        if name.partition(".")[0] not in sys.stdlib_module_names
        and name not in ("steadfast", "steadfast.process_title")
        and not name.startswith("steadfast.guardian")
    ]
    assert foreign == []


def test_the_large_parts_of_the_standard_library_are_left_out() -> None:
    assert HEAVY.isdisjoint(name.partition(".")[0] for name in modules_of_the_guardian())
