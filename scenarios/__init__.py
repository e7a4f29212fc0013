"""Shipped scenarios: one file a promise, or a hazard, in a caller's words."""
