"""Secrets in files of their own."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from steadfast.database.connection import database_options
from steadfast.errors import ConfigError
from steadfast.settings import DatabaseSettings, load_settings
from steadfast.settings.cluster import ClusterSettings
from steadfast.settings.secret_files import secret_text


def test_a_value_wins_over_a_file_and_a_file_over_nothing(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    assert secret_text("a.b", SecretStr("from the setting"), file) == "from the setting"
    assert secret_text("a.b", None, file) == "from the file"
    assert secret_text("a.b", None, None) is None


def test_a_file_that_is_not_there_is_told_by_the_setting_and_not_by_its_content(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"The file of database\.url cannot be read: No such file"):
        secret_text("database.url", None, tmp_path / "none")


def test_the_database_is_reached_with_a_password_that_only_a_file_knows(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("p@ss/word: 1\n")
    settings = DatabaseSettings(url=SecretStr("postgresql://app@db/steadfast"), password_file=password)
    url = database_options(settings, tmp_path).url
    assert (url.username, url.password, url.host) == ("app", "p@ss/word: 1", "db")
    assert "word" not in str(url)


def test_a_url_may_stand_in_a_file_and_its_own_password_holds(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://app:inside@db/steadfast\n")
    (tmp_path / "password").write_text("beside")
    settings = DatabaseSettings(url_file=tmp_path / "url", password_file=tmp_path / "password")
    assert database_options(settings, tmp_path).url.password == "inside"


def test_a_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text("postgresql://app:x@db/steadfast")
    monkeypatch.setenv("STEADFAST_DATABASE__URL_FILE", str(tmp_path / "url"))
    database = load_settings().database
    assert database.url_file == tmp_path / "url"
    assert database.url is None  # what is shown and dumped has the path, and nothing else


def test_the_broker_may_stand_in_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "broker").write_text("amqp://app:x@broker/\n")
    settings = ClusterSettings(broker_url_file=tmp_path / "broker")
    assert (settings.broker(), settings.redis()) == ("amqp://app:x@broker/", None)
