-- Triggers that do not fire in an ordinary session. Those of a foreign key have the constraint's name.

select distinct n.nspname, c.relname, coalesce(con.conname, t.tgname),
       case t.tgenabled when 'D' then 'disabled' else 'enabled for replicas only' end
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c             on c.oid = t.tgrelid
  join pg_catalog.pg_namespace n         on n.oid = c.relnamespace
  left join pg_catalog.pg_constraint con on con.oid = t.tgconstraint
 where t.tgenabled in ('D', 'R')
   and not pg_catalog.starts_with(n.nspname, 'pg_')
   and n.nspname <> 'information_schema'
 order by 1, 2, 3
