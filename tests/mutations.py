"""Real files made wrong in every way that disks, networks and attackers make them: a hypothesis strategy.

@given(mutated({"a.jpg": jpeg_bytes, "b.mkv": mkv_bytes}))
def test_no_mutation_escapes(case: MutatedFile) -> None: ...
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

_HEADER_BYTES = 640  # where the fields lie that decoders trust
_TELLING_WORDS = (
    b"\0",
    b"\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\0\0\0\x01",
)

Mutation = Callable[[bytes], bytes]


@dataclass(frozen=True, kw_only=True)
class MutatedFile:
    """A file that was valid once."""

    name: str  # of the file it was
    content: bytes


def mutated(originals: Mapping[str, bytes], *, most_steps: int = 4) -> st.SearchStrategy[MutatedFile]:
    """One of the files with 1 to `most_steps` mutations; shrinks towards few, small, early changes."""
    names = sorted(originals)
    mutations = st.one_of(
        _flips(), _overwrites(), _truncations(), _cuts(), _insertions(), _repeats(), _splices(originals)
    )

    def apply(name: str, steps: list[Mutation]) -> MutatedFile:
        content = originals[name]
        for step in steps:
            content = step(content) if content else content
        return MutatedFile(name=name, content=content)

    return st.builds(apply, st.sampled_from(names), st.lists(mutations, min_size=1, max_size=most_steps))


def _positions() -> st.SearchStrategy[int]:
    """Offsets, half of them in the header; taken modulo the length of the file."""
    return st.one_of(st.integers(0, _HEADER_BYTES), st.integers(0, 1 << 30))


def _flips() -> st.SearchStrategy[Mutation]:
    def flip(at: int, bit: int) -> Mutation:
        return lambda data: _replaced(data, at, bytes([data[at % len(data)] ^ (1 << bit)]))

    return st.builds(flip, _positions(), st.integers(0, 7))


def _overwrites() -> st.SearchStrategy[Mutation]:
    def overwrite(at: int, word: bytes) -> Mutation:
        return lambda data: _replaced(data, at, word)

    return st.builds(
        overwrite, _positions(), st.one_of(st.sampled_from(_TELLING_WORDS), st.binary(max_size=24))
    )


def _truncations() -> st.SearchStrategy[Mutation]:
    return st.builds(lambda at: lambda data: data[: at % len(data)], _positions())


def _cuts() -> st.SearchStrategy[Mutation]:
    def cut(at: int, length: int) -> Mutation:
        return lambda data: data[: at % len(data)] + data[at % len(data) + length :]

    return st.builds(cut, _positions(), st.integers(1, 5000))


def _insertions() -> st.SearchStrategy[Mutation]:
    def insert(at: int, word: bytes) -> Mutation:
        return lambda data: data[: at % len(data)] + word + data[at % len(data) :]

    return st.builds(insert, _positions(), st.binary(min_size=1, max_size=64))


def _repeats() -> st.SearchStrategy[Mutation]:
    def repeat(at: int, length: int) -> Mutation:
        return lambda data: data[: at % len(data) + length] + data[at % len(data) :]

    return st.builds(repeat, _positions(), st.integers(1, 5000))


def _splices(originals: Mapping[str, bytes]) -> st.SearchStrategy[Mutation]:
    """The head of one file with the tail of another."""

    def splice(at: int, other: str) -> Mutation:
        return lambda data: data[: at % len(data)] + originals[other][at % len(data) :]

    return st.builds(splice, _positions(), st.sampled_from(sorted(originals)))


def _replaced(data: bytes, at: int, word: bytes) -> bytes:
    start = at % len(data)
    return data[:start] + word + data[start + len(word) :]
