"""Metrics of a namespace, read without changing anything, as a table, JSON, log lines or Prometheus text."""
