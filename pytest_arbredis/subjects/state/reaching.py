"""The state layer's connection to the servers of a drill, as its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.connections.settings import Settings

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Endpoints


def settings_of(endpoints: Endpoints) -> Settings:
    """By the Sentinels where there are some. Without a breaker, which is another drill's."""
    login = endpoints.login
    return Settings(
        address=endpoints.primary,
        sentinels=endpoints.sentinels,
        master_name=endpoints.master_name,
        username=login.user,
        password=login.password,
        tls=login.ca is not None,
        tls_ca_file=None if login.ca is None else str(login.ca),
        breaker=None,
    )
