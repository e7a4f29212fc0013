"""Sessions: up to four Hashes that are saved, loaded and deleted as one (design 1)."""
