"""Where something listens."""

from __future__ import annotations

Address = tuple[str, int]
"""Host and port."""


def told(address: Address) -> str:
    """As one writes it: `host:port`, an IPv6 host in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
