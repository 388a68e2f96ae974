"""The verbs of ``manage.py pgtrigger`` that have a module of their own."""
