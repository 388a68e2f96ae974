"""Trigger declarations and the ready-made rules."""
