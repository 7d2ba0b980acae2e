# pg_upgrade carries everything along: files are taken as they are, so what is
# stored (the stage's byte, the state's bytes, the OIDs in bindings) must mean
# the same to the new cluster.  Here both are of one version, which is what can
# always be tested.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old = PostgreSQL::Test::Cluster->new('old');
$old->init;
$old->start;
$old->safe_psql(
	'postgres', q{
CREATE ROLE crm;
CREATE ROLE app LOGIN;
GRANT CREATE ON SCHEMA public TO crm;
CREATE EXTENSION lead_stage;
SET ROLE crm;
CREATE TABLE gone (id int PRIMARY KEY);
SELECT lead_stage.import_model('{"model": {"name": "m"},
 "rule": [{"name": "large", "kind": "fit", "condition": "employees > 100", "points": 30}],
 "criterion": [{"name": "need now", "question": "What?", "condition": "need <> ''''"}],
 "transition": [{"name": "to mql", "from_stage": "lead", "to_stage": "mql", "automatic": true, "min_fit": 20},
                {"name": "qualify", "from_stage": "mql", "to_stage": "sql"},
                {"name": "recycle", "from_stage": "mql", "to_stage": "nurture", "hold_for": "30 days"},
                {"name": "again", "from_stage": "nurture", "to_stage": "mql", "automatic": true, "min_fit": 20}]}');
CREATE TABLE lead (region text, id int, employees int, dropped int, need text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE lead_north PARTITION OF lead FOR VALUES IN ('north');
CREATE TABLE lead_rest PARTITION OF lead DEFAULT;
ALTER TABLE lead DROP COLUMN dropped;
SELECT lead_stage.attach('lead', 'm');
SELECT lead_stage.publish('m');
GRANT SELECT, INSERT, UPDATE ON lead TO app;
-- A table partitioned by stage, with an index.
CREATE TABLE kept (id int, stage lead_stage) PARTITION BY LIST (stage);
CREATE TABLE kept_open PARTITION OF kept FOR VALUES IN ('lead', 'mql', 'sql');
CREATE TABLE kept_rest PARTITION OF kept DEFAULT;
CREATE INDEX ON kept (stage, id);
INSERT INTO kept SELECT row_number() OVER (), stage FROM lead_stage.stages();
INSERT INTO lead SELECT CASE n % 2 WHEN 0 THEN 'north' ELSE 'south' END, n, n * 10 FROM generate_series(1, 30) AS n;
UPDATE lead SET stage = 'nurture' WHERE id IN (20, 21);
UPDATE lead SET need = 'oxygen', owner = 'ann', stage = 'sql' WHERE id = 22;
UPDATE lead SET region = 'west' WHERE id = 24;
DELETE FROM lead WHERE id = 25;
DROP TABLE gone;
});

my @queries = (
	'SELECT * FROM lead ORDER BY id',
	'SELECT * FROM lead_history ORDER BY id',
	'SELECT * FROM lead_state ORDER BY id',
	'SELECT * FROM lead_signals ORDER BY id',
	'SELECT * FROM lead_visits ORDER BY id, entered_at',
	'SELECT tableoid::regclass, * FROM kept ORDER BY id',
	'SELECT * FROM lead_stage.binding',
	'SELECT * FROM lead_stage.version');
my @before = map { $old->safe_psql('postgres', $_) } @queries;
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;

my $bindir = $old->config_data('--bindir');
my $dir = PostgreSQL::Test::Utils::tempdir();
chdir $dir or die;
my ($out, $err) = run_command([
	'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
	'-s', $new->host, '-p', $old->port, '-P', $new->port ]);
unless (like($out, qr/Upgrade Complete/, 'pg_upgrade'))
{
	# it names a log that is gone with the cluster
	diag($out . $err);
	diag(substr(slurp_file($_), -2000)) foreach glob($new->data_dir . '/pg_upgrade_output.d/*/log/*.log');
}

$new->start;
is($new->safe_psql('postgres', $queries[$_]), $before[$_], "as before: $queries[$_]") foreach 0 .. $#queries;
is($new->safe_psql('postgres', q{SELECT count(*) FROM lead_stage.verify_history('lead')}), '0', 'history adds up');

my ($stdout, $stderr);
$new->psql('postgres', q{
INSERT INTO lead VALUES ('north', 100, 500) RETURNING stage, fit_score;
UPDATE lead SET employees = 1000 WHERE id = 20 RETURNING stage;
UPDATE lead SET stage = 'sql' WHERE id = 100;
}, stdout => \$stdout, stderr => \$stderr, extra_params => [ '-U', 'app' ], on_error_stop => 1);
is($stdout, "mql|30\nnurture", 'leads are scored, holds are kept');
like($stderr, qr/ERROR:  lead cannot move from "mql" to "sql"\nDETAIL:  Criterion "need now" is not met: What\?/, 'and refused');
unlike($stderr, qr/WARNING/, 'without a warning');
is($new->safe_psql('postgres', q{SET ROLE crm; UPDATE lead_stage.rule SET points = 21; SELECT lead_stage.publish('m') > 1; UPDATE lead SET employees = 600 WHERE id = 100; SELECT fit_score FROM lead WHERE id = 100}),
	"t\n21", 'publish works');
is($new->safe_psql('postgres', q{SELECT count(*) FROM lead_stage.verify_history('lead')}), '0', 'history still adds up');

# pg_upgrade looks at extensions as pg_dump does: what was made with them can
# be dumped again.
$new->command_ok([ 'pg_dump', '-f', "$dir/again.sql", '-d', $new->connstr('postgres') ], 'it can be dumped');

chdir '/';
$new->stop;
done_testing();
