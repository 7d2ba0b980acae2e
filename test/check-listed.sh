#!/bin/bash
# check-listed.sh -- fails if the Makefile's lists and the files differ.
#
# A test that nobody listed never runs, and a forgotten one looks like a passing
# one.  Called by "make check-listed", which hands over its lists.
cd "$(dirname "$0")/.." || exit 1
problems=0

problem() { printf '%s\n' "check-listed: $*"; problems=$((problems + 1)); }

# compare WHAT LIST FILE...: names without directory and extension
compare() {
	local what=$1 list=$2 file name; shift 2
	for file in "$@"; do
		[ -e "$file" ] || continue
		name=${file##*/} name=${name%.*}
		[[ " $list " == *" $name "* ]] || problem "$file is not in $what"
	done
	for name in $list; do
		[[ " $* " == *"/$name."* ]] || problem "$what lists $name, but there is no such file"
	done
	name=$(printf '%s\n' $list | sort | uniq -d)
	[ -z "$name" ] || problem "$what lists twice: $name"
}

compare OBJS "$(printf '%s\n' $OBJS | sed 's,.*/,,; s,\.o$,,' | tr '\n' ' ')" src/*.c
compare REGRESS "$(echo $REGRESS)" test/sql/*.sql
compare ISOLATION "$(echo $ISOLATION)" test/isolation/specs/*.spec

# Expected output: of every test, and (name_1.out: an alternative) of no other.
expected() {
	local dir=$1 list=$2 name file
	for name in $list; do
		[ -e "$dir/$name.out" ] || problem "$dir/$name.out is missing"
	done
	for file in "$dir"/*.out; do
		[ -e "$file" ] || continue
		name=${file##*/} name=${name%.out}
		[[ " $list " == *" $name "* || " $list " == *" ${name%_[0-9]} "* ]] ||
			problem "$file belongs to no test"
	done
}
expected expected "$(echo $REGRESS)"
expected test/isolation/expected "$(echo $ISOLATION)"

# pg_regress looks in sql/ before test/sql/.
for name in $REGRESS; do
	[ ! -e "sql/$name.sql" ] || problem "sql/$name.sql would be run as test $name"
done
for file in test/pgtap/* test/t/*; do
	case $file in
		*/\* | test/pgtap/[0-9][0-9]_*.sql | test/t/[0-9][0-9][0-9]_*.pl | test/t/*.pm) ;;
		*) problem "$file is not named like a test" ;;
	esac
done

grep -q "\"version\": \"$EXTVERSION\.[0-9]*\"" META.json ||
	problem "META.json and lead_stage.control name different versions"

[ $problems = 0 ]
