"""What somebody else's policies say of pods and images: every one holds, or there is a reason why not.

`make deploy-check` runs it and CI does not; policies of our own are in `test_chart.py` and
`test_compose_files.py`.
"""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml
from tests.deploy_tools import ROOT, judged_chart, scanner

OF_THE_CHART: Final = {
    "CKV_K8S_15": "pull always: tags are versions and never move, and a node starts without its registry",
    "CKV_K8S_21": "no namespace: whoever installs the chart chooses it; nothing in it names one",
    "CKV_K8S_43": "digests: the image is the user's own, and `image.digest` takes theirs",
}
OF_IMAGES: Final = {
    "CKV_DOCKER_7": "a tag for the base: it is an argument with a version; a release is pinned by digest",
}


def failures(*arguments: str) -> tuple[set[str], int]:
    """Checks that fail, and how many passed."""
    command = [scanner(), *arguments, "--output", "json", "--compact", "--quiet", "--skip-download"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    told = json.loads(done.stdout)
    results: list[dict[str, Any]] = told if isinstance(told, list) else [told]
    failed = [check for result in results for check in result["results"]["failed_checks"]]
    assert not any(result["summary"]["parsing_errors"] for result in results)
    return {check["check_id"] for check in failed}, sum(result["summary"]["passed"] for result in results)


def test_every_policy_for_pods_holds_or_has_a_reason_not_to(tmp_path: Path) -> None:
    for name, judgement in judged_chart()["sets"].items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(judgement["objects"]), encoding="utf-8")
    failed, passed = failures("--directory", str(tmp_path), "--framework", "kubernetes")
    assert failed == OF_THE_CHART.keys()  # a reason that is not needed any more must go
    assert passed > 1000


def test_every_policy_for_images_holds_or_has_a_reason_not_to_and_no_secret_is_found() -> None:
    failed, passed = failures("--directory", str(ROOT / "deploy"), "--framework", "dockerfile", "secrets")
    assert failed == OF_IMAGES.keys()
    assert passed > 100
