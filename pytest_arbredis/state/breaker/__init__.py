"""A circuit breaker after Nygard, Release It! (2007): threads and asyncio, monotonic time, every move told."""
