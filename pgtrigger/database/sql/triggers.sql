-- The engine's triggers, with their functions. Those of a partition that are clones or copies of its
-- table's are left out. The names in braces are the expressions that comments contain: see pgtrigger.sql.comments.

select n.nspname                                                   as schema,
       c.relname                                                   as table_name,
       t.tgname                                                    as pgid,
       t.tgenabled::text                                           as enabled_state,
       pg_catalog.pg_get_triggerdef(t.oid)                         as definition,
       {trigger_in_catalog}                                        as definition_now,
       coalesce(pg_catalog.obj_description(t.oid, 'pg_trigger'), '') as comment,
       pn.nspname                                                  as function_schema,
       p.proname                                                   as function,
       p.prosrc                                                    as function_source,
       {function_in_catalog}                                       as function_now,
       coalesce(pg_catalog.obj_description(p.oid, 'pg_proc'), '')  as function_comment,
       exists (select
                 from pg_catalog.pg_trigger o
                 join pg_catalog.pg_class oc on oc.oid = o.tgrelid
                where o.tgfoid = p.oid and o.oid <> t.oid and o.tgparentid = 0
                  and not (oc.relispartition and o.tgname = t.tgname
                           and pg_catalog.pg_partition_root(oc.oid) = c.oid)) as function_shared,
       -- whether search_path finds the table by its name alone
       n.nspname::text is not distinct from (
           select vn.nspname::text
             from pg_catalog.pg_class v
             join pg_catalog.pg_namespace vn on vn.oid = v.relnamespace
            where v.relname = c.relname and vn.nspname::text = any (%(schemas)s::text[])
            order by pg_catalog.array_position(%(schemas)s::text[], vn.nspname::text)
            limit 1
       ) as on_visible_table
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c      on c.oid = t.tgrelid
  join pg_catalog.pg_namespace n  on n.oid = c.relnamespace
  join pg_catalog.pg_proc p       on p.oid = t.tgfoid
  join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace
 where not t.tgisinternal
   and t.tgparentid = 0
   and pg_catalog.starts_with(t.tgname::text, %(prefix)s)
   and (%(all)s or c.relname::text = any (%(tables)s::text[]))
   and not (c.relispartition and exists (
           select
             from pg_catalog.pg_trigger r
            where r.tgrelid = pg_catalog.pg_partition_root(c.oid)
              and r.tgname = t.tgname and r.tgfoid = t.tgfoid))
 order by n.nspname, c.relname, t.tgname
