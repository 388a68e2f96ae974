"""The words in which a trigger is declared: clauses, conditions, columns, lookups. No database."""
