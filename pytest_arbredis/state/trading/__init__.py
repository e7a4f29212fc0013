"""What a trading system keeps of a user: status, settings, preferences, statistics, positions; and of an exchange."""
