-- The constraint or unique index that has this name on this table. A partition's own is given as the
-- root of its partition tree knows it: its schema, table and name.

with reported as (
    select c.oid,
           root.oid            as root_oid,
           n_root.nspname      as schema_name,
           root.relname        as table_name
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n      on n.oid = c.relnamespace
      join pg_catalog.pg_class root       on root.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
      join pg_catalog.pg_namespace n_root on n_root.oid = root.relnamespace
     where n.nspname = %(schema)s
       and c.relname = %(table)s
)
-- A primary key, a unique and an exclusion constraint have the name of their index; a unique index
-- may have no constraint.
select reported.schema_name,
       reported.table_name,
       root_index.relname as name,
       case when i.indisprimary   then 'primary key'
            when i.indisexclusion then 'exclusion'
            else 'unique'
       end as kind,
       array(select a.attname::text
               from pg_catalog.unnest(i.indkey::int2[]) with ordinality as k (attnum, position)
               join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
              where k.position <= i.indnkeyatts) as columns,
       i.indexprs is not null as has_expressions
  from reported
  join pg_catalog.pg_index i          on i.indrelid = reported.oid
  join pg_catalog.pg_class x          on x.oid = i.indexrelid
  join pg_catalog.pg_class root_index on root_index.oid = coalesce(pg_catalog.pg_partition_root(x.oid), x.oid)
 where x.relname = %(name)s
   and (i.indisunique or i.indisexclusion)

union all

select reported.schema_name,
       reported.table_name,
       con.conname,
       case con.contype when 'f' then 'foreign key' else 'check' end,
       array(select a.attname::text
               from pg_catalog.pg_attribute a
              where a.attrelid = con.conrelid and a.attnum = any (con.conkey)),
       false
  from reported
  join pg_catalog.pg_constraint con on con.conrelid = reported.oid
 where con.conname = %(name)s
   and con.contype in ('f', 'c')
