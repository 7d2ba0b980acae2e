# What SLA clocks must do, worked out without the extension: business time by
# tables of open seconds, and clocks by what is written of them.  For tests that
# compare.
#
# Instants are seconds since 1970, spans are seconds.  Business time is counted
# here from a list of open intervals of every day of some years, made from the
# wall clock and the rule that Europe changes its clocks by, and searched by
# halving: nothing of the extension's way to do it.
use strict;
use warnings;

package SlaOracle::Calendar;

use Time::Local qw(timegm);

# The last Sunday of March or October, 01:00 UTC.
my %change;

sub change
{
	my ($year, $month) = @_;
	return $change{"$year $month"} //= do
	{
		my $last = timegm(0, 0, 1, 31, $month - 1, $year);
		$last - 86400 * (gmtime $last)[6];
	};
}

sub is_summer
{
	my ($at) = @_;
	my $year = (gmtime $at)[5] + 1900;
	return change($year, 3) <= $at && $at < change($year, 10);
}

# The instant at which a clock of central Europe shows so many seconds after
# 1970-01-01 00:00; of two, the first.
sub european
{
	my ($local) = @_;
	return is_summer($local - 7200) ? $local - 7200 : $local - 3600;
}

# new(utc => 1?, hours => [[dow, opens, closes], …] (seconds after midnight,
# closes <= opens: past it), holidays => { day => 0 or [opens, closes] }, from,
# to): dates as days since 1970, dow 1 = Monday.
sub new
{
	my ($class, %is) = @_;
	my $self = bless { instant => $is{utc} ? sub { $_[0] } : \&european, %is }, $class;
	my (%of_day, @open);

	foreach my $day ($is{from} .. $is{to})
	{
		my $dow = ($day + 3) % 7 + 1;
		foreach my $shift (grep { $_->[0] == $dow } @{ $is{hours} })
		{
			my (undef, $opens, $closes) = @$shift;
			if ($closes > $opens) { push @{ $of_day{$day} }, [ $opens, $closes ]; next; }
			push @{ $of_day{$day} }, [ $opens, 86400 ];
			push @{ $of_day{ $day + 1 } }, [ 0, $closes ];
		}
	}
	foreach my $day (keys %{ $is{holidays} })
	{
		$of_day{$day} = $is{holidays}{$day} ? [ $is{holidays}{$day} ] : [];
	}
	foreach my $day (sort { $a <=> $b } keys %of_day)
	{
		foreach my $part (sort { $a->[0] <=> $b->[0] } @{ $of_day{$day} })
		{
			my ($from, $to) = map { $self->{instant}->($day * 86400 + $_) } @$part;
			if (@open && $open[-1][1] >= $from) { $open[-1][1] = $to if $to > $open[-1][1]; next; }
			push @open, [ $from, $to ] if $to > $from;
		}
	}
	my $before = 0;
	foreach my $span (@open)
	{
		$span->[2] = $before;
		$before += $span->[1] - $span->[0];
	}
	$self->{open} = \@open;
	return $self;
}

# The index of the last interval whose number (0: its start, 2: the seconds open
# before it) is not above a limit, by halving; -1: of none.
sub last_of
{
	my ($self, $which, $limit) = @_;
	my $open = $self->{open};
	my ($low, $high) = (-1, $#$open);

	while ($low < $high)
	{
		my $middle = ($low + $high + 1) >> 1;
		if ($open->[$middle][$which] <= $limit) { $low = $middle; } else { $high = $middle - 1; }
	}
	return $low;
}

# Open seconds before an instant.
sub before
{
	my ($self, $at) = @_;
	my $i = $self->last_of(0, $at);
	return 0 if $i < 0;
	my ($from, $to, $before) = @{ $self->{open}[$i] };
	return $before + ($at < $to ? $at : $to) - $from;
}

sub between { my ($self, $a, $b) = @_; return $self->before($b) - $self->before($a); }

sub is_open
{
	my ($self, $at) = @_;
	my $i = $self->last_of(0, $at);
	return $i >= 0 && $at < $self->{open}[$i][1];
}

sub next_open
{
	my ($self, $at) = @_;
	return $at if $self->is_open($at);
	return $self->{open}[ 1 + $self->last_of(0, $at) ][0];
}

# The earliest instant with so many seconds from start on; backwards, the latest
# with so many up to it.
sub add
{
	my ($self, $start, $seconds) = @_;
	my $sum = $self->before($start) + $seconds;

	return $self->next_open($start) if $seconds == 0;
	my $i = $self->last_of(2, $seconds > 0 ? $sum - 1 : $sum);
	die 'beyond the calendar' if $i < 0 || $i == $#{ $self->{open} };
	return $self->{open}[$i][0] + $sum - $self->{open}[$i][2];
}

# The same time on the wall so many open days later, or when it opens next.
sub add_days
{
	my ($self, $start, $days) = @_;
	my $local = $start + ($self->{utc} ? 0 : is_summer($start) ? 7200 : 3600);
	my $day = int($local / 86400);
	my $i = $self->last_of(0, $self->{instant}->($day * 86400 + 86400) - 1);
	my $last = $day;

	while ($days > 0)
	{
		$i++;
		my $opens = $self->{open}[$i][0];
		my $of = int(($opens + ($self->{utc} ? 0 : is_summer($opens) ? 7200 : 3600)) / 86400);
		if ($of > $last) { $days--; $last = $of; }
	}
	return $self->next_open($self->{instant}->($last * 86400 + $local % 86400));
}

package SlaOracle;

our %rank = (disqualified => 1, lost => 2, lead => 3, nurture => 4, mql => 5, sal => 6, sql => 7, opportunity => 8, customer => 9);

# new(policies => [{ name, stage, calendar, target or days, condition, met_at,
# pause_when (code that is given the lead's columns), repeat, warn_before,
# escalate_to, breach_to }, …], moves => [{ name, from, to, after }, …]): after
# so long in a stage a lead moves by itself.
sub new
{
	my ($class, %is) = @_;
	my $self = bless { moves => [], %is }, $class;
	$self->{policies} = [ sort { $a->{name} cmp $b->{name} } @{ $is{policies} } ];
	return $self;
}

sub event
{
	my ($lead, $event, $at, %is) = @_;
	push @{ $lead->{events} }, { event => $event, at => $at, stage => $lead->{stage}, to => '', name => '', due => '', elapsed => '', owner => $lead->{owner} // '', %is };
}

# Working time of a clock up to an instant, which may be before its last pause.
sub elapsed
{
	my ($clock, $at) = @_;
	my $sum = 0;

	foreach my $run (@{ $clock->{runs} })
	{
		my ($from, $to) = @$run;
		$to = $at if !defined $to || $to > $at;
		$sum += $clock->{policy}{calendar}->between($from, $to) if $to > $from;
	}
	return $sum;
}

sub set_due
{
	my ($clock, $due) = @_;
	my $before = $clock->{policy}{warn_before};
	$clock->{due} = $due;
	$clock->{warn} = !$before || $clock->{warned} ? undef : $clock->{policy}{calendar}->add($due, -$before);
	# there may not be so much left
	$clock->{warn} = $clock->{runs}[-1][0] if defined $clock->{warn} && $clock->{warn} < $clock->{runs}[-1][0];
}

sub clock_event
{
	my ($lead, $event, $clock, $at, %is) = @_;
	my $last = $lead->{events}[-1]{at};

	# what is known late comes after what is known
	event($lead, "sla_$event", $at > $last ? $at : $last, name => $clock->{policy}{name}, due => $clock->{paused} ? '' : $clock->{due},
		elapsed => $event eq 'started' ? '' : elapsed($clock, $at), %is);
}

sub start
{
	my ($lead, $policy, $at) = @_;
	my $clock = { policy => $policy, start => $at, runs => [ [$at] ] };

	set_due($clock, $policy->{days} ? $policy->{calendar}->add_days($at, $policy->{days}) : $policy->{calendar}->add($at, $policy->{target}));
	push @{ $lead->{clocks} }, $clock;
	clock_event($lead, 'started', $clock, $at);
	return $clock;
}

sub stop
{
	my ($lead, $event, $clock, $at) = @_;
	@{ $lead->{clocks} } = grep { $_ != $clock } @{ $lead->{clocks} };
	clock_event($lead, $event, $clock, $at);
}

sub start_all
{
	my ($self, $lead, $at) = @_;
	foreach my $policy (@{ $self->{policies} })
	{
		next unless $policy->{stage} eq $lead->{stage} && (!$policy->{condition} || $policy->{condition}->($lead->{columns}));
		start($lead, $policy, $at);
	}
}

# A move ends every clock of the stage that is left, before it is told, and
# starts those of the one that is entered.
sub move
{
	my ($self, $lead, $to, $at, $name) = @_;
	my $up = $rank{$to} > $rank{ $lead->{stage} };

	clock_event($lead, $up ? 'met' : 'cancelled', $_, $at) foreach @{ $lead->{clocks} };
	event($lead, 'stage', $at, to => $to, name => $name);
	$lead->{clocks} = [];
	@$lead{qw(stage since)} = ($to, $at);
	$self->start_all($lead, $at);
}

# When one of the clocks, or the stage, is next due; and what to do then.
sub next_due
{
	my ($self, $lead) = @_;
	my ($at, $do);
	my $consider = sub { ($at, $do) = @_ if defined $_[0] && (!defined $at || $_[0] < $at); };

	foreach my $clock (grep { !$_->{paused} } @{ $lead->{clocks} })
	{
		$consider->($clock->{warn}, sub { $clock->{warned} = 1; undef $clock->{warn}; clock_event($lead, 'warned', $clock, $_[0]); })
		  unless $clock->{breached};
		$consider->($clock->{due}, sub { $self->breach($lead, $clock, $_[0]); }) unless $clock->{breached};
	}
	foreach my $move (grep { $_->{from} eq $lead->{stage} } @{ $self->{moves} })
	{
		$consider->($lead->{since} + $move->{after}, sub { $self->move($lead, $move->{to}, $_[0], $move->{name}); pause_all($lead, $_[0]); });
	}
	return ($at, $do);
}

sub breach
{
	my ($self, $lead, $clock, $at) = @_;
	my $policy = $clock->{policy};

	$clock->{breached} = 1;
	clock_event($lead, 'breached', $clock, $at);
	if ($policy->{escalate_to} && ($lead->{owner} // '') ne $policy->{escalate_to})
	{
		my $previous = $lead->{owner};
		$lead->{owner} = $policy->{escalate_to};
		event($lead, 'owner', $at, name => $policy->{name});
	}
	return unless $policy->{breach_to};
	$self->move($lead, $policy->{breach_to}, $at, $policy->{name});
	pause_all($lead, $at);
}

# Does what falls due up to an instant, and remembers when it did if $self->{due}
# is a hash.
sub advance
{
	my ($self, $lead, $until) = @_;

	while (1)
	{
		my ($at, $do) = $self->next_due($lead);
		last if !defined $at || $at > $until;
		$self->{due}{$at}++ if $self->{due};
		$do->($at);
	}
}

sub meet
{
	my ($self, $lead, $clock, $now) = @_;
	my $policy = $clock->{policy};
	my $met = $policy->{met_at} ? $policy->{met_at}->($lead->{columns}) : undef;

	return 0 unless defined $met && ($clock->{again} ? $met > $clock->{start} : $met >= $clock->{start}) && $met <= $now;
	stop($lead, 'met', $clock, $met);
	if ($policy->{repeat})
	{
		my $next = start($lead, $policy, $met);
		$next->{again} = 1;
		# what the row said when it happened; and it may be over by now
		stand($lead, $next, $met) if $clock->{paused} && $met < $now;
		$self->advance($lead, $now);
	}
	return 1;
}

sub stand
{
	my ($lead, $clock, $now) = @_;
	clock_event($lead, 'paused', $clock, $now);
	$clock->{paused} = 1;
	$clock->{left} = $clock->{policy}{calendar}->between($now, $clock->{due});
	$clock->{runs}[-1][1] = $now;
}

sub pause
{
	my ($lead, $clock, $now) = @_;
	my $policy = $clock->{policy};
	my $paused = $policy->{pause_when} && $policy->{pause_when}->($lead->{columns}) ? 1 : 0;

	return if $clock->{breached} || $paused == ($clock->{paused} // 0);
	if ($paused) { stand($lead, $clock, $now); return; }
	$clock->{paused} = 0;
	push @{ $clock->{runs} }, [$now];
	set_due($clock, $policy->{calendar}->add($now, $clock->{left}));
	clock_event($lead, 'resumed', $clock, $now);
}

sub pause_all { my ($lead, $now) = @_; pause($lead, $_, $now) foreach @{ $lead->{clocks} }; }

# An INSERT: of a lead in stage lead.
sub create
{
	my ($self, $now, %columns) = @_;
	my $lead = { stage => 'lead', since => $now, columns => \%columns, owner => delete $columns{owner}, events => [], clocks => [] };

	event($lead, 'created', $now, stage => '', to => 'lead');
	$self->start_all($lead, $now);
	pause_all($lead, $now);
	return $lead;
}

# An UPDATE: what has fallen due on the old row, then the new row's facts, its
# move, its pauses.  name is the transition's.
sub update
{
	my ($self, $lead, $now, $to, $name, %columns) = @_;

	$self->advance($lead, $now);
	@{ $lead->{columns} }{ keys %columns } = values %columns;
	foreach my $clock (@{ [ @{ $lead->{clocks} } ] })
	{
		$self->meet($lead, $clock, $now) if grep { $_ == $clock } @{ $lead->{clocks} };
	}
	if (defined $to && $to ne $lead->{stage})
	{
		$self->move($lead, $to, $now, $name);
		$self->meet($lead, $_, $now) foreach @{ [ @{ $lead->{clocks} } ] };
	}
	pause_all($lead, $now);
}

# What a list of tasks shows at an instant, of a lead that has been advanced to
# it: name, due, state, and what is left.
sub tasks
{
	my ($lead, $at) = @_;
	return map {
		{   name => $_->{policy}{name}, due => $_->{paused} ? '' : $_->{due},
			state => $_->{breached} ? 'breached' : $_->{paused} ? 'paused' : $_->{warned} ? 'warned' : 'open',
			left => $_->{paused} ? $_->{left} : $_->{policy}{calendar}->between($at, $_->{due}) }
	} @{ $lead->{clocks} };
}

1;
