# model.notify: each event is told once to whoever listens, when its
# transaction commits and only then, in a payload that always fits; off, and
# for other models, nothing is.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('notify');
$node->init(extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8' ]);
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\ntimezone = 'Asia/Tokyo'");
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION lead_stage;
CREATE SCHEMA "My CRM";
CREATE TABLE "My CRM"."Lead ""x""" (region text, id int, size int, PRIMARY KEY (region, id));
CREATE TABLE quiet (id int PRIMARY KEY, size int);
SELECT lead_stage.import_model('{"model": {"name": "loud", "notify": true, "on_refused": "keep"},
 "rule": [{"name": "large", "kind": "fit", "condition": "size > 100", "points": 30}],
 "transition": [{"name": "to mql", "from_stage": "lead", "to_stage": "mql", "automatic": true, "min_fit": 20},
                {"name": "cool", "from_stage": "mql", "to_stage": "nurture", "automatic": true, "in_stage_for": "30 days"},
                {"name": "lose", "to_stage": "lost", "reasons": []}]}');
SELECT lead_stage.import_model(lead_stage.export_model('loud'), 'silent');
UPDATE lead_stage.model SET notify = false WHERE name = 'silent';
SELECT lead_stage.attach('"My CRM"."Lead ""x"""', 'loud'), lead_stage.attach('quiet', 'silent'), lead_stage.publish('loud'), lead_stage.publish('silent');
});
my $leads = q{"My CRM"."Lead ""x"""};

# What psql prints of notifications that arrive while it runs these statements.
# One that has committed is there at the latest with the next statement.
my ($in, $out, $err) = ('', '', '');
my $timer = IPC::Run::timer(180);
my $listener = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \$in, '>', \$out, '2>', \$err, $timer);
sub listen_until
{
	my ($mark) = @_;
	$in .= "SELECT '$mark';\nSELECT '$mark again';\n";
	$listener->pump until $out =~ /\Q$mark\E again/;
	my $got = $out;
	$out = '';
	return map { decode_json($_) } $got =~ /Asynchronous notification "lead_stage" with payload "(.*)" received from server process/g;
}
$in .= "SET client_encoding = 'UTF8'; LISTEN lead_stage;\n";
is(scalar(listen_until('ready')), 0, 'nothing to begin with');

sub told { my ($mark) = @_; return join "\n", map { my $e = $_; join ' ', map { ref $e->{$_} ? join('/', @{ $e->{$_} }) : $e->{$_} // '-' } qw(key event from_stage to_stage name reason) } listen_until($mark); }

# ---------------------------------------------------------------------------

$node->safe_psql('postgres', qq{INSERT INTO $leads (region, id, size) VALUES ('north', 1, 500), ('north', 2, 5)});
my @events = listen_until('insert');
is(scalar(@events), 3, 'an event for each row of history');
my $first = $events[0];
is_deeply([ sort keys %$first ], [ sort qw(leads id event at key to_stage version) ], 'what is not there is left out');
is($first->{leads}, $leads, 'the table, as SQL names it');
is_deeply($first->{key}, [ 'north', '1' ], 'the key, as text, in its order');
my $same = $node->safe_psql('postgres', qq{SELECT string_agg(concat_ws(' ', id, lead_id, event, to_stage, version, at = '$events[0]{at}'), ',' ORDER BY id) FROM "My CRM"."Lead ""x""_history"});
is(join(',', map { join ' ', $_->{id}, $_->{key}[1], $_->{event}, $_->{to_stage}, $_->{version}, 't' } @events), $same, 'the same that history has');
like($first->{at}, qr/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/, 'times are in UTC');

$node->psql('postgres', qq{BEGIN; UPDATE $leads SET size = 500; ROLLBACK});
$node->psql('postgres', qq{BEGIN; UPDATE $leads SET size = 500 WHERE id = 2; SELECT 1 / 0});
is(told('rollback'), '', 'not what was rolled back');

$node->safe_psql('postgres', qq{
BEGIN;
SAVEPOINT a;
UPDATE $leads SET size = 501, stage = 'lost', stage_reason = 'wrong' WHERE id = 1;
ROLLBACK TO a;
UPDATE $leads SET stage = 'lost', stage_reason = 'gone' WHERE id = 2;
SAVEPOINT b;
UPDATE $leads SET stage = 'sql' WHERE id = 1;
RELEASE b;
COMMIT});
is(told('savepoint'), "north/2 stage lead lost lose gone\nnorth/1 refused mql sql - Model \"loud\" has no transition from \"mql\" to \"sql\".", 'and of a transaction what is left of it');

# The listener is in a transaction itself: he hears it at its end.
{
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', qq{BEGIN; INSERT INTO $leads VALUES ('west', 10, 1); SELECT pg_sleep(0.5); COMMIT} ], '>', \my $ignored);
	is(told('before'), '', 'nothing before the commit');
	$session->finish;
	is(told('after'), 'west/10 created - lead - -', 'once after it');
}

$node->safe_psql('postgres', qq{
UPDATE $leads SET region = 'south' WHERE id = 10;
DELETE FROM $leads WHERE id = 2;
SELECT lead_stage.erase('$leads', 'north', 2);
TRUNCATE $leads});
is(told('others'), "west/10 rekeyed lead - - south, 10\nsouth/10 rekeyed - lead - west, 10\nnorth/2 deleted lost - - -\nnorth/2 erased - - - -\nnorth/1 deleted - - - -\nsouth/10 deleted - - - -", 'every kind of event');

# ---------------------------------------------------------------------------
# The sweep

$node->safe_psql('postgres', qq{
SET lead_stage.now = '2026-01-01';
INSERT INTO $leads SELECT 'east', n, 500 FROM generate_series(1, 3) AS n;
SET lead_stage.now = '2026-03-01';
CALL lead_stage.sweep(2)});
@events = grep { ($_->{to_stage} // '') eq 'nurture' } listen_until('sweep');
is(join(' ', map { "$_->{key}[1] $_->{at}" } @events), '1 2026-01-30T15:00:00+00:00 2 2026-01-30T15:00:00+00:00 3 2026-01-30T15:00:00+00:00', 'what a sweep does, at the time it fell due');

# ---------------------------------------------------------------------------
# Sizes

# repeat() of a text, what is set to it, and what is left of it
foreach my $case ([ 'x', 7000, 7000 ], [ 'x', 9000, 500 ], [ "\x{fc}", 9000, 250 ], [ '"', 9000, 500 ], [ "\x{1}", 9000, 500 ])
{
	my ($text, $times, $left) = @$case;
	my $literal = $text =~ /[x"]/ ? "'$text'" : sprintf('U&\'\\%04x\'', ord $text);
	$node->safe_psql('postgres', qq{INSERT INTO $leads VALUES ('big', 100, 1); UPDATE $leads SET stage = 'lost', stage_reason = repeat($literal, $times) WHERE id = 100; DELETE FROM $leads WHERE id = 100});
	$in .= "\n";
	my @got = grep { $_->{event} eq 'stage' } listen_until("size of $times");
	my $reason = $got[0]{reason};
	is(join(' ', scalar(@got), length($reason) . ($reason =~ /^\Q$text\E*$/ ? ' same' : ' other'), $got[0]{truncated} ? 'truncated' : 'whole', length(encode_json($got[0])) < 8000 ? 'fits' : 'does not fit'),
		"1 $left same " . ($left == $times ? 'whole' : 'truncated') . ' fits', "a reason of $times times " . sprintf('U+%04X', ord $text));
}
$node->safe_psql('postgres', qq{SET lead_stage.actor = 'ann'; INSERT INTO $leads SELECT string_agg(md5(n::text), ''), 200, 1 FROM generate_series(1, 70) AS n});
@events = listen_until('long key');
is(scalar(@events), 1, 'a key that is too long');
ok(!exists $events[0]{key} || length($events[0]{key}[0]) == 2240, 'is not cut off');
is($node->safe_psql('postgres', qq{SELECT count(*) FROM "My CRM"."Lead ""x""_history" WHERE id = $events[0]{id} AND lead_id = 200}), '1', 'the id says which row of history it is');
is($events[0]{actor}, 'ann', 'with the actor');

# As many as rows, alike as they are.
$node->safe_psql('postgres', qq{INSERT INTO $leads SELECT 'many', 1000 + n, 500 FROM generate_series(1, 5000) AS n});
my %ids = map { $_->{id} => 1 } listen_until('many');
is(scalar(keys %ids), 10000, 'ten thousand events in one transaction');

# ---------------------------------------------------------------------------
# Off, and what goes with it

$node->safe_psql('postgres', q{INSERT INTO quiet SELECT n, 500 FROM generate_series(1, 10) AS n; UPDATE quiet SET stage = 'lost', stage_reason = 'x'; TRUNCATE quiet});
is(told('quiet'), '', 'a model that does not ask for it');
$node->safe_psql('postgres', q{BEGIN; INSERT INTO quiet (id) VALUES (20); PREPARE TRANSACTION 'quiet'; COMMIT PREPARED 'quiet'});
my (undef, undef, $message) = $node->psql('postgres', qq{BEGIN; INSERT INTO $leads VALUES ('two', 1, 1); PREPARE TRANSACTION 'loud'});
like($message, qr/cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY/, 'two-phase commit is refused by the server, if there are events');
$node->safe_psql('postgres', qq{BEGIN; UPDATE $leads SET region = region WHERE region = 'east'; PREPARE TRANSACTION 'loud'; COMMIT PREPARED 'loud'});

$node->safe_psql('postgres', q{UPDATE lead_stage.model SET notify = NOT notify});
$node->safe_psql('postgres', qq{INSERT INTO $leads VALUES ('draft', 1, 1); INSERT INTO quiet VALUES (30)});
is(told('draft'), 'draft/1 created - lead - -', 'a change is in force when it is published');
$node->safe_psql('postgres', q{SELECT lead_stage.publish('loud'), lead_stage.publish('silent')});
$node->safe_psql('postgres', qq{INSERT INTO $leads VALUES ('draft', 2, 1); INSERT INTO quiet VALUES (31)});
is(told('published'), '31 created - lead - -', 'and then at once');

$in .= "\\q\n";
$listener->finish;
$node->stop;
done_testing();
