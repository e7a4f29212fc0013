"""How large what lies in Redis may be (design 1)."""

from __future__ import annotations

from typing import Final

MOST_FIELDS: Final = 999
"""Fields of a Hash, the layer's own included."""

LARGEST_BYTES: Final = 1_000_000
"""Bytes of one JSON value: a field of a Hash, or a string."""
