"""The commands of ``manage.py pghistory``, a module for each."""
