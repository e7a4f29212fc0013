"""The keyspace: one grammar builds, parses and validates every key of the five designs."""
