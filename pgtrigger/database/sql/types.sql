-- The schema of each type that search_path finds by its name.

select asked.name, n.nspname::pg_catalog.text
  from pg_catalog.unnest(%(names)s::pg_catalog.text[]) as asked (name)
  join pg_catalog.pg_type t      on t.oid = pg_catalog.to_regtype(asked.name)
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
