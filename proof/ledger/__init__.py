"""An app whose tables have rules and history of every kind, for the proofs that write to it."""
