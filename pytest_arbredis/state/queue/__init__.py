"""A task queue that survives its consumers: first in, first out, at least once, bounded, without stale orders."""
