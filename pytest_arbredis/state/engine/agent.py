"""The state of an agent: `agent:state:{id}`, JSON that lives an hour from its last save."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.engine.snapshot import require_ttl_ms
from pytest_arbredis.state.json_value import decoded_object, encoded
from pytest_arbredis.state.keyspace.patterns import AGENT, HOUR_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.json_value import Json

TTL_S: Final = float(HOUR_S)


def save(agent_id: str, state: Mapping[str, Json], *, ttl_s: float = TTL_S) -> Plan[None]:
    """Overwrite an agent's state; value and TTL in one command."""
    key = AGENT.key(agent_id=agent_id)
    yield Command("SET", key, encoded(state, of=key), "PX", require_ttl_ms(ttl_s))


def load(agent_id: str) -> Plan[dict[str, Json] | None]:
    """An agent's state, or None: never saved, or not for an hour."""
    key = AGENT.key(agent_id=agent_id)
    raw = yield Command("GET", key)
    return None if raw is None else decoded_object(raw, key=key)
