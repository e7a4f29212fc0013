"""Checks: pure functions of a history, one a file, each returning a finding with the operations that prove it."""
