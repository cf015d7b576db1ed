"""Byte-level BPE without a library."""

from pathlib import Path

import pytest
from tests.parity.ofa_folders import write_vocabulary

from steadfast.entailment.ofa.tokenizer import UNKNOWN, BytePairTokenizer, pieces_of
from steadfast.errors import InputMissing, ModelUnsupported


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_vocabulary(tmp_path, 900)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (" does it's", [" does", " it", "'s"]),
        ("a  b", ["a", " ", " b"]),
        ("x 12.5%", ["x", " 12", ".", "5", "%"]),
        ('say " no', ["say", ' "', " no"]),
        ("end  ", ["end", "  "]),
        ("a\n b", ["a", "\n", " b"]),
        ("naïve½ ²", ["naïve", "½", " ²"]),
        ("we'll've", ["we", "'ll", "'ve"]),
        ("e\u0301", ["e", "\u0301"]),
    ],
)
def test_text_is_cut_as_gpt_2_cuts_it(text: str, pieces: list[str]) -> None:
    assert list(pieces_of(text)) == pieces
    assert "".join(pieces) == text


def test_known_words_are_one_token_and_others_are_spelled(folder: Path) -> None:
    tokenizer = BytePairTokenizer.of_folder(folder)
    assert len(tokenizer.encode(" does the image describe")) == 4
    assert len(tokenizer.encode(" zzz")) == 4
    assert UNKNOWN not in tokenizer.encode(" any bytes: é € 😀 \x07")


def test_the_same_word_gets_the_same_tokens_again(folder: Path) -> None:
    tokenizer = BytePairTokenizer.of_folder(folder)
    assert tokenizer.encode(" dogs dogs") == tokenizer.encode(" dogs") * 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match=r"vocab\.json"):
        BytePairTokenizer.of_folder(tmp_path)


def test_a_vocabulary_that_numbers_its_signs_otherwise_is_refused(folder: Path) -> None:
    (folder / "vocab.json").write_text('{"<s>": 5}')
    with pytest.raises(ModelUnsupported, match="<s>"):
        BytePairTokenizer.of_folder(folder)
