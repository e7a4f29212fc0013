"""Public fakes: a manual clock and a history builder."""
