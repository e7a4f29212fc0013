"""Metrics as text: for people, for programs, for logs, and for Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import orjson

from pytest_arbredis.state.errors import MisuseError
from pytest_arbredis.state.manager.values import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis.state.metrics.reader import Metrics

GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "trades": ("trades_total", "trades_today"),
        "safety": ("safety_violations_total", "circuit_breaker_triggers_total"),
        "health": ("last_heartbeat",),
        "balance": ("total_balance", "available_balance", "total_position_value"),
    }
)
"""How the table groups them."""

HELP: Final[Mapping[str, str]] = MappingProxyType(
    {
        "trades_total": "Trades since counting began.",
        "trades_today": "Trades of this day.",
        "safety_violations_total": "Violations of safety rules.",
        "circuit_breaker_triggers_total": "Times that trading was stopped by its circuit breaker.",
        "last_heartbeat": "Time of the last heartbeat, in seconds since 1970.",
        "total_balance": "Balance.",
        "available_balance": "Balance that is not bound in orders or positions.",
        "total_position_value": "Value of all positions.",
    }
)
COUNTED: Final = "_total"
"""How names end that Prometheus takes for counters."""


def as_table(metrics: Metrics) -> str:
    """Groups of lines `key = value`, under the namespace and the time of the query."""
    lines = [f"{metrics.namespace} ({metrics.key_prefix}) at {_time_of(metrics.at_s)}"]
    for group, names in GROUPS.items():
        found = [name for name in names if name in metrics.values]
        if found:
            width = max(map(len, METRICS))
            lines += ["", group, *(f"  {name:<{width}} = {_shown(name, metrics)}" for name in found)]
    if not metrics.values:
        lines += ["", "no metrics are set"]
    return "\n".join(lines)


def as_json(metrics: Metrics) -> str:
    """One object on one line: `namespace`, `timestamp` (ISO 8601, the server's), `metrics`."""
    said = {"namespace": metrics.namespace, "timestamp": _time_of(metrics.at_s), "metrics": dict(metrics.values)}
    return orjson.dumps(said).decode()


def as_log(metrics: Metrics) -> str:
    """A line `[METRICS] key=value` for each metric."""
    return "\n".join(f"[METRICS] {name}={_plain(value)}" for name, value in metrics.values.items())


def as_prometheus(metrics: Metrics) -> str:
    """Prometheus's text format, labelled by mode, env and key prefix. Needs the package prometheus-client."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    except ImportError as error:
        raise MisuseError(
            "the format prometheus needs the package prometheus-client",
            remedy="pip install 'pytest-arbredis[state]'",
        ) from error

    labels = {"mode": metrics.mode, "env": metrics.env, "key_prefix": metrics.key_prefix}

    class Once:
        """A collector of these values."""

        def collect(self) -> list[CounterMetricFamily | GaugeMetricFamily]:
            """One family a metric."""
            families: list[CounterMetricFamily | GaugeMetricFamily] = []
            for name, value in metrics.values.items():
                kind = CounterMetricFamily if name.endswith(COUNTED) else GaugeMetricFamily
                family = kind(f"arbitrage_{name}", HELP[name], labels=list(labels))
                family.add_metric(list(labels.values()), value)
                families.append(family)
            return families

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Once())
    return generate_latest(registry).decode().rstrip("\n")


FORMATS: Final[Mapping[str, Callable[[Metrics], str]]] = MappingProxyType(
    {"table": as_table, "json": as_json, "log": as_log, "prometheus": as_prometheus}
)
"""By name."""


def _shown(name: str, metrics: Metrics) -> str:
    value = metrics.values[name]
    if name != "last_heartbeat":
        return _plain(value)
    return f"{_time_of(value)} ({max(0.0, metrics.at_s - value):.1f} s ago)"


def _plain(value: float) -> str:
    return orjson.dumps(value).decode()


def _time_of(at_s: float) -> str:
    try:
        return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return _plain(at_s)
