# Four years of an Italian help desk: 16,060 steps of 3,446 cases, to the second.
# Each case is a lead, and its steps are writes, replayed in the order of time
# through a model with pausing, rolling, escalating and default-outcome clocks
# in an office calendar with lunch breaks, holidays and summer time.
#
# Every clock's start, pauses, due times, elapsed time and outcome must be what
# SlaOracle.pm works out without the extension, whether time is swept every
# minute, every day, or never until the end.  Every minute is for a fifth of the
# cases only, and of the minutes those are taken in which the oracle has
# something due for them, and one in every six hours: in the others a sweep finds
# nothing.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Uncompress::Gunzip qw($GunzipError);
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SlaOracle;
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

my $data = $ENV{LEAD_STAGE_DATA} // '';
plan skip_all => 'the directory of real data (LEAD_STAGE_DATA) is not here'
  unless -e "$data/helpdesk_events.csv.gz";

# ---------------------------------------------------------------------------
# The log, in the order of time

my $in = IO::Uncompress::Gunzip->new("$data/helpdesk_events.csv.gz") or die $GunzipError;
my @steps;
while (defined(my $line = <$in>))
{
	my ($case, $activity, $resource, $time, $level) = (split /,/, $line)[ 0, 1, 2, 3, 12 ];
	next unless $case =~ /^Case (\d+)$/;
	my $number = $1;
	my ($y, $m, $d, $h, $min, $s) = $time =~ m{^(\d+)/(\d+)/(\d+) (\d+):(\d+):(\d+)\.000$} or die $time;
	push @steps, { case => $number, activity => $activity, resource => $resource, level => $level,
		at => SlaOracle::Calendar::european(timegm($s, $min, $h, $d, $m - 1, $y)) };
}
@steps = map { $steps[$_] } sort { $steps[$a]{at} <=> $steps[$b]{at} || $a <=> $b } 0 .. $#steps;
is(scalar @steps, 16060, 'steps in the log');

# ---------------------------------------------------------------------------
# The calendars, for the extension and for the oracle

sub day { my ($y, $m, $d) = split /-/, shift; return timegm(0, 0, 0, $d, $m - 1, $y) / 86400; }

my @holidays = map { my $year = $_; map { "$year-$_" } qw(01-01 01-06 04-25 05-01 06-02 08-15 11-01 12-08 12-25 12-26) } 2010 .. 2014;
push @holidays, qw(2010-04-05 2012-04-09 2013-04-01);
my %short = map { ("$_-12-24" => 1, "$_-12-31" => 1) } 2010 .. 2013;
my %closed = map { (day($_) => 0) } @holidays;
my %reach = (from => day('2009-12-01'), to => day('2014-12-31'));

my $office = SlaOracle::Calendar->new(%reach,
	hours => [ map { [ $_, 9 * 3600, 13 * 3600 ], [ $_, 14 * 3600, 18 * 3600 ] } 1 .. 5 ],
	holidays => { %closed, map { (day($_) => [ 9 * 3600, 12 * 3600 ]) } keys %short });
my $hotline = SlaOracle::Calendar->new(%reach,
	hours => [ (map { [ $_, 20 * 3600, 4 * 3600 ] } 1 .. 6), [ 7, 0, 86400 ] ], holidays => {%closed});

my $calendars = q{
INSERT INTO lead_stage.calendar (name, time_zone) VALUES ('office', 'Europe/Rome'), ('hotline', 'Europe/Rome');
INSERT INTO lead_stage.calendar_hours SELECT 'office', d, o, c
	FROM generate_series(1, 5) AS d, (VALUES (time '09:00', time '13:00'), ('14:00', '18:00')) AS h (o, c);
INSERT INTO lead_stage.calendar_hours SELECT 'hotline', d, '20:00', '04:00' FROM generate_series(1, 6) AS d;
INSERT INTO lead_stage.calendar_hours VALUES ('hotline', 7, '00:00', '24:00');
} . "INSERT INTO lead_stage.holiday (calendar, day) SELECT c, d FROM unnest('{office,hotline}'::text[]) AS c, unnest('{" . join(',', sort @holidays) . "}'::date[]) AS d;\n"
  . "INSERT INTO lead_stage.holiday (calendar, day, opens, closes) SELECT 'office', d, '09:00', '12:00' FROM unnest('{" . join(',', sort keys %short) . "}'::date[]) AS d;\n";

# ---------------------------------------------------------------------------
# The model, once for the extension …

my $model = q({
"model": {"name": "desk", "title": "Help desk", "calendar": "office", "time_zone": "Europe/Rome"},
"transition": [
  {"name": "assign", "from_stage": "lead", "to_stage": "mql"},
  {"name": "resolve", "from_stage": "mql", "to_stage": "opportunity"},
  {"name": "resolve at once", "from_stage": "lead", "to_stage": "opportunity"},
  {"name": "resolve late", "from_stage": "nurture", "to_stage": "opportunity"},
  {"name": "close", "from_stage": "opportunity", "to_stage": "customer"},
  {"name": "drop", "to_stage": "lost"},
  {"name": "invalid", "to_stage": "disqualified"},
  {"name": "reopen", "from_stage": "opportunity", "to_stage": "mql"},
  {"name": "reopen closed", "from_stage": "customer", "to_stage": "mql"},
  {"name": "reopen dropped", "from_stage": "lost", "to_stage": "mql"},
  {"name": "time is up", "from_stage": "opportunity", "to_stage": "customer", "automatic": true, "in_stage_for": "60 days"}],
"sla": [
  {"name": "triage", "stage": "lead", "target": "2 hours", "warn_before": "30 minutes"},
  {"name": "first response", "stage": "mql", "target": "4 hours", "met_at": "taken_at", "pause_when": "status = 'wait'", "warn_before": "1 hour"},
  {"name": "priority", "stage": "mql", "condition": "level = 3", "target": "8 hours", "met_at": "taken_at",
   "pause_when": "status = 'wait'", "breach_to": "nurture"},
  {"name": "resolution", "stage": "mql", "target": "16 hours", "pause_when": "status IN ('wait', 'anomaly')", "warn_before": "4 hours",
   "escalate_to": "duty manager"},
  {"name": "update", "stage": "mql", "target": "6 hours", "met_at": "touched_at", "repeat": true, "pause_when": "status = 'wait'",
   "warn_before": "1 hour"},
  {"name": "call back", "stage": "nurture", "target": "6 hours", "calendar": "hotline", "pause_when": "status = 'wait'"},
  {"name": "confirmation", "stage": "opportunity", "target": "10 days", "warn_before": "4 hours"}]
});

# … and once for the oracle.

my $waits = sub { $_[0]{status} eq 'wait' };
my $taken = sub { $_[0]{taken_at} };
my $oracle = SlaOracle->new(
	policies => [
		{ name => 'triage', stage => 'lead', calendar => $office, target => 2 * 3600, warn_before => 1800 },
		{ name => 'first response', stage => 'mql', calendar => $office, target => 4 * 3600, met_at => $taken, pause_when => $waits, warn_before => 3600 },
		{ name => 'priority', stage => 'mql', calendar => $office, target => 8 * 3600, met_at => $taken, pause_when => $waits,
			condition => sub { $_[0]{level} == 3 }, breach_to => 'nurture' },
		{ name => 'resolution', stage => 'mql', calendar => $office, target => 16 * 3600, warn_before => 4 * 3600, escalate_to => 'duty manager',
			pause_when => sub { $_[0]{status} =~ /^(wait|anomaly)$/ } },
		{ name => 'update', stage => 'mql', calendar => $office, target => 6 * 3600, met_at => sub { $_[0]{touched_at} }, repeat => 1,
			pause_when => $waits, warn_before => 3600 },
		{ name => 'call back', stage => 'nurture', calendar => $hotline, target => 6 * 3600, pause_when => $waits },
		{ name => 'confirmation', stage => 'opportunity', calendar => $office, days => 10, warn_before => 4 * 3600 } ],
	moves => [ { name => 'time is up', from => 'opportunity', to => 'customer', after => 60 * 86400 } ]);

# ---------------------------------------------------------------------------
# What the application writes.  It knows the stages that it has written itself,
# and nothing of what falls due.  A third of the cases are taken in charge in one
# system and recorded here with the next step; of a fifth of the others, each
# second touch is.

my %reopens = map { $_ => 1 } 'Take in charge ticket', 'Wait', 'Create SW anomaly', 'Require upgrade', 'Schedule intervention';
my %status = ('Wait' => 'wait', 'Take in charge ticket' => 'work', 'Create SW anomaly' => 'anomaly', 'Resolve SW anomaly' => 'work',
	'Require upgrade' => 'upgrade', 'Schedule intervention' => 'work');
my (%case, @writes, %due);

sub clock { my @t = gmtime shift; return sprintf '%04d-%02d-%02d %02d:%02d:%02d+00', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ]; }

# The stage that a step moves its case to, and by which transition.
sub target_of
{
	my ($step, $stage, $real) = @_;
	my $activity = $step->{activity};

	return if $activity eq 'Insert ticket';
	return $stage =~ /^(lead|mql)$/
	  ? ('opportunity', $real eq 'lead' ? 'resolve at once' : $real eq 'nurture' ? 'resolve late' : 'resolve') : ()
	  if $activity =~ /^(Resolve ticket|RESOLVED)$/;
	return $stage =~ /^(lead|mql)$/ ? ('lost', 'drop') : $stage eq 'opportunity' ? ('customer', 'close') : () if $activity eq 'Closed';
	return $stage =~ /^(lead|mql|opportunity)$/ ? ('disqualified', 'invalid') : () if $activity =~ /^(INVALID|DUPLICATE)$/;
	return ('mql', 'assign') if $stage eq 'lead';
	return unless $reopens{$activity};
	return $stage eq 'opportunity' ? ('mql', $real eq 'customer' ? 'reopen closed' : 'reopen')
	  : $stage eq 'customer' ? ('mql', 'reopen closed')
	  : $stage eq 'lost' ? ('mql', 'reopen dropped')
	  : ();
}

sub write_step
{
	my ($step) = @_;
	my ($id, $at) = @$step{qw(case at)};
	my $case = $case{$id};
	my %set;

	if (!$case)
	{
		$case = $case{$id} = {
			stage => 'lead',
			lead => $oracle->create($at, level => $step->{level} =~ /(\d)/ ? $1 : 0, status => 'new', owner => $step->{resource}) };
		push @writes, [ $at, $id, "INSERT INTO desk.ticket (ticket, level, status, owner) VALUES ($id, $case->{lead}{columns}{level}, 'new', '$step->{resource}');" ];
		$case->{written_stage} = 'lead';
		return if $step->{activity} eq 'Insert ticket';
	}
	my $lead = $case->{lead};
	$oracle->{due} = $id % 5 == 0 ? \%due : undef;
	$oracle->advance($lead, $at);
	my ($to, $name) = target_of($step, $case->{stage}, $lead->{stage});

	my $waited = $lead->{columns}{status} eq 'wait';
	$set{status} = $status{ $step->{activity} } if $status{ $step->{activity} };
	if (defined $case->{late_taken}) { $set{taken_at} = delete $case->{late_taken}; }
	if ($step->{activity} eq 'Take in charge ticket')
	{
		if ($id % 3 == 0 && !$waited) { $case->{late_taken} = $at; } else { $set{taken_at} = $at; }
	}
	my $late = delete $case->{late_touched};
	if (!defined $to)
	{
		if (defined $late) { $set{touched_at} = $late; }
		elsif ($id % 5 == 1 && !$waited && $step->{activity} ne 'Wait') { $case->{late_touched} = $at; }
		else { $set{touched_at} = $at; }
	}
	$oracle->update($lead, $at, $to, $name, %set);
	if (defined $to) { $set{stage} = $case->{stage} = $to; }
	$case->{written_stage} = $lead->{stage};
	$set{n} = 0 unless %set;
	push @writes, [ $at, $id, 'UPDATE desk.ticket SET '
		  . join(', ', map { "$_ = '" . (/_at$/ ? clock($set{$_}) : $set{$_}) . "'" } sort keys %set) . " WHERE ticket = $id;" ];
}

# Three instants at which the tasks are looked at, on a working day, at night
# and on a Sunday.
my @looks = map { SlaOracle::Calendar::european(timegm(0, @$_)) } [ 30, 11, 12, 5, 2011 ], [ 7, 2, 9, 10, 2012 ], [ 45, 16, 24, 10, 2013 ];
my $end = timegm(0, 0, 12, 1, 5, 2014);
my (%tasks, %unmoved);

sub look
{
	my ($at) = @_;
	my @lines;

	foreach my $id (keys %case)
	{
		my $lead = $case{$id}{lead};
		$oracle->{due} = $id % 5 == 0 ? \%due : undef;
		$oracle->advance($lead, $at);
		# a move that is due and that nobody has made is no reader's to make
		if ($lead->{stage} ne $case{$id}{written_stage}) { $unmoved{$at}{$id} = 1; next; }
		push @lines, join '|', $id, @$_{qw(name due state left)} foreach SlaOracle::tasks($lead, $at);
	}
	$tasks{$at} = [ sort @lines ];
}

my $started = time;
my @pending = @looks;
foreach my $step (@steps)
{
	look(shift @pending) while @pending && $pending[0] < $step->{at};
	write_step($step);
}
foreach my $id (keys %case)
{
	$oracle->{due} = $id % 5 == 0 ? \%due : undef;
	$oracle->advance($case{$id}{lead}, $end);
}
note sprintf 'the oracle took %.1f s', time - $started;

my (%events, %outcomes, @expected);
foreach my $id (keys %case)
{
	foreach my $event (@{ $case{$id}{lead}{events} })
	{
		$events{ $event->{event} }++;
		my $met = $event->{event} eq 'sla_met' ? ($event->{at} > $event->{due} ? 'met late' : 'met') : $event->{event};
		$outcomes{ $event->{name} }{$met}++ if $event->{event} =~ /^sla_/;
		push @expected, join '|', $id, @$event{qw(at event name stage to due elapsed)}, $event->{event} =~ /^(stage|created)$/ ? '' : $event->{owner};
	}
}
@expected = sort @expected;
note join ', ', map { "$_ $events{$_}" } sort keys %events;
foreach my $name (sort keys %outcomes)
{
	note "$name: " . join ', ', map { "$_ $outcomes{$name}{$_}" } sort keys %{ $outcomes{$name} };
}
cmp_ok($events{"sla_$_"} // 0, '>', 200, "the log has clocks $_") foreach qw(started warned paused resumed met breached cancelled);
cmp_ok($outcomes{update}{sla_started}, '>', 7000, 'and rolling ones');
cmp_ok($outcomes{'first response'}{'met late'}, '>', 1000, 'some are met late');
cmp_ok($outcomes{priority}{sla_breached}, '>', 300, 'some take the default outcome');

# ---------------------------------------------------------------------------
# The database, whose owner is no superuser, three times

my $node = PostgreSQL::Test::Cluster->new('helpdesk');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'America/New_York'\nfsync = off\nautovacuum = on");
$node->start;

my @rhythms = ('never', 'every day', 'every minute');
my %database = ('every minute' => 'minutely', 'every day' => 'daily', 'never' => 'never');

$node->safe_psql('postgres', 'CREATE ROLE desk LOGIN; GRANT SET ON PARAMETER lead_stage.now TO desk; CREATE DATABASE minutely OWNER desk');
$node->safe_psql('minutely', qq{
CREATE EXTENSION lead_stage;
CREATE SCHEMA desk AUTHORIZATION desk;
SET ROLE desk;
$calendars
CREATE TABLE desk.ticket (ticket int PRIMARY KEY, level int, status text, taken_at timestamptz, touched_at timestamptz, n int);
SELECT lead_stage.import_model(\$\$$model\$\$);
SELECT lead_stage.attach('desk.ticket', 'desk');
SELECT lead_stage.publish('desk');
});
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE minutely OWNER desk") foreach qw(daily never);

sub has_case { my ($rhythm, $id) = @_; return $rhythm ne 'every minute' || $id % 5 == 0; }

# The instants to sweep at.
sub sweeps
{
	my ($rhythm) = @_;
	my ($first, $last) = ($steps[0]{at}, $end);
	my %at;

	if ($rhythm eq 'every minute')
	{
		$at{ $_ + (60 - $_ % 60) % 60 } = 1 foreach keys %due;
		for (my $t = $first; $t < $last; $t += 6 * 3600 + 60) { $at{$t} = 1; }
	}
	elsif ($rhythm eq 'every day')
	{
		for (my $t = $first; $t < $last; $t += 86400) { $at{$t} = 1; }
	}
	return grep { $_ <= $last } keys %at;
}

# One script for psql: sweeps, looks and writes in the order of time; at the
# same instant in this order.  Writes go to the server in bundles, each of which
# is a transaction; sweeps are transactions of their own.
my $sweep = 'CALL lead_stage.sweep();';
my $look = 'SELECT ticket, policy, extract(epoch FROM due)::bigint, state, extract(epoch FROM time_left)::bigint FROM desk.ticket_tasks;';
my $bundle = 20;
my %running;
foreach my $rhythm (@rhythms)
{
	my @script = map { [ $_, 1, $sweep ] } sweeps($rhythm);
	push @script, map { [ $_, 2, "\\echo at $_\n$look" ] } @looks;
	push @script, map { [ $writes[$_][0], 3 + $_, $writes[$_][2] ] } grep { has_case($rhythm, $writes[$_][1]) } 0 .. $#writes;
	push @script, [ $end, 1e9, $sweep ];
	my $file = "$PostgreSQL::Test::Utils::tmp_check/$database{$rhythm}.sql";
	my $now = 0;
	my @open;
	open my $out, '>', $file or die $!;
	foreach my $line (sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @script)
	{
		my ($at, $order, $statement) = @$line;
		my $is_write = $order >= 3 && $order < 1e9;
		if (@open && (!$is_write || @open > $bundle)) { print $out join("\\;\n", splice @open), ";\n"; }
		my $set = $at != $now ? "SET lead_stage.now = '" . clock($at) . "'" : undef;
		$now = $at;
		if ($is_write) { push @open, grep { defined } $set, $statement =~ s/;$//r; }
		else { print $out defined $set ? "$set;\n" : '', "$statement\n"; }
	}
	close $out;
	my ($stdout, $stderr) = ('', '');
	$running{$rhythm} = { started => time, stdout => \$stdout, stderr => \$stderr, lines => scalar @script,
		handle => start [ $node->installed_command('psql'), '-XqAt', '-v', 'ON_ERROR_STOP=1', '-U', 'desk', '-d', $node->connstr($database{$rhythm}), '-f', $file ],
		'>', \$stdout, '2>', \$stderr };
}

# Compares two lists of lines; a long list is not printed whole.
sub same
{
	my ($got, $expected, $name) = @_;
	my %count;

	$count{$_}++ foreach @$expected;
	$count{$_}-- foreach @$got;
	my @differences = sort { (split /\|/, $a)[0] <=> (split /\|/, $b)[0] || $a cmp $b } grep { $count{$_} } keys %count;
	ok(@$expected > 0 && !@differences, $name)
	  or diag(scalar(@$got) . ' lines, ' . scalar(@$expected) . ' expected, ' . scalar(@differences) . " differ\n"
		  . join("\n", map { ($count{$_} < 0 ? 'got      ' : 'expected ') . $_ } grep { defined } @differences[ 0 .. 9 ]));
}

my %all;
foreach my $rhythm (@rhythms)
{
	my $run = $running{$rhythm};
	my $db = $database{$rhythm};

	ok(finish($run->{handle}), "the log is replayed, swept $rhythm");
	note sprintf '%d statements took %.1f s', $run->{lines}, time - $run->{started};
	is(${ $run->{stderr} }, '', 'without a complaint');

	my @got = split /\n/, $node->safe_psql($db, q{
		SELECT concat_ws('|', ticket, extract(epoch FROM at)::bigint, event, coalesce(name, ''), coalesce(from_stage::text, ''), coalesce(to_stage::text, ''),
				coalesce(extract(epoch FROM due)::bigint::text, ''), coalesce(extract(epoch FROM elapsed)::bigint::text, ''),
				CASE WHEN event IN ('stage', 'created') THEN '' ELSE coalesce(owner, '') END)
		FROM desk.ticket_history ORDER BY ticket, id});
	same(\@got, [ grep { /^(\d+)/ && has_case($rhythm, $1) } @expected ], "swept $rhythm: every event of every clock is the oracle's");
	is($node->safe_psql($db, q{SELECT * FROM lead_stage.verify_history('desk.ticket')}), '', 'verify_history finds nothing');

	# Whatever else there is in a row of history is the same however often one
	# sweeps, and so is the order of a lead's events.
	$all{$rhythm} = { map { split /\|/ } split /\n/, $node->safe_psql($db, q{
		SELECT ticket, md5(string_agg((to_jsonb(h) - 'id' - 'recorded_at')::text, '' ORDER BY id)) FROM desk.ticket_history AS h GROUP BY ticket}) };
	my @differ = grep { has_case($rhythm, $_) && $all{$rhythm}{$_} ne $all{never}{$_} } sort { $a <=> $b } keys %case;
	is("@differ[0 .. (@differ > 9 ? 9 : $#differ)]", '', "swept $rhythm: all of history is as if never swept, in the same order");

	my %seen;
	my $at;
	foreach my $line (split /\n/, ${ $run->{stdout} })
	{
		if ($line =~ /^at (\d+)$/) { $at = $1; next; }
		push @{ $seen{$at} }, $line unless $line =~ /^(\d+)/ && $unmoved{$at}{$1};
	}
	same($seen{$_} // [], [ grep { /^(\d+)/ && has_case($rhythm, $1) } @{ $tasks{$_} } ], "swept $rhythm: the tasks at " . clock($_)) foreach @looks;
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'the server is well');
$node->stop;
done_testing();
