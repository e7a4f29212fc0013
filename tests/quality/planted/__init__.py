"""Small subjects, each with one bug planted in it, beside the same subject without: what the checks are tested with."""
