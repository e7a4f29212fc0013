"""Faults, one a file; schedules; and the nemesis, which plays them and always heals."""
