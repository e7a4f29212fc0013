"""Everything that happened in a run, on one monotonic clock: records, recorder, and the file that survives."""
