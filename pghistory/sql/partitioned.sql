-- Those of these tables that are partitioned.

select asked.name
  from pg_catalog.unnest(%(names)s::text[]) as asked (name)
  join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(asked.name)
 where c.relkind = 'p'
