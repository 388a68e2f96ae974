"""Faults under eight writers: no rule is violated, no event lost, duplicated or invented."""
