"""Queries of the tests whose expected results differ from Flink's on purpose."""
import collections

# file: of tests/sql; sql: a part of the query, with single blanks; reason: why ours stays; by_chance: the results may be equal all the same
Divergence = collections.namedtuple("Divergence", "file sql reason by_chance", defaults=(False,))

ORDER_IN_AGGREGATE = "members come in an order (docs/queries.md); Flink has them as they arrive and drops ORDER BY"
# Rows of one outer row are mixed with those of others, or the row of an empty input is lost. DuckDB agrees with the tests.
DECORRELATION = "Flink's decorrelation is wrong: "
QUOTES = "the same values: Flink's writer quotes whatever has a character below the comma; a text like the null-literal ours alone"

DIVERGENCES = [
    Divergence("aggregate.test", "GROUP BY a, ROLLUP (a, b)",
               "Flink does not clear b in the second of two equal grouping sets: GROUPING(b) is 1 beside a value"),
    Divergence("aggregate_values.test", "JSON_ARRAYAGG(n ORDER BY n DESC)", ORDER_IN_AGGREGATE, True),
    Divergence("aggregate_values.test", "SELECT JSON_ARRAYAGG(c), PERCENTILE(c, 0.5)", ORDER_IN_AGGREGATE, True),
    Divergence("beyond_flink.test", "ARRAY_AGG(a ORDER BY b DESC NULLS FIRST, a DESC)", ORDER_IN_AGGREGATE, True),
    Divergence("beyond_flink.test", "ARRAY_AGG(DISTINCT k ORDER BY k DESC)", ORDER_IN_AGGREGATE, True),
    Divergence("correlated.test", "ROW_NUMBER() OVER (ORDER BY v DESC)", DECORRELATION + "one window over the rows of all outer rows"),
    Divergence("correlated.test", "SUM(v) OVER (PARTITION BY k ORDER BY v)", DECORRELATION + "one window over the rows of all outer rows"),
    Divergence("correlated.test", "NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k AND NOT EXISTS", DECORRELATION + "two levels of NOT EXISTS"),
    Divergence("correlated.test", "FROM u FULL JOIN (SELECT k FROM u WHERE u.k = t.k)", DECORRELATION + "FULL JOIN loses rows"),
    Divergence("correlated.test", "AS y FULL JOIN (SELECT k FROM u WHERE u.k = t.k)", DECORRELATION + "FULL JOIN loses rows"),
    Divergence("correlated.test", "GROUP BY ROLLUP (k, v)", DECORRELATION + "no total of an empty input"),
    Divergence("correlated.test", "GROUP BY GROUPING SETS ((k), (k, v), ())) AS z", DECORRELATION + "no total of an empty input"),
    Divergence("correlated.test", "LEFT JOIN u ON t.k = u.k AND EXISTS", DECORRELATION + "the condition in ON is taken as TRUE"),
    Divergence("correlated.test", "LEFT JOIN u ON t.k = u.k AND u.v >= (SELECT", DECORRELATION + "the condition in ON is taken as TRUE"),
    Divergence("correlated.test", "b = ALL (SELECT b FROM t AS t2 WHERE t2.k = t.k)", DECORRELATION + "ALL and ANY pass over NULLs"),
    Divergence("correlated.test", "b <> ANY (SELECT b FROM t AS t2 WHERE t2.k = t.k)", DECORRELATION + "ALL and ANY pass over NULLs"),
    Divergence("correlated.test", "SELECT SUM(w1.v) FROM w AS w1 JOIN w AS w2", DECORRELATION + "rows of different outer rows join"),
    Divergence("file_csv.test", "SELECT line FROM raw3", QUOTES),
    Divergence("file_csv.test", "SELECT line FROM raw7", QUOTES),
    Divergence("file_csv.test", "SELECT line FROM raw4", "csv.header is ours; Flink passes over options of formats that it does not know"),
    Divergence("over.test", "CUME_DIST() OVER v",
               "Flink counts rows instead of peers where RANK() of the same window stands beside a window that orders by more columns"),
    Divergence("over.test", "LEAD(a, 2, -1) OVER w", "LAG and LEAD with a default: Flink turns a NULL of the other row into -1 or ''"),
    Divergence("over.test", "LAG(s) IGNORE NULLS OVER w", "Flink takes IGNORE NULLS and does not do it"),
    Divergence("over.test", "RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
               "the frame of a row with NULL has its peers, and UNBOUNDED FOLLOWING the NULLs at the end, also behind the largest value"),
    Divergence("over.test", "OVER (w ROWS 1 PRECEDING)", "Flink drops the frame that is added to a named window"),
    Divergence("sink_length.test", "SELECT k, v, CHAR_LENGTH(v), CHAR_LENGTH(c)",
               "IGNORE writes what is there (docs/settings.md); Flink casts it to the column's type before it looks at the setting"),
]
