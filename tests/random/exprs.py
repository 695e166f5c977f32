"""Random expressions of a wanted type over the columns of a scope."""
import schema
import sqltypes as st
from nodes import Expr

LIKES = ["%", "a%", "%b", "_", "%a%", "", "a_c", "日%", "%z", "A%"]
SEPARATORS = [",", " ", "b", "ab", "-"]

# For each type class: (weight, function, argument types). Besides types: 'small' an INT literal 0..4, 'pos' 1..4,
# 'nz' a literal of the result's type that is not zero, 'like', 'sep', 'text1' literals of one character, 'raw' a number
# for templates.
S, D, TS = st.STRING, st.DATE, st.TIMESTAMP3
PRODUCERS = {
    "INT": [(3, "+", [st.INT, st.INT]), (3, "-", [st.INT, st.INT]), (2, "*", [st.INT, "pos"]), (2, "/", [st.INT, "nz"]),
            (1, "/", ["nz", st.INT]), (1, "+", [st.TINYINT, st.INT]), (1, "-", [st.SMALLINT, st.INT]),
            (2, "mod", [st.INT, "nz"]), (1, "percent", [st.INT, "nz"]), (1, "neg", [st.INT]), (1, "abs", [st.INT]),
            (1, "sign", [st.INT]), (2, "char_length", [S]), (1, "octet_length_text", [S]), (1, "octet_length", [st.BYTES]),
            (1, "position", [S, S]), (1, "locate", [S, S]), (1, "cardinality", [st.INT_ARRAY]),
            (1, "cardinality", [st.STRING_ARRAY]), (1, "element_at", [st.INT_ARRAY, "pos"]),
            (1, "array_max", [st.INT_ARRAY]), (1, "array_min", [st.INT_ARRAY]),
            (1, "cast", [st.TINYINT]), (1, "cast", [st.SMALLINT]), (1, "cast", [st.BIGINT]), (1, "cast_trunc", [st.DOUBLE]),
            (1, "cast_trunc", [st.decimal(10, 4)]), (1, "cast_bool_int", [st.BOOLEAN]),
            (1, "diff_day", [st.TIMESTAMP3, st.TIMESTAMP3]), (1, "diff_hour", [st.TIMESTAMP3, st.TIMESTAMP3]),
            (1, "floor", [st.INT]), (1, "cast_text_int", [S]), (1, "try_cast_trunc", [st.DOUBLE]), (1, "try_cast", [st.BIGINT]),
            (1, "round_ten", [st.INT]), (1, "diff_second", [TS, TS]), (1, "diff_minute", [TS, TS]), (1, "diff_year", [TS, TS]),
            (1, "diff_month", [TS, TS]), (1, "diff_month", [D, D]), (1, "diff_day", [D, D]), (1, "instr", [S, S]),
            (1, "array_position", [st.INT_ARRAY, st.INT])],
    "BIGINT": [(2, "+", [st.BIGINT, st.BIGINT]), (1, "+", [st.INT, st.BIGINT]), (2, "-", [st.BIGINT, st.INT]),
               (1, "*", [st.BIGINT, "pos"]), (1, "/", [st.BIGINT, "nz"]), (2, "cast", [st.INT]), (1, "mod", [st.INT, "nz"]),
               (1, "neg", [st.BIGINT]), (1, "abs", [st.BIGINT]), (1, "extract_year", [D]), (1, "extract_month", [D]),
               (1, "extract_day", [st.TIMESTAMP6]), (1, "extract_year", [st.TIMESTAMP3]), (1, "quarter", [D]),
               (1, "week", [D]), (1, "dayofyear", [D]), (1, "dayofweek", [D]), (1, "hour", [st.TIMESTAMP3]),
               (1, "minute", [st.TIMESTAMP6]), (1, "second", [st.TIMESTAMP3])],
    "TINYINT": [(2, "neg", [st.TINYINT]), (1, "cast", ["pos"]), (1, "/", [st.TINYINT, "nz"]), (1, "abs", [st.TINYINT]),
                (2, "try_cast", [st.INT]), (1, "cast_text_int", [S]), (1, "try_cast_trunc", [st.decimal(10, 4)])],
    "SMALLINT": [(1, "cast", [st.TINYINT]), (1, "+", [st.TINYINT, st.SMALLINT]), (1, "abs", [st.SMALLINT]),
                 (1, "mod", [st.INT, "nz"]), (1, "try_cast", [st.BIGINT]), (1, "try_cast_trunc", [st.DOUBLE])],
    "DOUBLE": [(3, "+", [st.DOUBLE, st.DOUBLE]), (2, "-", [st.DOUBLE, st.INT]), (2, "*", [st.DOUBLE, "pos"]),
               (2, "/", [st.DOUBLE, "nz"]), (1, "neg", [st.DOUBLE]), (1, "abs", [st.DOUBLE]), (1, "floor", [st.DOUBLE]),
               (1, "ceil", [st.DOUBLE]), (1, "cast", [st.INT]), (1, "cast", [st.decimal(10, 4)]), (1, "cast", [st.FLOAT]),
               (1, "+", [st.FLOAT, st.DOUBLE]), (1, "*", [st.decimal(5, 2), st.DOUBLE]), (1, "sign", [st.DOUBLE]),
               (1, "try_cast", [S]), (1, "round_one", [st.DOUBLE]), (1, "round_whole", [st.DOUBLE]), (1, "truncate", [st.DOUBLE]),
               (1, "cast", [st.BIGINT]), (1, "cast", [st.decimal(5, 2)])],
    "FLOAT": [(2, "neg", [st.FLOAT]), (1, "abs", [st.FLOAT]), (1, "+", [st.FLOAT, st.FLOAT]), (1, "cast", [st.INT]),
              (1, "*", [st.FLOAT, "pos"])],
    "STRING": [(3, "concat_op", [S, S]), (1, "concat", [S, S]), (1, "concat_ws", ["sep", S, S]), (2, "upper", [S]),
               (2, "lower", [S]), (1, "reverse", [S]), (2, "substring", [S, "pos", "small"]), (1, "substr", [S, "pos"]),
               (1, "left", [S, "small"]), (1, "right", [S, "small"]), (1, "trim", [S]), (1, "ltrim", [S]), (1, "rtrim", [S]),
               (1, "trim_chars", [S, "text1"]), (2, "replace", [S, "sep", S]), (1, "repeat", [S, "small"]),
               (1, "lpad", [S, "small", "text1"]), (1, "rpad", [S, "small", "text1"]), (1, "md5", [S]),
               (1, "translate", [S, "sep", "sep"]), (1, "split_index", [S, "sep", "small"]), (2, "cast", [st.INT]),
               (1, "cast", [st.BIGINT]), (1, "cast", [st.DATE]), (1, "cast_bool_text", [st.BOOLEAN]),
               (1, "cast", [st.decimal(10, 4)]), (1, "cast", [st.VARCHAR20]), (1, "element_at", [st.STRING_ARRAY, "pos"]),
               (1, "array_max", [st.STRING_ARRAY]), (1, "hex", [S]),
               (1, "cast_ts3_text", [TS]), (1, "cast_ts6_text", [st.TIMESTAMP6]), (1, "date_format", [TS]), (1, "cast", [st.TIME]),
               (1, "cast", [st.TINYINT]), (1, "cast", [st.decimal(5, 2)]), (1, "cast", [st.DOUBLE]), (1, "regexp_replace", [S]),
               (1, "sha256", [S]), (1, "array_join", [st.STRING_ARRAY])],
    "BYTES": [(1, "concat_op", [st.BYTES, st.BYTES]), (1, "encode", [S]), (1, "cast_text_bytes", [S])],
    "DATE": [(2, "date_add", [D, "raw"]), (1, "date_sub", [D, "raw"]), (2, "date_add_month", [D, "raw"]),
             (1, "date_sub_month", [D, "raw"]), (1, "cast", [st.TIMESTAMP3]), (1, "cast", [st.TIMESTAMP6]),
             (1, "floor_month", [D]), (1, "floor_year", [D]), (1, "ceil_month", [D]), (1, "tsadd_month", [D, "small"])],
    "TIME": [(1, "cast_time", [st.TIMESTAMP3])],
    "TIMESTAMP": [(1, "ts_add_hour", ["self", "raw"]), (1, "ts_sub_minute", ["self", "raw"]), (1, "ts_add_month", ["self", "raw"]),
                  (1, "ts_sub_year", ["self", "raw"]), (1, "ts_add_second", ["self", "raw"]), (1, "cast", [D]),
                  (1, "floor_day", ["self"]), (1, "floor_hour", ["self"]), (1, "floor_month", ["self"]), (1, "ceil_day", ["self"]), (1, "ceil_month", ["self"]), (1, "tsadd_day", ["self", "small"]),
                  (1, "tsadd_month", ["self", "small"]), (1, "tsadd_second", ["self", st.INT]), (1, "ts_add_dynamic", ["self", st.INT])],
    "ARRAY": [(1, "array_reverse", ["self"]), (1, "array_concat", ["self", "self"]), (1, "array_append", ["self", "elem"]),
              (1, "array_lit", ["elem", "elem"]), (1, "array_sort", ["self"]), (1, "array_slice", ["self"])],
}


class Scope:
    """What an expression may name. columns: list of (Expr, extreme); unique: expressions that tell its rows apart."""

    def __init__(self, columns, unique=None, outer=None, grouped=None):
        self.columns, self.unique, self.outer = columns, unique, outer
        self.grouped = grouped  # of a grouped query: the scope that the arguments of its aggregates see
        self.tied = False  # is there a window function whose order leaves equal rows undecided?
        self.windows = False  # are OVER functions allowed here?
        self.subqueries = True


class Expressions:
    def __init__(self, rng, queries):
        self.rng, self.queries = rng, queries
        self.careless = False  # may arithmetic meet extreme values?

    def any_type(self, sortable=True):
        while True:
            t = schema.pick(self.rng, st.COLUMN_TYPES)
            if not sortable or st.is_sortable(t):
                return t

    def scope_type(self, scope):
        """A type that some column of the scope has."""
        types = [e.t for e, _ in scope.columns if st.is_sortable(e.t)]
        return self.rng.choice(types) if types and self.rng.random() < 0.8 else self.any_type()

    def literal(self, t, null=0.07):
        if self.rng.random() < null:
            return Expr("lit", t, value=None)
        value = schema.value(self.rng, t, self.rng.random() < (0.2 if self.careless else 0.01))
        if not self.careless and st.is_int(t):  # the smallest one has no negative
            value = max(value, 1 - (1 << (schema.BITS[t.name] - 1)))
        return Expr("lit", t, value=value)

    def column(self, scope, t, safe):
        """A column of this type, or None; of an enclosing query now and then."""
        rng, safe = self.rng, safe and not self.careless
        found = [(e, x) for e, x in scope.columns if e.t == t and not (x and safe)]
        outer, at = [], scope.outer
        while at is not None:  # a key that is an expression, or a column of USING, means something else in a subquery
            outer += [(e, x) for e, x in at.columns if e.t == t and not (x and safe) and e.op == "col" and e.value[0]]
            at = at.outer
        if outer and (not found or rng.random() < 0.25) and rng.random() < 0.6:
            found = outer
        if not found:
            return None
        e = rng.choice(found)[0]
        return Expr(e.op, e.t, e.args, e.value, e.query, e.extra)

    def make(self, t, scope, depth, safe=False):
        rng = self.rng
        if t == st.BOOLEAN and (depth > 0 and rng.random() < 0.7):
            return self.predicate(scope, depth)
        if depth <= 0 or rng.random() < 0.45:
            e = self.column(scope, t, safe)
            if e is not None and (rng.random() < 0.85 or scope.grouped):
                return e
            if scope.grouped is not None and rng.random() < 0.7:
                e = self.aggregate(t, scope, safe)
                if e is not None:
                    return e
            return e if e is not None and rng.random() < 0.3 else self.literal(t)
        return self.generic(t, scope, depth, safe) if rng.random() < 0.35 else self.produced(t, scope, depth)

    def produced(self, t, scope, depth):
        rng = self.rng
        if t.name == "DECIMAL":
            return self.decimal(t, scope, depth)
        choices = PRODUCERS.get(t.name)
        if not choices:
            return self.generic(t, scope, depth, False)
        _, op, specs = choices[self.weighted(choices)]
        args = []
        for spec in specs:
            if isinstance(spec, str):
                args.append(self.special(spec, t, scope, depth))
            else:
                args.append(self.make(spec, scope, depth - 1, safe=True))
        if t.name in ("TINYINT", "SMALLINT", "FLOAT", "BIGINT") and op in ("+", "-", "*", "/"):
            args = [a if st.arithmetic(op, a.t, a.t) else self.literal(t) for a in args]
        if op in ("neg", "abs") and st.is_int(t) and args[0].op == "lit" and args[0].value == -(1 << (schema.BITS[t.name] - 1)):
            args[0].value += 1  # millrace fails where DuckDB's literal is of a wider type
        result = Expr(op, t, args)
        if op in ("+", "-", "*", "/"):
            got = st.arithmetic(op, args[0].t, args[1].t)
            if got != t:  # as with TINYINT * INT: the argument decides
                return Expr("cast", t, [Expr(op, got, args)]) if st.is_number(t) and got else self.literal(t)
        if op in ("mod", "percent"):
            result.t = args[1].t
            return result if result.t == t else Expr("cast", t, [result])
        if op == "ts_add_second" and t.p < 3:
            return args[0]
        return result

    def weighted(self, choices):
        total = sum(c[0] for c in choices)
        at = self.rng.random() * total
        for i, c in enumerate(choices):
            at -= c[0]
            if at < 0:
                return i
        return len(choices) - 1

    def special(self, spec, t, scope, depth):
        rng = self.rng
        if spec in ("small", "pos"):
            return Expr("lit", st.INT, value=rng.randint(0 if spec == "small" else 1, 4))
        if spec == "nz":
            v = rng.choice([1, 2, 3, 4, 8, -1, -2, -3] + ([0] if rng.random() < 0.02 else []))
            return Expr("lit", t if st.is_number(t) else st.INT, value=v)
        if spec == "sep":
            return Expr("lit", st.STRING, value=rng.choice(SEPARATORS))
        if spec == "text1":
            return Expr("lit", st.STRING, value=rng.choice(["a", "b", " ", "z", "日"]))
        if spec == "raw":
            return Expr("interval", None, value=rng.choice([0, 1, 2, 5, 13, 30]))
        if spec == "self":
            return self.make(t, scope, depth - 1, safe=True)
        if spec == "elem":
            return self.make(t.elem, scope, depth - 2, safe=True)
        raise AssertionError(spec)

    def decimal(self, t, scope, depth):
        """Arithmetic has types of its own; a cast brings it to the wanted one."""
        rng = self.rng
        kinds = [st.decimal(5, 2), st.decimal(10, 4), st.decimal(9, 0), st.INT]
        for _ in range(4):
            a, b = rng.choice(kinds[:3]), rng.choice(kinds)
            op = rng.choice("+-*/")
            got = st.arithmetic(op, a, b)
            if got is None:
                continue
            left = self.make(a, scope, depth - 1, safe=True)
            if op == "/":
                right = Expr("lit", b, value=rng.choice([1, 2, 3, 7, -4]))
                if b.name == "DECIMAL":
                    right = self.nonzero(self.make(b, scope, depth - 2, safe=True))
            else:
                right = self.make(b, scope, depth - 1, safe=True)
            e = Expr(op, got, [left, right])
            if t.p - t.s < 6 or rng.random() < 0.2:
                return Expr(rng.choice(["abs", "neg", "round_dec"]), t, [self.make(t, scope, depth - 1, safe=True)])
            return Expr("cast", t, [e])
        return self.literal(t)

    def nonzero(self, e):
        return Expr("nullif", e.t, [e, Expr("lit", e.t, value=0)])

    def generic(self, t, scope, depth, safe):
        """What there is for every type."""
        rng = self.rng
        choices = ["case", "case", "coalesce", "coalesce", "nullif", "if", "ifnull", "noelse", "caseof"]
        if st.is_sortable(t) and t.name not in ("BOOLEAN", "TIME"):
            choices += ["greatest", "least"]
        if scope.grouped is not None:
            choices += ["agg"] * 8
        if scope.windows:
            choices += ["win"] * 6
        if scope.subqueries and self.queries.budget > 0 and depth > 1 and st.is_sortable(t):
            choices += ["scalar"] * 3
        what = rng.choice(choices)
        make = lambda tt=t: self.make(tt, scope, depth - 1, safe)
        if what == "agg":
            return self.aggregate(t, scope, safe) or make()
        if what == "win":
            return self.queries.windows.make(t, scope) or make()
        if what == "scalar":
            return Expr("scalar", t, query=self.queries.scalar(t, scope))
        if what == "case":
            return Expr("case1", t, [self.predicate(scope, depth - 1), make(), make()])
        if what == "if":
            return Expr("if", t, [self.predicate(scope, depth - 1), make(), make()])
        if what == "noelse":
            return Expr("case_noelse", t, [self.predicate(scope, depth - 1), make()])
        if what == "caseof":
            k = self.scope_type(scope)
            return Expr("case_of", t, [self.make(k, scope, depth - 1), self.literal(k), make(), self.literal(k), make(), make()])
        if what == "coalesce":
            n = rng.choice([2, 2, 3])
            return Expr(f"coalesce{n}", t, [make() for _ in range(n)])
        if what == "nullif" and st.is_sortable(t):
            return Expr("nullif", t, [make(), self.literal(t) if rng.random() < 0.5 else make()])
        if what in ("greatest", "least", "ifnull"):
            return Expr(what, t, [make(), make()])
        return make()

    # --- conditions ---------------------------------------------------------------------------------------------------

    def comparable(self, t):
        """A type that may be compared with t."""
        if st.is_number(t) and self.rng.random() < 0.3:
            options = st.INTS + [st.DOUBLE, st.decimal(5, 2), st.decimal(10, 4)]
            if t.name == "DECIMAL" and t.p > 15 or t.name == "FLOAT":
                return t
            return self.rng.choice(options)
        if st.is_text(t) and t.name != "CHAR" and self.rng.random() < 0.3:
            return self.rng.choice([st.STRING, st.VARCHAR20])
        return t

    def predicate(self, scope, depth):
        rng = self.rng
        B = st.BOOLEAN
        if depth <= 0:
            what = rng.choice(["cmp", "cmp", "null", "col"])
        else:
            choices = (["cmp"] * 8 + ["null"] * 3 + ["col"] * 2 + ["and"] * 4 + ["or"] * 4 + ["not"] * 3 + ["truth"] * 2 +
                       ["distinct"] * 2 + ["between"] * 2 + ["like"] * 2 + ["in_list"] * 3 + ["starts"] + ["contains"] +
                       ["generic"])
            if scope.subqueries and self.queries.budget > 0:
                choices += ["exists"] * 4 + ["in"] * 4 + ["quantified"] * 2
            what = rng.choice(choices)
        if what in ("and", "or"):
            return Expr(what, B, [self.predicate(scope, depth - 1), self.predicate(scope, depth - 1)])
        if what == "not":
            return Expr("not", B, [self.predicate(scope, depth - 1)])
        if what == "truth":
            op = rng.choice(["is_true", "is_not_true", "is_false", "is_not_false", "is_unknown"])
            return Expr(op, B, [self.predicate(scope, depth - 1)])
        if what == "col":
            e = self.column(scope, B, False)
            if e is not None:
                return e
            if rng.random() < 0.15:
                return self.literal(B)
            what = "cmp"
        if what == "generic":
            return self.generic(B, scope, depth, False)
        if what == "exists":
            return Expr("exists", B, query=self.queries.exists(scope), extra={"not": rng.random() < 0.4})
        t = self.scope_type(scope)
        side = lambda tt=t, d=1: self.make(tt, scope, min(depth - d, 2))
        if what == "null":
            return Expr(rng.choice(["is_null", "is_not_null"]), B, [side(self.any_type(False) if rng.random() < .2 else t)])
        if what == "distinct":
            return Expr(rng.choice(["distinct", "not_distinct"]), B, [side(), side()])
        if what == "between" and t.name != "BOOLEAN":
            return Expr(rng.choice(["between", "not_between", "between_sym"]), B, [side(), self.literal(t), side()])
        if what == "like":
            return Expr(rng.choice(["like", "not_like"]), B,
                        [side(st.STRING), Expr("lit", st.STRING, value=rng.choice(LIKES))])
        if what == "starts" and rng.random() < 0.5:
            return Expr(rng.choice(["like_escape", "similar", "regexp"]), B, [side(st.STRING)])
        if what == "starts":
            return Expr(rng.choice(["startswith", "endswith"]), B, [side(st.STRING), side(st.STRING)])
        if what == "contains":
            a = rng.choice([st.INT_ARRAY, st.STRING_ARRAY])
            if rng.random() < 0.4:
                return Expr("array_equal", B, [side(a), side(a)])
            if rng.random() < 0.5:
                return Expr("array_contains", B, [side(a), self.literal(a.elem, 0)])
            return Expr("is_not_null", B, [side(a)])
        if what == "in_list":
            n = rng.choice([1, 2, 3, 3, 5, 20])
            items = [self.literal(t, 0.05) if rng.random() < 0.9 or n > 5 else side() for _ in range(n)]
            return Expr("in_list", B, [side()] + items, extra={"not": rng.random() < 0.35})
        if what == "in":
            if rng.random() < 0.15:
                u = self.scope_type(scope)
                return Expr("in", B, [side(), side(u)], query=self.queries.column([t, u], scope), extra={"not": rng.random() < 0.4})
            return Expr("in", B, [side()], query=self.queries.column([t], scope), extra={"not": rng.random() < 0.4})
        if what == "quantified" and t.name != "BOOLEAN":
            return Expr("quantified", B, [side()], query=self.queries.column([t], scope), extra={
                "cmp": rng.choice(["=", "<>", "<", "<=", ">", ">="]), "which": rng.choice(["ANY", "ALL", "SOME"])})
        cmp = rng.choice(["=", "=", "=", "<>", "<", "<=", ">", ">="])
        return Expr(cmp, B, [side(), side(self.comparable(t))])

    # --- aggregates ---------------------------------------------------------------------------------------------------

    def aggregate_kinds(self, t):
        """(name, type of the argument) of aggregates with this result."""
        out = []
        if t == st.BIGINT:
            out += [("count_star", None)] * 2 + [("count", self.any_type())] * 2
        if st.is_int(t):
            out += [("sum", t), ("sum", t), ("avg_int", t)]
        if t == st.INT:
            out += [("listagg_length", st.STRING)]
        if t.name == "DECIMAL" and t.p == 38:
            out += [("sum", st.decimal(10, 4)), ("sum", st.decimal(5, 2))] if t.s in (2, 4) else []
        if t.name in ("DOUBLE", "FLOAT"):
            out += [("sum_float", t), ("avg_float", t)]
        if t == st.INT_ARRAY:
            out += [("array_agg_sorted", st.INT)]
        if st.is_sortable(t) and t.name not in ("BOOLEAN", "BYTES"):
            out += [("min", t), ("max", t)] * 2
        return out

    def aggregate(self, t, scope, safe=False, over=False):
        rng, inner = self.rng, scope.grouped
        kinds = self.aggregate_kinds(t)
        if not kinds:
            return None
        name, argument = rng.choice(kinds)
        return self.aggregate_call(name, t, argument, inner)

    def aggregate_call(self, name, t, argument, inner):
        rng = self.rng
        saved = inner.subqueries, inner.outer
        inner.subqueries, inner.outer = False, None  # an aggregate of outer columns alone would belong to the outer query
        args = []
        if argument is not None:
            exact = name not in ("min", "max", "count")
            args.append(self.make(argument, inner, rng.choice([0, 0, 1, 2]), safe=exact))
        distinct = bool(args) and name in ("count", "sum", "avg_int", "avg_dec", "sum_float") and rng.random() < 0.3
        with_filter = rng.random() < 0.2
        if with_filter:
            args.append(self.predicate(inner, 1))
        inner.subqueries, inner.outer = saved
        return Expr("agg", t, args, extra={"name": name, "distinct": distinct, "filter": with_filter})

    def inexact_aggregate(self, scope):
        """Results that are compared with a tolerance, and never inside of another expression."""
        rng = self.rng
        t = rng.choice([st.INT, st.DOUBLE, st.decimal(5, 2)])
        name = rng.choice(["var_pop", "var_samp", "stddev_pop", "stddev_samp"])
        return self.aggregate_call(name, st.DOUBLE, t, scope.grouped)

    def decimal_aggregate(self, scope):
        rng = self.rng
        t = rng.choice([st.decimal(5, 2), st.decimal(10, 4), st.decimal(9, 0)])
        name, result = rng.choice([("sum", st.sum_type(t)), ("avg_dec", st.avg_type(t))])
        return self.aggregate_call(name, result, t, scope.grouped)
