"""The reference pages say what the code does."""

import pytest
from tests.reference_pages import FOLDER, MEANINGS, PAGES

from steadfast.errors import ExitCode


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_what_the_code_says_today(page: str) -> None:
    written = (FOLDER / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "write it anew: python -m tests.reference_pages"


def test_every_exit_status_is_explained() -> None:
    assert set(MEANINGS) == set(ExitCode)
