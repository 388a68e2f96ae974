-- Records of rules in report mode: see Note [Records without waiting] in database/recording.py.

create or replace function {schema}.pgtrigger_record_violation() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    counter  regclass;
    value    int8;
    present  int8;
    variable text;
    counted  text;
begin
    new.uri  := new.detail ->> 'uri';
    variable := 'pgtrigger.counted_' || md5(new.uri);

    -- The sequence holds the hour in its upper 32 bits, and the number within the hour below.
    counter := to_regclass(
        format('%I.%I', (parse_ident(new.table_name))[1], 'pgtrigger_reports_' || md5(new.uri))
    );
    for attempt in 1..100 loop
        value := nextval(counter);
        new.created_at := clock_timestamp();
        present := floor(extract(epoch from new.created_at) / 3600);
        exit when counter is null or value >> 32 >= present;
        -- A session that has the lock sets the sequence at once, unless it took the lock on purpose.
        if pg_try_advisory_xact_lock(hashoid(counter), (present % 2147483647)::int4) or attempt = 99 then
            if pg_sequence_last_value(counter) >> 32 < present then
                perform setval(counter, present << 32);
            end if;
        else
            perform pg_sleep(0.001);
        end if;
    end loop;

    if value >> 32 >= present and value & 4294967295 <= {limit} then
        new.operation     := new.detail ->> 'operation';
        new.key           := new.detail -> 'key';
        new.database_role := session_user;
        new.application   := current_setting('application_name');
        if current_setting('pghistory.context_id', true) <> '' then
            begin
                new.context_id := current_setting('pghistory.context_id', true)::uuid;
                new.context    := nullif(current_setting('pghistory.context_metadata', true), '')::jsonb;
            exception when data_exception then
                null;  -- any role can set these variables to anything
            end;
        end if;
        return new;
    end if;

    -- What is only counted is added at the end of the transaction. Any role can set the variable.
    counted := current_setting(variable, true);
    if counted ~ '^[1-9][0-9]{{0,17}}$' then
        perform set_config(variable, (counted::int8 + 1)::text, true);
        return null;
    end if;
    perform set_config(variable, '1', true);
    insert into {schema}.pgtrigger_violationcount as stored (uri, hour, backend, number)
    select new.uri, date_trunc('hour', new.created_at), split_part(virtualtransaction, '/', 1)::int4, 0
    from pg_locks where pid = pg_backend_pid() limit 1
    on conflict (uri, hour, backend) do update set number = stored.number;
    return null;
end;
$$;

create or replace function {schema}.pgtrigger_add_to_count() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    variable constant text := 'pgtrigger.counted_' || md5(new.uri);
    counted  constant text := current_setting(variable, true);
begin
    if counted ~ '^[1-9][0-9]{{0,17}}$' then
        perform set_config(variable, '', true);
        insert into {schema}.pgtrigger_violationcount as stored (uri, hour, backend, number)
        values (new.uri, new.hour, new.backend, 0)
        on conflict (uri, hour, backend) do update set number = least(stored.number, {largest}) + counted::int8;
    end if;
    return null;
end;
$$;

revoke execute on function {schema}.pgtrigger_add_to_count() from public;

create or replace trigger record_violation before insert on {schema}.pgtrigger_violation
    for each row execute function {schema}.pgtrigger_record_violation();

drop trigger if exists add_to_count on {schema}.pgtrigger_violationcount;
create constraint trigger add_to_count after insert or update on {schema}.pgtrigger_violationcount
    deferrable initially deferred
    for each row execute function {schema}.pgtrigger_add_to_count();
