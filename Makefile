# Builds, installs and tests the extension with PGXS; "make help" lists the
# targets.  Every list that PostgreSQL's rules need is explicit, one name a
# line: "make check-listed" finds a file that nobody listed.

EXTENSION = lead_stage
MODULE_big = lead_stage

OBJS = \
	src/activity.o \
	src/arrivals.o \
	src/binding.o \
	src/bustime.o \
	src/bustime_sql.o \
	src/calendar_cache.o \
	src/check_condition.o \
	src/clock.o \
	src/clock_state.o \
	src/condition_refusals.o \
	src/condition_zone.o \
	src/conditions.o \
	src/draft.o \
	src/engagement.o \
	src/engagement_sql.o \
	src/evaluate.o \
	src/event_time.o \
	src/fit.o \
	src/held_items.o \
	src/held_states.o \
	src/history.o \
	src/judge.o \
	src/judge_clocks.o \
	src/judge_row.o \
	src/judge_sql.o \
	src/judge_stage.o \
	src/key_functions.o \
	src/key_text.o \
	src/lead_table.o \
	src/memo.o \
	src/notify.o \
	src/maintenance.o \
	src/model_def.o \
	src/module.o \
	src/one_lead.o \
	src/open_hours.o \
	src/our_objects.o \
	src/pending.o \
	src/recount.o \
	src/reps.o \
	src/reschedule.o \
	src/rescore.o \
	src/route.o \
	src/row_batch.o \
	src/run_as.o \
	src/score_type.o \
	src/settle.o \
	src/sla.o \
	src/sql_names.o \
	src/stage_ops.o \
	src/stage_type.o \
	src/state.o \
	src/sweep.o \
	src/sweeper.o \
	src/touch.o \
	src/touch_sql.o \
	src/transition.o \
	src/trig_lead.o \
	src/trig_truncate.o \
	src/turns.o \
	src/unconcerned.o \
	src/upsert.o \
	src/worker.o \
	src/worker_memory.o

HEADERS = src/lead_stage.h

# pg_regress runs these one after the other.
REGRESS_ALL = \
	install \
	sla_clocks \
	sla_edges \
	stage_type \
	stage_cast \
	stage_index \
	score_type \
	stage_schema \
	maintenance \
	engagement \
	scoring_complaints \
	engagement_edges \
	model_tables \
	model_numbers \
	model_security \
	import_export \
	diff_versions \
	templates \
	attach_plain \
	attach_keys \
	attach_names \
	attach_columns \
	attach_partitioned \
	attach_again \
	attach_refused \
	attach_sharing \
	attach_transaction \
	detach \
	rename \
	routing_complaints \
	routing_merge \
	routing_owner \
	routing_reps \
	routing_shown \
	routing_turns \
	publish_conditions \
	publish_problems \
	publish_examples \
	publish_versions \
	publish_views \
	unpublish \
	publish_time_zone \
	publish_tables \
	security_rights \
	security_binding \
	history_guard \
	history_append_only \
	fit_score \
	fit_oracle \
	manual_move \
	manual_move_insert \
	move_reason \
	on_refused \
	proposed_rows \
	odd_schema \
	nested_writes \
	caught_errors \
	automatic_move \
	automatic_move_time \
	rule_error \
	rule_error_function \
	setting_actor \
	setting_now \
	setting_enforce \
	computed_columns \
	unrelated_update \
	unconcerned \
	stale_save \
	owner_and_milestones \
	peers_history \
	peers_stages \
	history_events \
	history_keys \
	verify_history \
	as_of \
	live_view \
	stories \
	rescore \
	rescore_first_write \
	rescore_batches \
	rescore_lead \
	explain \
	guide \
	attach_restored \
	backtest \
	suggest_points \
	report_story \
	report_random \
	report_narrow \
	report_sla \
	report_rekey \
	report_rights \
	report_reader \
	report_by \
	report_html \
	lint \
	write_alter \
	write_cascade \
	write_columns \
	write_copy \
	write_cursor \
	write_deferred \
	write_delete \
	write_history_hooks \
	write_in_condition \
	write_insert \
	write_held_state \
	write_merge \
	write_partition \
	write_partition_triggers \
	write_prepared \
	write_rekey \
	write_replica \
	write_rights \
	write_subtransaction \
	write_temp \
	write_toast \
	write_triggers \
	write_unlanded \
	write_upsert \
	write_view \
	preview \
	preview_routes \
	write_memory \
	business_time \
	business_time_oracle \
	business_time_cache \
	business_time_complaints \
	sla_complaints

# Only for servers with soft input errors.
REGRESS_16 = \
	stage_softerr \
	set_role

ISOLATION = \
	business_time_cache \
	engagement_late_write \
	engagement_race \
	routing_max_open \
	routing_turns \
	write_attach \
	write_delete_update \
	write_late_start \
	write_many_leads \
	write_publish \
	write_recheck \
	write_rescore \
	write_same_lead \
	write_upsert_race

PG_CONFIG ?= pg_config

# The version is written once, in the control file.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" lead_stage.control)
SERVER_MAJOR := $(shell $(PG_CONFIG) --version 2>/dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')

INSTALL_SQL = sql/$(EXTENSION)--$(EXTVERSION).sql
SQL_PARTS = $(sort $(wildcard sql/parts/*.sql))
DATA_built = $(INSTALL_SQL)
DATA = $(filter-out $(INSTALL_SQL),$(wildcard sql/$(EXTENSION)--*--*.sql))

REGRESS = $(REGRESS_ALL)
ifeq ($(filter 14 15,$(SERVER_MAJOR)),)
REGRESS += $(REGRESS_16)
endif
REGRESS_OPTS = --inputdir=$(srcdir)/test --load-extension=$(EXTENSION)
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation --load-extension=$(EXTENSION)

# Where the linker can, calls among our own functions need no look-up by name
# through all libraries when a session loads this one.
ifeq ($(shell uname -s),Linux)
SHLIB_LINK = -Wl,-Bsymbolic-functions
endif

# As system headers the server's own are exempt from the warnings we ask for.
# Unused fcinfo and signed loops up to lengthof() are PostgreSQL's idiom.
PG_CPPFLAGS = -I$(srcdir)/src -DLEAD_STAGE_VERSION='"$(EXTVERSION)"'
ifdef WERROR
PG_CPPFLAGS += -isystem $(shell $(PG_CONFIG) --includedir-server)
PG_CFLAGS += -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Werror
endif

EXTRA_CLEAN = src/.built-for $(SAVED_RESULTS)
SAVED_RESULTS = results output_iso tmp_check regression.diffs regression.out

# The targets that bring their own PostgreSQL do without.
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifneq ($(PGXS),)
include $(PGXS)
else
all install installcheck uninstall clean pgtap-database tap:
	@echo 'No PostgreSQL development files: install them (Debian: postgresql-server-dev-NN) or set PG_CONFIG.' >&2
	@false
endif

# The install script is its parts, in the order of their names.  The directory
# is a prerequisite so that a part taken away is noticed too.
$(INSTALL_SQL): $(SQL_PARTS) sql/parts lead_stage.control
	awk 'FNR == 1 && NR > 1 { print "" } 1' $(SQL_PARTS) > $@.tmp && mv $@.tmp $@

# Objects depend on every header, and on the server they were built for.
HEADER_FILES = $(wildcard src/*.h)
$(OBJS) $(OBJS:.o=.bc): $(HEADER_FILES) src/.built-for

.PHONY: FORCE
src/.built-for: FORCE
	@echo '$(VERSION) $(pkglibdir) $(WERROR)' | cmp -s - $@ || \
		echo '$(VERSION) $(pkglibdir) $(WERROR)' > $@

# ---------------------------------------------------------------------------
# Against a running server, as installcheck is: PGHOST, PGPORT, PGUSER.

.PHONY: pgtap pgtap-database tap
PGTAP_DB = contrib_regression_pgtap
PGTAP_TESTS = $(sort $(wildcard test/pgtap/*.sql))
PROVE_TESTS = $(sort $(wildcard test/t/*.pl))
PG_PROVE = pg_prove

ifneq ($(PGXS),)
pgtap-database:
	'$(bindir)/psql' -X -q -d postgres -v ON_ERROR_STOP=1 \
		-c 'SET client_min_messages = error' \
		-c 'DROP DATABASE IF EXISTS $(PGTAP_DB)' -c 'CREATE DATABASE $(PGTAP_DB)'
	'$(bindir)/psql' -X -q -d $(PGTAP_DB) -v ON_ERROR_STOP=1 \
		-c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION $(EXTENSION)'
endif

pgtap: pgtap-database
	$(PG_PROVE) --psql-bin '$(bindir)/psql' --dbname $(PGTAP_DB) $(PGTAP_TESTS)

# These start servers of their own, so not as root.
ifneq ($(PGXS),)
tap:
	$(prove_installcheck)
endif

# ---------------------------------------------------------------------------
# On a throw-away copy of the server; the machine's own stays as it is.

.PHONY: test demo check-listed test-matrix check-static valgrind
# PG_CONFIG is handed on only if somebody chose it.
ifneq ($(origin PG_CONFIG),file)
CHOSEN_PG_CONFIG = PG_CONFIG='$(PG_CONFIG)'
endif
ON_COPY = env -u MAKEFLAGS -u MAKELEVEL $(CHOSEN_PG_CONFIG)

test:
	@$(ON_COPY) SUITES='$(SUITES)' TESTS='$(TESTS)' bash test/run.sh

demo:
	@$(ON_COPY) bash demo/run.sh

test-matrix:
	@env -u MAKEFLAGS -u MAKELEVEL bash tools/matrix.sh

check-static:
	@$(ON_COPY) bash tools/static.sh

valgrind:
	@$(ON_COPY) TESTS='$(TESTS)' bash tools/valgrind.sh

check-listed:
	@OBJS='$(OBJS)' REGRESS='$(REGRESS_ALL) $(REGRESS_16)' ISOLATION='$(ISOLATION)' \
		EXTVERSION='$(EXTVERSION)' bash test/check-listed.sh

.PHONY: help
help:
	@echo 'make                build the library and the install script (PG_CONFIG=..., WERROR=1)'
	@echo 'make install        install them into that PostgreSQL'
	@echo 'make demo           show the extension at work on a throw-away server'
	@echo 'make test           run every suite on a throw-away server (SUITES="regress tap", TESTS="install", PG_MAJOR=17)'
	@echo 'make installcheck   run the regression and isolation tests on a running server'
	@echo 'make pgtap          run the pgTAP tests on a running server'
	@echo 'make tap            run the Perl tests, which start servers themselves (not as root)'
	@echo 'make test-matrix    run every suite on the Debian releases with PostgreSQL 15, 17 and 18 (MATRIX="17 18")'
	@echo 'make check-static   run cppcheck and the clang analyzer over the C code'
	@echo 'make valgrind       run the regression tests with the server under valgrind (TESTS="install")'
	@echo 'make check-listed   check that no source or test file was forgotten in the Makefile'
	@echo 'make clean          remove what was built'
	@echo 'make uninstall      remove what was installed'
