# The background worker: sweeps at the due moment, as each table's owner, in
# every database of the list; outlives errors, kills, dropped databases and
# dropped extensions; and does nothing on a standby until it is promoted.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'lead_stage'
lead_stage.databases = 'crm, nowhere'
lead_stage.sweep_interval = '3s'
restart_after_crash = on
autovacuum = off
log_statement = none
log_line_prefix = '%n %b [%p] '
});
$node->start;

# ---------------------------------------------------------------------------
# What the tests are made of

# A table of that owner in a schema of the same name, whose leads are mql and
# turn to nurture after an hour there.
sub pipeline
{
	my ($db, $owner) = @_;
	$node->safe_psql($db, qq{
SET client_min_messages = warning;
CREATE SCHEMA $owner AUTHORIZATION $owner;
SET ROLE $owner;
CREATE TABLE $owner.lead (id int PRIMARY KEY, size int);
INSERT INTO lead_stage.model (name) VALUES ('$owner');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, in_stage_for) VALUES ('$owner', 'cool', 'mql', 'nurture', true, '1 hour');
SELECT lead_stage.attach('$owner.lead', '$owner'), lead_stage.publish('$owner');
});
}

# Leads with these ids that fall due at a time that depends on n, the id.
sub leads
{
	my ($owner, $ids, $seconds, $db) = @_;
	$node->safe_psql($db // 'crm', qq{
SET lead_stage.enforce = off;
INSERT INTO $owner.lead (id, size, stage, stage_since) SELECT n, 1, 'mql', now() - interval '1 hour' + ($seconds) * interval '1 second' FROM generate_series($ids) AS n;
INSERT INTO $owner.lead_state (id, recheck_at) SELECT id, stage_since + interval '1 hour' FROM $owner.lead WHERE stage = 'mql' ON CONFLICT (id) DO UPDATE SET recheck_at = EXCLUDED.recheck_at;
});
}

sub wait_for
{
	my ($db, $query, $expected, $name) = @_;
	ok($node->poll_query_until($db, $query, $expected), $name);
}

# How many moves by time, of how many leads.
sub cooled { my ($owner) = @_; return "SELECT count(*) || '/' || count(DISTINCT lead_id) FROM $owner.lead_history WHERE event = 'stage' AND to_stage = 'nurture'"; }

my $sweeper = q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'lead_stage sweeper'};

sub configure
{
	$node->append_conf('postgresql.conf', $_) foreach @_;
	$node->reload;
}

# A session that stays.
sub session
{
	my ($db) = @_;
	my ($in, $out) = ('', '');
	my $self = { in => \$in, out => \$out };
	$self->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($db), '-f', '-' ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timer(180));
	return $self;
}

sub say_to
{
	my ($self, $sql) = @_;
	${ $self->{in} } .= "$sql;\nSELECT 'said';\n";
	$self->{run}->pump until ${ $self->{out} } =~ /said\n/;
	${ $self->{out} } = '';
}

sub leave { my ($self) = @_; ${ $self->{in} } .= "\\q\n"; $self->{run}->finish; }

# What came into the log since the last look.
my $seen = 0;
sub log_since { my $log = slurp_file($node->logfile); my $new = substr $log, $seen; $seen = length $log; return $new; }

$node->safe_psql('postgres', 'CREATE ROLE ann; CREATE ROLE bob; CREATE ROLE eve');
$node->safe_psql('postgres', 'CREATE DATABASE crm');
$node->safe_psql('crm', 'CREATE EXTENSION lead_stage');
pipeline('crm', 'ann');

# ---------------------------------------------------------------------------
# The moment

is($node->safe_psql('postgres', q{SELECT count(*), min(backend_type), min(application_name), count(datname) FROM pg_stat_activity WHERE backend_type LIKE 'lead_stage%'}),
	'1|lead_stage launcher|lead_stage|0', 'the launcher is seen in pg_stat_activity, connected to no database');

leads('ann', '1, 6', '4 + n * 1.7');
wait_for('crm', cooled('ann'), '6/6', 'what falls due is done without anybody');
is($node->safe_psql('crm', q{SELECT count(*) FROM ann.lead_history AS h JOIN ann.lead AS l ON l.id = h.lead_id WHERE h.to_stage = 'nurture' AND h.at = l.stage_since AND h.at = h.since + interval '1 hour'}),
	'6', 'with the instant at which it fell due');
# A sweep at each interval alone would be up to 3 seconds late.
cmp_ok($node->safe_psql('crm', q{SELECT max(extract(epoch FROM recorded_at - at)) FROM ann.lead_history WHERE to_stage = 'nurture'}),
	'<', 1.5, 'and at that instant, not when the interval is over');
is($node->safe_psql('crm', q{SELECT DISTINCT role FROM ann.lead_history WHERE to_stage = 'nurture'}), 'ann', 'as the owner of the table');
my $log = log_since();
is(() = $log =~ /LOG:  database "nowhere" of "lead_stage.databases" does not exist/g, 1, 'a database that is missing is told once');
unlike($log, qr/ERROR|FATAL|WARNING/, 'and nothing else is');

# ---------------------------------------------------------------------------
# Reload

$node->safe_psql('postgres', 'CREATE DATABASE "Partner, CRM"');
$node->safe_psql('Partner, CRM', 'CREATE EXTENSION lead_stage');
pipeline('Partner, CRM', 'ann');
leads('ann', '1, 3', '0', 'Partner, CRM');
configure(q{lead_stage.databases = 'crm, "Partner, CRM", postgres, template1'});
wait_for('Partner, CRM', cooled('ann'), '3/3', 'a database is added by a reload');
configure(q{lead_stage.sweep_interval = '1h'});
# Visits that were planned before the reload are soon over.
wait_for('postgres', q{SELECT min(query) !~ '^waiting to sweep database .* at ' OR substring(min(query) from ' at (.*)')::timestamptz > now() + interval '5 min' FROM pg_stat_activity WHERE backend_type = 'lead_stage launcher'}, 't', 'the interval is made longer');
leads('ann', '11, 13', '0');
sleep 1;
is($node->safe_psql('crm', cooled('ann')), '6/6', 'which is how long it may sleep');
configure(q{lead_stage.sweep_interval = '200ms'});
wait_for('crm', cooled('ann'), '9/9', 'and shorter');
my (undef, undef, $stderr) = $node->psql('postgres', q{ALTER SYSTEM SET lead_stage.databases = 'crm, "half'});
like($stderr, qr/invalid value for parameter "lead_stage.databases"/, 'a list that is none is refused');
configure(q{lead_stage.databases = 'crm, "half'});
leads('ann', '14, 14', '0');
wait_for('crm', cooled('ann'), '10/10', 'and on reload leaves what was');
$log = log_since();
like($log, qr/LOG:  invalid value for parameter "lead_stage.databases"/, 'with a line in the log');
unlike($log, qr/FATAL|WARNING/, 'databases without the extension are no matter');
configure(q{lead_stage.databases = '*'});

# ---------------------------------------------------------------------------
# Owners: none gets more rights than his own, none meets another's session

pipeline('crm', 'eve');
pipeline('crm', 'bob');
$node->safe_psql('crm', q{
CREATE FUNCTION public.try(how text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE how; RETURN 'done'; EXCEPTION WHEN OTHERS THEN RETURN sqlerrm; END $$;
SET ROLE eve;
CREATE TABLE eve.log (who text, what text);
CREATE FUNCTION eve.try_all() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE how text;
BEGIN
	FOREACH how IN ARRAY ARRAY['SET ROLE postgres', 'RESET ROLE', 'SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION', 'ALTER ROLE eve SUPERUSER', 'SET ROLE bob', 'TABLE bob.lead'] LOOP
		INSERT INTO eve.log VALUES (session_user || ' ' || current_user, tg_name || ' ' || how || ': ' || public.try(how));
	END LOOP;
	INSERT INTO eve.log VALUES (session_user || ' ' || current_user, tg_name);
	-- traces in the session
	PERFORM set_config('search_path', 'eve, public', false);
	CREATE TEMP TABLE IF NOT EXISTS trace (what text);
	RETURN NULL;
END $$;
CREATE TRIGGER now AFTER UPDATE ON eve.lead FOR EACH ROW EXECUTE FUNCTION eve.try_all();
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON eve.lead DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION eve.try_all();
RESET ROLE;
SET ROLE bob;
CREATE TABLE bob.log (what text);
CREATE FUNCTION bob.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log SELECT coalesce(to_regclass('trace')::text, 'no trace'); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON bob.lead FOR EACH ROW EXECUTE FUNCTION bob.note();
});
{
	# so that one visit finds both
	my $lock = session('crm');
	say_to($lock, 'BEGIN; LOCK TABLE eve.lead_state, bob.lead_state IN SHARE ROW EXCLUSIVE MODE');
	${ $lock->{in} } .= "SET lead_stage.enforce = off;\n";
	foreach my $owner ('eve', 'bob')
	{
		say_to($lock, qq{INSERT INTO $owner.lead (id, size, stage, stage_since) VALUES (1, 1, 'mql', now() - interval '2 hours');
INSERT INTO $owner.lead_state (id, recheck_at) VALUES (1, now() - interval '1 hour') ON CONFLICT (id) DO UPDATE SET recheck_at = EXCLUDED.recheck_at});
	}
	say_to($lock, 'COMMIT');
	leave($lock);
}
wait_for('crm', cooled('eve'), '1/1', 'one owner is swept');
wait_for('crm', cooled('bob'), '1/1', 'and another');
is($node->safe_psql('crm', q{SELECT DISTINCT who FROM eve.log}), 'eve eve', 'code of an owner runs as the owner');
is($node->safe_psql('crm', q{SELECT DISTINCT split_part(what, ' ', 1) FROM eve.log ORDER BY 1}), "later\nnow", 'triggers, and deferred ones');
is($node->safe_psql('crm', q{SELECT count(*) FROM eve.log WHERE what LIKE '%: done'}), '0', 'which cannot become anybody else');
is($node->safe_psql('crm', q{SELECT DISTINCT substring(what from ': (.*)') FROM eve.log WHERE what LIKE '%: %' ORDER BY 1}),
	join("\n", sort { $a cmp $b } ('cannot set parameter "role" within security-definer function', 'cannot set parameter "session_authorization" within security-definer function',
		$node->safe_psql('crm', q{SET ROLE eve; SELECT public.try('ALTER ROLE eve SUPERUSER')}), 'permission denied for schema bob')), 'for such reasons');
is($node->safe_psql('crm', q{SELECT string_agg(what, ',') FROM bob.log}), 'no trace', 'and leaves nothing for the next owner');

# ---------------------------------------------------------------------------
# Errors: one table's are not another's

log_since();
$node->safe_psql('crm', 'ALTER TABLE bob.lead_state RENAME recheck_at TO lost');
sleep 8;
leads('ann', '21, 22', '0');
wait_for('crm', cooled('ann'), '12/12', 'a table that cannot be swept does not stop the others');
my @failures = map { $_ * 1 } log_since() =~ /^([\d.]+) \S.* ERROR:  column "recheck_at" does not exist/gm;
cmp_ok(scalar(@failures), '>=', 2, 'it is tried again');
cmp_ok(scalar(@failures), '<=', 5, 'less and less often');
ok(!(grep { $failures[$_ + 1] - $failures[$_] < 0.9 * 2**$_ } 0 .. $#failures - 1), 'after twice as long each time');
$node->safe_psql('crm', 'ALTER TABLE bob.lead_state RENAME lost TO recheck_at');
leads('bob', '31, 32', '0');
wait_for('crm', cooled('bob'), '3/3', 'until it succeeds');

# A lead whose trigger fails, at once or at commit, is left out.
$node->safe_psql('crm', q{
CREATE FUNCTION ann.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.size < 0 THEN RAISE 'not this one'; END IF; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON ann.lead DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ann.fail();
SET lead_stage.enforce = off;
INSERT INTO ann.lead (id, size, stage, stage_since) VALUES (40, -1, 'mql', now() - interval '3 hours');
INSERT INTO ann.lead_state (id, recheck_at) VALUES (40, now() - interval '2 hours') ON CONFLICT (id) DO UPDATE SET recheck_at = EXCLUDED.recheck_at});
leads('ann', '41, 44', '0');
wait_for('crm', cooled('ann'), '16/16', 'a lead that fails when the transaction ends does not stop the others');
like(log_since(), qr/WARNING:  a lead of table "lead" could not be swept and is put off for 5 minutes\n.*DETAIL:  not this one/, 'and is told of');
$node->safe_psql('crm', 'DELETE FROM ann.lead WHERE id = 40');

# A table that is locked.
my $failure = '';
{
	my $lock = session('crm');
	say_to($lock, 'BEGIN; LOCK TABLE ann.lead');
	$node->safe_psql('crm', q{INSERT INTO ann.lead_state (id, recheck_at) VALUES (1, now() - interval '1 min') ON CONFLICT (id) DO UPDATE SET recheck_at = EXCLUDED.recheck_at});
	leads('bob', '51, 52', '0');
	wait_for('crm', cooled('bob'), '5/5', 'a table that is locked does not stop the others');
	wait_for('crm', $sweeper, 't', 'a sweeper is seen in pg_stat_activity');
	# not before it has given up
	for (my $tries = 0; $failure !~ /lock timeout/ && $tries < 600; $tries++) { $failure .= log_since(); sleep 0.1; }
	say_to($lock, 'COMMIT');
	leave($lock);
}
like($failure . log_since(), qr/ERROR:  canceling statement due to lock timeout\n.*CONTEXT:  sweep of the leads table with OID \d+/, 'a lock is not waited for for ever');

# ---------------------------------------------------------------------------
# Killed in the middle

$node->safe_psql('crm', q{
SET ROLE ann;
CREATE FUNCTION ann.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id = 2500 THEN PERFORM pg_advisory_xact_lock(42); END IF; RETURN new; END $$;
CREATE TRIGGER wait BEFORE UPDATE ON ann.lead FOR EACH ROW EXECUTE FUNCTION ann.wait()});
my $holder = session('crm');
say_to($holder, 'SELECT pg_advisory_lock(42)');
leads('ann', '1001, 4000', '0 - n / 1000.0');
wait_for('crm', q{SELECT count(*) > 0 FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid) WHERE a.backend_type = 'lead_stage sweeper' AND a.datname = 'crm' AND a.query = 'sweep of ann.lead' AND l.locktype = 'advisory' AND NOT l.granted}, 't', 'a sweeper is in the middle, and says of what');
my $pid = $node->safe_psql('crm', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'lead_stage sweeper' AND query = 'sweep of ann.lead'});
kill 'KILL', $pid if $pid;
eval { ${ $holder->{in} } .= "\\q\n"; $holder->{run}->finish };
wait_for('crm', 'SELECT 1', '1', 'killed: the server is there again');
wait_for('crm', cooled('ann'), '3016/3016', 'killed: each event happens once');
is($node->safe_psql('crm', q{SELECT * FROM lead_stage.verify_history('ann.lead')}), '', 'killed: verify_history finds nothing');
$pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'lead_stage launcher'});
like(log_since(), qr/background worker "lead_stage sweeper" \(PID \d+\) was terminated by signal 9/, 'killed: it was the sweeper');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");

# With others at the same time.
$node->safe_psql('crm', 'DROP TRIGGER wait ON ann.lead; DROP TRIGGER later ON ann.lead');
leads('ann', '10001, 25000', '0 - n / 1000.0');
my @others = map { session('crm') } 1 .. 3;
${ $_->{in} } .= "CALL lead_stage.sweep(100);\nUPDATE ann.lead SET size = size + 1 WHERE id % 7 = 0 AND id > 10000;\nCALL lead_stage.sweep(300);\nSELECT 'said';\n" foreach @others;
foreach my $other (@others) { $other->{run}->pump until ${ $other->{out} } =~ /said\n|ERROR/; unlike(${ $other->{out} }, qr/ERROR/, 'a sweep by hand beside the worker'); leave($other); }
wait_for('crm', cooled('ann'), '18016/18016', 'sweeps, the worker and writes together: each event once');
wait_for('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'lead_stage launcher'}, '1', 'a launcher that was terminated comes again');

# ---------------------------------------------------------------------------
# What is dropped while it runs

log_since();
$node->safe_psql('Partner, CRM', q{SELECT lead_stage.detach('ann.lead', drop_columns => true); DROP TABLE ann.lead_history; DROP EXTENSION lead_stage});
sleep 1;
$node->safe_psql('Partner, CRM', q{CREATE EXTENSION lead_stage; DROP SCHEMA ann CASCADE});
pipeline('Partner, CRM', 'ann');
leads('ann', '1, 40000', '0 - n / 1000.0', 'Partner, CRM');
wait_for('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'lead_stage sweeper' AND datname = 'Partner, CRM'}, 't', 'an extension that was dropped and is there again: it is swept');
my $start = time;
$node->safe_psql('postgres', 'DROP DATABASE "Partner, CRM"');
cmp_ok(time - $start, '<', 5, 'a database is dropped in the middle of a long sweep');
sleep 1;
$log = log_since();
unlike($log, qr/PANIC|TRAP|ERROR/, 'and nobody minds');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE crm');
wait_for('copy', 'SELECT count(*) > 0 FROM ann.lead', 't', 'a database is copied');

# An owner that is gone.
$node->safe_psql('crm', q{SELECT lead_stage.detach('eve.lead'); DROP OWNED BY eve CASCADE});
leads('bob', '61, 62', '0');
wait_for('crm', cooled('bob'), '7/7', 'what an owner had is dropped, and the others go on');

# ---------------------------------------------------------------------------
# Standby

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
leads('bob', '71, 72', '0');
wait_for('crm', cooled('bob'), '9/9', 'a primary with a standby');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'lead_stage%'}), '0', 'nothing runs on a standby');
$node->append_conf('postgresql.conf', q{lead_stage.databases = ''});
$node->reload;
wait_for('postgres', q{SELECT min(query) FROM pg_stat_activity WHERE backend_type = 'lead_stage launcher'}, 'waiting for a database to sweep', 'with no database in the list it waits');
leads('bob', '81, 82', '0');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
unlike(slurp_file($standby->logfile), qr/ERROR|FATAL.*lead_stage/, 'and nothing complains');
$standby->promote;
ok($standby->poll_query_until('crm', cooled('bob'), '11/11'), 'promoted: it sweeps');
is($node->safe_psql('crm', cooled('bob')), '9/9', 'and the old primary, with an empty list, does not');

$standby->stop;
$node->stop;
done_testing();
