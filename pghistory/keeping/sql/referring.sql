-- The foreign keys that refer to a table, each as schema, table and column.

select n.nspname::pg_catalog.text, r.relname::pg_catalog.text, a.attname::pg_catalog.text
  from pg_catalog.pg_constraint c
  join pg_catalog.pg_class r     on r.oid = c.conrelid
  join pg_catalog.pg_namespace n on n.oid = r.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum = c.conkey[1]
 where c.contype = 'f'
   and c.confrelid = pg_catalog.to_regclass(%(table)s)
   and not r.relispartition
   and c.conparentid = 0
 order by n.nspname, r.relname, a.attname
