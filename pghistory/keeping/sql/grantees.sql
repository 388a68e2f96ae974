-- The roles other than the owner that have a privilege on a table; empty: PUBLIC.

select distinct coalesce(r.rolname::pg_catalog.text, '')
from pg_catalog.pg_class c
cross join lateral pg_catalog.aclexplode(c.relacl) g
left join pg_catalog.pg_roles r on r.oid = g.grantee
where c.oid = pg_catalog.to_regclass(%s) and g.grantee <> c.relowner
