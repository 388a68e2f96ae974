"""A generated project that lives through random changes, with rules and history and without.

``python -m life.evolution --help``
"""
