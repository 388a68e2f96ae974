-- What SET CONSTRAINTS can find under these names: for each name the schemas that have it, those of
-- search_path first and in its order.

select named.name,
       n.nspname,
       n.nspname = any (pg_catalog.current_schemas(true)) as is_visible,
       bool_and(con.condeferrable),
       bool_or(con.condeferred)
  from pg_catalog.unnest(%(names)s::text[]) as named (name)
  join pg_catalog.pg_constraint con on con.conname = named.name
  join pg_catalog.pg_namespace n    on n.oid = con.connamespace
 group by named.name, n.nspname
 order by named.name, pg_catalog.array_position(pg_catalog.current_schemas(true), n.nspname), n.nspname
