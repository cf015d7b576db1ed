"""A wall clock that can be turned, for the processes of a private server: libfaketime, where there is one."""

import os
from pathlib import Path

from steadfast.drill.fault import NotHere

_PLACES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
)


class FakeClock:
    """By how much it is wrong stands in a file that every process of the service reads."""

    def __init__(self, folder: Path) -> None:
        """Raises `NotHere` without libfaketime."""
        self._library = next((place for place in _PLACES if Path(place).exists()), "")
        if not self._library:
            raise NotHere("libfaketime is not installed (Debian: apt install libfaketime)")
        self._file = folder / "clock"
        self.turn(0)

    def environment(self) -> dict[str, str]:
        """Of the server; its workers' clocks come with it only where they inherit the library."""
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    def turn(self, by_s: int) -> None:
        """By so many seconds from the truth, forward or back."""
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{by_s:+d}", encoding="ascii")
        aside.chmod(0o644)
        os.replace(aside, self._file)  # noqa: PTH105 — beside its name, what it does is the point
