-- The partitions of a table that have a copy of its trigger.

select n.nspname::pg_catalog.text, c.relname::pg_catalog.text
from pg_catalog.pg_partition_tree(pg_catalog.to_regclass(%s)) part
join pg_catalog.pg_trigger t on t.tgrelid = part.relid and t.tgname = %s and t.tgparentid = 0
join pg_catalog.pg_class c on c.oid = part.relid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where part.level > 0
order by 1, 2
