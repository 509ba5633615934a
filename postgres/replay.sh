#!/bin/sh
# Ends what `docker compose run --rm restore` began: PostgreSQL replays the log, the cluster goes to where it is looked
# for, and the secrets that belong to it go to theirs. Safe to repeat.
set -eu
cd "${PGDATA:-/var/lib/postgresql/data}"
if [ -e restored/replay.sh ] && [ -e PG_VERSION ]; then
  echo "There is a database already, and it stays as it is. Remove its volume, then restore again." >&2
  exit 1
fi
if [ -e restored/replay.sh ]; then
  chown -R postgres:postgres restored
  setpriv --reuid=postgres --regid=postgres --clear-groups sh restored/replay.sh
fi
if [ ! -e restored/service-secret ]; then
  echo "Nothing was restored: first docker compose run --rm -T restore --key-file - <dualspan-backup.key" >&2
  exit 1
fi
put() {
  if [ -e "$1" ]; then
    cat "$1" >"$2"
    chown 10001:10001 "$2"
    chmod 400 "$2"
  fi
}
put restored/service-secret /run/secrets/platform/dualspan_service_secret
put restored/dualspan_database_password /run/secrets/database/dualspan_database_password
if [ -d restored/postgres ]; then
  find restored/postgres -mindepth 1 -maxdepth 1 -exec mv -t . {} +
fi
rm -rf restored
echo "The database is restored. \`docker compose up\` starts the platform."
