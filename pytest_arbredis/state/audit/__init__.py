"""Audits: what a Redis holds, and every key that is not as the keyspace wants it; read-only, and paced."""
