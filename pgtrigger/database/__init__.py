"""Installed triggers of one connection: read them, install, compare, drop."""
