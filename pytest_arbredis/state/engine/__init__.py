"""What a physics and market engine keeps: states as JSON, snapshots that age, agents, a leaderboard."""
