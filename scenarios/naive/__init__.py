"""Naive twins: what the five designs say, as written, and nothing more. Each passes without faults."""

from __future__ import annotations
