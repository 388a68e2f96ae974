-- The root of the partition tree that a table belongs to; a table that is not a partition is its own root.

select n_root.nspname, root.relname
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n      on n.oid = c.relnamespace
  join pg_catalog.pg_class root       on root.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
  join pg_catalog.pg_namespace n_root on n_root.oid = root.relnamespace
 where n.nspname = %(schema)s
   and c.relname = %(table)s
