-- The database and these schemas, with their owners and the roles that may create objects in them; '' is
-- PUBLIC.

select 'DATABASE',
       d.datname::pg_catalog.text,
       pg_catalog.pg_get_userbyid(d.datdba)::pg_catalog.text,
       array(select coalesce(r.rolname::pg_catalog.text, '')
               from pg_catalog.aclexplode(d.datacl) g
               left join pg_catalog.pg_roles r on r.oid = g.grantee
              where g.privilege_type = 'CREATE') as creators
  from pg_catalog.pg_database d
 where d.datname = pg_catalog.current_database()
 union all
select 'SCHEMA',
       n.nspname::pg_catalog.text,
       pg_catalog.pg_get_userbyid(n.nspowner)::pg_catalog.text,
       array(select coalesce(r.rolname::pg_catalog.text, '')
               from pg_catalog.aclexplode(n.nspacl) g
               left join pg_catalog.pg_roles r on r.oid = g.grantee
              where g.privilege_type = 'CREATE') as creators
  from pg_catalog.pg_namespace n
 where n.nspname = any (%(schemas)s)
 order by 1, 2
