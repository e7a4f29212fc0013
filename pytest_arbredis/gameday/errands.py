"""What others asked for, on its way to the main thread: there the nemesis acts, and there Ctrl-C arrives."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable  # noqa: TC003 - dataclass fields are resolved at run time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any

from pytest_arbredis._clock import CLOCK, NS_PER_S
from pytest_arbredis.errors import HarnessError, UsageError

Json = dict[str, Any]


@dataclass(slots=True)
class _Errand:
    """Something to do, unless who asked for it has given up by then."""

    work: Callable[[], Json]
    expires_ns: int
    answer: Future[Json] = field(default_factory=Future)


class Errands:
    """Handed in by any thread, done one after the other by the main thread, until they are closed."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[_Errand | None] = queue.SimpleQueue()
        self._closed = threading.Event()

    @property
    def open(self) -> bool:
        """Whether anything is done any more."""
        return not self._closed.is_set()

    def ask(self, work: Callable[[], Json], *, within_s: float) -> Json:
        """What the work gave in the main thread, or raised there; `HarnessError` if that takes longer."""
        errand = _Errand(work=work, expires_ns=CLOCK.now_ns() + int(within_s * NS_PER_S))
        self._waiting.put(errand)
        if not self.open:
            raise _over()
        try:
            return errand.answer.result(timeout=within_s)
        except FutureTimeout:
            raise HarnessError(
                f"not done within {within_s:.0f} s", remedy="see `arbredis status`: it may still happen"
            ) from None

    def do_next(self, *, within_s: float) -> None:
        """In the main thread: do the next one, if one comes in time."""
        try:
            errand = self._waiting.get(timeout=within_s)
        except queue.Empty:
            return
        if errand is not None:
            _do(errand)

    def close(self) -> None:
        """Nothing more is done, from the errand that is being done now on. Idempotent, from any thread."""
        self._closed.set()
        self._waiting.put(None)

    def dismiss(self) -> None:
        """Close, and tell everybody who waits for what will not be done any more."""
        self.close()
        while True:
            try:
                errand = self._waiting.get_nowait()
            except queue.Empty:
                return
            if errand is not None:
                errand.answer.set_exception(_over())


def _do(errand: _Errand) -> None:
    if CLOCK.now_ns() > errand.expires_ns:
        errand.answer.set_exception(HarnessError("it came too late", remedy="ask again"))
        return
    try:
        errand.answer.set_result(errand.work())
    except Exception as error:  # noqa: BLE001 - who asked hears of it, and the game day goes on
        errand.answer.set_exception(error)
    except BaseException:
        errand.answer.set_exception(_over())
        raise


def _over() -> UsageError:
    return UsageError("the game day is ending", remedy="start another: arbredis up")
