# Every report on the leads and deals of Olist, against what is counted here
# from the same list of steps without the extension.
#
# The files tell when a lead came, where from, and when it was won; what is
# between is made up from them: how a lead is nurtured, called, put off, met,
# lost for a reason, and comes back.  Each step is one statement, in the order
# of time, as an application sends it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Olist;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ReportOracle;
use SlaOracle;
use Test::More;

plan skip_all => 'the directory of real data (LEAD_STAGE_DATA) is not here' unless Olist::is_here();

my $hour = 3600;
my $day = 86400;
my $now = Olist::instant('2018-06-20 10:00:00');

# Mondays to Fridays, 09:00 to 17:00, but two holidays.
my $working = SlaOracle::Calendar->new(utc => 1, from => Olist::instant('2017-05-01') / $day, to => Olist::instant('2019-06-01') / $day,
	hours => [ map { [ $_, 9 * $hour, 17 * $hour ] } 1 .. 5 ],
	holidays => { Olist::instant('2017-12-25') / $day => 0, Olist::instant('2018-01-01') / $day => 0 });
my %target = (respond => 4 * $hour, review => 40 * $hour, care => 30 * $day);
my %policies = (sql => ['respond'], mql => ['review'], nurture => ['care']);

# ---------------------------------------------------------------------------
# What happens to each lead: [instant, what, columns]

my %deal = map { $_->{mql_id} => $_ } Olist::rows('olist_closed_deals.csv.gz');
my %lead = map { $_->{mql_id} => $_ } Olist::rows('olist_mql.csv.gz');
is(scalar keys %lead, 6003, 'leads in the file');
is(scalar keys %deal, 641, 'deals in the file');

# Digits of the key make leads of one kind differ.
sub digits { my ($lead) = @_; return map { hex substr($lead->{mql_id}, 2 * $_, 2) } 0 .. 3; }

sub has_no_origin { return $_[0]{origin} =~ /^(unknown|other|)$/; }

# The way of a lead that nobody sold to.
sub way_of_lead
{
	my ($lead, $start) = @_;
	my ($a, $b, $c) = digits($lead);
	my $first = $start + $day * (1 + $a % 5) + 61 * $b;
	my $after = sub { my ($days, $to, $reason, %set) = @_; return [ int($first + $days * $day), 'move', { stage => $to, stage_reason => $reason, %set } ]; };
	my %marketing = (owner => 'marketing ' . $c % 3);

	return () if $a % 16 == 0;
	return $after->(0, 'disqualified', 'spam') if $lead->{origin} eq 'email' && $b % 2;
	if (has_no_origin($lead))
	{
		my $nurtured = $after->(0, 'nurture', 'no origin', %marketing);
		return ($nurtured) if $b % 4 == 0;
		return ($nurtured, $after->(30.2, 'mql')) if $b % 4 == 1;
		return ($nurtured, $after->(100, 'lost', 'gone')) if $b % 4 == 2;
		return ($nurtured, $after->(10, 'disqualified', 'no fit'), $after->(70, 'nurture', 'asked again'));
	}
	my $mql = $after->(0, 'mql', undef, %marketing);
	my @called = ([ int($first + 6 * $day + ($b % 9) * $hour), 'write', { call_at => 0 } ]) x ($c % 3 > 0);
	my @met = ([ int($first + 8 * $day), 'write', { meeting_at => $first + 20 * $day } ]) x ($c % 4 > 1);
	return ($mql, (
		[],
		[ [ int($first + 1.1 * $day), 'touch' ] ],
		[ $after->(20.3, 'nurture', 'not now') ],
		[ $after->(15.4, 'nurture', 'no budget'), $after->(60, 'mql', undef, owner => 'marketing 9'), $after->(90.5, 'lost', 'no reply') ],
		[ $after->(5, 'disqualified', 'no fit') ],
		[ $after->(3.1, 'sal', undef, owner => 'sales ' . $c % 5), $after->(9, 'nurture', 'no budget', owner => 'marketing 1') ],
		[ $after->(2.2, 'sal', undef, owner => 'sales ' . $c % 5), $after->(6, 'sql'), @called, @met, $after->(30.7, 'lost', 'price') ],
		[ [ int($first + 2 * $day), 'write', { waiting => 1 } ], ([ int($first + (4 + $b % 7) * $day), 'write', { waiting => 0 } ]) x ($c % 5 > 0),
			($after->(12, 'sal')) x ($c % 2), ([ int($first + 25 * $day), 'delete' ]) x ($a % 32 < 8) ])[ $b % 8 ]->@*);
}

# The way of one that was, up to the day in the file; one of them is dated
# before the first contact.
sub way_of_deal
{
	my ($lead, $start, $deal) = @_;
	my ($a, $b, $c) = digits($lead);
	my $won = Olist::instant($deal->{won_date}) > $start ? Olist::instant($deal->{won_date}) : $start + $hour;
	my $to = sub { my ($share, $stage, $reason, %set) = @_; return [ int($start + $share * ($won - $start)), 'move', { stage => $stage, stage_reason => $reason, %set } ]; };
	my %known = (owner => $deal->{sdr_id}, business_segment => $deal->{business_segment}, lead_type => $deal->{lead_type});
	my $sql = $to->(0.5, 'sql', undef, %known);
	my $call = $sql->[0] + ($b % 12) * $hour;
	my @call;

	# a call may be recorded later than it was made, even after it was due
	push @call, [ $call + ($c % 3) * 5 * $hour, 'write', { call_at => $call } ] if $call + 10 * $hour < $start + 0.7 * ($won - $start) && $a % 4;
	return (
		(has_no_origin($lead) ? ($to->(0.1, 'nurture', 'no origin'), $to->(0.2, 'mql')) : $to->(0.2, 'mql', undef, owner => 'marketing ' . $c % 3)) x ($a % 5 > 0),
		($to->(0.3, 'sal')) x ($b % 3 > 0),
		$sql, @call,
		([ int($start + 0.72 * ($won - $start)), 'write', { meeting_at => $won } ]) x ($deal->{lead_type} !~ /beginner/),
		$to->(0.75, 'opportunity'), $to->(1, 'customer', undef, owner => $deal->{sr_id}));
}

# ---------------------------------------------------------------------------
# What comes of it: the state of a lead, its visits and clocks

my (@visits, @clocks);

sub enter
{
	my ($state, $at, $stage) = @_;

	$state->{visit} = { lead => $state->{id}, columns => $state, stage => $stage, entered => $at, responses => [] };
	push @visits, $state->{visit};
	$state->{running} = [];
	foreach my $policy (@{ $policies{$stage} // [] })
	{
		my $clock = { policy => $policy, started => $at, columns => $state, owner => $state->{owner}, counted => 0, runs_since => $at };
		$clock->{due} = due($clock, $at);
		pause($clock, $at) if $policy eq 'review' && $state->{waiting};
		push @{ $state->{running} }, $clock;
		push @clocks, $clock;
	}
}

# Round the clock, or in working hours.
sub took { my ($clock, $from, $to) = @_; return $clock->{policy} eq 'care' ? $to - $from : $working->between($from, $to); }

sub due
{
	my ($clock, $at) = @_;
	my $rest = $target{ $clock->{policy} } - $clock->{counted};
	return $clock->{policy} eq 'care' ? $at + $rest : $working->add($at, $rest);
}

# One that is past due goes on.
sub pause
{
	my ($clock, $at) = @_;
	return if $clock->{paused} || $clock->{due} <= $at;
	$clock->{counted} += took($clock, $clock->{runs_since}, $at);
	$clock->{paused} = 1;
}

sub resume
{
	my ($clock, $at) = @_;
	return unless $clock->{paused};
	$clock->{due} = due($clock, $at);
	$clock->{runs_since} = $at;
	$clock->{paused} = 0;
}

sub finish
{
	my ($state, $clock, $at, $met) = @_;

	$clock->{elapsed} = $clock->{counted} + ($clock->{paused} ? 0 : took($clock, $clock->{runs_since}, $at));
	$clock->{outcome} = $clock->{paused} ? ($met ? 'met' : 'cancelled') : $met ? ($at <= $clock->{due} ? 'met' : 'late') : $clock->{due} <= $at ? 'breached' : 'cancelled';
	push @{ $state->{visit}{responses} }, $clock->{elapsed} if $met;
	@{ $state->{running} } = grep { $_ != $clock } @{ $state->{running} };
}

my %rank = %SlaOracle::rank;

sub leave
{
	my ($state, $at, $to, $reason) = @_;
	my $visit = $state->{visit};
	my $up = defined $to && $rank{$to} > $rank{ $visit->{stage} };

	finish($state, $_, $at, $up) foreach @{ [ @{ $state->{running} } ] };
	@$visit{qw(left next reason owner)} = ($at, $to, $reason, $state->{owner});
}

sub apply
{
	my ($state, $at, $what, $set) = @_;

	if ($what eq 'delete') { leave($state, $at); $state->{deleted} = 1; return; }
	if ($what eq 'touch') { $state->{visit}{touched} = 1; return; }
	if ($what eq 'move')
	{
		leave($state, $at, @$set{qw(stage stage_reason)});
		$state->{$_} = $set->{$_} foreach grep { !/^stage/ } keys %$set;
		enter($state, $at, $set->{stage});
		return;
	}
	$state->{visit}{meeting} = 1 if $set->{meeting_at} && !$state->{meeting_at};
	$state->{$_} = $set->{$_} foreach keys %$set;
	foreach my $clock (@{ [ @{ $state->{running} } ] })
	{
		finish($state, $clock, $set->{call_at}, 1) if $clock->{policy} eq 'respond' && $set->{call_at} && $set->{call_at} >= $clock->{started};
		next unless $clock->{policy} eq 'review' && exists $set->{waiting};
		if ($set->{waiting}) { pause($clock, $at); } else { resume($clock, $at); }
	}
}

# ---------------------------------------------------------------------------
# The statement of each step

my @columns = qw(mql_id first_contact_date landing_page_id origin);

sub statement
{
	my ($lead, $at, $what, $set) = @_;

	return 'INSERT INTO olist.lead (' . join(', ', @columns) . ') VALUES (' . join(', ', map { Olist::value($lead->{$_}) } @columns) . ');' if $what eq 'insert';
	return "DELETE FROM olist.lead WHERE mql_id = '$lead->{mql_id}';" if $what eq 'delete';
	return "INSERT INTO olist.touch VALUES ('$lead->{mql_id}', lead_stage.now());" if $what eq 'touch';
	return 'UPDATE olist.lead SET '
	  . join(', ', map { "$_ = " . (/_at$/ ? "'" . Olist::clock($set->{$_}) . "'" : Olist::value($set->{$_})) } sort keys %$set) . " WHERE mql_id = '$lead->{mql_id}';";
}

my (@steps, %state);
foreach my $lead (values %lead)
{
	my ($a, $b, $c, $d) = digits($lead);
	my $start = Olist::instant($lead->{first_contact_date}) + ($a % 20) * $hour + $b * 7;
	my $deal = $deal{ $lead->{mql_id} };
	my @way = ([ $start, 'insert' ], $deal ? way_of_deal($lead, $start, $deal) : way_of_lead($lead, $start));
	# some look around on the web, now and then
	push @way, map { [ $start + $_ * 5 * $day + 13, 'touch' ] } 1 .. $c % 3 if $d % 3 == 0;
	my $last = (map { $_->[1] eq 'delete' ? $_->[0] : () } @way)[0] // $now;
	push @steps, map { [ $_->[0], $lead, $_->[1], $_->[2] ] } grep { $_->[0] <= $last } @way;
	$state{ $lead->{mql_id} } = { %$lead, id => $lead->{mql_id}, business_segment => '', lead_type => '' };
}
# Those of an instant in the order in which they are listed for the lead.
my %place = map { $steps[$_] => $_ } 0 .. $#steps;
@steps = sort { $a->[0] <=> $b->[0] || $place{$a} <=> $place{$b} } @steps;

my @script;
my $clock = 0;
foreach my $step (@steps)
{
	my ($at, $lead, $what, $set) = @$step;
	my $state = $state{ $lead->{mql_id} };

	$set->{call_at} = $at if $set && exists $set->{call_at} && !$set->{call_at};
	push @script, "SET lead_stage.now = '" . Olist::clock($at) . "';" if $at != $clock;
	push @script, statement($lead, $at, $what, $set);
	$clock = $at;
	if ($what eq 'insert') { enter($state, $at, 'lead'); } else { apply($state, $at, $what, $set); }
}
foreach my $running (map { @{ $_->{running} // [] } } values %state)
{
	$running->{outcome} = $running->{paused} ? 'paused' : $running->{due} <= $now ? 'breached' : 'open';
}
$_->{owner} = $_->{columns}{owner} foreach grep { !defined $_->{left} } @visits;

# ---------------------------------------------------------------------------
# The database

my $node = PostgreSQL::Test::Cluster->new('olist_reports');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'");
$node->start;
$node->safe_psql(
	'postgres', q{
CREATE EXTENSION lead_stage;
CREATE SCHEMA olist;
CREATE TABLE olist.lead (mql_id text PRIMARY KEY, first_contact_date date, landing_page_id text, origin text, business_segment text, lead_type text,
	call_at timestamptz, meeting_at timestamptz, waiting bool);
CREATE TABLE olist.touch (mql_id text REFERENCES olist.lead ON DELETE CASCADE, at timestamptz);
CREATE INDEX ON olist.touch (mql_id);
INSERT INTO lead_stage.calendar (name, time_zone) VALUES ('office', 'UTC');
INSERT INTO lead_stage.calendar_hours (calendar, dow, opens, closes) SELECT 'office', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.holiday (calendar, day) VALUES ('office', '2017-12-25'), ('office', '2018-01-01');
INSERT INTO lead_stage.model (name, calendar) VALUES ('olist', 'office');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, reasons)
	SELECT 'olist', a.stage || ' to ' || b.stage, a.stage, b.stage, CASE WHEN b.stage <= 'nurture' THEN '{}'::text[] END
	FROM lead_stage.stages() AS a JOIN lead_stage.stages() AS b ON b.stage <> a.stage;
INSERT INTO lead_stage.sla (model, name, stage, target, calendar, met_at, pause_when) VALUES
	('olist', 'respond', 'sql', '4 hours', NULL, 'call_at', NULL), ('olist', 'review', 'mql', '40 hours', NULL, NULL, 'waiting'),
	('olist', 'care', 'nurture', '720 hours', 'always', NULL, NULL);
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('olist', 'meeting_booked', 'meeting_at IS NOT NULL');
INSERT INTO lead_stage.rule (model, name, kind, source, points) VALUES ('olist', 'touch', 'engagement', 'touch', 1);
SELECT lead_stage.attach('olist.lead', 'olist');
SELECT lead_stage.attach_activity('olist.touch', 'olist.lead');
SELECT lead_stage.publish('olist');
});
$node->safe_psql('postgres', join("\n", @script));
note scalar(@script) . ' lines of script';

# The lines of several reports, of one session.
sub reports
{
	my @queries = @_;
	my $out = $node->safe_psql('postgres', join "\n", "SET lead_stage.now = '" . Olist::clock($now) . "';", map { ("$_;", '\\echo ==') } @queries);
	return map { [ split /\n/, $_ ] } split /^==\n?/m, $out, -1;
}

my %outcomes;
$outcomes{ $_->{outcome} }++ foreach @clocks;
note join ', ', map { "$_: $outcomes{$_}" } sort keys %outcomes;
is(join(' ', sort keys %outcomes), 'breached cancelled late met open paused', 'clocks ended in every way');
is($node->safe_psql('postgres', 'SELECT count(*) FROM olist.lead_visits'), scalar @visits, scalar(@visits) . ' visits');
is($node->safe_psql('postgres', "SELECT count(*) FROM lead_stage.verify_history('olist.lead')"), '0', 'history is sound');

# A lead that is gone has no columns, but had an owner.
my $oracle = ReportOracle->new(visits => \@visits, clocks => \@clocks);
my $of_lead = sub { my ($column) = @_; return sub { my ($lead) = $_[0]{columns}; return $lead->{deleted} || $lead->{$column} eq '' ? undef : $lead->{$column}; }; };
my %segment = (
	'NULL' => sub { return undef; },
	q{'origin'} => $of_lead->('origin'),
	q{'business_segment'} => $of_lead->('business_segment'),
	q{'owner'} => sub { return $_[0]{owner}; },
	q{'coalesce(lead_type, ''none'')'} => sub { my ($lead) = $_[0]{columns}; return $lead->{deleted} ? undef : $lead->{lead_type} || 'none'; },
	q{'to_char(first_contact_date, ''YYYY "Q"Q'')'} => sub {
		my ($lead) = $_[0]{columns};
		return $lead->{deleted} ? undef : sprintf '%s Q%d', substr($lead->{first_contact_date}, 0, 4), (substr($lead->{first_contact_date}, 5, 2) + 2) / 3;
	});
my @ranges = ([ '-infinity', 'infinity' ], [ '2018-01-01', '2018-04-01' ], [ '2018-02-10 07:00:00', 'infinity' ], [ '-infinity', '2017-08-01' ],
	[ '2018-03-07', '2018-03-08' ], [ '2018-03-07 10:00:00', '2018-03-07 11:00:00' ], [ '2020-01-01', 'infinity' ]);

# The numbers of lines that differ in the reports of a range.
sub compare
{
	my ($since, $until) = @_;
	my ($from, $to) = map { /inf/ ? $_ =~ s/inity//r + 0 : Olist::instant($_) } ($since, $until);
	my ($lines, @wrong) = (0);

	my @asked = map { my $report = $_; map { [ $report, $_ ] } sort keys %segment } @ReportOracle::reports;
	my @bounds = map { /inf/ ? "'$_'" : "'$_+00'" } ($since, $until);
	my @got = reports(map { ReportOracle::query($_->[0], "'olist.lead'", @bounds, $_->[1]) } @asked);
	foreach my $asked (@asked)
	{
		my ($report, $by) = @$asked;
		my $expected = $oracle->$report($from, $to, $segment{$by}, sub { return $working->between(@_); });
		my $got = shift @got;
		$lines += @$expected;
		foreach my $i (0 .. ($#$got > $#$expected ? $#$got : $#$expected))
		{
			my ($g, $e) = ($got->[$i] // '(nothing)', $expected->[$i] // '(nothing)');
			push @wrong, "$report by $by, line $i:\n  got      $g\n  expected $e" if $g ne $e;
		}
	}
	ok(!@wrong && ($lines > 0 || $since =~ /^2020/), "$since to $until: $lines lines of reports") or diag(scalar(@wrong) . " lines differ\n" . join("\n", grep { defined } @wrong[ 0 .. 4 ]));
	return $lines;
}

is(compare(@$_) > 0, !!($_->[0] !~ /^2020/), 'as it should be') foreach @ranges;

# Where the planner knows that a range holds little, leads are looked up one by one.
$node->safe_psql('postgres', 'ANALYZE olist.lead_history');
is($node->safe_psql('postgres', "SELECT lead_stage._is_narrow('olist.lead', '2018-03-07', '2018-03-08')"), 't', 'a day is looked up by leads');
compare(@$_) foreach @ranges[ 3 .. 6 ];

# A sweep that comes late records what was due, and changes no figure.
$node->safe_psql('postgres', "SET lead_stage.now = '" . Olist::clock($now) . "'; CALL lead_stage.sweep(100000)");
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM olist.lead_history WHERE event = 'sla_breached' AND recorded_at > at"), '>', 100, 'breaches were recorded');
compare(@{ $ranges[0] });

$node->stop;
done_testing();
