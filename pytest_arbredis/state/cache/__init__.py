"""A cache before a database: filled by one reader at a time, invalidated by writers, and never older than it says."""
