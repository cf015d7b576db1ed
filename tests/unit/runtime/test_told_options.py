"""Of a dead request's options only numbers and words of a vocabulary are told, never a text."""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from steadfast.runtime.told_options import options_told


class Codec(StrEnum):
    PNG = "png"


class Asked(msgspec.Struct, kw_only=True):
    codec: Codec | None
    mode: Literal["fast", "good"]
    faces: Annotated[str, msgspec.Meta(pattern="^[a-z0-9,]{1,20}$")]
    hypothesis: str
    short: Annotated[str, msgspec.Meta(max_length=10)]
    quality: int


ASKED = Asked(codec=Codec.PNG, mode="fast", faces="0,2", hypothesis="grandma", short="grandma", quality=95)


def test_words_of_a_vocabulary_and_numbers_are_told_and_texts_are_not() -> None:
    told = options_told(msgspec.msgpack.encode(ASKED), Asked)
    assert told == {"codec": "png", "mode": "fast", "faces": "0,2", "quality": 95}


def test_options_without_a_known_type_tell_numbers_only() -> None:
    assert options_told(msgspec.msgpack.encode(ASKED), None) == {"quality": 95}


def test_options_that_carry_no_names_get_those_of_their_type() -> None:
    class Placed(msgspec.Struct, array_like=True):
        text: str
        codec: Codec

    encoded = msgspec.msgpack.encode(Placed("grandma", Codec.PNG))
    # A type of a function's own cannot be looked into: then its words stay untold.
    assert "grandma" not in options_told(encoded, Placed).values()
    assert options_told(msgspec.msgpack.encode(["grandma", 3]), None) == {"1": 3}


def test_what_is_no_message_tells_nothing() -> None:
    assert options_told(b"\xc1", Asked) == {}
