-- The tables that search_path finds by these names, each with the names of the engine's triggers on it.

select asked.name,
       n.nspname,
       c.oid,
       array(select t.tgname::text
               from pg_catalog.pg_trigger t
              where t.tgrelid = c.oid
                and pg_catalog.starts_with(t.tgname::text, %(prefix)s)
                and not t.tgisinternal
                and t.tgparentid = 0) as trigger_names
  from pg_catalog.unnest(%(names)s::text[]) as asked (name)
  join pg_catalog.pg_class c     on c.oid = pg_catalog.to_regclass(asked.name)
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
