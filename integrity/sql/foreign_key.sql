-- The foreign key of one column of a table; of several, the one to the table that is expected.

select con.conname
  from pg_catalog.pg_constraint con
  join pg_catalog.pg_attribute a on a.attrelid = con.conrelid and con.conkey = array[a.attnum]
 where con.contype = 'f'
   and con.conrelid = pg_catalog.to_regclass(%(table)s)
   and a.attname = %(column)s
   and con.conparentid = 0
 order by con.confrelid = pg_catalog.to_regclass(%(related)s) desc, con.conname
 limit 1
