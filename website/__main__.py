"""Builds the site into build/website/site, and fails on any warning and on what `website.links` finds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from website.links import broken, uncoloured
from website.pages import navigation, stage

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Return 0 if the site is built and nothing is wrong with it."""
    place = ROOT / "build" / "website"
    shutil.rmtree(place, ignore_errors=True)
    staged = stage(ROOT, place / "pages")
    settings = (ROOT / "website" / "zensical.toml").read_text(encoding="utf-8")
    config = place / "zensical.toml"
    config.write_text(settings.replace("[project]\n", f"[project]\n{navigation(staged)}\n", 1), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "zensical", "build", "--strict", "-f", str(config)], check=False)
    if done.returncode != 0:
        return 1
    problems = broken(place / "site") + uncoloured(staged, place / "pages", place / "site")
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    sys.stdout.write(f"{len(staged)} pages in {(place / 'site').relative_to(ROOT)}, {len(problems)} problems\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
