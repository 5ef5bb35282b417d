"""The hashes of what CI installs: `python -m tests.pins` writes requirements-ci.txt from constraints.txt.

pip refuses hashes in a file of constraints together with an editable install (`pip install -e`), which the README's
command is. So they stand in a file of their own, from which `.ci/run` fetches the packages before it runs the command.
Of torch it is the hash of the build that pip takes on the machine of CI, which is for processors.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
CONSTRAINTS, HASHES = ROOT / "constraints.txt", ROOT / "requirements-ci.txt"
BUILD = ("editables==0.6",)  # what building archlang needs beyond what is installed
HEAD = """\
# What .ci/run installs, for Python 3.11 on Linux x86_64: written by `python -m tests.pins` from constraints.txt.
# The hash of each file is checked as it is fetched. That of torch is of its build for processors, not of that for CUDA.
"""


def pinned() -> list[str]:
    """Return the lines of constraints.txt that pin a package, and what the build needs."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return [*(line for line in lines if re.match(r"\w", line)), *BUILD]


def name_of(requirement: str) -> str:
    """Return the name of a package as indexes write it."""
    return re.sub(r"[-_.]+", "-", requirement.partition("==")[0]).lower()


def hashes(requirements: list[str]) -> dict[str, str]:
    """Return the SHA-256 of the file that pip would install for each requirement, by the name of the package."""
    with TemporaryDirectory() as folder:
        listed, report = Path(folder) / "all.txt", Path(folder) / "report.json"
        listed.write_text("\n".join(requirements), encoding="utf-8")
        words = ["install", "-q", "--dry-run", "--ignore-installed", "--no-deps", "--report", str(report)]
        subprocess.run([sys.executable, "-m", "pip", *words, "-r", str(listed)], check=True)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {name_of(one["metadata"]["name"]): one["download_info"]["archive_info"]["hashes"]["sha256"] for one in found}


def listed(requirements: list[str], found: dict[str, str]) -> str:
    """Return a file of requirements, each on a line with its hash."""
    lines = (f"{one} --hash=sha256:{found[name_of(one)]}\n" for one in sorted(requirements, key=name_of))
    return HEAD + "".join(lines)


def main() -> int:
    """Write the file."""
    HASHES.write_text(listed(pinned(), hashes(pinned())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
