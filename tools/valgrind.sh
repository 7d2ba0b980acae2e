#!/bin/bash
# valgrind.sh -- the regression tests with the server under valgrind, for "make
# valgrind".  TESTS names some of them.
#
# Fails if a test fails or an error has our library in its stack, or in that of
# where the bad value came from.  The packaged server does not tell valgrind
# what palloc hands out, so this finds use of uninitialised bytes and of memory
# given back to the system, but not an overrun within a memory context's block.
. "$(dirname "$0")/../test/server.sh"

need_packages valgrind libc6-dbg
private_prefix
build_extension >"$LS_TMP/build.log" 2>&1 || { cat "$LS_TMP/build.log"; exit 1; }

mkdir "$LS_TMP/valgrind" && as_server_user test -w "$LS_TMP" || exit 1
[ "$(id -u)" != 0 ] || chown postgres "$LS_TMP/valgrind"
LS_POSTGRES=$LS_TMP/postgres-valgrind
cat >"$LS_POSTGRES" <<END
#!/bin/sh
exec valgrind --quiet --leak-check=no --trace-children=yes --track-origins=yes \\
	--num-callers=40 --error-limit=no --fullpath-after='$LS_SRC/' --suppressions='$LS_SRC/tools/valgrind.supp' \\
	--log-file='$LS_TMP/valgrind/%p.log' '$(dirname "$PG_CONFIG")/postgres' "\$@"
END
chmod 755 "$LS_POSTGRES"

start_server 'autovacuum = off' 'jit = off' 'shared_buffers = 16MB'
say "$(valgrind --version), $("$PG_CONFIG" --version): this takes a while"
make_extension -s installcheck ISOLATION= ${TESTS:+REGRESS="$TESTS"} </dev/null
status=$?
[ $status = 0 ] || cat "$LS_SRC/regression.diffs"
as_server_user pg_ctl -D "$LS_DATA" -m fast -s -w stop

# Frames of ours read (src/file.c:line), or (in .../lead_stage.so) where there is
# no line to show.  An error is a run of lines "==pid== text", ended by an empty one.
errors() {
	awk -v ours="$1" '
		function done() {
			if (text ~ /at 0x/ && (text ~ /\(src\/[a-z_]+\.c:|lead_stage\.so/) == ours) { print text; found++ }
			text = ""
		}
		{ line = $0; sub(/^==[0-9]+== ?/, "", line) }
		line == "" { empty = 1; next }
		# What came from where follows an empty line, indented.
		empty && line !~ /^ / { done() }
		{ empty = 0; text = text line "\n" }
		END { done() }' "$LS_TMP"/valgrind/*.log
}
errors 1 >"$LS_TMP/ours"
errors 0 >"$LS_TMP/others"
if [ -s "$LS_TMP/others" ]; then
	say "in the server alone, without our library:"
	grep -v '^ ' "$LS_TMP/others" | grep . | sort | uniq -c
fi
if [ -s "$LS_TMP/ours" ]; then
	say "errors with our library in the stack:"
	cat "$LS_TMP/ours"
	status=1
else
	say "no error with our library in the stack"
fi
exit $status
