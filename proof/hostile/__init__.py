"""Hostile input: whatever is typed or sent, the answer is the documented one."""
