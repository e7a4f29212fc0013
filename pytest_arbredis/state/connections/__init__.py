"""Connections: settings, a pool, discovery, deadlines, a circuit breaker; sync and asyncio."""
