"""Adapters for what is tested."""
