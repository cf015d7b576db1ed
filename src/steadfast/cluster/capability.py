"""What a server can do, and what a job needs, as words that meet: `cpu`, `cuda`, `cuda-40g`, `neural-cuda`.
 A server says what it is (its devices, with their memory in steps; its engines; both together) and what its
operator says. A job needs one word at most: what the operator's rules say of its task or engine; else, once
it is pinned, the engine and kind of device that it was begun with; else the engine that was asked for.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from steadfast.jobs.lanes import Needs
from steadfast.task_steps import MANIFEST

CUDA_STEPS_GB = (8, 16, 24, 40, 48, 80, 141)
"""Sizes of memory that are told apart; a card of 44 GB is `cuda-40g` and everything below."""
_AUTO = "auto"
_LARGEST = 64
_IN_MANIFEST = re.compile(r"m(\d+):(.*)")
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


def of_manifest(word: str, manifest: int = MANIFEST) -> str:
    """The word for jobs whose plans only programs that know this manifest can read; the first needs none."""
    return word if manifest <= 1 else f"m{manifest}:{word}"[:_LARGEST]


class Abilities:
    """What this server can do; it learns by what it has planned itself. Safe to use from any thread."""

    def __init__(self, words: Iterable[str], *, manifest: int = MANIFEST) -> None:
        """`manifest`: the latest that this program reads; it reads those before it, too."""
        self.words = frozenset(words)
        self._manifest = manifest

    @property
    def listens_for(self) -> frozenset[str]:
        """Words that messages may bear: in every manifest that this program reads."""
        later = range(2, self._manifest + 1)
        return self.words | {of_manifest(word, number) for number in later for word in ("", *self.words)}

    def has(self, word: str) -> bool:
        """Whether a job that needs it can be done here."""
        found = _IN_MANIFEST.match(word)
        if found is None:
            return not word or word in self.words
        return int(found.group(1)) <= self._manifest and self.has(found.group(2))

    def learn(self, word: str) -> None:
        """It was begun here, so what it was begun with is here."""
        plain = found.group(2) if (found := _IN_MANIFEST.match(word)) else word
        if not self.has(plain):
            self.words |= {plain}


def needs_by(rules: Iterable[str], *, manifest: int = MANIFEST) -> Needs:
    """What a job needs, by the operator's rules (`neural=cuda-40g`) and by what it says itself.

    `manifest`: that of plans made here.
    """
    wanted = dict(rule.partition("=")[::2] for rule in rules)

    def needs(task: str, options: Mapping[str, Any], pin: Mapping[str, str] | None) -> str:
        word = plain(task, options, pin)[:_LARGEST]
        return word if pin is None else of_manifest(word, manifest)

    def plain(task: str, options: Mapping[str, Any], pin: Mapping[str, str] | None) -> str:
        engine = _engine(options, pin)
        for name in (engine, task):
            if name in wanted:
                return wanted[name]
        if engine and (provider := (pin or {}).get("provider", "").lower()):
            return f"{engine}-cuda" if "cuda" in provider or "tensorrt" in provider else f"{engine}-cpu"
        return engine

    return needs


def _engine(options: Mapping[str, Any], pin: Mapping[str, str] | None) -> str:
    chosen = (pin or {}).get("engine") or options.get("engine") or ""
    return "" if chosen == _AUTO or not isinstance(chosen, str) else chosen
