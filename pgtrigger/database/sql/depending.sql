-- The triggers on a table whose definition names a column, in UPDATE OF or WHEN.

select t.tgname
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_attribute a on a.attrelid = t.tgrelid
  join pg_catalog.pg_depend d    on d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
                                and d.objid = t.oid
                                and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                and d.refobjid = a.attrelid
                                and d.refobjsubid = a.attnum
 where t.tgrelid = pg_catalog.to_regclass(%(table)s)
   and a.attname = %(column)s
   and t.tgparentid = 0
