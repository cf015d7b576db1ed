"""What is asked of which picture, out of a request for a job."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases import open_migrated_sqlite
from tests.job_house import JobHouse, job_house

from steadfast.api.job_fields import EntailJobFields
from steadfast.api.job_inputs import Holder
from steadfast.api.job_sentences import SentenceKeeper
from steadfast.blobs.blob import BlobAddress
from steadfast.errors import InvalidOption
from steadfast.jobs.job import InputFile, ItemOrder
from steadfast.tasks.entail_questions import Sentence, unpacked_sentences

TASK = "visual_entailment"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[JobHouse]:
    database = open_migrated_sqlite(tmp_path)
    with job_house(database, tmp_path) as one:
        yield one
    database.close()


class Desk:
    """A keeper with a library of its own."""

    def __init__(self, house: JobHouse) -> None:
        self.house = house
        self.keeper = SentenceKeeper(library=house.library, holder=Holder(owner="anna", job_id="job"))

    def picture(self, name: str) -> InputFile:
        return InputFile(sha256="0" * 64, size_bytes=1, name=name)

    def file(self, content: str, name: str) -> InputFile:
        kept = self.house.keep(content)
        return InputFile(sha256=kept.sha256, size_bytes=kept.size_bytes, name=name)

    def items(
        self, *names: str, questions: InputFile | None = None, **fields: object
    ) -> list[list[Sentence]]:
        given = EntailJobFields(task=TASK, **fields)  # type: ignore[arg-type]
        return [
            self.sentences(item) for item in self.keeper.items(given, [*map(self.picture, names)], questions)
        ]

    def sentences(self, item: ItemOrder) -> list[Sentence]:
        (file,) = item.sources
        address = BlobAddress(space=self.keeper.holder.space, sha256=file.sha256)
        return unpacked_sentences(b"".join(self.house.library.read(address)))


@pytest.fixture
def desk(house: JobHouse) -> Desk:
    return Desk(house)


def test_every_picture_is_asked_the_same_unless_there_is_a_file(desk: Desk) -> None:
    one = [Sentence(text="One.", caption="c"), Sentence(text="Two.", caption="c")]
    assert desk.items("a.png", "b.png", texts=("One.", "Two."), caption="c") == [one, one]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.csv", "image,text,caption\nb.png,Of b.,\nin/a.png,Of a.,known\na.png,More of a.,\n"),
        (
            "q.jsonl",
            '{"image":"b.png","text":"Of b."}\n{"image":"a.png","text":"Of a.","caption":"known"}\n'
            '{"image":"a.png","text":"More of a."}\n',
        ),
    ],
)
def test_a_file_says_what_each_picture_is_asked(desk: Desk, name: str, content: str) -> None:
    assert desk.items("a.png", "b.png", questions=desk.file(content, name)) == [
        [Sentence(text="Of a.", caption="known"), Sentence(text="More of a.")],
        [Sentence(text="Of b.")],
    ]


@pytest.mark.parametrize(
    ("names", "content", "told"),
    [
        (["a.png", "b.png"], "image,text\na.png,One.\n", "b.png"),
        (["a.png"], "image,text\na.png,One.\nc.png,Two.\n", "c.png"),
        (["a.png"], "image,text\na.png,One.\n,Two.\n", "line 2"),
        (["a.png", "a.png"], "image,text\na.png,One.\n", "same name"),
        (["a.png"], "what,is\nthis,then\n", "columns"),
        ([], "image,text\na.png,One.\n", "no picture"),
    ],
)
def test_what_is_not_clear_is_refused_by_name(desk: Desk, names: list[str], content: str, told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        desk.items(*names, questions=desk.file(content, "q.csv"))


def test_sentences_come_in_one_way_and_at_least_one(desk: Desk) -> None:
    file = desk.file("image,text\na.png,One.\n", "q.csv")
    for more in ({}, {"texts": ("One.",), "questions": file}):
        with pytest.raises(InvalidOption, match="either"):
            desk.items("a.png", **more)  # type: ignore[arg-type]
