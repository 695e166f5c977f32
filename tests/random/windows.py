"""Random OVER functions. Where order decides, the ORDER BY ends with what tells the rows of the scope apart."""
import sqltypes as st
from nodes import Expr


class Windows:
    def __init__(self, rng, exprs):
        self.rng, self.exprs = rng, exprs

    def make(self, t, scope):
        rng = self.rng
        if not st.is_sortable(t):
            return None
        kinds = []
        if t == st.BIGINT:
            kinds += ["row_number", "rank", "dense_rank"] * 2
        if t == st.INT:
            kinds += ["ntile"]
        if t == st.DOUBLE:
            kinds += ["percent_rank", "cume_dist"]
        kinds += ["lag", "lead", "lag3", "lead3", "first_value", "last_value", "first_value_in", "first_value_rn",
                  "last_value_rn", "agg", "agg", "agg"]
        name = rng.choice(kinds)
        saved = scope.windows, scope.subqueries
        scope.windows = scope.subqueries = False
        try:
            return self.call(name, t, scope)
        finally:
            scope.windows, scope.subqueries = saved

    def call(self, name, t, scope):
        rng, ex = self.rng, self.exprs
        make = lambda tt, safe=False: ex.make(tt, scope, rng.choice([0, 0, 1]), safe=safe)
        args = []
        if name == "agg":
            kinds = [k for k in ex.aggregate_kinds(t) if k[0] not in ("listagg_length", "array_agg_sorted")]
            if not kinds:
                return None
            name, argument = rng.choice(kinds)
            args = [make(argument, name not in ("min", "max", "count"))] if argument is not None else []
        elif name == "ntile":
            args = [Expr("lit", st.INT, value=rng.randint(1, 5))]
        elif name in ("lag", "lead", "lag3", "lead3"):
            args = [make(t), Expr("lit", st.INT, value=rng.choice([1, 1, 2, 5]))]
            if name[-1] == "3":
                args.append(ex.literal(t))
        elif name.startswith(("first_value", "last_value")):
            args = [make(t)]
        nargs = len(args)
        keys = [self.key(scope) for _ in range(rng.choice([0, 1, 1, 2]))]
        keys = [k for k in keys if k is not None]
        ranked = name in ("rank", "dense_rank", "percent_rank", "cume_dist")
        aggregate = name in ("count", "count_star", "sum", "avg_int", "avg_dec", "sum_float", "avg_float", "min", "max")
        frame, order, tie = None, [], True
        if ranked:
            order, tie = self.orders(scope, rng.choice([1, 2])), rng.random() < 0.2
        elif aggregate:
            style = rng.choice(["whole", "peers", "rows", "rows", "range", "groups"])
            if style == "whole":
                tie = False
            elif style == "peers":
                order, tie = self.orders(scope, 1), rng.random() < 0.3
            elif style == "rows":
                order, frame = self.orders(scope, rng.choice([0, 1])), self.frame("ROWS")
            elif style == "groups":
                order, frame, tie = self.orders(scope, 1), self.frame("GROUPS"), False
            else:
                made = self.range_frame(scope)
                if made is None:
                    tie = False
                else:
                    (order, frame), tie = made, False
        else:
            order = self.orders(scope, rng.choice([0, 1]))
            if name.startswith(("first", "last")) and rng.random() < 0.6:
                frame = self.frame("ROWS")
        if tie:
            unique = scope.unique
            if unique is None:
                # equal rows may get each other's numbers, which does not show; those of two functions could be paired
                # differently, which does
                if scope.tied or any(not st.is_sortable(e.t) for e, _ in scope.columns):
                    return None
                unique = [e for e, _ in scope.columns]
                scope.tied = True
            order = order + [(Expr(e.op, e.t, e.args, e.value, e.query, e.extra), (rng.random() < 0.3, None)) for e in unique]
        if not order and (not aggregate or frame):
            return None
        return Expr("win", t, args + keys + [e for e, _ in order], extra={
            "name": name, "nargs": nargs, "partition": len(keys), "order": [o for _, o in order], "frame": frame})

    def key(self, scope):
        found = [e for e, _ in scope.columns if st.is_sortable(e.t)]
        if not found:
            return None
        e = self.rng.choice(found)
        return Expr(e.op, e.t, e.args, e.value, e.query, e.extra)

    def orders(self, scope, n):
        rng, out = self.rng, []
        for _ in range(n):
            e = self.key(scope)
            if e is not None:
                out.append((e, (rng.random() < 0.4, rng.choice([None, None, True, False]))))
        return out

    def frame(self, unit):
        rng = self.rng
        edges = ["UNBOUNDED PRECEDING", "3 PRECEDING", "1 PRECEDING", "0 PRECEDING", "CURRENT ROW", "0 FOLLOWING", "1 FOLLOWING",
                 "2 FOLLOWING", "UNBOUNDED FOLLOWING"]
        a, b = sorted(rng.choices(range(len(edges)), k=2))
        if a == 8 or b == 0:
            a, b = 0, 4
        if {a, b} == {3, 4} or {a, b} == {4, 5} or a == b == 3 or a == b == 5 or {a, b} == {3, 5}:
            a = b = 4
        if a == 5:
            a = 4
        text = f"{unit} BETWEEN {edges[a]} AND {edges[b]}"
        if b == 4 and rng.random() < 0.3:
            text = f"{unit} {edges[a]}"
        return {"ours": text, "duck": text}

    def range_frame(self, scope):
        """A RANGE frame over one number or time, or None."""
        rng = self.rng
        found = [e for e, x in scope.columns if not x and e.t in (st.INT, st.BIGINT, st.DOUBLE, st.DATE, st.TIMESTAMP3)]
        if not found:
            return None
        e = rng.choice(found)
        if st.is_number(e.t):
            sizes = [(str(n), str(n)) for n in (0, 1, 3, 10)]
        else:
            sizes = [(f"INTERVAL '{n}' DAY", f"INTERVAL {n} DAY") for n in (1, 40, 400)]
        out = {}
        choice = rng.choice(["pc", "cf", "pf", "up", "uf"])
        before, after = rng.choice(sizes), rng.choice(sizes)
        for i, d in enumerate(("ours", "duck")):
            out[d] = "RANGE BETWEEN " + {
                "pc": f"{before[i]} PRECEDING AND CURRENT ROW", "cf": f"CURRENT ROW AND {after[i]} FOLLOWING",
                "pf": f"{before[i]} PRECEDING AND {after[i]} FOLLOWING",
                "up": f"UNBOUNDED PRECEDING AND {after[i]} FOLLOWING",
                "uf": f"{before[i]} PRECEDING AND UNBOUNDED FOLLOWING"}[choice]
        copy = Expr(e.op, e.t, e.args, e.value, e.query, e.extra)
        return [(copy, (rng.random() < 0.4, rng.choice([None, True, False])))], out
