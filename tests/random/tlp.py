"""Checks of millrace against itself, for functions that DuckDB does not have, or has with another meaning: whatever p
says, the rows of Q are those of Q WHERE p, Q WHERE NOT p and Q WHERE p IS NULL together (ternary logic partitioning, Rigger
and Su, OOPSLA 2020), and COUNT(*) WHERE p is the number of rows for which p, as a value, is TRUE (NoREC, ESEC/FSE 2020)."""
import compare
import engines
import schema
import sqltypes as st
from exprs import Scope
from nodes import Expr, Leaf
from printer import MILLRACE

# conditions over {S} text, {I} INT, {B} BIGINT, {D} DATE, {T} TIMESTAMP(3), {F} DOUBLE, {Y} BYTES, {A} ARRAY<INT>, {P} condition
CONDITIONS = [
    "INITCAP({S}) = {S}", "OVERLAY({S} PLACING 'xx' FROM 2) > {S}", "REGEXP({S}, '^[a-z]+$')", "REGEXP_COUNT({S}, 'a') > 0",
    "REGEXP_EXTRACT({S}, '(a)(b)?', 1) = 'a'", "REGEXP_REPLACE({S}, '[0-9]', '#') <> {S}", "IS_ALPHA({S})", "IS_DIGIT({S})",
    "IS_DECIMAL({S})", "ASCII({S}) > 60", "INSTR({S}, 'b') > 1", "{S} SIMILAR TO '(a|b)%'", "{S} LIKE '%!%%' ESCAPE '!'",
    "DATE_FORMAT({T}, 'yyyy-MM') > '2020-01'", "TO_DATE({S}) IS NULL", "TRY_CAST({S} AS INT) > 3", "TRY_CAST({S} AS DOUBLE) < 5",
    "TRY_CAST({S} AS DECIMAL(5, 1)) IN (12, 3.5)", "TRY_CAST({S} AS DATE) IS NULL", "TRY_CAST({S} AS BOOLEAN)",
    "CEIL({T} TO MONTH) > {T}", "{D} - INTERVAL '1' MONTH < DATE '2020-01-31'", "TIMESTAMPADD(MONTH, 1, {D}) > {D}",
    "TIMESTAMPDIFF(MONTH, {D}, {T}) > 3", "({D}, {D}) OVERLAPS ({D}, {D})", "EXTRACT(DOW FROM {D}) = 2", "HEX({I}) > '5'",
    "BIN({B}) LIKE '1%'", "TRUNCATE({F}, 1) = {F}", "ROUND({F}, 1) > {F}", "LOG2({F}) > 1", "POWER({F}, 2) > 9", "{F} / {I} > 1",
    "CARDINALITY(ARRAY_DISTINCT({A})) < CARDINALITY({A})", "ARRAY_CONTAINS({A}, {I})", "ARRAY_POSITION({A}, {I}) > 0",
    "ARRAY_JOIN(SPLIT({S}, 'a'), '-') = {S}", "ARRAY_SORT({A}) = {A}", "ARRAY_REMOVE({A}, {I}) IS NULL", "ELEMENT(ARRAY[{I}]) > 1",
    "JSON_VALUE(JSON_OBJECT(KEY 'a' VALUE {S}), '$.a') = {S}", "JSON_EXISTS({S}, '$.a')", "{S} IS JSON", "JSON_QUOTE({S}) > '\"b'",
    "SHA256({S}) > '8'", "TO_BASE64({S}) > 'Y'", "FROM_BASE64(TO_BASE64({S})) = {S}", "URL_DECODE(URL_ENCODE({S})) = {S}",
    "DECODE(ENCODE({S}, 'UTF-8'), 'UTF-8') = {S}", "ELT({I}, {S}, 'b') = 'b'", "CHR({I}) < 'a'", "MAP['a', {I}]['a'] = {I}",
    "ROW({I}, {S}) = ROW({I}, {S})", "GREATEST({I}, {B}, {F}) > 3", "STR_TO_MAP({S})['a'] IS NULL", "IFNULL({P}, {P})",
    "IF({P}, {P}, {P})", "({P}) IS NOT DISTINCT FROM ({P})", "NULLIF({I}, {B}) = {I}", "({P}) = ({P})", "({P}) < ({P})",
]
TYPES = {"S": st.STRING, "I": st.INT, "B": st.BIGINT, "D": st.DATE, "T": st.TIMESTAMP3, "F": st.DOUBLE, "Y": st.BYTES,
         "A": st.INT_ARRAY}


class Raw(Expr):
    """A condition that is text."""

    def __init__(self, text):
        super().__init__("raw", st.BOOLEAN, value=text)


def condition(rng, exprs, scope, depth):
    """SQL of a condition that holds at least one of the list above."""
    text = rng.choice(CONDITIONS)
    out, at = "", 0
    while True:
        brace = text.find("{", at)
        if brace < 0:
            return out + text[at:]
        letter = text[brace + 1]
        out += text[at:brace]
        if letter == "P":
            out += condition(rng, exprs, scope, depth - 1) if depth > 0 and rng.random() < 0.5 else MILLRACE.expr(
                exprs.predicate(scope, 1))
        else:
            out += MILLRACE.expr(exprs.make(TYPES[letter], scope, rng.choice([0, 1]), safe=True))
        at = brace + 3


def queries(rng, make, count):
    """Each a list of five texts: all rows; TRUE, FALSE, NULL; how many are TRUE counted in two ways."""
    out = []
    for _ in range(count):
        make.budget = 0
        make.ctes = []
        node, scope = make.source(None, rng.choice([0, 1]))
        scope.subqueries = False
        p = condition(rng, make.exprs, scope, 2)
        if rng.random() < 0.4:
            p = f"({p}) {rng.choice(['AND', 'OR'])} {MILLRACE.expr(make.exprs.predicate(scope, 2))}"
        shown = rng.sample(scope.columns, min(3, len(scope.columns)))
        items = ", ".join(f"{MILLRACE.expr(e)} AS c{i + 1}" for i, (e, _) in enumerate(shown))
        source = MILLRACE.source(node)
        q = f"SELECT {items} FROM {source}"
        out.append([q, f"{q} WHERE {p}", f"{q} WHERE NOT ({p})", f"{q} WHERE ({p}) IS NULL",
                    f"SELECT COUNT(*) AS c1 FROM {source} WHERE {p}",
                    f"SELECT COALESCE(SUM(CAST(CASE WHEN {p} THEN 1 ELSE 0 END AS BIGINT)), 0) AS c1 FROM {source}"])
    return out


def judge(results):
    """(verdict, detail) of the results of one query's six texts."""
    for r in results:
        if r.broke:
            return r.broke, r.error
    errors = [r.error for r in results[1:] if r.error]
    if results[0].error or errors:
        error = results[0].error or errors[0]
        if compare.REFUSED.search(error):
            return "refused", compare.first_line(error)
        if compare.RUNTIME.search(error):
            return "runtime", compare.first_line(error)
        return "error", compare.first_line(error)
    parts = sum((r.rows for r in results[1:4]), [])
    key = lambda row: [repr(v) for v in row]
    if sorted(results[0].rows, key=key) != sorted(parts, key=key):
        return "differs", "the three parts are not the whole"
    if results[4].rows != results[5].rows:
        return "differs", "WHERE and CASE count differently"
    return "same", ""


def run(program, options, tables, rng, make, count):
    """[(texts, verdict, detail)]"""
    groups = queries(rng, make, count)
    results = engines.millrace(program, options, tables, [t for g in groups for t in g])
    return [(g, *judge(results[i * 6:i * 6 + 6])) for i, g in enumerate(groups)]
