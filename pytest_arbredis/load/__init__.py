"""Load: what is asked of the subject, when, and what came of it."""
