-- The schema of the operators of each type that search_path finds by its name: for a domain, of the
-- type that it is made of; otherwise that of the type's own equality, or of the type.

with recursive asked as (
    select names.name, pg_catalog.to_regtype(names.name)::pg_catalog.oid as type
      from pg_catalog.unnest(%(names)s::pg_catalog.text[]) as names (name)
),
base as (
    select asked.name, asked.type
      from asked
     where asked.type is not null
     union all
    select base.name, t.typbasetype
      from base
      join pg_catalog.pg_type t on t.oid = base.type
     where t.typtype = 'd'
)
select base.name, n.nspname::pg_catalog.text
  from base
  join pg_catalog.pg_type t on t.oid = base.type and t.typtype <> 'd'
  left join pg_catalog.pg_opclass c
    on c.opcintype = t.oid
   and c.opcdefault
   and c.opcmethod = (select a.oid from pg_catalog.pg_am a where a.amname = 'btree')
  left join pg_catalog.pg_amop equal
    on equal.amopfamily = c.opcfamily
   and equal.amoplefttype = t.oid
   and equal.amoprighttype = t.oid
   and equal.amopstrategy = 3
  left join pg_catalog.pg_operator o on o.oid = equal.amopopr
  join pg_catalog.pg_namespace n on n.oid = coalesce(o.oprnamespace, t.typnamespace)
