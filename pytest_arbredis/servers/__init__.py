"""Real servers: as processes or containers, found, started, watched and ended."""
