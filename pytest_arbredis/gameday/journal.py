"""The recording of a game day, which may last for hours: samples that say nothing new are thinned to one a second."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from pytest_arbredis._clock import CLOCK, NS_PER_S, Clock
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.report.text import notable
from pytest_arbredis.report.timeline import ROLES, Mark
from pytest_arbredis.report.wording import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_arbredis.history.records import EventName, Header, Json

LAST = 400
"""Events that are kept at hand: a failover is some fifty lines of three Sentinels."""


class Journal(Recorder):
    """A recorder that also knows the last events, in seconds since it began."""

    def __init__(self, path: Path, header: Header, clock: Clock = CLOCK) -> None:
        super().__init__(path, header, clock)
        self.began_ns = clock.now_ns()
        self._guard = threading.Lock()
        self._marks: deque[Mark] = deque(maxlen=LAST)
        self._samples: dict[str, tuple[int, Mapping[str, Json]]] = {}

    def event(self, name: EventName, source: str, data: Mapping[str, Json], *, at_ns: int | None = None) -> None:
        """Record it, unless it is a sample like the one before, less than a second later."""
        at = self.clock.now_ns() if at_ns is None else at_ns
        with self._guard:
            if name == "replication" and not self._is_news(source, data, at):
                return
            if name == "sentinel":
                self._mark(Mark(at_s=self.since_s(at), kind="sentinel", label=_label(data), source=source))
        super().event(name, source, data, at_ns=at)

    def since_s(self, at_ns: int | None = None) -> float:
        """Seconds from the beginning until now, or until `at_ns`."""
        return ((self.clock.now_ns() if at_ns is None else at_ns) - self.began_ns) / NS_PER_S

    def story(self) -> tuple[Mark, ...]:
        """The last role changes and those of the Sentinels' events that tell the story, by time."""
        with self._guard:
            return notable(sorted(self._marks, key=lambda mark: mark.at_s))

    def _is_news(self, source: str, data: Mapping[str, Json], at: int) -> bool:
        last_ns, last = self._samples.get(source, (0, {}))
        changed = any(data.get(key) != last.get(key) for key in ("role", "replid"))
        if not changed and at - last_ns < NS_PER_S:
            return False
        before, role = (ROLES.get(str(sample.get("role")), "") for sample in (last, data))
        if before and role and before != role:
            label = f"{source}: {before} → {role}"
            self._mark(Mark(at_s=self.since_s(at), kind="role", label=label, source=source))
        self._samples[source] = (at, data)
        return True

    def _mark(self, mark: Mark) -> None:
        self._marks.append(mark)


def _label(data: Mapping[str, Json]) -> str:
    return shown(data.get("event"), limit=60)
