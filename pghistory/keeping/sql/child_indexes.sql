-- The indexes of a partition, each with that of the table that it is a part of.

select c.relname::pg_catalog.text, p.relname::pg_catalog.text
from pg_catalog.pg_index x
join pg_catalog.pg_class c on c.oid = x.indexrelid
join pg_catalog.pg_inherits i on i.inhrelid = c.oid
join pg_catalog.pg_class p on p.oid = i.inhparent
where x.indrelid = pg_catalog.to_regclass(%s)
