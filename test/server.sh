# server.sh -- a throw-away PostgreSQL for tests, the demo and benchmarks.
#
# Sourced by bash scripts.  The machine's PostgreSQL is copied into a temporary
# directory and the extension is built and installed there, so nothing outside
# that directory changes, and any number of these can run at once.
#
#	need_packages [name ...]	name the Debian packages that are missing, then
#								install them; "@" stands for the server's version
#	need_tools name ...			the same, for what needs no PostgreSQL
#	private_prefix				copy PostgreSQL, and the source tree to build in
#	build_extension [arg ...]	make and make install there; args go to make
#	start_server [setting ...]	initdb and start; listens on a socket only
#	stop_server
#
# Set before, if wanted: PG_MAJOR or PG_CONFIG (which PostgreSQL; default: the
# newest supported one installed, else the one of this Debian release).
# Afterwards: LS_TMP (the directory), LS_SRC (the copied tree), PG_CONFIG, PATH,
# PGHOST, PGUSER, PGDATABASE, LS_DATA (the cluster), LS_LOG (its log).
# Everything ends with the script: cleanup runs at exit.

LS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LS_SUPPORTED="15 16 17 18"
LS_TMP= LS_SRC= LS_DATA= LS_LOG= LS_CREATECLUSTER_SAVED= LS_JOB=

# The caller's connection settings must not lead us to his servers.
for _name in $(compgen -e | grep '^PG'); do
	case $_name in PG_CONFIG | PG_MAJOR) ;; *) unset "$_name" ;; esac
done
unset _name
export LC_ALL=C.UTF-8

say() { printf '%s\n' "lead_stage: $*"; }
die() { printf '%s\n' "lead_stage: $*" >&2; exit 1; }

# PostgreSQL refuses to run as root, so root does it as the packages' user.
as_server_user() {
	if [ "$(id -u)" = 0 ]; then
		HOME=$LS_TMP runuser -u postgres -- "$@"
	else
		HOME=$LS_TMP "$@"
	fi
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -- "$@"; fi
}

cleanup() {
	local rc=$?
	trap - EXIT INT TERM HUP
	restore_createcluster
	[ -z "$LS_JOB" ] || kill -- "-$LS_JOB" 2>/dev/null
	stop_server
	[ -z "$LS_TMP" ] || rm -rf "$LS_TMP" "$PGHOST"
	exit $rc
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# ---------------------------------------------------------------------------
# Packages

# The major version to use where none was chosen.
default_major() {
	local major newest=
	for major in $LS_SUPPORTED; do
		if installed "postgresql-$major"; then newest=$major; fi
	done
	if [ -z "$newest" ]; then
		newest=$(apt-cache depends postgresql 2>/dev/null |
			sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p' | head -1)
	fi
	printf '%s' "$newest"
}

need_packages() {
	local package missing=() server=() other=()

	if [ -n "$PG_CONFIG" ] || ! command -v apt-get >/dev/null; then
		# Not our packages, then: only say what is not there.
		PG_CONFIG=${PG_CONFIG:-$(command -v pg_config)}
		[ -n "$PG_CONFIG" ] || die "no pg_config found; set PG_CONFIG"
		for package in make cc; do
			command -v $package >/dev/null || missing+=("$package")
		done
		[ ${#missing[@]} = 0 ] || die "programs not found: ${missing[*]}"
		return
	fi

	if [ -z "$PG_MAJOR" ]; then
		PG_MAJOR=$(default_major)
		if [ -z "$PG_MAJOR" ]; then
			say "updating the package lists"
			as_root apt-get -qq update || die "apt-get update failed"
			PG_MAJOR=$(default_major)
		fi
	fi
	case " $LS_SUPPORTED " in
		*" $PG_MAJOR "*) ;;
		*) die "PostgreSQL ${PG_MAJOR:-(none found)} is not supported; set PG_MAJOR to one of: $LS_SUPPORTED" ;;
	esac

	for package in make gcc "postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR" \
		"postgresql-$PG_MAJOR-pgtap" libtap-parser-sourcehandler-pgtap-perl \
		libipc-run-perl "${@//@/$PG_MAJOR}"; do
		installed "$package" || missing+=("$package")
	done
	if [ ${#missing[@]} -gt 0 ]; then
		say "missing Debian packages, to be installed now: ${missing[*]}"
		if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
			die "neither root nor sudo: ask for them to be installed"
		fi
		for package in "${missing[@]}"; do
			case $package in
				"postgresql-$PG_MAJOR" | "postgresql-$PG_MAJOR-"*) server+=("$package") ;;
				*) other+=("$package") ;;
			esac
		done
		if [ ${#server[@]} -gt 0 ] && ! installed postgresql-common; then
			other+=(postgresql-common)
		fi
		as_root apt-get -qq update || die "apt-get update failed"
		[ ${#other[@]} = 0 ] || apt_install "${other[@]}"
		if [ ${#server[@]} -gt 0 ]; then
			# A server package makes a cluster when first installed, and starts
			# it: not on somebody else's machine.
			forbid_createcluster
			apt_install "${server[@]}"
			restore_createcluster
		fi
	fi
	PG_CONFIG=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
}

# need_tools [package ...]: for what needs no PostgreSQL.
need_tools() {
	local package missing=()
	command -v apt-get >/dev/null || die "not a Debian system; this needs: $*"
	for package in "$@"; do installed "$package" || missing+=("$package"); done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "missing Debian packages, to be installed now: ${missing[*]}"
	as_root apt-get -qq update || die "apt-get update failed"
	apt_install "${missing[@]}"
}

apt_install() {
	local log
	log=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Dpkg::Use-Pty=0 \
		--no-install-recommends install "$@" </dev/null 2>&1) ||
		{ printf '%s\n' "$log" >&2; die "could not install: $*"; }
}

LS_CREATECLUSTER=/etc/postgresql-common/createcluster.conf

forbid_createcluster() {
	LS_CREATECLUSTER_SAVED=$(mktemp)
	cat $LS_CREATECLUSTER >"$LS_CREATECLUSTER_SAVED" || die "cannot read $LS_CREATECLUSTER"
	as_root sh -c "echo 'create_main_cluster = false' >>$LS_CREATECLUSTER"
}

restore_createcluster() {
	[ -n "$LS_CREATECLUSTER_SAVED" ] || return 0
	as_root sh -c "cat '$LS_CREATECLUSTER_SAVED' >$LS_CREATECLUSTER"
	rm -f "$LS_CREATECLUSTER_SAVED"
	LS_CREATECLUSTER_SAVED=
}

# ---------------------------------------------------------------------------
# A copy of PostgreSQL and of the source tree

private_prefix() {
	local bindir dir common config=$PG_CONFIG dirs=()

	LS_TMP=$(mktemp -d "${TMPDIR:-/tmp}/lead_stage.XXXXXX") || die "no temporary directory"
	chmod 755 "$LS_TMP"

	# Programs find their files relative to where they are, so it is enough to
	# keep the layout below the directory that all have in common.  (Debian has
	# bin and lib in one directory of each version, which comes as a whole.)
	bindir=$("$config" --bindir) || die "$config does not work"
	for dir in "$bindir" "$("$config" --pkglibdir)" "$("$config" --sharedir)" \
		"$("$config" --includedir)" "$("$config" --includedir-server)"; do
		dirs+=("$dir")
	done
	case $bindir in
		/usr/bin | /usr/local/bin) die "PostgreSQL in $bindir cannot be copied; give the PG_CONFIG of one in a directory of its own" ;;
		*/lib/postgresql/*/bin) common=${bindir%/lib/postgresql/*} dirs[0]=${bindir%/bin} ;;
		*) common=${bindir%/bin} ;;
	esac
	for dir in "${dirs[@]}"; do
		case $dir in
			"$common"/*) ;;
			*) die "$dir is not below $common: this PostgreSQL cannot be copied" ;;
		esac
		[ ! -e "$LS_TMP/pg${dir#"$common"}" ] || continue
		mkdir -p "$LS_TMP/pg${dir#"$common"}"
		cp -R "$dir/." "$LS_TMP/pg${dir#"$common"}/" || die "could not copy $dir"
	done
	PG_CONFIG=$LS_TMP/pg${bindir#"$common"}/pg_config
	PATH=$LS_TMP/pg${bindir#"$common"}:$PATH
	export PG_CONFIG PATH
	# What is installed already must not stand in for what is built here.
	rm -rf "$("$PG_CONFIG" --sharedir)"/extension/lead_stage[.-]* \
		"$("$PG_CONFIG" --pkglibdir)"/lead_stage.so \
		"$("$PG_CONFIG" --pkglibdir)"/bitcode/lead_stage* \
		"$("$PG_CONFIG" --includedir-server)"/extension/lead_stage

	# Built in a copy, objects and results of other runs are out of the way,
	# and the server's user can read it.
	LS_SRC=$LS_TMP/src
	mkdir "$LS_SRC"
	tar -C "$LS_ROOT" -cf - --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' \
		--exclude=./results --exclude=./output_iso --exclude=./tmp_check --exclude=./src/.built-for . |
		tar -C "$LS_SRC" -xf - || die "could not copy the source tree"
	if [ "$(id -u)" = 0 ]; then
		chown -R postgres "$LS_TMP"
		as_server_user test -r "$LS_SRC/Makefile" ||
			die "user postgres cannot read ${TMPDIR:-/tmp}: set TMPDIR to a directory that all can enter"
	fi
	server_environment
}

make_extension() {
	as_server_user make --no-print-directory -C "$LS_SRC" PG_CONFIG="$PG_CONFIG" "$@"
}

# Without bitcode: what the JIT compiler inlines is no part of what we check,
# and it doubles the time.
build_extension() {
	make_extension -s -j"$(nproc)" with_llvm=no "$@" all &&
		make_extension -s with_llvm=no "$@" install
}

# ---------------------------------------------------------------------------
# The server.  Set LS_POSTGRES to a program to start in place of postgres.

# How to reach it; for private_prefix, so that it holds in subshells too.
server_environment() {
	LS_DATA=$LS_TMP/data LS_LOG=$LS_TMP/server.log
	export PGHOST=$LS_TMP PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
	# A socket's path is limited to 107 bytes.
	if [ ${#LS_TMP} -gt 80 ]; then
		PGHOST=$(mktemp -d /tmp/lead_stage.XXXXXX)
		[ "$(id -u)" != 0 ] || chown postgres "$PGHOST"
	fi
}

start_server() {
	local setting

	as_server_user initdb -D "$LS_DATA" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
		--no-sync --no-instructions >"$LS_TMP/initdb.log" 2>&1 ||
		{ cat "$LS_TMP/initdb.log" >&2; die "initdb failed"; }
	{
		printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$PGHOST'" \
			'fsync = off' 'full_page_writes = off' 'max_prepared_transactions = 10' \
			'wal_level = logical'
		for setting in "$@"; do printf '%s\n' "$setting"; done
	} >>"$LS_DATA/postgresql.conf"
	as_server_user pg_ctl -D "$LS_DATA" -l "$LS_LOG" ${LS_POSTGRES:+-p "$LS_POSTGRES"} -t 180 -s -w start ||
		{ cat "$LS_LOG" >&2; die "the server did not start"; }
}

# Stops the server, and any that a test left running below our directory.
stop_server() {
	local pidfile
	[ -n "$LS_TMP" ] || return 0
	find "$LS_TMP" -name postmaster.pid 2>/dev/null | while read -r pidfile; do
		as_server_user pg_ctl -D "${pidfile%/*}" -m immediate -s -w stop </dev/null
	done
	rm -rf "$LS_DATA"
}

# in_background LOG COMMAND ...: in a process group of its own (LS_JOB), which
# ends with us.
in_background() {
	local log=$1; shift
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	LS_JOB=$!
	set +m
}
