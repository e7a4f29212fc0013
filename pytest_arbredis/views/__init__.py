"""What a test sees of its servers: its topology, clients that record or close themselves, budgets, its marker."""
