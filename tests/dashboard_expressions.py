"""Every PromQL expression in the committed dashboards, as Prometheus could be asked it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deploy" / "grafana" / "dashboards"

_VARIABLES = {
    "$__rate_interval": "5m",
    "$__interval": "1m",
    "$__range": "1h",
    "$environment": ".*",
    "$instance": ".*",
    "$task": ".*",
    "$engine": ".*",
}


@dataclass(frozen=True, kw_only=True)
class Expression:
    """One, and where it stands."""

    board: str
    panel: str
    text: str

    @property
    def plain(self) -> str:
        """With a value for each of Grafana's variables."""
        text = self.text
        for name, value in _VARIABLES.items():
            text = text.replace(name, value)
        return text


def boards() -> dict[str, dict[str, Any]]:
    """Every dashboard by its uid."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel, those in rows too."""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels") or ()


def expressions() -> list[Expression]:
    """Those of panels and annotations; those for Loki are another language."""
    found = []
    for uid, board in boards().items():
        for panel in panels(board):
            if panel["datasource"]["type"] == "prometheus":
                found += [
                    Expression(board=uid, panel=panel["title"], text=target["expr"])
                    for target in panel["targets"]
                ]
        for note in board["annotations"]["list"]:
            if note.get("expr"):
                found.append(Expression(board=uid, panel=f"annotation {note['name']}", text=note["expr"]))
    return found


_NAME = re.compile(
    r"\b(?:[a-z_]+:)?(?:steadfast|DCGM|container)_[a-zA-Z0-9_]+(?::[a-z0-9_]+)?|\bup\b|\bALERTS\b"
)


def metric_names(text: str) -> set[str]:
    """What an expression asks for."""
    return set(_NAME.findall(re.sub(r'"[^"]*"', '""', text)))
