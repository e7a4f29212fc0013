"""What Ctrl-C and SIGTERM leave of each command: what was undone, and what was not, in the words that it ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEALED: Final = "healed, stopped, and the history is kept"
LEAVES: Final[Mapping[str, str]] = {
    "drill": HEALED,
    "up": HEALED,
    "exec": "the program and its servers have ended; nothing was recorded",
    "inject": "nothing was undone: the fault may be in force, now or soon; see `arbredis status`, or `arbredis heal`",
    "heal": "the game day goes on, and with it what it has begun to heal; see `arbredis status`",
    "status": "nothing was changed, and the game day goes on",
    "down": "the game day may be ending all the same; see `arbredis status`",
    "cleanup": "what was deleted is gone, each session as a whole; nothing else was changed",
    "doctor": "what was not got yet is got the next time",
}
OTHERWISE: Final = "nothing of it goes on"
"""A command that starts no server and asks nobody to do anything."""


def leaves(arguments: Sequence[str]) -> str:
    """What the command of these arguments has left when it is stopped."""
    return LEAVES.get(next(iter(arguments), ""), OTHERWISE)
