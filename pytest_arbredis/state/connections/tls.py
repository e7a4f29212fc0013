"""The context of TLS of one set of settings: made once, because reading the authorities of a system takes long."""

from __future__ import annotations

import ssl

from pytest_arbredis.state.errors import MisuseError


class Contexts:
    """Gives one context, which checks the server's certificate and name; `ca_file` replaces what the system trusts."""

    def __init__(self, ca_file: str | None) -> None:
        self._ca_file = ca_file
        self._made: ssl.SSLContext | None = None

    def get(self) -> ssl.SSLContext:
        """The context, made when it is first asked for."""
        if self._made is None:
            try:
                self._made = ssl.create_default_context(cafile=self._ca_file)
            except OSError as error:
                raise MisuseError(
                    f"the certificates in {self._ca_file!r} cannot be read", remedy="give a file of PEM"
                ) from error
        return self._made
