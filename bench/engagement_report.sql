-- The medians of what was taken.
\pset footer off
SELECT version() \g (tuples_only=on format=unaligned)
WITH m AS (
    SELECT task, what, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms, percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu_ms) AS cpu
    FROM taken GROUP BY task, what)
SELECT f.task, round(f.ms) AS floor_ms, round(o.ms) AS ours_ms, round(p.ms) AS peer_ms,
       round((o.ms / f.ms)::numeric, 2) AS "ours/floor", round((p.ms / o.ms)::numeric, 2) AS "peer/ours",
       round((o.cpu / f.cpu)::numeric, 2) AS "cpu: ours/floor", round((p.cpu / o.cpu)::numeric, 2) AS "peer/ours"
FROM m AS f JOIN m AS o ON o.task = f.task AND o.what = 'ours' LEFT JOIN m AS p ON p.task = f.task AND p.what = 'peer'
WHERE f.what = 'floor' ORDER BY f.task;
