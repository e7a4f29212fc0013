"""Sliding-window limits: never more than so many in any window, at any concurrency, on the server's time."""
