"""Incidents and alerts keep the same promises on PostgreSQL."""

from tests.unit.health.alerts.test_outbox import (
    test_a_receiver_that_is_gone_for_good_does_not_fill_the_database,
    test_pauses_double_and_then_stay,
    test_what_is_no_news_any_more_is_given_up,
    test_what_was_delivered_is_gone,
)
from tests.unit.health.test_incidents import (
    Wall,
    incident,
    test_a_list_is_the_latest_first_of_what_was_asked_for,
    test_an_incident_comes_back_from_the_database_as_it_was_last_saved,
    test_of_several_servers_the_gone_ones_alone_lose_what_they_had_open,
    test_the_old_and_the_too_many_go_but_what_lasts_stays,
    test_what_a_dead_server_has_left_open_is_closed_by_the_next,
)

from steadfast.database.database import Database
from steadfast.health.incident_store import IncidentStore

__all__ = [
    "test_a_list_is_the_latest_first_of_what_was_asked_for",
    "test_a_receiver_that_is_gone_for_good_does_not_fill_the_database",
    "test_an_incident_comes_back_from_the_database_as_it_was_last_saved",
    "test_of_several_servers_the_gone_ones_alone_lose_what_they_had_open",
    "test_pauses_double_and_then_stay",
    "test_the_old_and_the_too_many_go_but_what_lasts_stays",
    "test_what_a_dead_server_has_left_open_is_closed_by_the_next",
    "test_what_is_no_news_any_more_is_given_up",
    "test_what_was_delivered_is_gone",
]


def test_a_server_that_starts_leaves_alone_what_another_one_has_open(database: Database) -> None:
    wall = Wall()
    here, there = (IncidentStore(database, server=name, now=wall) for name in ("here", "there"))
    here.save(incident(1, wall))
    there.save(incident(2, wall))
    assert here.close_left_open() == 1
    assert [one.id for one in here.list(only_open=True)] == ["inc_2"]
