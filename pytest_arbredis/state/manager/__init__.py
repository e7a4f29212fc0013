"""The state manager: statistics, metrics, heartbeats and positions, served from memory while Redis is away."""
