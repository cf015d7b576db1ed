"""Probes and sinks of an installed package join the running service by its entry points alone."""

import json
import signal
from pathlib import Path

from tests.installed_plugin import install
from tests.serving_house import FAULTY, serving

SOURCE = """
    import json
    import os
    import time
    from pathlib import Path

    from steadfast.health.probes.contract import Probe
    from steadfast.health.readings import Sample, Thresholds


    class Licences(Probe):
        name = "licences"
        unit = "days left"
        thresholds = Thresholds(warning=30, error=3, is_falling=True)

        def take(self):
            return [Sample(value=7.0)]


    class Stuck(Probe):
        name = "stuck"
        timeout_s = 0.2

        def take(self):
            time.sleep(3600)


    def probes(surroundings):
        return [Licences(), Stuck()]


    def sink():
        folder = Path(os.environ["HEARD_IN"])

        def hear(change):
            with folder.open("a") as file:
                file.write(json.dumps([change.change.value, change.incident.kind]) + "\\n")
            raise RuntimeError("a sink of somebody else")

        return hear
"""


def test_probes_and_sinks_of_an_installed_package_join_and_their_faults_stay_theirs(tmp_path: Path) -> None:
    site, heard = tmp_path / "site", tmp_path / "heard"
    heard.touch()
    install(
        site,
        name="theirs",
        module="theirs_of_health",
        source=SOURCE,
        entry_points={
            "steadfast.probes": "all = theirs_of_health:probes",
            "steadfast.sinks": "one = theirs_of_health:sink",
        },
    )
    settings = FAULTY | {
        "PYTHONPATH": str(site),
        "HEARD_IN": str(heard),
        "STEADFAST_RUNTIME__WORKERS": "1",
        "STEADFAST_HEALTH__INTERVAL_S": "0.2",
        "STEADFAST_HEALTH__PROBES__LICENCES__WARNING": "10",
    }
    with serving(tmp_path / "data", settings) as house:

        def readings() -> dict[str, str]:
            return {one["probe"]: one["status"] for one in house.client.get("/health").json()["readings"]}

        house.until(lambda: readings().get("stuck") == "unknown" and "licences" in readings())
        assert readings()["licences"] == "warning"
        house.workers()[0].send_signal(signal.SIGKILL)
        house.until(lambda: '["ended", "worker_died"]' in heard.read_text())
        house.until(lambda: '["opened", "probe_failed"]' in heard.read_text())
        assert house.swap().status_code == 200
    told = [json.loads(line) for line in heard.read_text().splitlines()]
    assert ["opened", "licences"] in told
