-- The privileges on a table of others than the owner; an empty role is PUBLIC.

select coalesce(r.rolname::pg_catalog.text, ''), g.privilege_type, g.is_grantable
from pg_catalog.pg_class c
cross join lateral pg_catalog.aclexplode(c.relacl) g
left join pg_catalog.pg_roles r on r.oid = g.grantee
where c.oid = pg_catalog.to_regclass(%s) and g.grantee <> c.relowner
order by 1, 2
