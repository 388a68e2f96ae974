-- The functions, procedures and types in these schemas, as ALTER ... OWNER names them; those of extensions
-- are left out, and the types that a table or a range type has with it.

select 'ROUTINE',
       pg_catalog.format(
           '%%I.%%I(%%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)
       ),
       pg_catalog.pg_get_userbyid(p.proowner)::pg_catalog.text
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where n.nspname = any (%(schemas)s)
   and not exists (select
                     from pg_catalog.pg_depend e
                    where e.objid = p.oid
                      and e.deptype in ('e', 'i')
                      and e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass)
 union all
select 'TYPE',
       pg_catalog.format('%%I.%%I', n.nspname, t.typname),
       pg_catalog.pg_get_userbyid(t.typowner)::pg_catalog.text
  from pg_catalog.pg_type t
  join pg_catalog.pg_namespace n  on n.oid = t.typnamespace
  left join pg_catalog.pg_class c on c.oid = t.typrelid
 where n.nspname = any (%(schemas)s)
   and t.typtype in ('c', 'd', 'e', 'r')
   and coalesce(c.relkind = 'c', true)
   and not exists (select
                     from pg_catalog.pg_depend e
                    where e.objid = t.oid
                      and e.deptype = 'e'
                      and e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass)
 order by 1, 2
