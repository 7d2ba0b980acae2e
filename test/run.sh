#!/bin/bash
# run.sh -- runs every suite on a throw-away server, for "make test".
#
# Its last line is "N passed, N failed": files of tests, plus one for the build
# and one for the Makefile's lists.  SUITES narrows it down, or TESTS, names of
# regression and isolation tests, which alone are run then.
. "$(dirname "$0")/server.sh"

SUITES=${SUITES:-${TESTS:+regress isolation}}
SUITES=${SUITES:-listed regress isolation pgtap tap}
passed=0 failed=0 skipped=0

wanted() { [[ " $SUITES " == *" $1 "* ]]; }
title() { printf '\n== %s\n' "$*"; }

# narrowed DIRECTORY: those of TESTS that are in it
narrowed() {
	local name file
	for name in $TESTS; do
		for file in "$LS_SRC/$1/$name".*; do [ ! -e "$file" ] || printf '%s ' "$name"; done
	done
}

# one NAME STATUS: counts a check that is not a file of tests
one() {
	if [ "$2" = 0 ]; then passed=$((passed + 1)) ; else failed=$((failed + 1)); say "$1 failed"; fi
}

# Adds up what a suite printed.  A suite that failed without naming a failed
# test died on the way: that is one failure.
# count STATUS LOG PASSED-PATTERN FAILED-PATTERN
count() {
	local good bad
	good=$(grep -cE "$3" "$2") bad=$(grep -cE "$4" "$2")
	if [ "$1" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
	passed=$((passed + good)) failed=$((failed + bad))
}

# PostgreSQL 15 writes "test name ... ok  12 ms"; later ones write TAP.
count_regress() {
	count "$1" "$2" '^(test | {4} ).* \.\.\. ok |^ok [0-9]+ ' '^(test | {4} ).* \.\.\. FAILED|^not ok [0-9]+ '
}

# prove prints one line for each file, ending in ok or skipped, and anything
# else if the file failed.
count_prove() {
	local status=$1 log=$2 files=$3 good skip bad
	good=$(grep -cE '^.*\.(sql|pl) \.+ ok( |$)' "$log")
	skip=$(grep -cE '^.*\.(sql|pl) \.+ skipped' "$log")
	bad=$((files - good - skip))
	if [ "$status" != 0 ] && [ $bad = 0 ]; then bad=1; fi
	passed=$((passed + good)) skipped=$((skipped + skip)) failed=$((failed + bad))
}

# Writes where both the server's user and we can read it.
logged() {
	local log=$1; shift
	"$@" </dev/null 2>&1 | tee "$log"
	return "${PIPESTATUS[0]}"
}

for name in $TESTS; do
	[ -e "$LS_ROOT/test/sql/$name.sql" ] || [ -e "$LS_ROOT/test/isolation/specs/$name.spec" ] ||
		die "there is no test $name"
done

# Applications that are tested as clients, and a scheduler; without them their
# tests skip.
others=
if wanted tap; then others="python3-django python3-psycopg2 python3-psycopg postgresql-@-cron"; fi
need_packages $others
# The report page is looked at in a browser, where Debian has one; without it
# the test skips.
if wanted tap && [ -n "$PG_MAJOR" ] && ! command -v chromium >/dev/null && apt-cache show chromium >/dev/null 2>&1; then
	say "missing Debian packages, to be installed now: chromium"
	(trap - EXIT; apt_install chromium) || say "without chromium, the report page is not looked at"
fi
private_prefix
say "testing with $("$PG_CONFIG" --version)"

(trap - EXIT; start_server) >"$LS_TMP/start.log" 2>&1 &
starting=$!
build_extension WERROR=1 >"$LS_TMP/build.log" 2>&1
built=$?
wait $starting || { cat "$LS_TMP/start.log"; die "the server did not start"; }

[ $built = 0 ] || cat "$LS_TMP/build.log"
one "the build" $built

if wanted listed; then
	make_extension -s check-listed
	one "check-listed" $?
fi

if [ $built = 0 ]; then
	tap_files=("$LS_SRC"/test/t/*.pl)
	[ -e "${tap_files[0]}" ] || tap_files=()
	# Tests on real data skip where it is not.
	export LEAD_STAGE_DATA=${LEAD_STAGE_DATA:-$LS_ROOT/../shared/data}
	# On servers of their own, so at the same time as the others.
	if wanted tap && [ ${#tap_files[@]} -gt 0 ]; then
		in_background "$LS_TMP/tap.log" make_extension -s tap PROVE_FLAGS=-j2
	fi

	names=$(narrowed test/sql)
	if wanted regress && [ -n "$names" -o -z "$TESTS" ]; then
		title "regression tests"
		logged "$LS_TMP/regress.log" make_extension -s installcheck ISOLATION= ${TESTS:+REGRESS="$names"}
		status=$?
		count_regress $status "$LS_TMP/regress.log"
		[ $status = 0 ] || cat "$LS_SRC/regression.diffs"
	fi

	names=$(narrowed test/isolation/specs)
	if wanted isolation && [ -n "$names" -o -z "$TESTS" ] &&
		[ -n "$(ls "$LS_SRC/test/isolation/specs" 2>/dev/null)" ]; then
		title "isolation tests"
		logged "$LS_TMP/isolation.log" make_extension -s installcheck REGRESS= ${TESTS:+ISOLATION="$names"}
		status=$?
		count_regress $status "$LS_TMP/isolation.log"
		[ $status = 0 ] || cat "$LS_SRC/output_iso/regression.diffs"
	fi

	if wanted pgtap; then
		title "pgTAP tests"
		logged "$LS_TMP/pgtap.log" make_extension -s pgtap
		count_prove $? "$LS_TMP/pgtap.log" "$(ls "$LS_SRC"/test/pgtap/*.sql | wc -l)"
	fi

	if [ -n "$LS_JOB" ]; then
		title "TAP tests"
		wait "$LS_JOB"
		status=$?
		LS_JOB=
		cat "$LS_TMP/tap.log"
		count_prove $status "$LS_TMP/tap.log" ${#tap_files[@]}
		for name in $(sed -nE 's,^test/t/(.*)\.pl +\(Wstat.*,\1,p' "$LS_TMP/tap.log"); do
			title "$name: the end of its log"
			tail -n 60 "$LS_SRC/tmp_check/log/regress_log_$name"
		done
	fi

	# A test may look fine though a backend died under it.
	if grep -aE 'PANIC:|TRAP:|was terminated by signal' "$LS_LOG"; then
		one "the server's health" 1
	fi

	# Where one looks for them, to compare and to accept.
	for dir in results output_iso; do
		[ -d "$LS_SRC/$dir" ] || continue
		rm -rf "${LS_ROOT:?}/$dir" && cp -R "$LS_SRC/$dir" "$LS_ROOT/$dir"
	done 2>/dev/null
fi

printf '\n%s\n' "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
