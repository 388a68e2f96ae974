-- The tables, views and sequences in these schemas, with the privileges on them; those of extensions
-- are left out. "decisive" is the table that a sequence belongs to, or the root of a partition.

select n.nspname,
       c.relname,
       c.relkind::pg_catalog.text,
       pg_catalog.pg_get_userbyid(c.relowner),
       owning.relname,
       c.relispartition,
       coalesce(d.deptype = 'i', false) as is_identity,
       array(select a.attname::pg_catalog.text
               from pg_catalog.pg_attribute a
              where a.attrelid = c.oid
                and a.attnum > 0
                and not a.attisdropped
                and a.attgenerated = ''
                and a.attidentity <> 'a'
              order by a.attnum) as columns,
       array(select array[coalesce(r.rolname::pg_catalog.text, ''), g.privilege_type]
               from pg_catalog.aclexplode(c.relacl) g
               left join pg_catalog.pg_roles r on r.oid = g.grantee) as grants,
       array(select coalesce(r.rolname::pg_catalog.text, '')
               from pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) g
               left join pg_catalog.pg_roles r on r.oid = g.grantee
              where a.attrelid = c.oid) as column_grants,
       coalesce(root.relname, owning.relname, c.relname) as decisive
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n       on n.oid = c.relnamespace
  left join pg_catalog.pg_depend d     on c.relkind = 'S'
                                      and d.objid = c.oid
                                      and d.deptype in ('a', 'i')
                                      and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                      and d.refobjsubid > 0
  left join pg_catalog.pg_class owning on owning.oid = d.refobjid
  left join pg_catalog.pg_class root   on c.relispartition
                                      and root.oid = pg_catalog.pg_partition_root(c.oid)
 where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
   and n.nspname = any (%(schemas)s)
   and not exists (select
                     from pg_catalog.pg_depend e
                    where e.objid = c.oid
                      and e.deptype = 'e'
                      and e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
 order by n.nspname, c.relname
