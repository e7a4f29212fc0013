"""How each scenario of a drill is played: run, measured again where only noise left it open, failures told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from typing import TYPE_CHECKING

from pytest_arbredis.errors import ArbredisError, HarnessError, UsageError
from pytest_arbredis.topology.means import Means  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.run import Watch
    from pytest_arbredis.scenario import Scenario
    from pytest_arbredis.topology.pool import DeploymentPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """What all scenarios of a drill have in common; it can be sent to another process.

    A measurement of time that only the machine's noise left open is made `again`, at most so often: the first that
    decides counts. `worker` is who plays, in the names of the runs' folders.
    """

    means: Means
    seed: int
    runs_dir: Path
    replay: str = ""
    again: int = 0
    worker: str = "main"

    def play(
        self, scenario: Scenario, pool: DeploymentPool, *, watch: Watch, done: Callable[[RunResult], None]
    ) -> RunResult | ArbredisError:
        """The result that counts, or why there is none: a failure of the harness ends its scenario, not the drill.

        `watch` is told how it goes, `done` of each run that is over. Raises `UsageError`: that is the caller's to
        mend, before anything else is run.
        """
        try:
            result = self._run(scenario, pool, watch, done)
            for _ in range(self.again if scenario.workload.floor else 0):
                if not result.only_noise:
                    break
                result = self._run(scenario, pool, watch, done)
        except UsageError:
            raise
        except ArbredisError as error:
            return error
        except Exception as error:  # noqa: BLE001 - what the other scenarios showed must not be lost
            return _uncaught(error)
        return result

    def _run(
        self, scenario: Scenario, pool: DeploymentPool, watch: Watch, done: Callable[[RunResult], None]
    ) -> RunResult:
        from pytest_arbredis.run import run

        result = run(
            scenario,
            pool,
            seed=self.seed,
            runs_dir=self.runs_dir,
            worker=self.worker,
            watch=watch,
            replay=self.replay,
        )
        done(result)
        return result


def _uncaught(error: Exception) -> ArbredisError:
    """A failure of ours that nobody foresaw, with its traceback."""
    import traceback

    trace = "".join(traceback.format_exception(error)).rstrip()
    return HarnessError(f"{type(error).__name__}: {error}\n{trace}", remedy="report this, with the run's folder")
