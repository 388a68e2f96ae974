-- The foreign keys to a table: schema, table, name, definition, whether the table is plain.

select n.nspname::pg_catalog.text, r.relname::pg_catalog.text, c.conname::pg_catalog.text,
    pg_catalog.pg_get_constraintdef(c.oid), r.relkind = 'r'
from pg_catalog.pg_constraint c
join pg_catalog.pg_class r on r.oid = c.conrelid
join pg_catalog.pg_namespace n on n.oid = r.relnamespace
where c.contype = 'f' and c.confrelid = pg_catalog.to_regclass(%s) and c.conparentid = 0
    and c.conrelid <> c.confrelid
order by 1, 2, 3
