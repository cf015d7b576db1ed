"""Installs what a user gets (base and the extra `cpu`) into a fresh environment and prints its size and time.

    python -m benchmarks.install_size

The lock file is installed with its hashes, as `make setup` does. Bar: under 900 MB, no torch.
"""

import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT_MB = 900


def size_mb(folder: Path) -> float:
    """Bytes of all files below the folder, in MB (10^6)."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6


def install(folder: Path) -> float:
    """Creates the environment and answers how many seconds it took."""
    begun = time.monotonic()
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    locks = ROOT / "requirements"
    subprocess.run([*pip, "--require-hashes", "-r", str(locks / "build.txt")], check=True)
    subprocess.run(
        [*pip, "--require-hashes", "--no-build-isolation", "-r", str(locks / "cpu.txt")], check=True
    )
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", str(ROOT)], check=True)
    return time.monotonic() - begun


def main() -> int:
    """Prints one line per package over 10 MB and the total; 1 if over the limit or torch is there."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "venv"
        seconds = install(folder)
        site = next((folder / "lib").glob("python3*")) / "site-packages"
        sizes = sorted(((size_mb(p), p.name) for p in site.iterdir() if p.is_dir()), reverse=True)
        for mb, name in sizes:
            if mb >= 10:
                print(f"{mb:8.1f} MB  {name}")
        total = size_mb(folder)
        has_torch = (site / "torch").exists()
    print(f"{total:8.1f} MB  in all (limit {LIMIT_MB}), torch: {has_torch}, {seconds:.0f} s to install")
    return int(total > LIMIT_MB or has_torch)


if __name__ == "__main__":
    sys.exit(main())
