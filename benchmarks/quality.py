"""What takes too long for every change: thorough tests, and the release drill on each launcher.

`make quality`, some fifteen minutes. What was run, how it came out and how long it took goes to
`benchmarks/results/quality.json`; exit status 1 if anything was not as promised.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from machine import ROOT, commit, described, today

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = Path(__file__).parent / "results" / "quality.json"
LAUNCHERS = ("process", "docker")
DRILL_WITHIN_S = {"process": 480.0}
"""The release drill's goal, on processes."""


def run(words: Sequence[str]) -> tuple[int, float]:
    """Exit status and seconds of a command of this environment; what it says goes to the terminal."""
    began = time.monotonic()
    status = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, check=False).returncode
    return status, round(time.monotonic() - began, 1)


def thorough_tests(folder: Path) -> dict[str, object]:
    """Tests that `make test` leaves out: counts by outcome."""
    report = folder / "thorough.xml"
    expression = "thorough"
    status, took_s = run(["pytest", "-n", "2", "--dist", "worksteal", "-m", expression, f"--junitxml={report}", "-q"])
    suite = next(ET.parse(report).iter("testsuite"))  # noqa: S314 - written by our own pytest a moment ago
    counts = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    return {"what": f"pytest -m '{expression}'", "status": status, "took_s": took_s, **counts}


def release_drill(launcher: str, folder: Path) -> dict[str, object]:
    """All shipped scenarios on one launcher: the word and the seconds of each."""
    runs = folder / launcher
    words = ["pytest_arbredis.cli", "drill", "--profile", "release", "--launcher", launcher, "--runs-dir", str(runs)]
    status, took_s = run(words)
    results = [json.loads(path.read_bytes()) for path in sorted(runs.glob("*-main/result.json"))]
    return {
        "what": f"arbredis drill --profile release --launcher {launcher}",
        "status": status,
        "took_s": took_s,
        "within_s": DRILL_WITHIN_S.get(launcher),
        "scenarios": {one["scenario"]: one["word"] for one in results},
    }


def main() -> int:
    """Run everything, print a line for each, write the file."""
    about = described()
    with tempfile.TemporaryDirectory(prefix="arbredis-quality-") as name:
        parts = [*(release_drill(launcher, Path(name)) for launcher in LAUNCHERS), thorough_tests(Path(name))]
    good = all(
        part["status"] == 0 and (not part.get("within_s") or float(str(part["took_s"])) <= float(str(part["within_s"])))
        for part in parts
    )
    content = {"benchmark": "quality", "commit": commit(), "date": today(), "machine": about, "parts": parts}
    RESULTS.write_text(json.dumps(content, indent=1) + "\n")
    for part in parts:
        print(f"{part['what']}: status {part['status']}, {part['took_s']} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
