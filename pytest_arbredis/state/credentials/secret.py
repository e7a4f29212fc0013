"""`Secret`: a text that no log, error, repr or pickle shows."""

from __future__ import annotations

import hmac
from typing import NoReturn, Self

from pytest_arbredis.state.errors import MisuseError

SHOWN = "Secret('***')"


class Secret:
    """Holds a text; only `reveal` gives it. Equal to a Secret of the same text, compared in constant time."""

    __slots__ = ("__text",)

    __hash__ = None  # type: ignore[assignment]  # a hash of a short text tells it

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not text:
            raise MisuseError("a secret that is empty, or no text", remedy="give a text of 1 character or more")
        self.__text = text

    def reveal(self) -> str:
        """The text itself."""
        return self.__text

    def __repr__(self) -> str:
        return SHOWN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return SHOWN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__text.encode(), other.__text.encode())

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: dict[int, object]) -> Self:
        return self

    def __reduce_ex__(self, _: object) -> NoReturn:
        message = "a Secret is not pickled"
        raise TypeError(message)
