"""A server that asks for keys and limits what one key may send."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.serving_house import FAULTY, ServingHouse, serving

from steadfast.admission.keys import KeyStore
from steadfast.admission.scopes import Scope
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.settings import DatabaseSettings

LIMITED = FAULTY | {
    "STEADFAST_RUNTIME__WORKERS": "1",
    "STEADFAST_SERVER__REQUIRE_KEYS": "always",
    "STEADFAST_ADMISSION__REQUESTS_PER_S_BY_KEY": "0.2",
    "STEADFAST_ADMISSION__BURST_BY_KEY": "3",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHouse]:
    with serving(tmp_path_factory.mktemp("keys"), LIMITED) as running:
        yield running


@pytest.fixture
def keys(house: ServingHouse) -> Iterator[KeyStore]:
    database = open_database(database_options(DatabaseSettings(), house.data_dir))
    yield KeyStore(database)
    database.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_the_first_key_is_shown_once_and_opens_everything(house: ServingHouse) -> None:
    assert house.key is not None
    assert house.swap().status_code == 200


def test_no_key_and_a_wrong_key_are_refused_with_a_challenge(house: ServingHouse) -> None:
    for headers in ({"Authorization": ""}, bearer("sf_000000000000_wrong"), {"Authorization": "Basic eDp5"}):
        answer = house.swap(headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "key_refused"


def test_a_key_without_the_scope_is_refused(house: ServingHouse, keys: KeyStore) -> None:
    token = keys.create(name="videos", scopes=[Scope.JOBS]).token
    answer = house.swap(headers=bearer(token))
    assert answer.status_code == 403
    assert answer.json()["code"] == "scope_missing"


def test_an_expired_key_is_refused(house: ServingHouse, keys: KeyStore) -> None:
    token = keys.create(name="old", scopes=[Scope.SWAP], expires_at=datetime(2020, 1, 1, tzinfo=UTC)).token
    assert house.swap(headers=bearer(token)).status_code == 401


def test_a_key_may_also_come_in_its_own_header(house: ServingHouse, keys: KeyStore) -> None:
    token = keys.create(name="other", scopes=[Scope.SWAP]).token
    with house.new_client() as client:
        del client.headers["Authorization"]
        assert house.swap(client=client, headers={"X-API-Key": token}).status_code == 200


def test_with_a_key_any_name_of_the_service_will_do(house: ServingHouse, keys: KeyStore) -> None:
    token = keys.create(name="named", scopes=[Scope.SWAP]).token
    assert house.swap(headers=bearer(token) | {"Host": "faces.example"}).status_code == 200


def test_a_key_that_sends_too_much_is_told_when_it_may_again(house: ServingHouse, keys: KeyStore) -> None:
    token = keys.create(name="busy", scopes=[Scope.SWAP]).token
    answers = [house.swap(headers=bearer(token)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 5
    assert 0 < answers[-1].json()["retry_after_s"] <= 5


def test_probes_need_no_key(house: ServingHouse) -> None:
    with house.new_client() as client:
        del client.headers["Authorization"]
        assert client.get("/health/ready").status_code == 200
