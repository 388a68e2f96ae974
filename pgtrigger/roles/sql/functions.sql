-- The trigger functions in these schemas that are SECURITY DEFINER or the engine's, with the roles that
-- may execute them; '' is PUBLIC.

select n.nspname,
       p.proname,
       p.prosecdef,
       (select pg_catalog.substr(s, 13)
          from pg_catalog.unnest(p.proconfig) s
         where pg_catalog.starts_with(s, 'search_path=')) as search_path,
       array(select coalesce(r.rolname::pg_catalog.text, '')
               from pg_catalog.aclexplode(
                        coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
                    ) g
               left join pg_catalog.pg_roles r on r.oid = g.grantee
              where g.grantee <> p.proowner) as executors
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype
   and n.nspname = any (%(schemas)s)
   and (p.prosecdef or pg_catalog.starts_with(p.proname::pg_catalog.text, %(prefix)s))
 order by n.nspname, p.proname
