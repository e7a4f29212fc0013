"""Which scenarios a drill was asked for: by names, or by a profile; with a subject, those that fit it."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.cli import catalogue
from pytest_arbredis.cli.catalogue import EVERYTHING, QUICK_PROFILE

if TYPE_CHECKING:
    from pytest_arbredis.scenario import Scenario
    from pytest_arbredis.subjects.fitting import Fitting


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says. It can be sent to another process, which a scenario with its subject cannot."""

    names: Sequence[str] = ()
    profile: str = QUICK_PROFILE
    subject: str | None = None

    def scenarios(self) -> Sequence[Scenario]:
        """In the order in which they run; with a subject, only those that fit it, and for it."""
        fitting = self.fitting()
        return self.all() if fitting is None else fitting.scenarios

    def all(self) -> Sequence[Scenario]:
        """Whether they fit the subject or not."""
        if self.names:
            return catalogue.find(self.names)
        return catalogue.everything() if self.profile == EVERYTHING else catalogue.profile(self.profile)

    def fitting(self) -> Fitting | None:
        """With a subject: what fits it, and what does not, and why."""
        if self.subject is None:
            return None
        from pytest_arbredis.subjects.by_name import subject_named
        from pytest_arbredis.subjects.fitting import fit

        return fit(self.all(), subject_named(self.subject), named=bool(self.names))
