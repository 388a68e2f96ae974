-- The owner of a table, whether the current role is the owner or a member of it, the current role, and
-- the setting "role".

select pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text,
       pg_catalog.pg_has_role(c.relowner, 'MEMBER'),
       current_user::pg_catalog.text,
       pg_catalog.current_setting('role')
  from pg_catalog.pg_class c
 where c.oid = pg_catalog.to_regclass(%(table)s)
