"""The items of a job that holds sentences against pictures: to each picture a file of what it is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from steadfast.api.job_fields import EntailJobFields
from steadfast.api.job_inputs import Holder
from steadfast.blobs.blob import BlobAddress
from steadfast.blobs.library import BlobLibrary
from steadfast.errors import InvalidOption, SteadfastError
from steadfast.jobs.job import InputFile, ItemOrder
from steadfast.jobs.submission import INPUT_ROLE
from steadfast.tasks.entail_questions import COLUMNS, Sentence, packed_sentences, questions_in

_MOST_BYTES = 16 << 20
"""Of a file of questions: it is read as a whole."""
_NAME = "sentences.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class SentenceKeeper:
    """Keeps the sentences of a job that will be."""

    library: BlobLibrary
    holder: Holder

    def items(
        self, fields: EntailJobFields, targets: Sequence[InputFile], questions: InputFile | None
    ) -> tuple[ItemOrder, ...]:
        """One per picture. Raises `InvalidOption` where it is not clear what to ask of which."""
        if not targets:
            raise InvalidOption("There is no picture.", remedy="Send at least one as target.")
        if bool(fields.texts) == (questions is not None):
            raise InvalidOption(
                "A job has either texts or questions.",
                remedy="Give texts to ask of every picture, or a file `questions` that names pictures.",
            )
        if questions is None:
            every = [Sentence(text=text, caption=fields.caption) for text in fields.texts]
            sentences = self._keep(every)
            return tuple(ItemOrder(target=target, sources=(sentences,)) for target in targets)
        asked = self._asked(questions)
        _check_names(asked, targets)
        return tuple(ItemOrder(target=one, sources=(self._keep(asked[one.name]),)) for one in targets)

    def _asked(self, file: InputFile) -> dict[str, list[Sentence]]:
        """By name of the picture."""
        name = file.name or "questions.csv"
        asked: dict[str, list[Sentence]] = {}
        for number, question in enumerate(questions_in(self._read(file, name), name), start=1):
            if isinstance(question, SteadfastError):
                raise InvalidOption(f"{name}, line {number}: {question.detail}", remedy=question.remedy)
            image = question.image.replace("\\", "/").rpartition("/")[2]
            asked.setdefault(image, []).append(Sentence(text=question.text, caption=question.caption))
        return asked

    def _read(self, file: InputFile, name: str) -> str:
        if file.size_bytes > _MOST_BYTES:
            raise InvalidOption(
                f"{name} has {file.size_bytes / 1e6:.0f} MB; {_MOST_BYTES / 1e6:.0f} MB are allowed.",
                remedy="Submit several jobs.",
            )
        address = BlobAddress(space=self.holder.space, sha256=file.sha256)
        try:
            return b"".join(self.library.read(address)).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidOption(f"{name} is not UTF-8.", remedy="Save it as UTF-8.") from error

    def _keep(self, sentences: list[Sentence]) -> InputFile:
        holder = self.holder
        blob = self.library.keep_pieces(
            [packed_sentences(sentences)], space=holder.space, owner=holder.job_id, role=INPUT_ROLE
        )
        return InputFile(sha256=blob.address.sha256, size_bytes=blob.size_bytes, name=_NAME)


def _check_names(asked: Mapping[str, object], targets: Sequence[InputFile]) -> None:
    names = [target.name for target in targets]
    for name in names:
        if name not in asked:
            raise InvalidOption(
                f"No question names the picture {name!r}.", remedy=f"Each line has {COLUMNS}."
            )
    if len(set(names)) < len(names):
        raise InvalidOption("Two pictures have the same name.", remedy="Name each of them differently.")
    for image in asked:
        if image not in names:
            raise InvalidOption(
                f"The questions name the picture {image!r}, which was not sent.",
                remedy="Send each picture as target under the name that the questions give it.",
            )
