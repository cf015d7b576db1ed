from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.sla.house import LedgerHouse


@pytest.fixture
def house(tmp_path: Path) -> Iterator[LedgerHouse]:
    """A ledger with a clock by hand."""
    ledger = LedgerHouse(tmp_path)
    yield ledger
    ledger.close()
