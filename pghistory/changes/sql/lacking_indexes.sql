-- Of these tables, the large ones that have no valid, complete index that begins with the column. An
-- index of a partitioned table is in pg_index for the table, too.

select asked.name
  from pg_catalog.unnest(%(names)s::text[]) as asked (name)
 cross join lateral pg_catalog.to_regclass(asked.name) as found (oid)
 where not exists (select
                     from pg_catalog.pg_index i
                     join pg_catalog.pg_attribute a on a.attrelid = i.indrelid
                                                   and a.attnum = i.indkey[0]
                    where i.indrelid = found.oid
                      and i.indisvalid
                      and i.indpred is null
                      and a.attname = %(column)s)
   and (select pg_catalog.sum(pg_catalog.pg_relation_size(part.relid)) >= %(large)s
          from (select relid from pg_catalog.pg_partition_tree(found.oid)
                union
                select found.oid::pg_catalog.regclass) as part)
