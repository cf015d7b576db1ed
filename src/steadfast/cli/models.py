"""`steadfast models`: which models there are, how they stand, and how to get them."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from steadfast.cli.help_layout import CommandGroup
from steadfast.cli.invocation import Invocation, command
from steadfast.errors import EngineUnavailable, ModelDamaged, ModelMissing, SteadfastError
from steadfast.models.catalogue import Model, ModelFamily, builtin_catalogue

if TYPE_CHECKING:
    from steadfast.models.store import ModelState, ModelStore

app = typer.Typer(cls=CommandGroup, no_args_is_help=True)


@app.callback()
def models() -> None:
    """List, fetch and check the model files."""


_WIDE_COLUMNS = 125  # a terminal that has room for the licence's name in each row
_STYLES = {
    "ready": "green",
    "bundled": "green",
    "missing": "dim",
    "damaged": "bold red",
    "license_needed": "yellow",
}


def _completions(incomplete: str) -> list[str]:
    """Names for the shell's completion."""
    return [model.name for model in builtin_catalogue() if model.name.startswith(incomplete)]


NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Models; see `steadfast models list`.", autocompletion=_completions),
]
EngineOption = Annotated[
    ModelFamily | None,
    typer.Option("--engine", metavar="ENGINE", help="All models of embedded, standard or neural."),
]


@app.command("list")
@command
def list_models(invocation: Invocation, engine: EngineOption = None) -> None:
    """List the models with their state and licence."""
    store = _store(invocation)
    rows = [(model, store.state(model.name)) for model in _chosen(store, None, engine)]
    data = {"folder": store.folder, "models": [_plain(model, state, store) for model, state in rows]}
    is_wide = invocation.output.console.width >= _WIDE_COLUMNS
    invocation.output.show(data, lambda: Group(*_overview(rows, store.folder, is_wide=is_wide)))


@app.command()
@command
def pull(
    invocation: Invocation,
    names: NamesArgument = None,
    engine: EngineOption = None,
    accept_license: Annotated[
        bool,
        typer.Option("--accept-license", metavar="", help="I accept the licences of these models; recorded."),
    ] = False,
) -> None:
    """Fetch models; without a name, those of the standard engine (7 MB, permissive licences)."""
    store = _store(invocation)
    chosen = _chosen(store, names, engine or (None if names else ModelFamily.STANDARD))
    results = [_pulled(invocation, store, model, accept_license=accept_license) for model in chosen]
    _conclude(invocation, results)


@app.command()
@command
def verify(
    invocation: Invocation,
    names: NamesArgument = None,
    engine: EngineOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", metavar="", help="Fetch what is damaged again.")
    ] = False,
) -> None:
    """Read every byte of the models that are here and compare it with the catalogue."""
    store = _store(invocation)
    results = [_verified(invocation, store, model, repair=repair) for model in _chosen(store, names, engine)]
    here = [result for result in results if names or result["state"] not in ("missing", "license_needed")]
    _conclude(invocation, here)


@app.command()
@command
def path(
    invocation: Invocation,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A model; without it, the folder of all.", autocompletion=_completions
        ),
    ] = None,
) -> None:
    """Print where a model's file is; fails if it cannot be used."""
    store = _store(invocation)
    if name is None:
        invocation.output.show({"path": store.folder}, str(store.folder))
        return
    place, state = store.path(name), store.state(name)
    if not state.is_usable:
        kind = ModelDamaged if state == "damaged" else ModelMissing
        raise kind(f"{place} cannot be used: {_words(state)}.", remedy=f"Run `steadfast models pull {name}`.")
    invocation.output.show({"name": name, "path": place, "state": state}, str(place))


class ConvertibleKind(StrEnum):
    """What `convert` takes."""

    OFA = "ofa"


@app.command()
@command
def convert(
    invocation: Invocation,
    kind: Annotated[
        ConvertibleKind, typer.Argument(metavar="KIND", help="ofa: OFA for visual entailment, in English.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder as it was downloaded.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="New folder.", show_default="FOLDER-steadfast"),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", metavar="", help="Add a graph of 8 bits; what accuracy it costs is not known."
        ),
    ] = False,
) -> None:
    """Make a downloaded model into a graph that is served without torch (needs the extra `convert`)."""
    try:
        from steadfast.entailment.ofa.conversion import convert_folder  # noqa: PLC0415
    except ImportError as error:
        raise EngineUnavailable(
            f"Converting needs packages that are not installed ({error.name}).",
            remedy="Install them: `pip install 'steadfast[convert]'`.",
        ) from error
    assert kind is ConvertibleKind.OFA
    target = output or folder.resolve().with_name(f"{folder.resolve().name}-steadfast")
    manifest = convert_folder(folder, target, int8=int8, say=invocation.output.say)
    size_bytes = sum(file.size_bytes for file in manifest.files)
    plain = {"output": target, "bytes": size_bytes, "revision": manifest.revision, "graphs": manifest.graphs}
    invocation.output.show(
        plain,
        lambda: Text.assemble(
            ("✓ ", "green"),
            (str(target), "bold"),
            f"  {decimal(size_bytes)}\n",
            (f"Serve it: STEADFAST_ENTAILMENT__BACKEND=ofa STEADFAST_ENTAILMENT__MODEL_DIR={target}", "dim"),
        ),
    )


def _store(invocation: Invocation) -> "ModelStore":
    from steadfast.models.store import ModelStore  # noqa: PLC0415 — `--help` stays fast

    return ModelStore(invocation.settings.models)


def _chosen(store: "ModelStore", names: Sequence[str] | None, engine: ModelFamily | None) -> list[Model]:
    named = [store.catalogue[name] for name in names or ()]
    of_engine = store.catalogue.of(engine) if engine else ()
    return [*named, *of_engine] if names or engine else list(store.catalogue)


def _pulled(
    invocation: Invocation, store: "ModelStore", model: Model, *, accept_license: bool
) -> dict[str, Any]:
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with invocation.output.progress(*columns) as progress:
        task = progress.add_task(model.name, total=model.size_bytes)
        try:
            store.pull(
                model.name,
                accept_license=accept_license,
                on_progress=lambda p: progress.update(task, completed=p.done_bytes),
            )
        except SteadfastError as error:
            return _plain(model, store.state(model.name), store) | {"error": error}
    return _plain(model, store.state(model.name), store)


def _verified(invocation: Invocation, store: "ModelStore", model: Model, *, repair: bool) -> dict[str, Any]:
    state = store.verify(model.name)
    result = _plain(model, state, store)
    if state != "damaged":
        return result
    if repair:
        return _pulled(invocation, store, model, accept_license=False)
    remedy = f"Fetch it again: `steadfast models pull {model.name}`."
    return result | {"error": ModelDamaged(f"{result['path']} is damaged.", remedy=remedy)}


def _conclude(invocation: Invocation, results: Iterable[dict[str, Any]]) -> None:
    """Shows what became of each model; the exit status is that of the first failure."""
    results = list(results)
    failures: list[SteadfastError] = [result["error"] for result in results if "error" in result]
    invocation.output.show({"models": results}, lambda: Group(*map(_line, results)))
    if not failures:
        return
    if not invocation.output.as_json:
        for error in failures:
            invocation.output.fail(error)
    raise typer.Exit(int(failures[0].exit_code))


def _line(result: dict[str, Any]) -> RenderableType:
    state = result["state"]
    return Text.assemble(
        (f"{_words(state):<16}", _STYLES[state]), f"{result['name']}  ", (str(result["path"]), "dim")
    )


def _plain(model: Model, state: "ModelState", store: "ModelStore") -> dict[str, Any]:
    return {
        "name": model.name,
        "engine": model.family,
        "role": model.role,
        "state": state,
        "bytes": model.size_bytes,
        "license": model.license,
        "commercial_use": model.commercial,
        "note": model.note,
        "path": store.path(model.name),
    }


def _overview(
    rows: "Sequence[tuple[Model, ModelState]]", folder: Path, *, is_wide: bool
) -> Iterator[RenderableType]:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Model", "Role"):
        table.add_column(name, no_wrap=True)
    table.add_column("Size", justify="right", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Commercial", no_wrap=True)
    if is_wide:
        table.add_column("Licence", no_wrap=True)
    for family, members in groupby(rows, key=lambda row: row[0].family):
        table.add_row(Text(f"{family} engine", "dim"))
        for model, state in members:
            table.add_row(*_cells(model, state), *([model.license] if is_wide else []))
    yield table
    if not is_wide:
        yield from _legend([model for model, _ in rows])
    yield Text(f"\nFolder: {folder}", style="dim")


def _cells(model: Model, state: "ModelState") -> Iterator[RenderableType]:
    yield f"  {model.name}"
    yield model.role
    yield decimal(model.size_bytes)
    yield Text(_words(state), _STYLES[state])
    yield model.commercial


def _legend(models: Sequence[Model]) -> Iterator[RenderableType]:
    """The licences where the table has no room for them: each once, with the models under it."""
    yield Text("\nLicences", "bold")
    for license_name in dict.fromkeys(model.license for model in models):
        names = ", ".join(model.name for model in models if model.license == license_name)
        yield Padding(Text.assemble(license_name, ": ", (names, "dim")), (0, 0, 0, 2))


def _words(state: str) -> str:
    return state.replace("license", "licence").replace("_", " ")
