#!/bin/bash
# static.sh -- cppcheck and the clang analyzer over src/, for "make
# check-static".  Any finding fails; one that is wrong is silenced beside the
# code, with the reason.
. "$(dirname "$0")/../test/server.sh"

need_packages cppcheck clang
cd "$LS_ROOT" || exit 1
include=$("$PG_CONFIG" --includedir-server)
status=0

say "cppcheck $(cppcheck --version | sed 's/[^0-9.]//g')"
# Without the server's headers, which would take minutes and be reported on; and
# for the newest server, whose API compat.h does not have to spell.
cppcheck --quiet --std=c99 --error-exitcode=1 --inline-suppr -j"$(nproc)" \
	--enable=warning,performance,portability -Isrc \
	--template='{file}:{line}: {severity}: {message} [{id}]' \
	-DPG_VERSION_NUM=180000 --include=tools/cppcheck.h \
	--library=posix src/*.c || status=1

say "$(clang --version | head -1)"
for file in src/*.c; do
	# With assertions, so that it knows what we take for granted.
	clang --analyze --analyzer-output text -Xclang -analyzer-werror -std=gnu99 \
		-Isrc -isystem "$include" -D_GNU_SOURCE -DLEAD_STAGE_VERSION='"x"' \
		-DUSE_ASSERT_CHECKING=1 "$file" || status=1
done
exit $status
