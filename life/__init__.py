"""Long-running checks of a project's life: other people's migrations, and a take-over.

``make life`` runs them; they need PyPI, so that ``make test`` does not collect them.
"""
