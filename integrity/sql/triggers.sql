-- The comments of a table's triggers. An engine that writes triggers for a model begins the comment
-- with the trigger's URI.

select pg_catalog.obj_description(t.oid, 'pg_trigger')
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c     on c.oid = t.tgrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = %(schema)s
   and c.relname = %(table)s
   and not t.tgisinternal
   and pg_catalog.obj_description(t.oid, 'pg_trigger') is not null
