-- The constraints of a type (p: primary key, f: foreign key) of a table.

select conname::pg_catalog.text, pg_catalog.pg_get_constraintdef(oid)
from pg_catalog.pg_constraint
where conrelid = pg_catalog.to_regclass(%s) and contype = %s and conparentid = 0 order by 1
