# The page that report_html writes, in a browser: at the width of a telephone
# and of a desktop nothing is wider than the window, no letters run into each
# other or out of their chart, nothing is fetched, and nothing in the data is
# carried out.  The page is that of "make demo", with some names that mean harm.
use strict;
use warnings;
use File::Temp qw(tempdir);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($browser) = grep { -x } map { my $dir = $_; map { "$dir/$_" } qw(chromium chromium-browser google-chrome) } split /:/, $ENV{PATH};
plan skip_all => 'chromium is not here' unless $browser;

my $node = PostgreSQL::Test::Cluster->new('page');
# The names need a character set.
$node->init(extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8' ]);
$node->start;
$node->safe_psql('postgres', slurp_file('demo/report.sql'));
my $harm = q{<script>document.title = 'harm'</script><img src=x onerror="document.title = 'harm'">};
$node->safe_psql('postgres', qq{
UPDATE crm.lead SET source = \$\$$harm\$\$ WHERE id % 9 = 0;
UPDATE crm.lead SET source = repeat('a very long name of a source ', 20) WHERE id % 9 = 1;
UPDATE crm.lead SET source = repeat('unbroken', 30) WHERE id % 9 = 2;
UPDATE crm.lead SET source = U&'\\202Egnp.esrever' WHERE id % 9 = 3;
UPDATE crm.lead SET source = repeat(U&'\\7D22\\5F15', 40) WHERE id % 9 = 4;
UPDATE lead_stage.model SET title = \$\$Programmes & $harm\$\$;
SELECT lead_stage.publish('respiratory');
});
my $page = $node->safe_psql('postgres', "SET lead_stage.now = '2026-07-06 07:00+00'; SELECT lead_stage.report_html('crm.lead', '2026-01-01', '2026-07-01', by => 'source')");
my $empty = $node->safe_psql('postgres', "SELECT lead_stage.report_html('crm.lead', '2020-01-01', '2020-01-01', by => 'source')");
$node->stop;
# A browser does not report what it failed to fetch.
unlike($page, qr{url\(|\@import|https?://}i, 'there is nothing to fetch');

# What a frame holds, measured.  "lines" are the pieces of text of a chart.
my $measure = <<'EOF_JS';
function measure(frame) {
  var w = frame.contentWindow, d = w.document, root = d.documentElement, box = function (e) { return e.getBoundingClientRect(); };
  var result = { width: root.clientWidth, scroll: root.scrollWidth, fetched: w.performance.getEntriesByType('resource').length,
    scripts: d.querySelectorAll('script, img, iframe').length, harm: d.title === 'harm', charts: 0, outside: [], overlapping: [], background: w.getComputedStyle(d.body).backgroundColor,
    faint: [] };
  var say = function (e) { return e.textContent.slice(0, 40); };
  d.querySelectorAll('svg[role=img]').forEach(function (svg) {
    result.charts++;
    var card = box(svg.closest('.card'));
    var texts = Array.from(svg.querySelectorAll('text, .name, .value')).map(function (e) { return { e: e, b: box(e) }; });
    texts.forEach(function (t, i) {
      if (t.b.left < card.left || t.b.right > card.right + 0.5 || t.b.top < card.top || t.b.bottom > card.bottom) result.outside.push(say(t.e));
      texts.slice(i + 1).forEach(function (o) {
        if (t.b.left < o.b.right - 1 && o.b.left < t.b.right - 1 && t.b.top < o.b.bottom - 3 && o.b.top < t.b.bottom - 3) result.overlapping.push(say(t.e) + ' / ' + say(o.e));
      });
    });
    svg.querySelectorAll('rect, circle').forEach(function (e) {
      var b = box(e);
      if (b.left < card.left || b.right > card.right) result.outside.push(e.getAttribute('class'));
    });
  });
  // The contrast of text with what is behind it, as WCAG reckons it.
  var light = function (c) {
    var p = c.match(/[\d.]+/g).slice(0, 3).map(function (v) { v /= 255; return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); });
    return 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2];
  };
  d.querySelectorAll('h1, h2, p, dt, dd, li, th, td, .name, .value, small, summary, caption, text').forEach(function (e) {
    var style = w.getComputedStyle(e), behind = e.closest('.card, .tile') || d.body;
    var a = light(e.tagName === 'text' ? style.fill : style.color), b = light(w.getComputedStyle(behind).backgroundColor);
    if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5) result.faint.push(e.tagName);
  });
  return result;
}
var frames = Array.from(document.querySelectorAll('iframe'));
window.onload = function () { document.getElementById('result').textContent = JSON.stringify(frames.map(measure)); };
EOF_JS

sub escaped { return $_[0] =~ s/&/&amp;/gr =~ s/"/&quot;/gr =~ s/</&lt;/gr; }

my $dir = tempdir(CLEANUP => 1);
my @widths = (360, 390, 768, 1280);
my $frames = join '', map { qq{<iframe width="$_" height="900" style="border: 0" srcdoc="} . escaped($page) . '"></iframe>' } @widths;
$frames .= qq{<iframe width="390" height="900" style="border: 0" srcdoc="} . escaped($empty) . '"></iframe>';

# What the browser makes of a document: its measures, and what it complained of.
sub look
{
	my ($name, @options) = @_;
	my ($out, $err);

	append_to_file("$dir/$name.html", qq{<!DOCTYPE html><meta charset="utf-8"><title>$name</title><body style="margin: 0">$frames<pre id="result"></pre><script>$measure</script>});
	local $ENV{HOME} = $dir;
	IPC::Run::run(
		[
			$browser, qw(--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-dev-shm-usage --disable-background-networking
			  --disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=3000),
			'--window-size=1400,1000', @options, "--user-data-dir=$dir/$name", '--host-resolver-rules=MAP * ~NOTFOUND', '--dump-dom', "file://$dir/$name.html" ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(120)) or diag $err;
	my ($json) = $out =~ m,<pre id="result">(.*?)</pre>,s;
	my @console = grep { /CONSOLE/ } split /\n/, $err;
	$json =~ s/&lt;/</g; $json =~ s/&gt;/>/g; $json =~ s/&amp;/&/g;
	return (decode_json($json), \@console);
}

my @seen;
foreach my $scheme ('light', 'dark')
{
	my ($measures, $console) = look($scheme, '--blink-settings=preferredColorScheme=' . ($scheme eq 'dark' ? 0 : 1));
	is(scalar @$measures, @widths + 1, "$scheme: all frames were measured");
	is_deeply($console, [], "$scheme: the console is empty");
	foreach my $m (@$measures)
	{
		my $at = "$scheme, $m->{width} wide" . ($m->{charts} ? '' : ', nothing to show');
		is($m->{scroll}, $m->{width}, "$at: nothing is wider than the window");
		is($m->{fetched} + $m->{scripts}, 0, "$at: nothing was fetched");
		ok(!$m->{harm}, "$at: nothing in the data was carried out");
		is_deeply($m->{outside}, [], "$at: everything is inside its card");
		is_deeply($m->{overlapping}, [], "$at: no letters run into each other");
		is_deeply($m->{faint}, [], "$at: text can be read on what is behind it");
	}
	cmp_ok($measures->[0]{charts}, '>=', 9, 'there are charts');
	is($measures->[-1]{charts}, 0, 'there are none of nothing');
	push @seen, $measures->[0]{background};
}
isnt($seen[0], $seen[1], 'dark is not light');

done_testing();
