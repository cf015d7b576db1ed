"""A server that stands alone has nothing of the cluster in its process, and needs none of its packages."""

import subprocess
import sys

_CLUSTER = (
    "steadfast.cluster",
    "steadfast.assembly.clustering",
    "celery",
    "kombu",
    "redis",
    "amqp",
    "psycopg",
)
_SAYS = (
    "import sys, steadfast.assembly.server_process, steadfast.cli.application\n"
    "print(*sorted(m for m in sys.modules if m.split('.')[0] in {heads} or m.startswith({all})))"
)


def test_the_server_process_imports_neither_the_cluster_nor_its_packages() -> None:
    code = _SAYS.format(heads={name for name in _CLUSTER if "." not in name}, all=_CLUSTER)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == ""


def test_the_server_process_of_a_cluster_does_not_import_celery() -> None:
    code = (
        "import sys, steadfast.assembly.clustering\nprint('celery' in sys.modules or 'kombu' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"
