"""`arbredis check`: judge a stored history again, without servers."""

from __future__ import annotations

import contextlib
import enum
import time
import warnings
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from pytest_arbredis.checkers.verdict import Check, Finding, Verdict
    from pytest_arbredis.history.columns import Columns
    from pytest_arbredis.history.history import History

EXIT_STATUS = {"valid": 0, "unknown": 3, "invalid": 1}


class Format(enum.StrEnum):
    """How verdicts are printed."""

    TABLE = "table"
    JSON = "json"


def check(  # noqa: PLR0917 - a command's options
    what: Annotated[str, typer.Argument(metavar="FILE|RUN", help="A history.jsonl, a run's folder or name, latest.")],
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="register, cas-register, counter, set, queue or append-log.")
    ] = None,
    checks: Annotated[
        list[str] | None,
        typer.Option("--check", metavar="CHECK", help="A claim, as in confirmed_writes_survive(wanted=2); repeatable."),
    ] = None,
    format: Annotated[Format, typer.Option(help="For people, or for machines.")] = Format.TABLE,
    max_seconds: Annotated[
        float | None, typer.Option(min=0.001, max=1e9, help="Give up after that long: unknown.")
    ] = None,
    max_memory: Annotated[str | None, typer.Option(metavar="SIZE", help="The same for memory, as in 2GiB.")] = None,
    runs_dir: Annotated[
        Path | None, typer.Option(envvar="ARBREDIS_RUNS_DIR", help="Folder of the runs (.arbredis/runs).")
    ] = None,
) -> None:
    """Judge a stored history: by a model, by checks, or by what its header names."""
    from pytest_arbredis.checkers.models import check_of_model
    from pytest_arbredis.checkers.verdict import Verdict, worst
    from pytest_arbredis.cli.limits import bytes_of
    from pytest_arbredis.report.terminal import console_for

    path = stored(what, runs_dir if runs_dir is not None else Path.cwd() / ".arbredis" / "runs")
    chosen = [check_of_model(model)] if model is not None else []
    chosen += [_named(text) for text in checks or ()]
    memory_bytes = None if max_memory is None else bytes_of(max_memory)
    began = time.monotonic()
    judging = _Judging(path, chosen, max_seconds=max_seconds, memory_bytes=memory_bytes, console=_aside(), model=model)
    findings = tuple(judging.findings())
    took_s = time.monotonic() - began
    verdict = worst(findings)
    if judging.is_a_hazards:
        verdict = min(verdict, Verdict.UNKNOWN)
    if format is Format.JSON:
        typer.echo(_json(judging, findings, verdict, took_s))
    else:
        _table(judging, findings, console_for(), took_s)
    raise typer.Exit(EXIT_STATUS[verdict.word])


def _named(text: str) -> Check:
    """The check that `--check` names; for the name of a model, what to write instead."""
    from pytest_arbredis.checkers.by_name import check_named
    from pytest_arbredis.checkers.models import MODELS

    if text.strip() in MODELS:
        raise UsageError(
            f"{text.strip()!r} is a model, no check",
            remedy=f"use --model {text.strip()}, or --check {MODELS[text.strip()]}",
        )
    return check_named(text)


def stored(what: str, runs_dir: Path) -> Path:
    """The history that `what` means: a file, a run's folder, or the name of a run. Raises `UsageError`."""
    from pytest_arbredis.history.whereabouts import located

    for named in (Path(what), runs_dir / what):
        with contextlib.suppress(OSError, ValueError):  # a name that no file can have
            place = located(named)
            if place.is_file():
                return place
            if place.exists():
                raise UsageError(
                    f"{what!r} is no regular file, and a history is read more than once",
                    remedy="write it to a file first, and name that",
                )
    raise UsageError(
        f"{what!r} is neither a file nor a run in {runs_dir}",
        remedy="name a history.jsonl, a run's folder, or `latest` in the folder where `arbredis drill` was called",
    )


class _Judging:
    """One history, and the checks that judge it."""

    def __init__(
        self,
        path: Path,
        checks: Sequence[Check],
        *,
        max_seconds: float | None,
        memory_bytes: int | None,
        console: Console,
        model: str | None = None,
    ) -> None:
        self.path = path
        self.model = model
        self.checks = list(checks)
        self.history: History | None = None
        self.counts: Mapping[str, int] = {}
        self._columns: Columns | None = None
        self._max_seconds = max_seconds
        self._ends = None if max_seconds is None else time.monotonic() + max_seconds
        self._memory_bytes = memory_bytes
        self._console = console

    @property
    def is_a_hazards(self) -> bool:
        """Judged as what it was recorded for, a hazard: it is shown or not, never violated."""
        return not self.checks and self.history is not None and self.history.header.meta.get("kind") == "hazard"

    def findings(self) -> Iterator[Finding]:
        """A finding for each check, in their order; unknown beyond a limit."""
        from pytest_arbredis.cli.limits import BeyondLimitError, limited

        checks = self.checks
        try:
            with (
                limited(seconds=self._left_s(), memory_bytes=self._memory_bytes, of_seconds=self._max_seconds),
                _warnings_told(self._console),
            ):
                checks = checks or named_by_its_header(self.path)
                self._read(checks)
                self._require_operations()
        except (BeyondLimitError, MemoryError) as error:
            claims = [each.claim for each in checks] or ["history_is_judged"]
            yield from (_given_up(claim, f"while it was read: {error}") for claim in claims)
            return
        for each in checks:
            with self._console.status(f"judging {each.claim}"):
                yield self._finding(each)

    def _require_operations(self) -> None:
        """Of the model that was asked for, or else of the header's if that decides."""
        from pytest_arbredis.cli.operations_of_model import require_operations

        if self.history is not None:
            model = self.model if self.checks else self.history.header.model
            if model is not None:
                require_operations(model, self.path, self.history, self._columns)

    def shown(self, finding: Finding) -> History | None:
        """The history with the operations that prove a finding at least, and the first, from which times may count."""
        if self._columns is None or self.history is None:
            return self.history
        return replace(self.history, ops=self._columns.ops({*finding.proof, *self._columns.id[:1].tolist()}))

    def _left_s(self) -> float | None:
        return None if self._ends is None else max(0.0, self._ends - time.monotonic())

    def _read(self, checks: Sequence[Check]) -> None:
        """As columns, if no check needs more of it: that takes a fraction of the time and memory."""
        from rich.progress import Progress

        from pytest_arbredis.checkers.judging import JudgesColumns
        from pytest_arbredis.history.column_loading import load_columns
        from pytest_arbredis.history.jsonl import load
        from pytest_arbredis.report.view import outcome_counts

        with Progress(console=self._console, transient=True, disable=not self._console.is_terminal) as progress:
            if all(isinstance(each, JudgesColumns) for each in checks):
                task = progress.add_task(f"reading {self.path.name}", total=1.0)
                loaded = load_columns(self.path, lambda share: progress.update(task, completed=share))
                self._columns, self.history = loaded.columns, loaded.rest
                self.counts = loaded.columns.outcome_counts()
            else:
                progress.add_task(f"reading {self.path.name}", total=None)
                self.history = load(self.path)
                self.counts = outcome_counts(self.history)

    def _finding(self, check: Check) -> Finding:
        """One finding; a check with limits of its own gets what is left, and a second more to say how far it came."""
        from pytest_arbredis.checkers.judging import JudgesColumns, judged, judged_columns
        from pytest_arbredis.cli.limits import BeyondLimitError, limited

        left_s = self._left_s()
        within = _within(check, max_seconds=left_s, max_memory_bytes=self._memory_bytes)
        try:
            longest_s = None if left_s is None else left_s + 1
            with limited(seconds=longest_s, memory_bytes=self._memory_bytes, of_seconds=self._max_seconds):
                if self._columns is not None and isinstance(within, JudgesColumns):
                    return judged_columns(within, self._columns)
                return judged(within, self.history) if self.history else _given_up(check.claim, "nothing was read")
        except (BeyondLimitError, MemoryError) as error:
            return _given_up(check.claim, str(error))


def named_by_its_header(path: Path) -> list[Check]:
    """What a history's header says that it is judged by: a model, the checks of its scenario, or both."""
    from pytest_arbredis.checkers.by_name import check_named
    from pytest_arbredis.checkers.models import check_of_model
    from pytest_arbredis.history.jsonl import header_of

    header = header_of(path)
    named = [check_of_model(header.model)] if header.model is not None else []
    texts = header.meta.get("checks")
    named += [check_named(text) for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
    if not named:
        raise UsageError(
            f"{path} does not say what it is judged by", remedy="name a model (--model register) or a --check"
        )
    return named


def _within(check: Check, **limits: float | None) -> Check:
    """The check with these limits, as far as it has such."""
    value: Any = check
    known = {field.name for field in fields(value)} if is_dataclass(value) else set()
    given = {name: most for name, most in limits.items() if name in known and most}
    return replace(value, **given) if given else check


def _given_up(claim: str, why: str) -> Finding:
    from pytest_arbredis.checkers.verdict import Finding, Verdict

    return Finding(claim=claim, verdict=Verdict.UNKNOWN, summary=why or "more memory than there is")


@contextlib.contextmanager
def _warnings_told(console: Console) -> Iterator[None]:
    """What a reader warns of, as lines of this command; with Python's options it could be hidden, or an error."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield
    for warning in found:
        console.print(f"arbredis: {warning.message}", markup=False, soft_wrap=True)


def _aside() -> Console:
    """For progress: standard error, so that standard output is only the answer."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _json(judging: _Judging, findings: Sequence[Finding], verdict: Verdict, took_s: float) -> str:
    from pytest_arbredis.report.findings import findings_json
    from pytest_arbredis.report.wording import json_bytes

    header = judging.history.header if judging.history else None
    content = {
        "version": 1,
        "file": str(judging.path),
        "run": header.run if header else None,
        "subject": header.subject if header else None,
        "seed": header.seed if header else None,
        "verdict": verdict.word,
        "findings": findings_json(findings),
        "operations": judging.counts,
        "took_s": round(took_s, 3),
    }
    return json_bytes(content, indent=True).decode()


def _table(judging: _Judging, findings: Sequence[Finding], console: Console, took_s: float) -> None:
    from rich.text import Text

    from pytest_arbredis.report.findings import findings_table, proof_text
    from pytest_arbredis.report.terminal import canvas_of

    console.print(findings_table(findings))
    for finding in findings:
        shown = judging.shown(finding)
        if shown is not None and (text := proof_text(finding, shown, canvas_of(console))):
            console.print(Text(f"\n{text}"), soft_wrap=True)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in judging.counts.items()) or "not read to its end"
    console.print(Text(f"\n{judging.path}: {counts}; judged in {took_s:.1f} s"), soft_wrap=True)
