# Logical replication.  The triggers are plain ones, so an apply worker (whose
# session_replication_role is replica) does not fire them: the subscriber takes
# the publisher's decisions as they come, and writes no history of its own.
# History can be replicated like any table.  A session that sets
# session_replication_role = replica by itself bypasses the model in the same
# way, and verify_history shows it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
$publisher->start;
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical');
$subscriber->start;

my $setup = q{
CREATE EXTENSION lead_stage;
CREATE TABLE lead (id int PRIMARY KEY, employees int, need text);
SELECT lead_stage.import_model('{"model": {"name": "m"},
 "rule": [{"name": "large", "kind": "fit", "condition": "employees > 100", "points": 30}],
 "criterion": [{"name": "need now", "condition": "need <> ''''"}],
 "transition": [{"name": "to mql", "from_stage": "lead", "to_stage": "mql", "automatic": true, "min_fit": 20},
                {"name": "qualify", "from_stage": "mql", "to_stage": "sql"}]}');
SELECT lead_stage.attach('lead', 'm');
};

$publisher->safe_psql('postgres', $setup . q{SELECT lead_stage.publish('m')});
# The subscriber has a stricter model: what it would decide itself differs.
$subscriber->safe_psql('postgres', $setup . q{UPDATE lead_stage.rule SET points = 1; SELECT lead_stage.publish('m')});

$publisher->safe_psql('postgres', 'INSERT INTO lead VALUES (1, 500, NULL), (2, 5, NULL)');
$publisher->safe_psql('postgres', 'CREATE PUBLICATION leads FOR TABLE lead, lead_history');
my $connstr = $publisher->connstr('postgres') =~ s/'/''/gr;
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION leads CONNECTION '$connstr' PUBLICATION leads");
$subscriber->wait_for_subscription_sync($publisher, 'leads');

my $leads = 'SELECT id, employees, need, stage, stage_since, stage_reason, fit_score, owner FROM lead ORDER BY id';
my $history = 'SELECT * FROM lead_history ORDER BY id';

sub same_on_both
{
	my ($name) = @_;
	$publisher->wait_for_catchup('leads');
	is($subscriber->safe_psql('postgres', $leads), $publisher->safe_psql('postgres', $leads), "$name: leads are the publisher's");
	is($subscriber->safe_psql('postgres', $history), $publisher->safe_psql('postgres', $history), "$name: history is the publisher's");
	is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM lead_stage.verify_history('lead')}), '0', "$name: and adds up there");
}

same_on_both('initial copy');
like($publisher->safe_psql('postgres', $leads), qr/^1\|500\|\|mql/, 'the publisher decides');

$publisher->safe_psql(
	'postgres', q{
INSERT INTO lead VALUES (3, 200, 'oxygen'), (4, 300, NULL);
UPDATE lead SET stage = 'sql' WHERE id = 3;
UPDATE lead SET need = 'ventilator', owner = 'ann' WHERE id = 1;
UPDATE lead SET id = 40 WHERE id = 4;
DELETE FROM lead WHERE id = 2});
same_on_both('changes');
is($subscriber->safe_psql('postgres', 'SELECT string_agg(id || stage::text, \',\' ORDER BY id) FROM lead'), '1mql,3sql,40mql', 'the stages are those of the publisher');

my $published = $publisher->safe_psql('postgres', 'SELECT count(*) FROM lead_history');
is($published, '12', 'events of the publisher');

# Written on the subscriber, a lead is judged there; its own history needs ids
# of its own, which are not replicated.
my $stderr;
$subscriber->psql('postgres', q{UPDATE lead SET stage = 'customer' WHERE id = 3}, stderr => \$stderr);
like($stderr, qr/lead cannot move from "sql" to "customer"/, 'a local write is judged by the local model');
$subscriber->safe_psql('postgres', q{SELECT setval(pg_get_serial_sequence('lead_history', 'id'), (SELECT max(id) FROM lead_history))});
$subscriber->safe_psql('postgres', q{UPDATE lead SET need = 'both' WHERE id = 3; UPDATE lead SET owner = 'bob' WHERE id = 3});
is($subscriber->safe_psql('postgres', q{SELECT event, owner, fit_score FROM lead_history WHERE lead_id = 3 ORDER BY id DESC LIMIT 1}), 'owner|bob|1', 'after its sequence was set, with local history');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM lead_stage.verify_history('lead')}), '0', 'which goes on from what came');

$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION leads DISABLE; ALTER SUBSCRIPTION leads SET (slot_name = NONE); DROP SUBSCRIPTION leads');
$publisher->safe_psql('postgres', q{SELECT pg_drop_replication_slot('leads')});

# ---------------------------------------------------------------------------
# A subscriber that gets leads alone, and judges them by a model of its own

$publisher->safe_psql('postgres', q{CREATE PUBLICATION only_leads FOR TABLE lead (id, employees, need)});
$subscriber->safe_psql(
	'postgres', q{
CREATE DATABASE own});
$subscriber->safe_psql(
	'own', $setup . q{
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('m', 'at once', 'mql', 'sal', true, 20);
SELECT lead_stage.publish('m');
ALTER TABLE lead ENABLE ALWAYS TRIGGER "~lead_stage_judge";
ALTER TABLE lead ENABLE ALWAYS TRIGGER "!lead_stage_record"});
$subscriber->safe_psql('own', "CREATE SUBSCRIPTION only_leads CONNECTION '$connstr' PUBLICATION only_leads");
$subscriber->wait_for_subscription_sync($publisher, 'only_leads', 'own');
is($subscriber->safe_psql('own', q{SELECT id, stage, fit_score FROM lead ORDER BY id}), "1|sal|30\n3|sal|30\n40|sal|30", 'own: the initial copy is judged');
$publisher->safe_psql('postgres', q{INSERT INTO lead VALUES (5, 300), (6, 1); UPDATE lead SET employees = 500 WHERE id = 6; DELETE FROM lead WHERE id = 5});
$publisher->wait_for_catchup('only_leads');
is($subscriber->safe_psql('own', q{SELECT id, stage, fit_score FROM lead WHERE id > 3 ORDER BY id}), "6|sal|30\n40|sal|30", 'own: and what is applied');
is($subscriber->safe_psql('own', q{SELECT event, from_stage, to_stage FROM lead_history WHERE lead_id IN (5, 6) ORDER BY lead_id, id}),
	"created||lead\nstage|lead|mql\nstage|mql|sal\ndeleted|sal|\ncreated||lead\nstage|lead|mql\nstage|mql|sal", 'own: with a history of its own');
is($subscriber->safe_psql('own', q{SELECT count(*) FROM lead_stage.verify_history('lead')}), '0', 'own: which adds up');
$subscriber->safe_psql('own', 'ALTER SUBSCRIPTION only_leads DISABLE; ALTER SUBSCRIPTION only_leads SET (slot_name = NONE); DROP SUBSCRIPTION only_leads');
$publisher->safe_psql('postgres', q{SELECT pg_drop_replication_slot('only_leads'); DELETE FROM lead WHERE id = 6});
$published = $publisher->safe_psql('postgres', 'SELECT count(*) FROM lead_history');

# ---------------------------------------------------------------------------
# A session that says it is a replica

$publisher->safe_psql(
	'postgres', q{
SET session_replication_role = replica;
INSERT INTO lead (id, employees, stage) VALUES (50, 500, 'customer');
UPDATE lead SET stage = 'lost' WHERE id = 3;
DELETE FROM lead WHERE id = 40;
});
is($publisher->safe_psql('postgres', 'SELECT id, stage, fit_score FROM lead WHERE id IN (3, 50) ORDER BY id'), "3|lost|30\n50|customer|", 'replica: nothing is judged');
is($publisher->safe_psql('postgres', 'SELECT count(*) FROM lead_history'), $published, 'replica: nothing is recorded');
is($publisher->safe_psql('postgres', q{SELECT key, problem FROM lead_stage.verify_history('lead')}),
	"{3}|the lead is in lost, its history ends in sql\n{40}|the lead is gone, and history does not say so", 'replica: verify_history shows what went by');
is($publisher->safe_psql('postgres', q{INSERT INTO lead VALUES (60, 500); SELECT stage FROM lead WHERE id = 60}), 'mql', 'the next session is judged again');

# The first write that is judged makes up for the missing start.
$publisher->safe_psql('postgres', q{UPDATE lead SET employees = 400 WHERE id = 50});
is($publisher->safe_psql('postgres', q{SELECT event, to_stage, fit_score FROM lead_history WHERE lead_id = 50}), 'created|customer|30', 'a lead that came unseen is created in history by its next write');

# ENABLE ALWAYS is possible, and judges what is applied.
$publisher->safe_psql(
	'postgres', q{
ALTER TABLE lead ENABLE ALWAYS TRIGGER "~lead_stage_judge";
ALTER TABLE lead ENABLE ALWAYS TRIGGER "!lead_stage_record";
SET session_replication_role = replica;
INSERT INTO lead VALUES (70, 500);
});
is($publisher->safe_psql('postgres', q{SELECT event, to_stage FROM lead_history WHERE lead_id = 70 ORDER BY id}), "created|lead\nstage|mql", 'triggers made ENABLE ALWAYS judge in a replica too');

$publisher->stop;
$subscriber->stop;
done_testing();
