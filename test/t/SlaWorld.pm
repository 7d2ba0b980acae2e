# What becomes of leads with SLA clocks, worked out from what was written when,
# and without the extension.  For tests that compare.
#
# Business time is counted minute by minute: a string has a character for each
# minute of some months, 1 if the wall clock of the office (as the C library
# tells it) then shows an open time.  A lead is a list of what was written; what
# falls due in between is done at its own instant, one instant after the other,
# whenever somebody asks.
#
# Instants are whole seconds since 1970, spans are seconds.
use strict;
use warnings;

package SlaWorld::Calendar;

use POSIX ();
use SlaOracle;

our @ISA = ('SlaOracle::Calendar');

# For every quarter of an hour from one day (since 1970, UTC) to another: the
# local day since 1970 and the minute of it.  Clocks change at quarters.
my %wall;

sub wall
{
	my ($zone, $from, $to) = @_;
	return $wall{"$zone $from $to"} //= do
	{
		local $ENV{TZ} = $zone;
		POSIX::tzset();
		my @quarters;
		for (my $at = $from * 86400; $at < $to * 86400; $at += 900)
		{
			my (undef, $minute, $hour, $day, $month, $year) = localtime $at;
			push @quarters, [ int(Time::Local::timegm(0, 0, 0, $day, $month, $year) / 86400), 60 * $hour + $minute ];
		}
		\@quarters;
	};
}

# new(zone, hours => [[dow, opens, closes], …] (minutes after midnight, closes <=
# opens: past it), holidays => { day => 0 or [opens, closes] }, from, to).
sub new
{
	my ($class, %is) = @_;
	my $self = bless {%is}, $class;
	$self->count;
	return $self;
}

sub minutes_of_day
{
	my ($self, $day) = @_;
	my $text = '0' x 1440;
	my $open = sub { my ($from, $to) = @_; substr $text, $from, $to - $from, '1' x ($to - $from) if $to > $from; };

	if (exists $self->{holidays}{$day})
	{
		$open->(@{ $self->{holidays}{$day} }) if $self->{holidays}{$day};
		return $text;
	}
	my $dow = ($day + 3) % 7 + 1;
	foreach my $shift (@{ $self->{hours} })
	{
		my ($of, $opens, $closes) = @$shift;
		$open->($opens, $closes > $opens ? $closes : 1440) if $of == $dow;
		$open->(0, $closes) if $closes <= $opens && $of % 7 + 1 == $dow;
	}
	return $text;
}

sub count
{
	my ($self) = @_;
	my $wall = wall($self->{zone}, $self->{from}, $self->{to});
	my (%of_day, @open, @open_days);
	my $all = join '', map { substr $of_day{ $_->[0] } //= $self->minutes_of_day($_->[0]), $_->[1], 15 } @$wall;
	my $before = 0;

	while ($all =~ /1+/g)
	{
		push @open, [ $self->{from} * 86400 + 60 * $-[0], $self->{from} * 86400 + 60 * $+[0], $before ];
		$before += 60 * ($+[0] - $-[0]);
	}
	foreach my $quarter (0 .. $#$wall)
	{
		my $day = $wall->[$quarter][0];
		next if @open_days && $open_days[-1] == $day || substr($all, 15 * $quarter, 15) !~ /1/;
		push @open_days, $day;
	}
	$self->{open} = \@open;
	$self->{open_days} = \@open_days;
}

# The instant at which the wall shows that time, the last of two; the test asks
# for no time that is skipped.
sub instant
{
	my ($self, $day, $second) = @_;
	my $wall = wall($self->{zone}, $self->{from}, $self->{to});
	my $quarter = ($day - $self->{from}) * 96 + int($second / 900);

	foreach my $i (reverse $quarter - 64 .. $quarter + 64)
	{
		next if $i < 0 || $i > $#$wall;
		return $self->{from} * 86400 + $i * 900 + $second % 900 if $wall->[$i][0] == $day && $wall->[$i][1] == int($second / 900) * 15;
	}
	return undef;
}

# So many open days later, or before, and when it is open there.
sub add_days
{
	my ($self, $at, $days) = @_;
	my ($day, $minute) = @{ wall($self->{zone}, $self->{from}, $self->{to})->[ int(($at - $self->{from} * 86400) / 900) ] };
	my @days = $days > 0 ? grep { $_ > $day } @{ $self->{open_days} } : reverse grep { $_ < $day } @{ $self->{open_days} };

	return $self->instant($days ? $days[ abs($days) - 1 ] : $day, 60 * $minute + $at % 900);
}

# Days, then seconds.
sub span
{
	my ($self, $at, $days, $seconds) = @_;
	$at = $self->add_days($at, $days) if $days;
	return undef unless defined $at;
	return $self->add($at, $seconds);
}

package SlaWorld;

our %rank = %SlaOracle::rank;

# new(policies => [{ name, stage, calendar, days, target, condition, pause_when,
# met_at, signal, repeat, warn_before, escalate_to, breach_to }, …], moves => [{
# name, from, to, after }, …]): conditions are code that is given the lead; after
# so long in a stage a lead moves by itself.
sub new
{
	my ($class, %is) = @_;
	return bless {%is}, $class;
}

sub event
{
	my ($lead, $event, $at, %is) = @_;
	push @{ $lead->{events} }, { id => $lead->{id}, event => $event, at => $at, stage => $lead->{stage}, to => '', name => '', due => '', elapsed => '', owner => $lead->{owner} // '', reason => '', %is };
}

sub published
{
	my ($self, $clock) = @_;
	my ($policy) = grep { $_->{name} eq $clock->{policy}{name} } @{ $self->{policies} };
	return $policy;
}

sub clocks { my ($lead) = @_; return @{ $lead->{clocks} }; }

# ---------- one clock ----------

sub elapsed
{
	my ($clock, $at) = @_;
	my $sum = $clock->{policy}{calendar}->between($clock->{start}, $at);

	foreach my $pause (@{ $clock->{pauses} })
	{
		my ($from, $to) = @$pause;
		$to = $at if !defined $to || $to > $at;
		$sum -= $clock->{policy}{calendar}->between($from, $to) if $to > $from;
	}
	return $sum > 0 ? $sum : 0;
}

# The warning is not before the clock has begun to run, nor after its due.
sub set_due
{
	my ($clock, $due, $running_since) = @_;
	my $before = $clock->{policy}{warn_before};

	$clock->{due} = $due;
	undef $clock->{warn};
	return if !$before || $clock->{warned};
	my $warn = $clock->{policy}{calendar}->span($due, 0, -$before);
	$warn = $running_since if $warn < $running_since;
	$clock->{warn} = $warn < $due ? $warn : $due;
}

# An event bears its instant, but none is earlier than the one before it.
sub clock_event
{
	my ($lead, $event, $clock, $at, %is) = @_;
	my $last = $lead->{events}[-1]{at};

	event($lead, "sla_$event", $at > $last ? $at : $last, name => $clock->{policy}{name}, due => $clock->{paused} ? '' : $clock->{due},
		elapsed => $event eq 'started' ? '' : elapsed($clock, $at), %is);
}

sub start
{
	my ($lead, $policy, $at, %is) = @_;
	my $clock = { policy => {%$policy}, start => $at, pauses => [], fresh => 1, %is };

	set_due($clock, $policy->{calendar}->span($at, $policy->{days}, $policy->{target}), $at);
	push @{ $lead->{clocks} }, $clock;
	clock_event($lead, 'started', $clock, $at);
}

sub stop
{
	my ($lead, $clock, $event, $at) = @_;
	@{ $lead->{clocks} } = grep { $_ != $clock } clocks($lead);
	clock_event($lead, $event, $clock, $at, reason => $event eq 'cancelled' ? '' : $clock->{paused} || $at <= $clock->{due} ? 'in time' : 'late');
}

sub stand
{
	my ($lead, $clock, $at) = @_;
	clock_event($lead, 'paused', $clock, $at);
	$clock->{left} = $clock->{policy}{calendar}->between($at, $clock->{due});
	push @{ $clock->{pauses} }, [$at];
	$clock->{paused} = 1;
}

sub go_on
{
	my ($lead, $clock, $at) = @_;
	$clock->{paused} = 0;
	$clock->{pauses}[-1][1] = $at;
	set_due($clock, $clock->{policy}{calendar}->span($at, 0, $clock->{left}), $at);
	clock_event($lead, 'resumed', $clock, $at) if $lead;
}

sub wants_to_stand
{
	my ($self, $lead, $clock) = @_;
	my $policy = $self->published($clock);
	return $policy && $policy->{pause_when} && !$clock->{breached} && $policy->{pause_when}->($lead);
}

# What met it, as far as is known: the instant that the row gives, or the first
# activity.
sub met
{
	my ($self, $lead, $clock) = @_;
	my $policy = $self->published($clock) or return undef;
	my $from = $clock->{start} + ($clock->{again} ? 1 : 0);
	my @instants = grep { defined $_ && $_ >= $from } $policy->{met_at} ? $policy->{met_at}->($lead)
	  : $policy->{signal} ? map { $_->{at} } grep { $_->{kind} == 1 } @{ $lead->{activities} } : ();

	return (sort { $a <=> $b } @instants)[0];
}

# ---------- one lead at one instant ----------

sub move
{
	my ($self, $lead, $to, $at, $name) = @_;
	my $up = $rank{$to} > $rank{ $lead->{stage} };

	foreach my $clock (clocks($lead))
	{
		my $met = $self->met($lead, $clock);
		if (defined $met && $met <= $at) { stop($lead, $clock, 'met', $met); }
		else { stop($lead, $clock, $up ? 'met' : 'cancelled', $at); }
	}
	event($lead, 'stage', $at, to => $to, name => $name);
	@$lead{qw(stage since entered)} = ($to, $at, 1);
	$lead->{been}{$to} = 1;
}

sub meet
{
	my ($self, $lead, $clock, $now) = @_;
	my $met = $self->met($lead, $clock);

	return if !defined $met || $met > $now;
	# a rolling clock that this write tells of may have been broken, or stood, before
	stand_late($lead, $clock) if defined $clock->{stands} && $clock->{stands} < $met;
	foreach my $what (due_of($clock))
	{
		my ($at, $event) = @$what;
		next if $at >= $met;
		clock_event($lead, $event, $clock, $at);
		$clock->{$event} = 1;
	}
	my $stands = $clock->{paused} ? ($clock->{pauses}[-1][0] > $met ? $clock->{pauses}[-1][0] : $met) : $clock->{stands};
	stop($lead, $clock, 'met', $met);
	my $policy = $self->published($clock);
	start($lead, $policy, $met, again => 1, stands => $stands) if $policy->{repeat};
}

# The pause of the clock before, which went on.
sub stand_late
{
	my ($lead, $clock) = @_;
	my $at = delete $clock->{stands};

	return if $clock->{due} <= $at;
	if (defined $clock->{warn} && !$clock->{warned} && $clock->{warn} <= $at)
	{
		clock_event($lead, 'warned', $clock, $clock->{warn});
		$clock->{warned} = 1;
	}
	stand($lead, $clock, $at);
}

# What a clock is still to do, with the instants.
sub due_of
{
	my ($clock) = @_;
	return () if $clock->{paused} || $clock->{breached};
	return ((defined $clock->{warn} && !$clock->{warned} ? [ $clock->{warn}, 'warned' ] : ()), [ $clock->{due}, 'breached' ]);
}

sub begin
{
	my ($self, $lead, $clock, $now) = @_;

	return unless delete $clock->{fresh};
	$clock->{stands} = $clock->{start} if $clock->{start} == $now && $self->wants_to_stand($lead, $clock);
	delete $clock->{stands} if $clock->{start} == $now && !$self->wants_to_stand($lead, $clock);
	stand_late($lead, $clock) if defined $clock->{stands};
}

# Everything of one instant: warnings and breaches first, then what they entail.
sub fall_due
{
	my ($self, $lead, $at) = @_;
	my @broken;

	foreach my $clock (clocks($lead))
	{
		foreach my $what (grep { $_->[0] == $at } due_of($clock))
		{
			$clock->{ $what->[1] } = 1;
			clock_event($lead, $what->[1], $clock, $at);
			push @broken, $clock if $what->[1] eq 'breached';
		}
	}
	foreach my $clock (@broken)
	{
		next unless grep { $_ == $clock } clocks($lead);
		my $policy = $clock->{policy};
		my $last = $lead->{events}[-1]{at};
		my $then = $at > $lead->{since} ? $at : $lead->{since};
		if ($policy->{breach_to} && $policy->{breach_to} ne $lead->{stage})
		{
			stop($lead, $clock, 'cancelled', $then);
			$self->move($lead, $policy->{breach_to}, $then, $policy->{name});
		}
		if ($policy->{escalate_to} && ($lead->{owner} // '') ne $policy->{escalate_to})
		{
			$lead->{owner} = $policy->{escalate_to};
			event($lead, 'owner', $then, name => $policy->{name});
		}
	}
}

sub settle
{
	my ($self, $lead, $now) = @_;

  AGAIN:
	if (delete $lead->{entered})
	{
		my %open = map { $_->{policy}{name} => 1 } clocks($lead);
		foreach my $policy (sort { $a->{name} cmp $b->{name} } @{ $self->{policies} })
		{
			start($lead, $policy, $lead->{since}) if !$open{ $policy->{name} } && $policy->{stage} eq $lead->{stage} && (!$policy->{condition} || $policy->{condition}->($lead));
		}
	}
	for (my %seen;;)
	{
		my ($clock) = grep { !$seen{$_} } clocks($lead) or last;
		$seen{$clock} = $clock;
		$self->meet($lead, $clock, $now);
	}
	$self->begin($lead, $_, $now) foreach clocks($lead);
	while (my ($at) = sort { $a <=> $b } grep { $_ <= $now } map { $_->[0] } map { due_of($_) } clocks($lead))
	{
		$self->fall_due($lead, $at);
		goto AGAIN if $lead->{entered};
	}
	foreach my $clock (clocks($lead))
	{
		my $stands = $self->wants_to_stand($lead, $clock) ? 1 : 0;
		next if $clock->{breached} || $stands == ($clock->{paused} ? 1 : 0);
		if ($stands) { stand($lead, $clock, $now); } else { go_on($lead, $clock, $now); }
	}
	goto AGAIN if grep { $_->[0] <= $now } map { due_of($_) } clocks($lead);
	return;
}

# ---------- one lead through time ----------

sub next_instant
{
	my ($self, $lead) = @_;
	my @instants = map { $_->[0] } map { due_of($_) } clocks($lead);

	push @instants, map { $lead->{since} + $_->{after} } grep { $_->{from} eq $lead->{stage} } @{ $self->{moves} };
	push @instants, grep { defined $_ && $_ > $lead->{done_until} } map { $self->met($lead, $_) } clocks($lead);
	return (sort { $a <=> $b } @instants)[0];
}

# Does what falls due up to an instant.
sub advance
{
	my ($self, $lead, $until) = @_;

	while (defined(my $at = $self->next_instant($lead)))
	{
		last if $at > $until;
		$at = $lead->{since} if $at < $lead->{since};
		foreach my $move (@{ $self->{moves} })
		{
			next unless $move->{from} eq $lead->{stage} && $lead->{since} + $move->{after} <= $at;
			$self->move($lead, $move->{to}, $at, $move->{name});
			last;
		}
		$lead->{done_until} = $at;
		$self->settle($lead, $at);
	}
	$lead->{done_until} = $until;
}

sub create
{
	my ($self, $id, $now, $to, %columns) = @_;
	my $lead = { id => $id, stage => 'lead', since => $now, columns => {%columns}, events => [], clocks => [], activities => [], entered => 1, done_until => $now, been => {} };

	event($lead, 'created', $now, stage => '', to => 'lead');
	$self->move($lead, $to, $now, "to $to") if defined $to;
	$self->settle($lead, $now);
	written($lead);
	return $lead;
}

# What the row in the table says, if nothing ever sweeps.
sub written
{
	my ($lead) = @_;
	$lead->{been} = { $lead->{stage} => 1 };
	$lead->{events_written} = scalar @{ $lead->{events} };
}

# An UPDATE; also an activity, of which the list is longer then.
sub update
{
	my ($self, $lead, $now, %is) = @_;

	$self->advance($lead, $now);
	if (defined $is{id}) { $lead->{id} = $is{id}; $lead->{events}[-1]{at} > $now or event($lead, 'rekeyed', $now); }
	@{ $lead->{columns} }{ keys %{ $is{columns} } } = values %{ $is{columns} } if $is{columns};
	push @{ $lead->{activities} }, @{ $is{activities} } if $is{activities};
	$self->move($lead, $is{to}, $now, "to $is{to}") if defined $is{to};
	if (defined $is{owner} && ($lead->{owner} // '') ne $is{owner})
	{
		$lead->{owner} = $is{owner};
		event($lead, 'owner', $now);
	}
	$self->settle($lead, $now);
	written($lead);
}

sub remove
{
	my ($self, $lead, $now) = @_;
	$self->advance($lead, $now);
	stop($lead, $_, 'cancelled', $now) foreach clocks($lead);
	event($lead, 'deleted', $now);
	written($lead);
}

# What reschedule shows of a lead, and makes so: [policy, due now, due then, left
# now, left then], of clocks for which that differs.
sub reschedule
{
	my ($self, $lead, $apply) = @_;
	my @lines;

	foreach my $clock (clocks($lead))
	{
		my $policy = $self->published($clock) or next;
		my $then = { policy => {%$policy}, start => $clock->{start}, pauses => [], warned => $clock->{warned}, breached => $clock->{breached}, again => $clock->{again} };

		set_due($then, $policy->{calendar}->span($clock->{start}, $policy->{days}, $policy->{target}), $clock->{start});
		foreach my $pause (@{ $clock->{pauses} })
		{
			last if $then->{due} <= $pause->[0];
			$then->{left} = $policy->{calendar}->between($pause->[0], $then->{due});
			push @{ $then->{pauses} }, [ $pause->[0] ];
			$then->{paused} = 1;
			go_on(undef, $then, $pause->[1]) if defined $pause->[1];
		}
		my @shown = map { $_->{paused} ? ('', $_->{left}) : ($_->{due}, '') } $clock, $then;
		push @lines, [ $policy->{name}, @shown[ 0, 2, 1, 3 ] ] if "@shown[0, 1]" ne "@shown[2, 3]";
		%$clock = %$then if $apply;
	}
	return @lines;
}

# What a list of tasks shows: name, due, state, what is left.
sub tasks
{
	my ($lead, $at) = @_;
	return map {
		{   name => $_->{policy}{name}, due => $_->{paused} ? '' : $_->{due},
			state => $_->{breached} ? 'breached' : $_->{paused} ? 'paused' : $_->{warned} ? 'warned' : 'open',
			left => $_->{paused} ? $_->{left} : $_->{policy}{calendar}->between($at, $_->{due}) }
	} clocks($lead);
}

1;
