"""Publish and subscribe with sequence numbers: what was missed is told, and the state is there to catch up with."""
