"""Writes every dashboard."""

from pathlib import Path
from typing import Final

from deploy.grafana.boards import BOARDS
from deploy.grafana.build import json_of

FOLDER: Final = Path(__file__).parent / "dashboards"

if __name__ == "__main__":
    for board in BOARDS:
        (FOLDER / f"{board.uid}.json").write_text(json_of(board), encoding="utf-8")
