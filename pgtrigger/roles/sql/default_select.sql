-- Whether new tables of this owner in this schema give SELECT to this role.

select exists (
           select
             from pg_catalog.pg_default_acl d
             join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
             cross join lateral pg_catalog.aclexplode(d.defaclacl) g
            where d.defaclobjtype = 'r'
              and pg_catalog.pg_get_userbyid(d.defaclrole) = %(owner)s
              and n.nspname = %(schema)s
              and pg_catalog.pg_get_userbyid(g.grantee) = %(role)s
              and g.privilege_type = 'SELECT'
       )
