-- The engine's functions, in search_path, that no trigger calls.

select n.nspname, p.proname
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where pg_catalog.starts_with(p.proname::text, %(prefix)s)
   and p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype
   and n.nspname = any (pg_catalog.current_schemas(false))
   and not exists (select from pg_catalog.pg_trigger t where t.tgfoid = p.oid)
 order by n.nspname, p.proname
