"""The verbs of ``manage.py pgtrigger`` that have a separate module."""
