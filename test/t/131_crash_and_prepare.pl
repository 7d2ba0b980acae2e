# History is written in the transaction of the change it tells of: prepared
# with it, rolled back with it, lost with it in a crash; never the one without
# the other.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
# Unlike in other tests, what is committed must reach the disk.
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nfsync = on\ncheckpoint_timeout = 1h\nautovacuum = off");
$node->start;

$node->safe_psql(
	'postgres', q{
CREATE EXTENSION lead_stage;
CREATE TABLE lead (region text, id int, employees int, need text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE lead_north PARTITION OF lead FOR VALUES IN ('north');
CREATE TABLE lead_rest PARTITION OF lead DEFAULT;
SELECT lead_stage.import_model('{"model": {"name": "m"},
 "rule": [{"name": "large", "kind": "fit", "condition": "employees > 100", "points": 30}],
 "criterion": [{"name": "need now", "condition": "need <> ''''"}],
 "transition": [{"name": "to mql", "from_stage": "lead", "to_stage": "mql", "automatic": true, "min_fit": 20},
                {"name": "qualify", "from_stage": "mql", "to_stage": "sql"},
                {"name": "recycle", "from_stage": "mql", "to_stage": "nurture", "hold_for": "30 days"},
                {"name": "again", "from_stage": "nurture", "to_stage": "mql", "automatic": true, "min_fit": 20}]}');
SELECT lead_stage.attach('lead', 'm');
SELECT lead_stage.publish('m');
INSERT INTO lead SELECT CASE n % 2 WHEN 0 THEN 'north' ELSE 'south' END, n, n * 10 FROM generate_series(1, 100) AS n;
});

# Leads and history, each as one number that would change with any row.
my $all = q{SELECT (SELECT md5(string_agg(l::text, ',' ORDER BY id)) FROM lead AS l), (SELECT md5(string_agg(h::text, ',' ORDER BY id)) FROM lead_history AS h),
	(SELECT count(*) FROM lead), (SELECT count(*) FROM lead_history), (SELECT count(*) FROM lead_state)};
sub look { return $node->safe_psql('postgres', $all); }
sub verify { my ($name) = @_; is($node->safe_psql('postgres', q{SELECT * FROM lead_stage.verify_history('lead')}), '', "$name: verify_history finds nothing"); }

# Whether a process is there, and no zombie that nobody has reaped.
sub lives
{
	my ($pid) = @_;
	return 0 unless kill 0, $pid;
	return 1 unless open my $stat, '<', "/proc/$pid/stat";
	return (<$stat> // '') !~ /\) Z /;
}

# ---------------------------------------------------------------------------
# Two-phase commit

my $prepared = q{
BEGIN;
INSERT INTO lead VALUES ('north', 1001, 500, NULL), ('west', 1002, 5, NULL);
UPDATE lead SET stage = 'nurture' WHERE id BETWEEN 90 AND 95;
UPDATE lead SET region = 'north' WHERE id = 21;
UPDATE lead SET need = 'oxygen', stage = 'sql' WHERE id = 97;
DELETE FROM lead WHERE id = 3;
SAVEPOINT a;
UPDATE lead SET stage = 'nurture' WHERE id = 99;
ROLLBACK TO a;
PREPARE TRANSACTION 'leads';
};
my $before = look();
$node->safe_psql('postgres', $prepared);
is(look(), $before, 'prepared: nothing is seen');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'leads'});
is(look(), $before, 'rolled back: nothing has happened');
verify('rolled back');

$node->safe_psql('postgres', $prepared);
$node->stop('immediate');
$node->start;
is(look(), $before, 'prepared, then a crash: still nothing is seen');

# The row is locked by the prepared transaction, as in any table.
my $stderr;
$node->psql('postgres', q{SET lock_timeout = '100ms'; UPDATE lead SET employees = 1 WHERE id = 97}, stderr => \$stderr);
like($stderr, qr/canceling statement due to lock timeout/, 'prepared: its leads are locked');
$node->safe_psql('postgres', q{INSERT INTO lead VALUES ('north', 2001, 500, NULL)});
$node->safe_psql('postgres', q{COMMIT PREPARED 'leads'});
is($node->safe_psql('postgres', q{SELECT id, stage FROM lead WHERE id IN (3, 21, 95, 97, 99, 1001, 1002, 2001) ORDER BY id}),
	"21|mql\n95|nurture\n97|sql\n99|mql\n1001|mql\n1002|lead\n2001|mql", 'committed: every change is there');
is($node->safe_psql('postgres', q{SELECT lead_id, event, to_stage FROM lead_history WHERE lead_id IN (3, 95, 99, 1002) ORDER BY lead_id, id}),
	"3|created|lead\n3|deleted|\n95|created|lead\n95|stage|mql\n95|stage|nurture\n99|created|lead\n99|stage|mql\n1002|created|lead", 'committed: and its history');
is($node->safe_psql('postgres', 'SELECT count(*) FROM lead_state WHERE hold_until IS NOT NULL'), '6', 'committed: and the holds');
is($node->safe_psql('postgres', q{UPDATE lead SET employees = 5000 WHERE id = 95 RETURNING stage}), 'nurture', 'committed: a hold is kept');
verify('committed');

# ---------------------------------------------------------------------------
# The server is killed in the middle of transactions: of one that has written
# much, of one that is between two statements, and just after one committed.

$before = look();

# One session per transaction; psql sends what it gets, line by line.
my @open;
foreach my $n (1 .. 2)
{
	my ($in, $out) = ('', '');
	my $timer = IPC::Run::timer(180);
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \$in, '>', \$out, '2>&1', $timer);
	push @open, { in => \$in, out => \$out, run => $session };
}
${ $open[0]{in} } .= q{
BEGIN;
INSERT INTO lead SELECT 'north', n, n FROM generate_series(10000, 30000) AS n;
UPDATE lead SET stage = 'nurture' WHERE id BETWEEN 10000 AND 20000;
SELECT 'one is in the middle';
};
${ $open[1]{in} } .= q{
BEGIN;
UPDATE lead SET stage = 'nurture' WHERE region = 'south' AND stage = 'mql';
DELETE FROM lead WHERE id BETWEEN 1 AND 50;
SELECT 'two is in the middle';
};
$open[0]{run}->pump until ${ $open[0]{out} } =~ /one is in the middle/;
$open[1]{run}->pump until ${ $open[1]{out} } =~ /two is in the middle/;

# Pages of the open transactions are on disk, and have to be undone.
$node->safe_psql('postgres', 'CHECKPOINT');
$node->safe_psql('postgres', q{BEGIN; UPDATE lead SET need = 'oxygen', stage = 'sql' WHERE id = 88; INSERT INTO lead VALUES ('east', 5000, 500, NULL); COMMIT});
my $committed = look();
isnt($committed, $before, 'a third transaction has committed');

# Processes of the killed server end by themselves when they see that it is
# gone; the next one can start only after them.
my @pids = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
my $lock = $node->data_dir . '/postmaster.pid';
push @pids, slurp_file($lock) =~ /^(\d+)/;
$node->kill9;
my $tries = 0;
while (grep { lives($_) } @pids)
{
	die 'the killed server is still there' if ++$tries == 600;
	select undef, undef, undef, 0.1;
}
# A server that nobody reaps, as in some containers, looks alive to the next.
unlink $lock, $node->host . '/.s.PGSQL.' . $node->port . '.lock';
$node->start;
is(look(), $committed, 'killed: what was committed is there, and nothing else');
verify('killed');
is($node->safe_psql('postgres', q{SELECT stage FROM lead WHERE id = 5000}), 'mql', 'killed: the last commit is there');

my $next = $node->safe_psql('postgres', q{SELECT max(id) FROM lead_history});
$node->safe_psql('postgres', q{UPDATE lead SET stage = 'nurture' WHERE id = 60; INSERT INTO lead VALUES ('east', 5001, 500, NULL)});
cmp_ok($node->safe_psql('postgres', q{SELECT min(id) FROM lead_history WHERE lead_id = 5001}), '>', $next, 'killed: ids go on, and none is used twice');
verify('written on');

# A backend that dies takes its transaction with it and no more.
{
	my ($in, $out) = ("BEGIN; UPDATE lead SET need = 'lost', stage = 'sql' WHERE id = 70; SELECT 'pid ' || pg_backend_pid();\n", '');
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timer(180));
	$run->pump until $out =~ /pid (\d+)/;
	$before = look();
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($1)");
	$run->finish;
	$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'});
	is(look(), $before, 'a terminated session leaves nothing behind');
}
verify('terminated');

foreach my $session (@open) { eval { $session->{run}->kill_kill }; }
$node->stop;
done_testing();
