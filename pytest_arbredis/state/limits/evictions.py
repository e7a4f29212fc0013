"""What a limit knows of a server's evictions.

A window that is not there was evicted, or nobody asked in it. A server tells how many keys it has evicted since it
started, and not when: who has seen that figure a whole window ago, and sees it again, knows that nothing of the window
was.
"""

from __future__ import annotations


class Evictions:
    """The figure, and since when it is known: microseconds of the server's time. Any number of threads may share it."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known = (-1, 0)
        """The figure and the time in one, so that nobody sees one without the other."""

    def saw(self, count: int, server_us: int) -> None:
        """The server has evicted so many. Of a figure that is known already only its first time counts."""
        if count != self.known[0]:
            self.known = (count, server_us)
