"""The subjects, the outcome table and the plugin on the oldest and newest redis-py and pytest, and those between.

`make versions`, some minutes: the wheel is built once, and installed beside each row's versions in an environment of
its own, kept in the temporary folder for the next time. `--python PATH` adds an interpreter, on which the newest
versions are tested. What came of it goes to `benchmarks/results/versions.json`; exit status 1 if a test failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from machine import ROOT, commit, described, today

RESULTS = Path(__file__).parent / "results" / "versions.json"
KEPT = Path(tempfile.gettempdir()) / f"arbredis-versions-{os.getuid()}"
TESTS = (
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests/unit/load").glob("test_outcomes*.py"))),
    *(
        "tests/unit/subjects/test_counting.py",
        "tests/unit/views",
        "tests/plugin/test_fixtures.py::test_every_fixture_does_what_it_says",
    ),
    *(f"tests/integration/test_redis_py_{name}.py" for name in ("subjects", "repeats", "pipelines", "logins")),
)
"""What meets redis-py's and pytest's own interfaces."""
ASKED = "from importlib.metadata import version as v; import sys; print('.'.join(map(str, sys.version_info[:3])))"
PACKAGES = ("redis", "pytest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Versions that are tested together; a package without a pin is the newest."""

    pins: tuple[str, ...] = ()
    extra: str = ""
    python: str = sys.executable

    @property
    def name(self) -> str:
        """A folder's name."""
        words = (*self.pins, self.extra or "plain", Path(self.python).resolve().parent.parent.name)
        return "-".join(words).replace("==", "")


ROWS = (
    Row(pins=("redis==5.0.0", "pytest==8.0.0")),
    Row(pins=("redis==5.0.8",), extra="fast"),
    Row(pins=("redis==6.4.0",)),
    Row(pins=("redis==7.4.1", "pytest==8.4.2"), extra="fast"),
    Row(),
    Row(extra="fast"),
)


def environment(row: Row, wheel: Path) -> Path:
    """The `bin` of the row's environment, with the wheel as it is now."""
    folder = KEPT / row.name
    binaries = folder / "bin"
    target = f"{wheel}[{row.extra}]" if row.extra else str(wheel)
    pip = [sys.executable, "-m", "pip", "--python", str(binaries / "python"), "install", "--quiet", "--no-compile"]
    if not (folder / "complete").exists():
        subprocess.run([row.python, "-m", "venv", "--clear", "--without-pip", str(folder)], check=True)
        subprocess.run([*pip, target, "pytest-xdist", *row.pins], check=True)
        (folder / "complete").touch()
    else:
        subprocess.run([*pip, "--no-deps", "--force-reinstall", str(wheel)], check=True)
    return binaries


def tested(row: Row, binaries: Path) -> dict[str, object]:
    """Versions, counts by outcome, and the names of the tests that failed."""
    program = f"{ASKED}\nfor name in {PACKAGES!r}: print(v(name))"
    asked = subprocess.run([str(binaries / "python"), "-c", program], capture_output=True, text=True, check=True)
    python, *versions = asked.stdout.split()
    report = KEPT / f"{row.name}.xml"
    report.unlink(missing_ok=True)
    began = time.monotonic()
    command = [
        str(binaries / "pytest"),
        *TESTS,
        "-q",
        f"--junitxml={report}",
        "-o",
        f"cache_dir={KEPT / row.name / 'cache'}",
    ]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    suite = next(ET.parse(report).iter("testsuite")) if report.exists() else ET.Element("testsuite")  # noqa: S314 - ours
    counts = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    failed = [
        f"{case.get('classname')}.{case.get('name')}"
        for case in suite.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return {
        "python": python,
        **dict(zip(PACKAGES, versions, strict=True)),
        "hiredis": row.extra == "fast",
        "commit": commit(),
        "date": today(),
        "status": status,
        "took_s": round(time.monotonic() - began, 1),
        **counts,
        "failed": failed,
    }


def built() -> Path:
    """The wheel of this checkout."""
    folder = Path(tempfile.mkdtemp(prefix="wheel-", dir=KEPT))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def main() -> int:
    """Test every row, print the table, write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", default=[], help="another interpreter, with the newest versions")
    parser.add_argument("--only", default="", help="rows whose name contains this; the file keeps the others")
    given = parser.parse_args()
    about = described()
    KEPT.mkdir(exist_ok=True)
    wheel = built()
    rows = [*ROWS, *(Row(extra="fast", python=python) for python in given.python)]
    parts = {row.name: tested(row, environment(row, wheel)) for row in rows if given.only in row.name}
    print(f"{'Python':9}{'redis-py':10}{'pytest':8}{'parser':9}{'passed':>7}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for part in parts.values():
        bad = int(str(part["failures"])) + int(str(part["errors"]))
        good = int(str(part["tests"])) - bad - int(str(part["skipped"]))
        parser_name = "hiredis" if part["hiredis"] else "Python"
        print(
            f"{part['python']:9}{part['redis']:10}{part['pytest']:8}{parser_name:9}"
            f"{good:>7}{bad:>8}{part['skipped']:>9}{part['took_s']:>9}"
        )
    known = json.loads(RESULTS.read_bytes())["rows"] if given.only and RESULTS.exists() else {}
    content = {"benchmark": "versions", "machine": about, "tests": TESTS, "rows": {**known, **parts}}
    RESULTS.write_text(json.dumps(content, indent=1) + "\n")
    return 0 if parts and all(part["status"] == 0 for part in parts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
