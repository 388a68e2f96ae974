-- Constraints that can be checked at COMMIT.

select n.nspname, c.relname, con.conname, pg_catalog.pg_get_constraintdef(con.oid)
  from pg_catalog.pg_constraint con
  join pg_catalog.pg_class c     on c.oid = con.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where con.condeferrable
   and con.conparentid = 0
   and not pg_catalog.starts_with(n.nspname, 'pg_')
   and n.nspname <> 'information_schema'
 order by 1, 2, 3
