"""What a server can do, and what a job needs, as words that meet: `cpu`, `cuda`, `cuda-40g`, `neural-cuda`.
 A server says what it is (its devices, with their memory in steps; its engines; both together) and what its
operator says. A job needs one word at most: what the operator's rules say of its task or engine; else, once
it is pinned, the engine and kind of device that it was begun with; else the engine that was asked for.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from steadfast.jobs.lanes import Needs

CUDA_STEPS_GB = (8, 16, 24, 40, 48, 80, 141)
"""Sizes of memory that are told apart; a card of 44 GB is `cuda-40g` and everything below."""
_AUTO = "auto"
_LARGEST = 64
_GB = 1 << 30


def device_words(devices: Iterable[tuple[str, int]]) -> set[str]:
    """Of devices by name (`cpu`, `cuda:0`) and bytes of memory (0: not known)."""
    words = set()
    for name, memory_bytes in devices:
        kind = name.partition(":")[0]
        words.add(kind)
        # A card tells a little less than what stands on its box.
        gigabytes = memory_bytes * 1.05 / _GB
        words |= {f"{kind}-{step}g" for step in CUDA_STEPS_GB if kind == "cuda" and step <= gigabytes}
    return words


def capabilities_of(
    devices: Iterable[tuple[str, int]], engines: Iterable[str], told: Iterable[str] = ()
) -> frozenset[str]:
    """Everything that a server can do; `told`: by its operator."""
    words, engines = device_words(devices), tuple(engines)
    kinds = {word for word in words if "-" not in word}
    both = {f"{engine}-{kind}" for engine in engines for kind in kinds}
    return frozenset({*words, *engines, *both, *told})


class Abilities:
    """What this server can do; it learns by what it has planned itself. Safe to use from any thread."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = frozenset(words)

    def has(self, word: str) -> bool:
        """Whether a job that needs it can be done here."""
        return not word or word in self.words

    def learn(self, word: str) -> None:
        """It was begun here, so what it was begun with is here."""
        if not self.has(word):
            self.words |= {word}


def needs_by(rules: Iterable[str]) -> Needs:
    """What a job needs, by the operator's rules (`neural=cuda-40g`) and by what it says itself."""
    wanted = dict(rule.partition("=")[::2] for rule in rules)

    def needs(task: str, options: Mapping[str, Any], pin: Mapping[str, str] | None) -> str:
        engine = _engine(options, pin)
        for name in (engine, task):
            if name in wanted:
                return wanted[name]
        if engine and (provider := (pin or {}).get("provider", "").lower()):
            return f"{engine}-cuda" if "cuda" in provider or "tensorrt" in provider else f"{engine}-cpu"
        return engine

    return lambda task, options, pin: needs(task, options, pin)[:_LARGEST]


def _engine(options: Mapping[str, Any], pin: Mapping[str, str] | None) -> str:
    chosen = (pin or {}).get("engine") or options.get("engine") or ""
    return "" if chosen == _AUTO or not isinstance(chosen, str) else chosen
