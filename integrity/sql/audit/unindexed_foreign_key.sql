-- Foreign keys whose columns do not begin any index of the whole table, in whichever order.

select n.nspname, c.relname, con.conname, pg_catalog.pg_get_constraintdef(con.oid)
  from pg_catalog.pg_constraint con
  join pg_catalog.pg_class c     on c.oid = con.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where con.contype = 'f'
   and con.conparentid = 0
   and not exists (
       select
         from pg_catalog.pg_index i
        where i.indrelid = con.conrelid
          and i.indisvalid
          and i.indpred is null
          and (i.indkey::int2[])[0:cardinality(con.conkey) - 1] @> con.conkey
   )
   and not pg_catalog.starts_with(n.nspname, 'pg_')
   and n.nspname <> 'information_schema'
 order by 1, 2, 3
