#!/bin/bash
# run.sh -- shows demo.sql on a throw-away server, for "make demo".
. "$(dirname "$0")/../test/server.sh"

need_packages
private_prefix
say "building for $("$PG_CONFIG" --version), on a server that ends with the demo"
build_extension >"$LS_TMP/build.log" 2>&1 || { cat "$LS_TMP/build.log"; exit 1; }
start_server
as_server_user createdb demo
# Read from standard input, errors come without a file name and a line.
as_server_user psql -X -q -d demo <"$LS_SRC/demo/demo.sql" 2>&1 | cat -s
