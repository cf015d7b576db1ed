"""The guardian's command line says the same on both of its sides."""

import pytest

from steadfast.guardian.options import GuardianOptions, parse


def test_what_is_written_is_what_is_read() -> None:
    options = GuardianOptions(hung_after_s=0.7, restarts=3, grace_s=12.5)
    arguments = [*options.as_arguments(), "--", "server", "--hung-after-s", "9"]
    assert parse(arguments) == (options, ["server", "--hung-after-s", "9"])


def test_defaults_need_no_arguments() -> None:
    assert GuardianOptions().as_arguments() == []
    assert parse(["--", "server"]) == (GuardianOptions(), ["server"])


@pytest.mark.parametrize("arguments", [[], ["--"], ["--restarts", "many", "--", "server"], ["server"]])
def test_a_wrong_command_line_is_refused_as_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parse(arguments)
    assert refused.value.code == 2
    assert "guardian" in capsys.readouterr().err
