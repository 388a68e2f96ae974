-- The partitions of a table, each with its bounds as PostgreSQL writes them.

select n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
    pg_catalog.pg_get_expr(c.relpartbound, c.oid)
from pg_catalog.pg_inherits i
join pg_catalog.pg_class c on c.oid = i.inhrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where i.inhparent = pg_catalog.to_regclass(%s)
