"""Settings come from one file and the environment; a wrong one is named with what was expected."""

import os
from pathlib import Path

import pytest

from steadfast.errors import ConfigError, ExitCode
from steadfast.settings import load_settings, with_options


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours, and a home of its own."""
    for name in os.environ:
        if name.upper().startswith("STEADFAST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_everything_has_a_default() -> None:
    settings = load_settings()
    assert settings.models.mirror == ()
    assert settings.faces.engine == "auto"


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(
        tmp_path / "a.toml", '[models]\nattempts = 7\nread_timeout_s = 3\n[faces]\nengine = "embedded"'
    )
    monkeypatch.setenv("STEADFAST_MODELS__ATTEMPTS", "9")
    settings = load_settings(file)
    assert settings.models.attempts == 9
    assert settings.models.read_timeout_s == 3.0
    assert settings.faces.engine == "embedded"


def test_the_file_is_the_option_s_else_the_variable_s_else_the_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "config" / "steadfast" / "config.toml", "[models]\nattempts = 1")
    assert load_settings().models.attempts == 1
    monkeypatch.setenv("STEADFAST_CONFIG", str(write(tmp_path / "b.toml", "[models]\nattempts = 2")))
    assert load_settings().models.attempts == 2
    assert load_settings(write(tmp_path / "c.toml", "[models]\nattempts = 3")).models.attempts == 3


@pytest.mark.parametrize(
    "text",
    [
        "file:///a,https://b.example/m/",
        '["file:///a", "https://b.example/m"]',
        " file:///a , https://b.example/m",
    ],
)
def test_a_list_may_be_json_or_parted_by_commas(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFAST_MODELS__MIRROR", text)
    assert load_settings().models.mirror == ("file:///a", "https://b.example/m")


@pytest.mark.parametrize("text", ["7", "true", "null", '"quoted"'])
def test_one_item_of_a_list_may_look_like_json(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFAST_RUNTIME__DEVICES", text)
    assert load_settings().runtime.devices == (text,)


@pytest.mark.parametrize(("text", "cores"), [("2-4,7", (2, 3, 4, 7)), ("3", (3,)), ("[1, 2]", (1, 2))])
def test_cores_are_written_as_ranges(
    text: str, cores: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFAST_RUNTIME__CORES", text)
    assert load_settings().runtime.cores == cores


@pytest.mark.parametrize("text", ["7-2", "a", "1-", "-1"])
def test_cores_that_cannot_be_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFAST_RUNTIME__CORES", text)
    with pytest.raises(ConfigError, match="2-7,9"):
        load_settings()


def test_a_section_may_be_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFAST_MODELS", '{"attempts": 3}')
    assert load_settings().models.attempts == 3


def test_a_mirror_may_be_the_path_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFAST_MODELS__MIRROR", str(tmp_path / "my models"))
    assert load_settings().models.mirror == ((tmp_path / "my models").as_uri(),)


def test_models_lie_in_the_data_folder_that_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = load_settings()
    assert usual.models.dir == usual.data_dir / "models"
    assert with_options(usual, {"data_dir": tmp_path}).models.dir == tmp_path / "models"
    monkeypatch.setenv("STEADFAST_DATA_DIR", str(tmp_path / "a"))
    assert load_settings().models.dir == tmp_path / "a" / "models"
    monkeypatch.setenv("STEADFAST_MODELS__DIR", str(tmp_path / "b"))
    chosen = load_settings()
    assert chosen.models.dir == tmp_path / "b"
    assert with_options(chosen, {"data_dir": tmp_path / "c"}).models.dir == tmp_path / "b"


def test_a_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFAST_MODELS__DIR", "~/weights")
    assert load_settings().models.dir == Path.home() / "weights"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("STEADFAST_MODELS__ATTEMPTS", "many", ["models.attempts", "'many'", "integer"]),
        ("STEADFAST_MODELS__ATTEMPTS", "0", ["models.attempts", "'0'", "greater than or equal to 1"]),
        ("STEADFAST_FACES__ENGINE", "best", ["faces.engine", "'best'", "'auto', 'embedded', 'standard' or"]),
        ("STEADFAST_MODELS__MIRROR", "ftp://x", ["models.mirror", "file://, https://"]),
        ("STEADFAST_MODELS__MIRROR", '["file:///x"', ["models.mirror", "JSON"]),
        ("STEADFAST_MODELS__DIRECTORY", "/x", ["no setting models.directory", "STEADFAST_MODELS__DIRECTORY"]),
        ("STEADFAST_MODEL__DIR", "/x", ["STEADFAST_MODEL__DIR", "models"]),
        ("STEADFAST_MODELS", "x", ["models"]),
    ],
)
def test_a_wrong_or_unknown_variable_is_named_with_its_value_and_what_was_expected(
    variable: str, value: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert caught.value.exit_code is ExitCode.CONFIG
    for word in words:
        assert word in caught.value.detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[models\n", "not valid TOML"),
        ("[models]\nattempts = 'x'", "models.attempts has the value 'x' (from "),
        ("[modles]\nattempts = 3", "no setting modles"),
        ("[models]\ntimeout = 3", "no setting models.timeout"),
        ("\xff", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_named_with_the_fault(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert words in caught.value.detail
    assert str(file) in caught.value.detail


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read: No such file"):
        load_settings(tmp_path / "nowhere.toml")


def test_values_do_not_change_after_the_start() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.models.attempts = 99


@pytest.mark.parametrize("text", ["[database]\nurl = ['hunter2']", "database = 'hunter2'"])
def test_a_wrong_secret_is_named_but_not_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a secret value") as caught:
        load_settings(write(tmp_path / "a.toml", text))
    assert "hunter2" not in caught.value.detail
