"""The verbs of ``manage.py pgtrigger``, one module each, and what they share.

A verb has HELP, EXAMPLES (the end of its help), ``add_arguments()`` and ``handle()``.
"""
