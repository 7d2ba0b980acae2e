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

# A page of reports needs more than three leads.  It stays when all else goes.
as_server_user createdb report
if as_server_user psql -X -q -d report -v ON_ERROR_STOP=1 <"$LS_SRC/demo/report.sql" >"$LS_TMP/report.log" 2>&1; then
	out=$(mktemp -d "${TMPDIR:-/tmp}/lead_stage-demo.XXXXXX")
	as_server_user psql -X -qAt -d report >"$out/report.html" <<-'EOF'
		SET lead_stage.now = '2026-07-06 07:00+00';
		SELECT lead_stage.report_html('crm.lead', since => '2026-01-01 00:00 Europe/London', until => '2026-07-01 00:00 Europe/London', by => 'source');
	EOF
	say "a report of half a year with 600 leads, to open in a browser: $out/report.html"
else
	cat "$LS_TMP/report.log"
	exit 1
fi
