"""One module per chapter: its docstring is the prose, its `run()` the code, and the `.out` file
beside it what the code prints.

`run()` is what a reader pastes into `manage.py shell_plus --quiet-load -c "…"`, so there is no
dollar, backtick or backslash in it, and a double quote in comments alone.
"""

PARTS = {
    "Protect": (
        "protecting_deletions",
        "append_only",
        "read_only_field",
        "read_only_fields",
        "immutable_rows",
        "related_conditions",
    ),
    "Change what is written": (
        "soft_delete",
        "soft_delete_cascades",
        "undelete",
        "active_parents",
        "versioning",
        "optimistic_locking",
        "touch",
        "totals",
        "search_vectors",
    ),
    "Restrict": (
        "official_interface",
        "transitions",
        "conditional_transitions",
        "limits",
        "trees",
    ),
    "History": (
        "tracking_history",
        "tracking_users",
        "background_context",
        "manual_events",
        "masked_fields",
        "related_history",
        "revert",
        "change_sets",
        "as_of",
        "backfill",
        "retention",
        "erasure",
    ),
    "Errors": (
        "deferred_constraints",
        "deferred_rules",
        "typed_errors",
        "refined_errors",
        "refined_rules",
    ),
    "Performance": (
        "statement_triggers",
        "composer",
    ),
    "In a larger project": (
        "third_party_models",
        "rules_in_migrations",
        "schemas",
        "report_mode",
        "drift",
    ),
}
