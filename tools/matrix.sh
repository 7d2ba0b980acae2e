#!/bin/bash
# matrix.sh -- runs every suite on other releases of Debian, for "make
# test-matrix": each in a root file system of its own, made once and kept in
# LEAD_STAGE_CACHE (default ~/.cache/lead_stage).  MATRIX="17 18" says which
# major versions.
#
# No release of Debian ships 16; with one built elsewhere,
# "make test PG_CONFIG=..." does it.
. "$(dirname "$0")/../test/server.sh"

MATRIX=${MATRIX:-15 17 18}
cache=${LEAD_STAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lead_stage}

if [ "$(id -u)" != 0 ]; then
	exec sudo --preserve-env=MATRIX,SUITES,TESTS,LEAD_STAGE_DATA \
		LEAD_STAGE_CACHE="$cache" bash "$0"
fi

suite_of() {
	case $1 in
		15) echo bookworm ;;
		17) echo trixie ;;
		18) echo sid ;;
		*) die "no release of Debian for PostgreSQL $1" ;;
	esac
}

# The mirror this machine uses itself.
mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
		grep -v security | head -1
}

# make_root SUITE ROOT
make_root() {
	local from
	[ ! -e "$2/.complete" ] || return 0
	from=$(mirror)
	[ -n "$from" ] || { as_root apt-get -qq update; from=$(mirror); }
	[ -n "$from" ] || die "no Debian mirror among this machine's package sources"
	say "making a root file system of $1 in $2"
	rm -rf --one-file-system "$2" && mkdir -p "$2" && chmod 755 "$2"
	debootstrap --variant=minbase --include=make "$1" "$2" "$from" >"$2.log" 2>&1 ||
		{ tail -n 20 "$2.log" >&2; return 1; }
	# It gets its packages as this machine does.
	apt-config dump | grep -E '^Acquire::(Check-|Retries|https?::Proxy )' >"$2/etc/apt/apt.conf.d/90host"
	# What is lost in a crash is made again.
	echo force-unsafe-io >"$2/etc/dpkg/dpkg.cfg.d/90host"
	cp /etc/hosts /etc/resolv.conf "$2/etc/"
	mkdir "$2/data" && touch "$2/.complete"
}

# in_root ROOT COMMAND ...: mounts and processes end with it.  Its /dev is its
# own, so that nothing done there can reach this machine's.
in_root() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb PG_MAJOR="$major" \
		SUITES="$SUITES" TESTS="$TESTS" LEAD_STAGE_DATA=/data \
		DATA="${LEAD_STAGE_DATA:-$LS_ROOT/../shared/data}" \
		unshare --mount --pid --fork --kill-child --propagation private sh -c '
			root=$1; shift
			mount -t proc proc "$root/proc" &&
			mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" &&
			{ [ ! -d "$DATA" ] || mount --bind -o ro "$DATA" "$root/data"; } &&
			exec chroot "$root" "$@"' sh "$@"
}

need_tools debootstrap

result=0 summary=
for major in $MATRIX; do
	suite=$(suite_of "$major") || exit 1
	root=$cache/$suite
	make_root "$suite" "$root" || { result=1 summary+="$major: no root file system"$'\n'; continue; }

	work=$(mktemp -d "$root/tmp/src.XXXXXX") && chmod 755 "$work"
	tar -C "$LS_ROOT" -cf - --exclude=./.git . | tar -C "$work" -xf -
	say "PostgreSQL $major on Debian $suite"
	in_root "$root" make --no-print-directory -C "${work#"$root"}" test 2>&1 | tee "$root.out"
	[ "${PIPESTATUS[0]}" = 0 ] || result=1
	summary+="$major on $suite: $(grep -E '^[0-9]+ passed, ' "$root.out" || echo 'did not get to the end')"$'\n'
	rm -rf --one-file-system "$work"
done

printf '\n%s' "$summary"
exit $result
