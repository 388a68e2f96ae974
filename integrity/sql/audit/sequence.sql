-- Sequences that are past half of what they can give, or of what the column they fill can hold.

with used as (
    select s.schemaname,
           coalesce(owner.relname, '') as table_name,
           s.sequencename,
           s.last_value,
           coalesce(pg_catalog.format_type(a.atttypid, null), s.data_type::text) as type_name,
           case when s.increment_by > 0
                then least(s.max_value, case a.atttypid
                                        when 'int2'::regtype then 32767
                                        when 'int4'::regtype then 2147483647 end)
                else greatest(s.min_value, case a.atttypid
                                           when 'int2'::regtype then -32768
                                           when 'int4'::regtype then -2147483648 end)
           end as last_possible
      from pg_catalog.pg_sequences s
      join pg_catalog.pg_namespace n       on n.nspname = s.schemaname
      join pg_catalog.pg_class sequence    on sequence.relnamespace = n.oid
                                          and sequence.relname = s.sequencename
      left join pg_catalog.pg_depend d     on d.objid = sequence.oid
                                          and d.classid = 'pg_class'::regclass
                                          and d.refclassid = 'pg_class'::regclass
                                          and d.deptype in ('a', 'i')
      left join pg_catalog.pg_class owner  on owner.oid = d.refobjid
      left join pg_catalog.pg_attribute a  on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
)
select schemaname,
       table_name,
       sequencename,
       concat(last_value, ' of ', last_possible, ', the last of ', type_name)
  from used
 where last_value::numeric / last_possible > 0.5
 order by 1, 2, 3
