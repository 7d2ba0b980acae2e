# What the reports must say, counted from lists of visits and of clocks without
# the extension: for tests that compare.
#
# A visit is { lead, stage, entered, left, next, reason, owner, touched, meeting,
# responses => [seconds of working time], in the order of time for each lead };
# one that has left without a next stage ended with its lead.  A clock is
# { policy, started, elapsed, outcome }.  Instants and times are whole seconds.
#
# A report is a list of lines as psql prints them: segments, of which the one of
# null comes last, then as the report is sorted.  The queries that go with the
# lines are at the end.
use strict;
use warnings;

package ReportOracle;

use List::Util qw(sum0 uniq);

my %rank = (disqualified => 1, lost => 2, lead => 3, nurture => 4, mql => 5, sal => 6, sql => 7, opportunity => 8, customer => 9);
my @stages = sort { $rank{$a} <=> $rank{$b} } keys %rank;

sub is_open { my ($stage) = @_; return $rank{$stage} >= $rank{lead}; }

sub outcome
{
	my ($visit) = @_;

	return 'still_here' unless defined $visit->{left};
	return 'dropped' unless defined $visit->{next} && is_open($visit->{next});
	return $rank{ $visit->{next} } > $rank{ $visit->{stage} } ? 'advanced' : 'recycled';
}

# In the middle between two neighbours, or nearer to one, as the share says.
sub percentile
{
	my ($share, @values) = @_;
	return '' unless @values;
	@values = sort { $a <=> $b } @values;
	my $place = $share * $#values;
	my $below = int $place;
	my $above = $below < $#values ? $below + 1 : $below;
	return shown($values[$below] + ($place - $below) * ($values[$above] - $values[$below]));
}

# To the tenth of a second; shares to the millionth, cut off.
sub shown { my ($seconds) = @_; return sprintf '%.1f', $seconds; }
sub share { my ($part, $whole) = @_; return $whole ? int($part / $whole * 1e6) : ''; }

sub number_of { my ($outcome, @visits) = @_; return scalar grep { outcome($_) eq $outcome } @visits; }
sub leads_of { return scalar uniq map { $_->{lead} } @_; }
sub times_of { return map { $_->{left} - $_->{entered} } grep { defined $_->{left} } @_; }

# Lists of what has the same words, by these words; a word may be undefined.
sub grouped
{
	my ($words, @things) = @_;
	my %lists;

	push @{ $lists{ join "\0", map { $_ // "\x{7f}null" } $words->($_) } }, $_ foreach @things;
	return \%lists;
}

sub words { my ($key) = @_; return map { $_ eq "\x{7f}null" ? undef : $_ } split /\0/, $key, -1; }

# By each word in turn: stages by rank, the rest as in the C locale, null last.
sub in_order
{
	my @ways = @_;
	return sub {
		my ($a_words, $b_words) = @_;
		foreach my $i (0 .. $#ways)
		{
			my ($a, $b) = ($a_words->[$i], $b_words->[$i]);
			next if !defined $a && !defined $b;
			return 1 unless defined $a;
			return -1 unless defined $b;
			my $order = $ways[$i] eq 'stage' ? $rank{$a} <=> $rank{$b} : $ways[$i] eq 'most' ? $b <=> $a : $a cmp $b;
			return $order if $order;
		}
		return 0;
	};
}

sub lines
{
	my ($order, @rows) = @_;
	return [ map { join '|', map { $_ // '(null)' } @$_ } sort { $order->($a, $b) } @rows ];
}

# new(visits => [...], clocks => [...]): visits learn what came later.
sub new
{
	my ($class, %is) = @_;
	my $self = bless {%is}, $class;

	foreach my $visits (values %{ grouped(sub { $_[0]{lead} }, @{ $self->{visits} }) })
	{
		my (%later, $engaged);
		foreach my $visit (reverse @$visits)
		{
			$visit->{later} = {%later};
			$later{$_} = 1 foreach grep { $rank{ $visit->{stage} } >= $rank{$_} } @stages;
			$engaged ||= $visit->{touched} && $visit->{stage} =~ /^(nurture|mql)$/;
		}
		$_->{engaged} = $engaged foreach @$visits;
	}
	return $self;
}

sub cohort
{
	my ($self, $since, $until, $stage) = @_;
	return grep { $_->{entered} >= $since && $_->{entered} < $until && (!defined $stage || $_->{stage} eq $stage) } @{ $self->{visits} };
}

sub funnel
{
	my ($self, $since, $until, $segment) = @_;
	my $entered = grouped(sub { ($segment->($_[0]), $_[0]{stage}) }, $self->cohort($since, $until));
	my (%skipped, @rows);

	foreach my $jump (grep { defined $_->{left} && $_->{left} >= $since && $_->{left} < $until && defined $_->{next} && is_open($_->{stage}) } @{ $self->{visits} })
	{
		my @past = grep { $rank{$_} > $rank{ $jump->{stage} } && $rank{$_} < $rank{ $jump->{next} } } @stages;
		$skipped{ join "\0", $segment->($jump) // "\x{7f}null", $_ }{ $jump->{lead} } = 1 foreach @past;
	}
	foreach my $key (uniq keys %$entered, keys %skipped)
	{
		my @visits = @{ $entered->{$key} // [] };
		my $advanced = number_of('advanced', @visits);
		push @rows, [ words($key), scalar @visits, leads_of(@visits), $advanced, (map { number_of($_, @visits) } qw(recycled dropped still_here)),
			scalar keys %{ $skipped{$key} // {} }, share($advanced, scalar @visits), percentile(0.5, times_of(@visits)) ];
	}
	return lines(in_order(qw(word stage)), @rows);
}

# working: the working seconds between two instants.
sub velocity
{
	my ($self, $since, $until, $segment, $working) = @_;
	my $moves = grouped(sub { ($segment->($_[0]), $_[0]{stage}, $_[0]{next}) }, grep { defined $_->{next} } $self->cohort($since, $until));
	my @rows;

	foreach my $key (keys %$moves)
	{
		my @visits = @{ $moves->{$key} };
		push @rows, [ words($key), scalar @visits, sum0(times_of(@visits)), percentile(0.5, times_of(@visits)), percentile(0.9, times_of(@visits)),
			percentile(0.5, map { $working->($_->{entered}, $_->{left}) } @visits) ];
	}
	return lines(in_order(qw(word stage stage)), @rows);
}

sub drop_off
{
	my ($self, $since, $until, $segment) = @_;
	my $ends = grouped(sub { ($segment->($_[0]), @{ $_[0] }{qw(stage next reason)}) },
		grep { outcome($_) =~ /^(recycled|dropped)$/ } $self->cohort($since, $until));
	my @rows = map { my ($key, @words) = ($_, words($_)); [ @words[ 0, 1 ], leads_of(@{ $ends->{$key} }), @words[ 2, 3 ] ] } keys %$ends;

	return lines(in_order(qw(word stage most stage word)), @rows);
}

sub mql_report
{
	my ($self, $since, $until, $segment) = @_;
	my $mqls = grouped($segment, $self->cohort($since, $until, 'mql'));
	my @rows;

	foreach my $key (keys %$mqls)
	{
		my @visits = @{ $mqls->{$key} };
		my ($engaged, $accepted, $sqls) = (scalar(grep { $_->{engaged} } @visits), map { my $stage = $_; scalar grep { $_->{later}{$stage} } @visits } qw(sal sql));
		push @rows, [ words($key), scalar @visits, $engaged, share($engaged, scalar @visits), $accepted, $sqls, share($sqls, scalar @visits),
			map { number_of($_, @visits) } qw(recycled dropped) ];
	}
	return lines(in_order('word'), @rows);
}

sub sql_report
{
	my ($self, $since, $until, $segment) = @_;
	my $sqls = grouped($segment, $self->cohort($since, $until, 'sql'));
	my @rows;

	foreach my $key (keys %$sqls)
	{
		my @visits = @{ $sqls->{$key} };
		my @responses = map { $_->{responses}[0] // () } @visits;
		my $meetings = grep { $_->{meeting} } @visits;
		my ($opportunities, $customers) = map { my $stage = $_; scalar grep { $_->{later}{$stage} } @visits } qw(opportunity customer);
		push @rows, [ words($key), scalar @visits, scalar @responses, percentile(0.5, @responses), $meetings, share($meetings, scalar @visits),
			$opportunities, $customers, share($customers, scalar @visits) ];
	}
	return lines(in_order('word'), @rows);
}

sub sla_report
{
	my ($self, $since, $until, $segment) = @_;
	my $clocks = grouped(sub { ($segment->($_[0]), $_[0]{policy}) }, grep { $_->{started} >= $since && $_->{started} < $until } @{ $self->{clocks} });
	my @rows;

	foreach my $key (keys %$clocks)
	{
		my @clocks = @{ $clocks->{$key} };
		my %number = map { my $outcome = $_; $outcome => scalar grep { $_->{outcome} eq $outcome } @clocks } qw(met late breached open paused cancelled);
		my @times = map { $_->{outcome} =~ /^(met|late)$/ ? $_->{elapsed} : () } @clocks;
		push @rows, [ words($key), scalar @clocks, @number{qw(met late breached open paused cancelled)},
			share($number{met}, $number{met} + $number{late} + $number{breached}), percentile(0.5, @times), percentile(0.9, @times) ];
	}
	return lines(in_order(qw(word word)), @rows);
}

# The columns of a report that are compared, in its own order of rows.
my $seconds = sub { return "round(extract(epoch FROM $_[0]), 1)"; };
my $share = sub { return "floor($_[0] * 1e6)"; };
my %columns = (
	funnel => [ qw(stage entered leads advanced recycled dropped still_here skipped), $share->('conversion'), $seconds->('median_time') ],
	velocity => [ qw(from_stage to_stage moves), 'round(extract(epoch FROM mean) * moves)', map { $seconds->($_) } qw(p50 p90 business_p50) ],
	drop_off => [ 'stage', 'leads', map { "coalesce($_\::text, '(null)')" } qw(to_stage reason) ],
	mql_report => [ 'mqls', 'engaged', $share->('engagement_rate'), 'accepted', 'sqls', $share->('mql_to_sql_rate'), 'recycled', 'dropped' ],
	sql_report => [ 'sqls', 'responded', $seconds->('median_response'), 'meetings_booked', $share->('meeting_booked_rate'), 'opportunities', 'customers', $share->('win_rate') ],
	sla_report => [ qw(policy started met late breached open paused cancelled), $share->('attainment'), map { $seconds->($_) } qw(p50 p90) ]);

our @reports = sort keys %columns;

# The query that goes with a report's lines; arguments as SQL.
sub query
{
	my ($report, @arguments) = @_;
	return "SELECT " . join(', ', "coalesce(segment, '(null)')", @{ $columns{$report} }) . " FROM lead_stage.$report(" . join(', ', @arguments) . ')';
}

1;
