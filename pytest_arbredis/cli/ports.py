"""Fixed ports as people give them on the command line: `--port primary=6379 --port sentinel=26379`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

WHO = r"primary|sentinel|n\d+|s\d+"


def parse_ports(given: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Ports by role or node, sorted. A usage error names the text that is wrong."""
    found: dict[str, int] = {}
    for text in given:
        role, _, number = text.partition("=")
        if role in found:
            raise UsageError(f"--port {text}: {role} has a port already", remedy="give it once")
        if not re.fullmatch(WHO, role) or not number.isdecimal() or not 0 < int(number) < 65536:
            raise UsageError(
                f"--port {text!r}",
                remedy="use ROLE=N, N from 1 to 65535: primary=6379, n1=6380 (a data node), sentinel=26379, s1=26380",
            )
        found[role] = int(number)
    return tuple(sorted(found.items()))
