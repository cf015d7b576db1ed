"""What models there are: names, roles, files, sums, URLs and licences, read from `catalogue.toml`."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from steadfast.errors import InvalidOption


class ModelRole(StrEnum):
    """What a model does for an engine."""

    DETECTOR = "detector"  # where faces are
    LANDMARKER = "landmarker"  # the points of a face
    IDENTITY = "identity"  # a face as a vector
    CONVERTER = "converter"  # a vector of one space as one of another
    SWAPPER = "swapper"  # one face in the place of another
    OCCLUDER = "occluder"  # what lies in front of a face
    PARSER = "parser"  # which region of a face each pixel belongs to
    ENHANCER = "enhancer"  # a face with more detail
    ENTAILMENT = "entailment"  # whether a sentence follows from a picture


class ModelFamily(StrEnum):
    """What a model belongs to: an engine, by its `faces.roles.EngineName`, or a task that has only models."""

    EMBEDDED = "embedded"
    STANDARD = "standard"
    NEURAL = "neural"
    ENTAILMENT = "entailment"


class CommercialUse(StrEnum):
    """Whether a licence allows commercial use."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"  # treated as NO


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFile:
    """One file of a model."""

    name: str  # its name in the store; in a package its path there, with '/'
    size_bytes: int
    sha256: str  # lower-case hex
    urls: tuple[str, ...] = ()  # in order of preference


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model as the catalogue describes it."""

    name: str
    role: ModelRole
    family: ModelFamily
    license: str  # a name a person can look up
    commercial: CommercialUse
    files: tuple[ModelFile, ...]  # at least one; the first is what a session loads
    note: str = ""  # one sentence for people
    package: str | None = None  # the installed package that carries the files; None: they are pulled

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(file.size_bytes for file in self.files)

    @property
    def is_bundled(self) -> bool:
        """Whether an installed package carries it."""
        return self.package is not None

    @property
    def needs_acceptance(self) -> bool:
        """Whether somebody must accept its licence before it is pulled or used.

        What a package carries came with that package's own terms: it is named where people see it, not asked.
        """
        return not self.is_bundled and self.commercial is not CommercialUse.YES


class Catalogue:
    """All known models, by name, in the order of preference."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = {model.name: model for model in models}
        if len(self._models) != len(models):
            raise ValueError("two models of one name")

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def __getitem__(self, name: str) -> Model:
        """The model of that name; raises `InvalidOption` where there is none."""
        try:
            return self._models[name]
        except KeyError:
            known = ", ".join(self._models)
            raise InvalidOption(f"There is no model {name!r}.", remedy=f"The models are: {known}.") from None

    def of(self, family: ModelFamily) -> tuple[Model, ...]:
        """The models of one engine."""
        return tuple(model for model in self if model.family is family)


@cache
def builtin_catalogue() -> Catalogue:
    """The catalogue that comes with this program."""
    text = resources.files("steadfast.models").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return read_catalogue(text)


def read_catalogue(toml: str) -> Catalogue:
    """A catalogue from its TOML text; raises `ValueError` or `KeyError` where it is wrong."""
    return Catalogue([_model(table) for table in tomllib.loads(toml)["model"]])


def _model(table: dict[str, Any]) -> Model:
    return Model(
        name=table["name"],
        role=ModelRole(table["role"]),
        family=ModelFamily(table["family"]),
        license=table["license"],
        commercial=CommercialUse(table["commercial"]),
        files=tuple(_file(entry) for entry in table["file"]),
        note=table.get("note", ""),
        package=table.get("package"),
    )


def _file(table: dict[str, Any]) -> ModelFile:
    return ModelFile(
        name=table["name"],
        size_bytes=table["bytes"],
        sha256=table["sha256"],
        urls=tuple(table.get("urls", ())),
    )
