-- 74-report-charts.sql
-- What the report page is made of: numbers and names as a reader is to see
-- them, tables, and charts in SVG.
--
-- Whatever the data holds, the result is well-formed XML: text from data gets
-- in through _html alone, and what we write ourselves is ASCII, so that it is
-- the same in a database of any encoding.  Charts have no fixed width: places
-- are percentages, letters keep their size, so a telephone shows them as
-- readable as a desktop.

-- Characters that no HTML document may hold, and those that turn the reading
-- direction of what follows them, become U+FFFD: two names that differ in
-- them alone stay apart.
CREATE FUNCTION lead_stage._html(value text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN regexp_replace(replace(replace(replace(replace(replace(value, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;'),
                          CASE getdatabaseencoding()
                              WHEN 'UTF8' THEN '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]'
                              ELSE '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f]' END, '&#65533;', 'g');
COMMENT ON FUNCTION lead_stage._html(text) IS 'text for an HTML or XML document, in an element or an attribute';

CREATE FUNCTION lead_stage._html_number(value numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN value IS NULL THEN '&#8211;'
                WHEN abs(value) < 1e15 THEN to_char(value, 'FM999,999,999,999,990')
                ELSE value::text END;
COMMENT ON FUNCTION lead_stage._html_number(numeric) IS 'a count as a reader is to see it: 1,234';

-- On an axis, where room is scarce.
CREATE FUNCTION lead_stage._html_tick(value numeric) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN value < 1e4 THEN trim_scale(value)::text
                WHEN value < 1e6 THEN trim_scale(round(value / 1e3, 1)) || 'k'
                WHEN value < 1e9 THEN trim_scale(round(value / 1e6, 1)) || 'M'
                WHEN value < 1e13 THEN trim_scale(round(value / 1e9, 1)) || 'G'
                ELSE ltrim(to_char(value, '9.9EEEE')) END;
COMMENT ON FUNCTION lead_stage._html_tick(numeric) IS 'a count on an axis: 20k';

-- Only none is 0% and only all is 100%.
CREATE FUNCTION lead_stage._html_percent(share double precision) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN share IS NULL THEN '&#8211;'
                WHEN share > 0 AND share < 0.001 THEN '&lt;0.1%'
                WHEN share > 0.999 AND share < 1 THEN '&gt;99.9%'
                WHEN share > 0 AND share < 0.0995 OR share >= 0.995 AND share < 1 THEN trim_scale(round(share::numeric * 100, 1)) || '%'
                ELSE round(share::numeric * 100) || '%' END;
COMMENT ON FUNCTION lead_stage._html_percent(double precision) IS 'a share as a reader is to see it: 42%';

-- Working time is never given in days: how long is one?
CREATE FUNCTION lead_stage._html_span(seconds double precision, working boolean DEFAULT false) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN seconds IS NULL THEN '&#8211;'
                WHEN abs(seconds) < 59.5 THEN round(seconds) || ' s'
                WHEN abs(seconds) < 5400 THEN round(seconds / 60) || ' min'
                WHEN abs(seconds) < 35820 THEN trim_scale(round((seconds / 3600)::numeric, 1)) || ' h'
                WHEN abs(seconds) < 129600 OR working THEN lead_stage._html_number((seconds / 3600)::numeric) || ' h'
                WHEN abs(seconds) < 859680 THEN trim_scale(round((seconds / 86400)::numeric, 1)) || ' d'
                ELSE lead_stage._html_number((seconds / 86400)::numeric) || ' d' END;
COMMENT ON FUNCTION lead_stage._html_span(double precision, boolean) IS 'a period as a reader is to see it: 3.5 h, or 4.2 d';

CREATE FUNCTION lead_stage._html_count(value numeric, one text, many text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN format('%s %s', lead_stage._html_number(value), CASE WHEN value = 1 THEN one ELSE many END);
COMMENT ON FUNCTION lead_stage._html_count(numeric, text, text) IS 'a count and what is counted: 1 lead, 2 leads';

-- The company's wording for a stage, in which the abbreviation is not lost.
CREATE FUNCTION lead_stage._html_stage(labels jsonb, stage text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN lead_stage._html(coalesce(labels ->> stage, CASE WHEN stage IN ('mql', 'sal', 'sql') THEN upper(stage) ELSE initcap(stage) END));
COMMENT ON FUNCTION lead_stage._html_stage(jsonb, text) IS 'a stage as the company calls it, in HTML';

-- ---------------------------------------------------------------------------
-- Tables.  Cells are HTML already; the first of a row names it.

CREATE FUNCTION lead_stage._html_table(caption text, header text[], texts int, cells jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN format(E'<div class="scroll" role="region" tabindex="0" aria-label="Table: %s"><table><caption>%s</caption>\n<thead><tr>%s</tr></thead>\n<tbody>\n%s</tbody></table></div>',
                  caption, caption,
                  (SELECT string_agg(format('<th scope="col"%s>%s</th>', CASE WHEN h.place <= texts THEN ' class="t"' ELSE '' END, h.word), '' ORDER BY h.place)
                   FROM unnest(header) WITH ORDINALITY AS h (word, place)),
                  coalesce((SELECT string_agg((SELECT '<tr>' || string_agg(CASE WHEN c.place = 1 THEN format('<th scope="row">%s</th>', c.cell)
                                                                  WHEN c.place <= texts THEN format('<td class="t">%s</td>', c.cell)
                                                                  ELSE format('<td>%s</td>', c.cell) END, '' ORDER BY c.place) || E'</tr>\n'
                                      FROM jsonb_array_elements_text(r.cells) WITH ORDINALITY AS c (cell, place)), '' ORDER BY r.place)
                            FROM jsonb_array_elements(cells) WITH ORDINALITY AS r (cells, place)), ''));
COMMENT ON FUNCTION lead_stage._html_table(text, text[], int, jsonb) IS 'an HTML table; its first columns are text, the others numbers';

-- A heading, what is to be seen, the chart, and the table behind it.
CREATE FUNCTION lead_stage._html_figure(heading text, words text, chart text, "table" text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN format(E'<figure class="card">\n<figcaption><h2>%s</h2>\n<p>%s</p></figcaption>\n%s\n%s</figure>\n', heading, words, chart,
                  CASE WHEN "table" IS NULL THEN ''
                       ELSE format(E'<details><summary>The numbers</summary>\n%s</details>\n', "table") END);
COMMENT ON FUNCTION lead_stage._html_figure(text, text, text, text) IS 'a chart with its heading and the table behind it';

CREATE FUNCTION lead_stage._html_legend(VARIADIC classes_and_words text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN (SELECT '<ul class="legend">' || string_agg(format('<li><svg width="12" height="12" aria-hidden="true"><rect class="%s" width="12" height="12" rx="2"/></svg>%s</li>',
                                                              classes_and_words[n - 1], classes_and_words[n]), '' ORDER BY n) || '</ul>'
            FROM generate_series(2, cardinality(classes_and_words), 2) AS n);
COMMENT ON FUNCTION lead_stage._html_legend(text[]) IS 'the legend of a chart: class, word, class, word ...';

-- ---------------------------------------------------------------------------
-- Charts

CREATE FUNCTION lead_stage._svg_place(share double precision) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN trim_scale(round(share::numeric * 100, 2)) || '%';
COMMENT ON FUNCTION lead_stage._svg_place(double precision) IS 'a place or a length as a share of the width';

-- 1, 2 or 5 times a power of ten.
CREATE FUNCTION lead_stage._nice_step(highest numeric, steps int) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN (SELECT min(s.step)
            FROM (SELECT greatest(1, trunc(power(10::numeric, floor(log(greatest(highest, 1) / steps))) * f)) AS step
                  FROM unnest('{1,2,5,10}'::int[]) AS f) AS s
            WHERE s.step * steps >= highest);
COMMENT ON FUNCTION lead_stage._nice_step(numeric, int) IS 'a round distance between the ticks of an axis of counts';

-- An SVG element with what a screen reader says instead of it.
CREATE FUNCTION lead_stage._svg(id text, title text, description text, height int, class text, content text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN format(E'<svg class="%s" role="img" aria-labelledby="%s-title %s-desc" width="100%%" height="%s">\n<title id="%s-title">%s</title><desc id="%s-desc">%s</desc>\n%s</svg>',
                  class, id, id, height, id, title, id, description, content);
COMMENT ON FUNCTION lead_stage._svg(text, text, text, int, text, text) IS 'an SVG chart with its title and description';

-- The line of words over a bar.  As HTML it knows how to shorten a long name,
-- in any script, and of a move both names.  Drawn by itself, it would be stroked
-- by what crosses it.
CREATE FUNCTION lead_stage._svg_words(y int, label text, note text, value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN format('<foreignObject x="0" y="%s" width="100%%" height="%s"><div class="words"><span class="name">%s</span><span class="value">%s</span></div></foreignObject>',
                  y, CASE WHEN note IS NULL THEN 22 ELSE 38 END,
                  replace(format('<span class="line"><bdi>%s</bdi></span>', label)
                              || CASE WHEN note IS NULL THEN '' ELSE format('<small class="line"><bdi>%s</bdi></small>', note) END,
                          ' &#8594; ', '</bdi><i> &#8594; </i><bdi>'), value);
COMMENT ON FUNCTION lead_stage._svg_words(int, text, text, text) IS 'what is written over a bar';

-- Horizontal bars of parts side by side.  rows: label, note, value (HTML) and
-- parts, each [number, class, words]; highest null: the longest bar's.  Shares
-- have an axis to 100%.
CREATE FUNCTION lead_stage._svg_bars(id text, title text, rows jsonb, unit text, of_all boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bar constant int := 12;
    line int := CASE WHEN jsonb_path_exists(rows, '$[*].note ? (@ != null)') THEN 40 ELSE 24 END;
    gap constant int := 14;
    content text := '';
    marks text := '';
    y int := 0;
    step numeric;
    highest numeric;
    x numeric;
    one jsonb;
    part jsonb;
    said text[] := '{}';
    words text;
BEGIN
    highest := CASE WHEN of_all THEN 100
                    ELSE (SELECT max(b.length) FROM (SELECT sum((p.part ->> 0)::numeric) FROM jsonb_array_elements(rows) AS r (one)
                                                         CROSS JOIN LATERAL jsonb_array_elements(r.one -> 'parts') AS p (part)
                                                     GROUP BY r.one) AS b (length)) END;
    highest := greatest(coalesce(highest, 0), 1);
    step := CASE WHEN of_all THEN 25 ELSE lead_stage._nice_step(highest, 4) END;
    highest := ceil(highest / step) * step;

    FOR one IN SELECT r.one FROM jsonb_array_elements(rows) WITH ORDINALITY AS r (one, place) ORDER BY r.place LOOP
        x := 0;
        words := one ->> 'label';
        IF one ->> 'note' IS NOT NULL THEN words := words || ', ' || (one ->> 'note'); END IF;
        words := words || ': ' || coalesce((SELECT string_agg(p.part ->> 2, ', ' ORDER BY p.place)
                                            FROM jsonb_array_elements(one -> 'parts') WITH ORDINALITY AS p (part, place)
                                            WHERE (p.part ->> 0)::numeric > 0 OR jsonb_array_length(one -> 'parts') = 1), 'none');
        said := said || words;
        content := content || format('<g><title>%s</title>%s<rect class="track" x="0" y="%s" width="100%%" height="%s"/>', words,
                                     lead_stage._svg_words(y, one ->> 'label', one ->> 'note', one ->> 'value'), y + line, bar);
        FOR part IN SELECT p.part FROM jsonb_array_elements(one -> 'parts') WITH ORDINALITY AS p (part, place) ORDER BY p.place LOOP
            IF (part ->> 0)::numeric > 0 THEN
                content := content || format('<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>', part ->> 1,
                                             lead_stage._svg_place(x / highest), y + line,
                                             -- What is there is seen.
                                             lead_stage._svg_place(greatest((part ->> 0)::numeric / highest, 0.003)), bar);
                x := x + (part ->> 0)::numeric;
            END IF;
        END LOOP;
        content := content || E'</g>\n';
        y := y + line + bar + gap;
    END LOOP;
    FOR n IN 0 .. (highest / step)::int LOOP
        marks := marks || format('<line class="grid" x1="%1$s" x2="%1$s" y1="0" y2="%2$s"/><text class="tick" x="%1$s" y="%3$s" text-anchor="%4$s">%5$s</text>',
                                 lead_stage._svg_place(n * step / highest), y, y + 15,
                                 CASE WHEN n = 0 THEN 'start' WHEN n * step = highest THEN 'end' ELSE 'middle' END,
                                 CASE WHEN of_all THEN (n * step)::int || '%' ELSE lead_stage._html_tick(n * step) END);
    END LOOP;
    RETURN lead_stage._svg(id, title, array_to_string(said, '; ') || '.', y + 36, 'chart',
                           format(E'%s<text class="unit" x="0" y="%s">%s</text>\n%s', marks, y + 31, unit, content));
END
$$;
COMMENT ON FUNCTION lead_stage._svg_bars(text, text, jsonb, text, boolean) IS 'a chart of horizontal bars, in parts';

-- Periods on a logarithmic axis.  rows: label, note, value (HTML), and the
-- seconds "middle" and "far".  What took no time stands apart, at 0.
CREATE FUNCTION lead_stage._svg_spans(id text, title text, rows jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    ticks constant float8[] := '{1,60,600,3600,21600,86400,604800,2592000,31536000,315360000,3153600000}';
    names constant text[] := '{1 s,1 min,10 min,1 h,6 h,1 d,1 wk,30 d,1 y,10 y,100 y}';
    content text := '';
    marks text := '';
    said text[] := '{}';
    spans float8[];
    lowest float8;
    highest float8;
    zero float8 := 0;
    place float8;
    last_place float8;
    from_place text;
    to_place text;
    y int := 0;
    one jsonb;
BEGIN
    SELECT array_agg(s.seconds::float8) INTO spans
        FROM jsonb_array_elements(rows) AS r (one) CROSS JOIN LATERAL (VALUES (r.one ->> 'middle'), (r.one ->> 'far')) AS s (seconds)
        WHERE s.seconds IS NOT NULL;
    IF EXISTS (SELECT FROM unnest(spans) AS s WHERE s < 1) THEN
        zero := 0.1;
    END IF;
    SELECT max(t) INTO lowest FROM unnest(ticks[:cardinality(ticks) - 1]) AS t WHERE t <= (SELECT coalesce(min(s), 3600) FROM unnest(spans) AS s WHERE s >= 1);
    SELECT min(t) INTO highest FROM unnest(ticks) AS t WHERE t >= (SELECT coalesce(max(s), 1) FROM unnest(spans) AS s) AND t > lowest;
    highest := coalesce(highest, ticks[cardinality(ticks)]);

    FOR one IN SELECT r.one FROM jsonb_array_elements(rows) WITH ORDINALITY AS r (one, place) ORDER BY r.place LOOP
        SELECT lead_stage._svg_place(min(p.place)), lead_stage._svg_place(max(p.place)) INTO from_place, to_place
            FROM (SELECT CASE WHEN s.seconds < 1 THEN 0 ELSE zero + (1 - zero) * ln(greatest(least(s.seconds, highest), lowest) / lowest) / ln(highest / lowest) END
                      FROM (VALUES ((one ->> 'middle')::float8), ((one ->> 'far')::float8)) AS s (seconds)) AS p (place);
        said := said || format('%s: %s', one ->> 'label', one ->> 'words');
        content := content || format(E'<g><title>%s: %s</title>%s<line class="track" x1="0" x2="100%%" y1="%5$s" y2="%5$s"/><line class="reach" x1="%4$s" x2="%6$s" y1="%5$s" y2="%5$s"/><circle class="far" cx="%6$s" cy="%5$s" r="4"/><circle class="middle" cx="%4$s" cy="%5$s" r="5.5"/></g>\n',
                                     one ->> 'label', one ->> 'words', lead_stage._svg_words(y, one ->> 'label', one ->> 'note', one ->> 'value'),
                                     from_place, y + 45, to_place);
        y := y + 62;
    END LOOP;
    IF zero > 0 THEN
        marks := format('<line class="grid" x1="0" x2="0" y1="0" y2="%s"/><text class="tick" x="0" y="%s">0</text>', y, y + 15);
    END IF;
    -- A tick that would write into its neighbour goes without a label.
    FOR n IN 1 .. cardinality(ticks) LOOP
        IF ticks[n] BETWEEN lowest AND highest THEN
            place := zero + (1 - zero) * ln(ticks[n] / lowest) / ln(highest / lowest);
            marks := marks || format('<line class="grid" x1="%1$s" x2="%1$s" y1="0" y2="%2$s"/>', lead_stage._svg_place(place), y);
            IF place = 1 OR coalesce(place - last_place, 1) >= 0.13 AND place <= 0.87 THEN
                marks := marks || format('<text class="tick" x="%s" y="%s" text-anchor="%s">%s</text>', lead_stage._svg_place(place), y + 15,
                                         CASE WHEN place = 0 THEN 'start' WHEN place = 1 THEN 'end' ELSE 'middle' END, names[n]);
                last_place := place;
            END IF;
        END IF;
    END LOOP;
    RETURN lead_stage._svg(id, title, array_to_string(said, '; ') || '.', y + 36, 'chart dots',
                           format(E'%s<text class="unit" x="0" y="%s">time in the stage before the move (logarithmic)</text>\n%s', marks, y + 31, content));
END
$$;
COMMENT ON FUNCTION lead_stage._svg_spans(text, text, jsonb) IS 'a chart of periods: median and 90th percentile';

-- A share over time: a line with dots, and below it how many it is a share of.
-- points: label, share (null: nothing to divide by), number.
CREATE FUNCTION lead_stage._svg_trend(id text, title text, points jsonb, unit text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    top constant int := 12;
    tall constant int := 120;
    base constant int := 196;
    columns_tall constant int := 40;
    n int := jsonb_array_length(points);
    every int;
    highest numeric := greatest(1, (SELECT max((p.point ->> 'number')::numeric) FROM jsonb_array_elements(points) AS p (point)));
    content text := '';
    dots text := '';
    line text := '';
    lines text := '';
    said text[] := '{}';
    words text;
    x float8;
    y float8;
    one jsonb;
BEGIN
    every := ceil(n / 5.0);
    FOR k IN 0 .. 2 LOOP
        content := content || format('<line class="%s" x1="0" x2="100%%" y1="%s" y2="%2$s"/><text class="tick" x="-6" y="%s" text-anchor="end">%s%%</text>',
                                     CASE k WHEN 0 THEN 'base' ELSE 'grid' END, top + tall - k * tall / 2, top + tall - k * tall / 2 + 4, k * 50);
    END LOOP;
    content := content || format('<line class="base" x1="0" x2="100%%" y1="%1$s" y2="%1$s"/><text class="tick" x="-6" y="%1$s" text-anchor="end">0</text><text class="tick" x="-6" y="%2$s" text-anchor="end">%3$s</text>',
                                 base, base - columns_tall + 8, lead_stage._html_tick(highest));
    FOR i IN 0 .. n - 1 LOOP
        one := points -> i;
        x := (i + 0.5) / n;
        words := format('%s: %s of %s', one ->> 'label', lead_stage._html_percent((one ->> 'share')::float8),
                        lead_stage._html_count((one ->> 'number')::numeric, unit, unit || 's'));
        said := said || words;
        dots := dots || format('<g><title>%s</title>', words);
        IF (one ->> 'number')::numeric > 0 THEN
            dots := dots || format('<rect class="volume" x="%s" y="%s" width="%s" height="%s"/>', lead_stage._svg_place((i + 0.15) / n),
                                   round(base - columns_tall * (one ->> 'number')::numeric / highest, 1), lead_stage._svg_place(0.7 / n),
                                   round(columns_tall * (one ->> 'number')::numeric / highest, 1));
        END IF;
        IF one ->> 'share' IS NULL THEN
            IF line <> '' THEN lines := lines || format('<polyline points="%s"/>', line); END IF;
            line := '';
        ELSE
            y := 100 * (1 - (one ->> 'share')::float8);
            line := line || format('%s%s,%s', CASE line WHEN '' THEN '' ELSE ' ' END, round((x * 100)::numeric, 2), round(y::numeric, 2));
            dots := dots || format('<circle class="middle" cx="%s" cy="%s" r="%s"/>', lead_stage._svg_place(x), round((top + y * tall / 100)::numeric, 1),
                                   CASE WHEN n > 30 THEN 2.5 ELSE 4 END);
        END IF;
        dots := dots || E'</g>\n';
        IF i % every = every / 2 OR n <= 5 THEN
            content := content || format('<text class="tick" x="%s" y="%s" text-anchor="middle">%s</text>', lead_stage._svg_place(x), base + 17, one ->> 'short');
        END IF;
    END LOOP;
    IF line <> '' THEN lines := lines || format('<polyline points="%s"/>', line); END IF;
    RETURN lead_stage._svg(id, title, array_to_string(said, '; ') || '.', base + 26, 'chart trend',
                           format(E'%s<svg class="line" x="0" y="%s" width="100%%" height="%s" viewBox="0 0 100 100" preserveAspectRatio="none">%s</svg>\n%s',
                                  content, top, tall, lines, dots));
END
$$;
COMMENT ON FUNCTION lead_stage._svg_trend(text, text, jsonb, text) IS 'a chart of a share over time, and what it is a share of';
