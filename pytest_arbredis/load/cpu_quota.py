"""The share of the CPU that a control group leaves us: who spins under a quota is throttled for it."""

from __future__ import annotations

from pathlib import Path

GROUPS = Path("/proc/self/cgroup")
MOUNTED = Path("/sys/fs/cgroup")


def cpu_quota(groups: Path = GROUPS, mounted: Path = MOUNTED) -> str:
    """What limits our CPU time, as the kernel writes it (`cpu.max 150000 100000`); empty if nothing does.

    Looks at our group of version 2, at that of version 1's cpu controller, and at all groups above them.
    """
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        _, controllers, path = line.split(":", 2)
        names = controllers.split(",")
        if not controllers:
            found = _above(mounted, path, "cpu.max", unlimited="max") or _above(
                mounted / "unified", path, "cpu.max", unlimited="max"
            )
        elif "cpu" in names:
            found = _above(mounted / controllers, path, "cpu.cfs_quota_us", unlimited="-1") or _above(
                mounted / "cpu", path, "cpu.cfs_quota_us", unlimited="-1"
            )
        else:
            continue
        if found:
            return found
    return ""


def _above(root: Path, path: str, name: str, *, unlimited: str) -> str:
    """The first limit from our group up to the root."""
    group = root / path.strip("/")
    while True:
        try:
            said = (group / name).read_text().strip()
        except OSError:
            said = ""
        if said and said.split()[0] != unlimited:
            return f"{name} {said}"
        if group in {root, group.parent}:
            return ""
        group = group.parent
