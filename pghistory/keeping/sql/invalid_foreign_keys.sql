-- The foreign keys to a table that are not validated.

select n.nspname::pg_catalog.text, r.relname::pg_catalog.text, c.conname::pg_catalog.text
from pg_catalog.pg_constraint c
join pg_catalog.pg_class r on r.oid = c.conrelid
join pg_catalog.pg_namespace n on n.oid = r.relnamespace
where c.contype = 'f' and c.confrelid = pg_catalog.to_regclass(%s) and not c.convalidated
    and c.conparentid = 0
order by 1, 2, 3
