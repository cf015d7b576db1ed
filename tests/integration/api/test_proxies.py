"""Behind a proxy the client's address is the one that a trusted proxy tells, and no other."""

from pathlib import Path

from tests.serving_house import FAULTY, ServingHouse, serving

LIMITED = FAULTY | {
    "STEADFAST_RUNTIME__WORKERS": "1",
    "STEADFAST_RUNTIME__SPARES": "0",
    "STEADFAST_ADMISSION__REQUESTS_PER_S_BY_ADDRESS": "0.1",
    "STEADFAST_ADMISSION__BURST_BY_ADDRESS": "2",
}


def statuses(house: ServingHouse, *addresses: str) -> list[int]:
    return [house.swap(headers={"X-Forwarded-For": address}).status_code for address in addresses]


def test_a_trusted_proxy_s_word_counts_and_keys_are_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path, LIMITED, "--proxy-headers", "127.0.0.1", spares=0) as house:
        assert house.key is not None
        assert statuses(house, *["203.0.113.1"] * 3, "203.0.113.2") == [200, 200, 429, 200]
        # What the client itself wrote stands before what the proxy added, and is not believed.
        assert statuses(house, "198.51.100.9, 203.0.113.1") == [429]


def test_nobody_else_s_word_counts(tmp_path: Path) -> None:
    with serving(tmp_path, LIMITED, spares=0) as house:
        assert house.key is None
        assert statuses(house, "203.0.113.1", "203.0.113.2", "203.0.113.3") == [200, 200, 429]
