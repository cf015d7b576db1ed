"""A process that keeps, releases and collects files is killed at random: what it confirmed is there."""

import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from tests.databases import open_sqlite

from steadfast.blobs.blob import parse_address
from steadfast.blobs.folder import FolderStore
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.references import BLOBS, blob_in

KILLS = 6
WORKS = """
import itertools, os, random, sys
from datetime import timedelta
from pathlib import Path
from steadfast.blobs.folder import FolderStore
from steadfast.blobs.library import BlobLibrary
from tests.databases import open_sqlite

folder, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
library = BlobLibrary(FolderStore(folder / "blobs"), open_sqlite(folder))
for turn in itertools.count():
    owner = f"job-{os.getpid()}-{turn}"
    # Few contents, so that the same one comes, goes and comes again.
    content = bytes([chance.randrange(6)]) * 200_000
    blob = library.keep_pieces([content[:90_000], content[90_000:]], space="alice", owner=owner, role="input")
    print("kept", owner, blob.address, flush=True)
    if turn >= 2:
        gone = f"job-{os.getpid()}-{turn - 2}"
        print("releasing", gone, blob.address, flush=True)
        library.let_go(gone)
    library.collect(grace=timedelta(0))
"""


def test_what_was_confirmed_survives_every_kill_and_nothing_else_stays(tmp_path: Path) -> None:
    chance = random.Random(5)
    held: dict[str, str] = {}
    for life in range(KILLS):
        for line in one_life(tmp_path, life, chance.uniform(0.0, 0.4)):
            what, owner, address = line.split()
            if what == "kept":
                held[owner] = address
            else:
                held.pop(owner, None)  # it may be gone, or not yet
        judge(tmp_path, held)
    assert len(held) >= 2 * (KILLS - 3), "the processes came to something"


def one_life(folder: Path, life: int, lasts_s: float) -> list[str]:
    """What it said until it was killed, so long after its first word."""
    command = [sys.executable, "-c", WORKS, str(folder), str(life)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(lasts_s)
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().splitlines()
    process.stdout.close()
    process.wait(10)
    return [
        line for line in (first.strip(), *rest) if len(line.split()) == 3 and len(line.split("/")[-1]) == 64
    ]


def judge(folder: Path, held: dict[str, str]) -> None:
    database = open_sqlite(folder)
    try:
        library = BlobLibrary(FolderStore(folder / "blobs"), database)
        for owner, address in held.items():
            library.verify(parse_address(address))
            assert [str(one.blob.address) for one in library.references_of(owner)] == [address]
        library.sweep(grace=timedelta(0))
        with database.reading() as connection:
            rows = {blob_in(row).stored_name for row in connection.execute(select(BLOBS)).all()}
        assert {file.name for file in library.store.listed()} == rows, (
            "no row without its file, nor the other way"
        )
        assert not [file for file in library.store.staging.iterdir() if file.is_file()]
    finally:
        database.close()
