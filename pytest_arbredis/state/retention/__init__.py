"""Retention: sessions that nobody saved for long are found, and deleted if that is wanted."""
