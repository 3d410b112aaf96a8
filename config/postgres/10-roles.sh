#!/usr/bin/env bash
# Run by the image when it has created a new database. entrypoint.sh does the same at later starts.
set -eo pipefail # no -u: where the file is not executable, the image reads it into its own shell
bash /etc/thoughts/roles.sh | psql -q -v ON_ERROR_STOP=1 --username postgres --dbname thoughts
