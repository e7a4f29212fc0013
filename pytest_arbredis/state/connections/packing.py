"""Commands as bytes of RESP, by hiredis where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_arbredis.state.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_arbredis.state.asks import Arg


def _pack(args: tuple[Any, ...]) -> bytes:
    pieces = [b"*%d\r\n" % len(args)]
    for arg in args:
        raw = arg if type(arg) is bytes else arg.encode() if type(arg) is str else repr(arg).encode()
        pieces.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(pieces)


_packed: Callable[[tuple[Any, ...]], bytes]
try:
    from hiredis import pack_command as _packed
except ImportError:  # the extra `fast` is not there
    _packed = _pack

_PLAIN: Final = frozenset({str, bytes, int, float})


def pack(commands: Iterable[tuple[Arg, ...]]) -> bytes:
    """All commands, in one piece. A first argument of several words (`CONFIG GET`) is taken apart.

    Raises `MisuseError` for an argument that is no text, bytes or number: nothing has been sent then.
    """
    return b"".join([_packed(_checked(args)) for args in commands])


def _checked(args: tuple[Arg, ...]) -> tuple[Arg, ...]:
    for arg in args:
        if type(arg) not in _PLAIN:
            args = tuple(map(_plain, args))
            break
    name = args[0]
    if type(name) is str and " " in name:
        return (*name.split(), *args[1:])
    return args


def _plain(arg: object) -> Arg:
    if isinstance(arg, bool) or not isinstance(arg, str | bytes | bytearray | memoryview | int | float):
        raise MisuseError(
            f"an argument of a command is of type {type(arg).__name__}", remedy="give a text, bytes or a number"
        )
    if isinstance(arg, bytes | bytearray | memoryview):
        return bytes(arg)
    return str.__str__(arg) if isinstance(arg, str) else int(arg) if isinstance(arg, int) else float(arg)
