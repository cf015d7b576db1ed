"""Every key's callbacks have a secret of their own, made from one that is kept."""

from pathlib import Path

import pytest

from steadfast.errors import ConfigError
from steadfast.jobs.webhook_secrets import secret_of_key, webhook_secret


def test_the_secret_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    secret = webhook_secret(tmp_path, None)
    assert len(secret) > 40
    assert webhook_secret(tmp_path, None) == secret
    assert webhook_secret(tmp_path, "given") == "given"
    assert (tmp_path / "webhook.secret").stat().st_mode & 0o077 == 0
    assert [file.name for file in tmp_path.iterdir()] == ["webhook.secret"]


def test_each_key_has_its_own_secret_and_always_the_same() -> None:
    first, second = secret_of_key("master", "0a1b"), secret_of_key("master", "0a1c")
    assert first == secret_of_key("master", "0a1b") != second
    assert len({first, second, secret_of_key("another master", "0a1b"), "master"}) == 4
    assert first.startswith("whsec_")
    assert len(first) > 40


def test_where_no_keys_are_needed_the_master_signs() -> None:
    assert secret_of_key("master", "") == "master"


def test_a_secret_that_cannot_be_kept_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "webhook.secret").mkdir()
    with pytest.raises(ConfigError, match="cannot be used"):
        webhook_secret(tmp_path, None)
