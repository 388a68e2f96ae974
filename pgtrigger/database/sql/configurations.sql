-- The name with its schema of each text search configuration that search_path finds by its name.

select asked.name, pg_catalog.format('%%I.%%I', n.nspname, c.cfgname)
  from pg_catalog.unnest(%(names)s::pg_catalog.text[]) as asked (name)
  join pg_catalog.pg_ts_config c on c.cfgname = asked.name
  join pg_catalog.pg_namespace n on n.oid = c.cfgnamespace
 where pg_catalog.pg_ts_config_is_visible(c.oid)
