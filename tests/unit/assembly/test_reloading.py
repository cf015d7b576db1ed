"""A reload changes what can change while requests run, and says plainly what cannot."""

from steadfast.assembly.reloading import changes, takes_effect_at_reload
from steadfast.settings import Settings


def settings(**sections: object) -> Settings:
    return Settings.model_validate(sections)


def test_what_workers_and_admission_follow_is_applied() -> None:
    new = changes(
        settings(),
        settings(
            faces={"engine": "embedded"}, runtime={"deadline_s": 5}, admission={"max_waiting": 7},
            server={"grace_s": 3},
        ),
    )  # fmt: skip
    assert new.applied == ("admission.max_waiting", "faces.engine", "runtime.deadline_s", "server.grace_s")
    assert new.need_restart == ()
    assert new.settings.faces.engine == "embedded"
    assert new.settings.admission.max_waiting == 7


def test_what_needs_a_restart_is_named_and_stays_as_it_was_until_then() -> None:
    before = settings(server={"port": 8080}, runtime={"workers": 1})
    read = settings(server={"port": 9000, "grace_s": 3}, runtime={"workers": 2, "spares": 2})
    new = changes(before, read)
    assert new.need_restart == ("runtime.workers", "server.port")
    assert (new.settings.server.port, new.settings.runtime.workers) == (8080, 1)
    assert (new.settings.server.grace_s, new.settings.runtime.spares) == (3, 2)
    assert changes(new.settings, read).need_restart == new.need_restart


def test_a_setting_outside_the_sections_needs_a_restart(tmp_path: object) -> None:
    assert changes(settings(), settings(data_dir=str(tmp_path))).need_restart == ("data_dir",)
    assert not takes_effect_at_reload("health.enabled")


def test_nothing_changed_is_told_as_nothing() -> None:
    new = changes(settings(), settings())
    assert (new.applied, new.need_restart) == ((), ())
