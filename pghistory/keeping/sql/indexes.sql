-- The indexes of a table but that of the primary key, each with its definition.

select i.relname::pg_catalog.text, pg_catalog.pg_get_indexdef(x.indexrelid)
from pg_catalog.pg_index x join pg_catalog.pg_class i on i.oid = x.indexrelid
where x.indrelid = pg_catalog.to_regclass(%s) and not x.indisprimary
order by 1
