-- Of those of these tables that are partitioned by pgh_id: the key at which the last range ends.

select asked.name,
       pg_catalog.max((pg_catalog.regexp_match(
           pg_catalog.pg_get_expr(p.relpartbound, p.oid), 'TO \(''?(-?\d+)''?\)'))[1]::bigint)
  from pg_catalog.unnest(%(names)s::text[]) as asked (name)
  join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(asked.name)
  join pg_catalog.pg_inherits i on i.inhparent = c.oid
  join pg_catalog.pg_class p on p.oid = i.inhrelid
 where c.relkind = 'p'
   and pg_catalog.pg_get_partkeydef(c.oid) = 'RANGE (pgh_id)'
 group by asked.name
