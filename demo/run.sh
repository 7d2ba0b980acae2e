#!/bin/bash
# run.sh -- shows demo.sql on a throw-away server, for "make demo".
. "$(dirname "$0")/../test/server.sh"

need_packages
private_prefix
say "building for $("$PG_CONFIG" --version), on a server that ends with the demo"
build_extension >"$LS_TMP/build.log" 2>&1 || { cat "$LS_TMP/build.log"; exit 1; }
start_server
as_server_user createdb demo
echo
as_server_user psql -X -q -d demo -v ON_ERROR_STOP=0 -P pager=off -f "$LS_SRC/demo/demo.sql" 2>&1
