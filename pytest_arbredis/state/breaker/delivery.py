"""Transitions on their way to one listener: in order, by a thread that lives only while there are any."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_arbredis.state.breaker.transition import Listener, Transition

_LOG = logging.getLogger(__name__)

WAITING: Final = 1024
"""So many transitions wait for a slow listener; then the oldest is dropped, and the gap in `seq` tells of it."""


class Delivery:
    """Every listener has one of its own: a slow one keeps neither calls nor other listeners waiting.

    What a listener raises is logged and counted, and the next transition is delivered all the same.
    """

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.errors = 0
        self._waiting: deque[Transition] = deque(maxlen=WAITING)
        self._idle = threading.Condition()
        self._worker: threading.Thread | None = None

    def put(self, transition: Transition) -> None:
        """Queue one; `wake` delivers it."""
        self._waiting.append(transition)

    def wake(self) -> None:
        """See to it that what is queued gets delivered; returns at once."""
        with self._idle:
            if not self._waiting or (self._worker is not None and self._worker.is_alive()):
                return
            self._worker = threading.Thread(target=self._deliver, name="breaker-listener", daemon=True)
            try:
                self._worker.start()
            except RuntimeError:  # no thread can be had, as when the interpreter ends
                self._worker = None
                _LOG.warning("no thread for a breaker's listener: its transitions wait for the next one")

    def delivered(self, within_s: float) -> bool:
        """Whether everything queued so far has been delivered, waiting for it if need be."""
        with self._idle:
            return self._idle.wait_for(lambda: self._worker is None and not self._waiting, within_s)

    def _deliver(self) -> None:
        while True:
            with self._idle:
                if not self._waiting:
                    self._worker = None
                    self._idle.notify_all()
                    return
                transition = self._waiting.popleft()
            try:
                self.listener(transition)
            except Exception:  # noqa: BLE001 - whatever it is, it is the listener's
                self.errors += 1
                _LOG.exception("a listener of breaker %s raised at transition %d", transition.id, transition.seq)
