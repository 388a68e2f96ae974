-- What depends on a table and would not follow to another of its name.

select 'the view ' || v.oid::pg_catalog.regclass::pg_catalog.text
from pg_catalog.pg_depend d
join pg_catalog.pg_rewrite r on r.oid = d.objid
    and d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
join pg_catalog.pg_class v on v.oid = r.ev_class
where d.refobjid = pg_catalog.to_regclass(%(table)s)
union select 'the publication ' || p.pubname::pg_catalog.text
from pg_catalog.pg_publication_rel pr join pg_catalog.pg_publication p on p.oid = pr.prpubid
where pr.prrelid = pg_catalog.to_regclass(%(table)s)
union select 'row security' from pg_catalog.pg_class c
where c.oid = pg_catalog.to_regclass(%(table)s) and c.relrowsecurity
union select 'the unique index ' || i.relname::pg_catalog.text
from pg_catalog.pg_index x join pg_catalog.pg_class i on i.oid = x.indexrelid
where x.indrelid = pg_catalog.to_regclass(%(table)s) and x.indisunique and not x.indisprimary
order by 1
