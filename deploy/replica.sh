#!/bin/bash
# Copy the primary, unless that is done, and start a server that follows it. It runs as postgres.
# https://www.postgresql.org/docs/current/app-pgbasebackup.html
set -eu
if [ "$(id -u)" = 0 ]; then
    mkdir -p /var/lib/postgresql/replica
    chown -R postgres /var/lib/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups bash "$0"
fi
data=/var/lib/postgresql/replica
if [ ! -e "$data/standby.signal" ]; then
    chmod 700 "$data"
    pg_basebackup --dbname "$PRIMARY" --pgdata "$data" --write-recovery-conf --checkpoint fast
fi
exec postgres -D "$data" -c listen_addresses='*' -c hot_standby_feedback=on
