-- Constraints that were added NOT VALID, or are NOT ENFORCED: older rows may break them.

select n.nspname, c.relname, con.conname, pg_catalog.pg_get_constraintdef(con.oid)
  from pg_catalog.pg_constraint con
  join pg_catalog.pg_class c     on c.oid = con.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not con.convalidated
   and not pg_catalog.starts_with(n.nspname, 'pg_')
   and n.nspname <> 'information_schema'
 order by 1, 2, 3
