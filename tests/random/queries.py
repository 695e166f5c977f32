"""Random queries over the tables of a schema."""
import schema
import sqltypes as st
from exprs import Expressions, Scope
from nodes import Derived, Expr, Join, Leaf, Select, SetOp, Values, With
from windows import Windows


class Relation:
    """A table or a finished query: the names and types of its columns, and of which the rows are unique."""

    def __init__(self, name, columns, unique):
        self.name, self.columns, self.unique = name, columns, unique  # columns: (name, type, extreme)


class Queries:
    def __init__(self, rng, tables, large=False):
        self.rng = rng
        self.large = large  # large tables are joined by id and k only, else results explode
        self.base = [Relation(t.name, [(c.name, c.t, c.extreme) for c in t.columns], ["id"]) for t in tables]
        self.exprs = Expressions(rng, self)
        self.windows = Windows(rng, self.exprs)
        self.budget = 0
        self.aliases = 0
        self.ctes = []

    def top(self):
        """A whole query."""
        rng = self.rng
        self.budget = rng.choice([0, 1, 2, 3, 5])
        self.aliases, self.ctes = 0, []
        if rng.random() < 0.15:
            return self.careless()
        ctes = []
        for i in range(rng.choice([0, 0, 0, 1, 1, 2])):
            q, relation = self.query(None, 1)
            relation.name = f"w{i}"
            ctes.append([relation.name, q])
            self.ctes.append(relation)
        body, _ = self.query(None, 2)
        if rng.random() < 0.25:
            self.limit(body)
        self.ctes = []
        return With(ctes, body) if ctes else body

    def careless(self):
        """One expression over one table, extreme values included: what fails must fail on both sides."""
        rng, ex = self.rng, self.exprs
        self.budget = 0
        relation, alias = rng.choice(self.base[1:]), self.alias()
        q = Select()
        q.source = Leaf(relation.name, alias)
        scope = Scope([(Expr("col", t, value=(alias, name)), x) for name, t, x in relation.columns])
        ex.careless, types = True, [t for _, t, x in relation.columns if x]
        t = rng.choice(types) if types and rng.random() < 0.5 else ex.any_type()
        q.items = [ex.make(t, scope, rng.choice([1, 2, 2, 3]))]
        ex.careless = False
        return q

    def alias(self):
        self.aliases += 1
        return f"a{self.aliases}"

    # --- queries ------------------------------------------------------------------------------------------------------

    def query(self, outer, depth, types=None):
        """(tree, Relation)"""
        rng = self.rng
        if depth > 0 and rng.random() < 0.15:
            types = types or [self.exprs.any_type() for _ in range(rng.randint(1, 3))]
            left, _ = self.query(outer, depth - 1, types)
            right, _ = self.query(outer, depth - 1, types)
            op = rng.choice(["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"])
            columns = [(f"c{i + 1}", t, True) for i, t in enumerate(types)]
            return SetOp(op, left, right), Relation(None, columns, None)
        q, scope = self.select(outer, depth, types)
        return q, Relation(None, [(f"c{i + 1}", e.t, self.is_extreme(e, scope)) for i, e in enumerate(q.items)], None)

    def is_extreme(self, e, scope):
        """May it hold extreme values? Only what is surely small counts as safe for arithmetic."""
        if e.op == "col":
            return any(x for c, x in scope.columns if c.value == e.value)
        return True

    def select(self, outer, depth, types=None):
        rng, ex = self.rng, self.exprs
        q = Select()
        if rng.random() < 0.02 and types:
            scope = Scope([], None, outer)
            q.items = [ex.make(t, scope, 1) for t in types]
            return q, scope
        q.source, scope = self.source(outer, depth)
        if rng.random() < 0.5:
            q.where = ex.predicate(scope, rng.choice([1, 2, 3]))
            if rng.random() < 0.3:
                some = self.exprs.scope_type(scope)
                q.where = Expr("or", st.BOOLEAN, [q.where, Expr("is_not_null", st.BOOLEAN, [ex.make(some, scope, 0)])])
            elif rng.random() < 0.4:  # else most results are empty
                q.where = Expr(rng.choice(["is_not_true", "is_not_false"]), st.BOOLEAN, [q.where])
        if rng.random() < 0.25:
            self.key_condition(q, scope)
        if outer is not None and rng.random() < 0.5:
            self.correlate(q, scope, outer)
        grouped = rng.random() < 0.35
        if grouped:
            scope = self.group(q, scope, outer)
            if rng.random() < 0.3:
                q.having = ex.predicate(scope, 2)
        scope.windows = rng.random() < 0.3 and not isinstance(q.sets, (str, list))
        if types is None:
            n = rng.choice([1, 2, 2, 3, 4])
            for _ in range(n):
                q.items.append(self.item(scope, grouped))
        else:
            q.items = [ex.make(t, scope, 2) for t in types]
        if scope.windows and rng.random() < 0.3:
            w = self.windows.make(st.BIGINT, scope)
            if w is not None:
                q.qualify = Expr(rng.choice(["<", "=", ">="]), st.BOOLEAN, [w, Expr("lit", st.BIGINT, value=rng.randint(1, 3))])
        scope.windows = False
        inexact = any(e.op == "agg" and e.extra["name"].startswith(("var", "stddev")) for e in q.items)
        if rng.random() < 0.2 and not inexact and all(st.is_sortable(e.t) for e in q.items) and q.qualify is None:
            q.distinct = True
        return q, scope

    def key_condition(self, q, scope):
        """A column and constants, which sources are offered."""
        rng, ex = self.rng, self.exprs
        for _ in range(rng.choice([1, 1, 2])):
            found = [e for e, _ in scope.columns if st.is_sortable(e.t)]
            if not found:
                return
            keys = [e for e in found if e.value[1] in ("id", "k", "g")]
            a = rng.choice(keys if keys and rng.random() < 0.5 else found)
            value = lambda: Expr("lit", a.t, value=rng.randint(0, 6)) if a.value[1] in ("id", "k") else ex.literal(a.t, 0.02)
            what = rng.choice(["=", "=", "<", ">=", "<>", "in_list", "between", "is_null", "is_not_null", "=expr"])
            if a.t == st.BOOLEAN and what in ("<", ">=", "between"):
                what = "="
            if what == "in_list":
                e = Expr("in_list", st.BOOLEAN, [a] + [value() for _ in range(rng.randint(1, 4))], extra={"not": rng.random() < .2})
            elif what == "between":
                e = Expr("between", st.BOOLEAN, [a, value(), value()])
            elif what in ("is_null", "is_not_null"):
                e = Expr(what, st.BOOLEAN, [a])
            else:
                b = value()
                other = ex.comparable(a.t)
                if what == "=expr" and other != a.t:
                    b = ex.literal(other, 0.02)
                e = Expr("=" if what == "=expr" else what, st.BOOLEAN, [a, b] if rng.random() < 0.8 else [b, a])
            q.where = e if q.where is None else Expr("and", st.BOOLEAN, [q.where, e])

    def correlate(self, q, scope, outer):
        """A condition between columns of the subquery and of a query around it."""
        rng = self.rng
        while outer.outer is not None and rng.random() < 0.25:
            outer = outer.outer
        theirs = [e for e, _ in outer.columns if e.op == "col" and e.value[0] and st.is_sortable(e.t)]
        pairs = [(a, b) for a, _ in scope.columns for b in theirs if a.t == b.t]
        if not pairs:
            return
        joined = [p for p in pairs if {p[0].value[1], p[1].value[1]} <= {"id", "k", "g"}]
        a, b = rng.choice(joined if joined and rng.random() < 0.6 else pairs)
        op = rng.choice(["=", "=", "=", "=", "<", ">=", "<>", "not_distinct"])
        if a.t == st.BOOLEAN and op in ("<", ">="):
            op = "="
        e = Expr(op, st.BOOLEAN, [a, b])
        q.where = e if q.where is None else Expr(rng.choice(["and", "and", "and", "or"]), st.BOOLEAN, [q.where, e])

    def item(self, scope, grouped):
        rng, ex = self.rng, self.exprs
        if grouped and rng.random() < 0.1:
            return ex.inexact_aggregate(scope)
        if grouped and rng.random() < 0.15:
            return ex.decimal_aggregate(scope)
        if not grouped and rng.random() < 0.1:
            arrays = [e for e, _ in scope.columns if e.t.name == "ARRAY"]
            if arrays:
                return rng.choice(arrays)
        if scope.windows and rng.random() < 0.5:
            w = self.windows.make(ex.scope_type(scope) if rng.random() < 0.6 else rng.choice([st.BIGINT, st.INT, st.DOUBLE]), scope)
            if w is not None:
                return w
        if scope.columns and rng.random() < 0.4:
            return rng.choice(scope.columns)[0]
        return ex.make(ex.any_type(False), scope, rng.choice([1, 2, 3]))

    def limit(self, q):
        """ORDER BY everything, so that the first rows are the same rows anywhere."""
        rng = self.rng
        if any(not st.is_sortable(e.t) or e.t.name in ("DOUBLE", "FLOAT") for e in q.items):
            return
        order = list(range(len(q.items)))
        rng.shuffle(order)
        q.order = [(i, rng.random() < 0.4, rng.choice([None, None, True, False])) for i in order]
        q.limit = rng.choice([0, 1, 2, 3, 10])
        q.offset = rng.choice([None, None, None, 1, 4])

    # --- FROM ---------------------------------------------------------------------------------------------------------

    def leaf(self, outer, depth):
        rng, ex = self.rng, self.exprs
        alias = self.alias()
        at = rng.random()
        if self.ctes and at < 0.35:
            relation = rng.choice(self.ctes)
            node = Leaf(relation.name, alias)
        elif at < 0.4:
            types = [ex.any_type() for _ in range(rng.randint(1, 3))]
            rows = [[ex.literal(t, 0.15) for t in types] for _ in range(rng.randint(1, 4))]
            node, relation = Values(rows, alias), Relation(None, [(f"c{i + 1}", t, True) for i, t in enumerate(types)], None)
        elif at < 0.44:
            node, relation = self.first_rows(alias)
        elif depth > 0 and at < 0.6:
            q, relation = self.query(None, depth - 1)
            if rng.random() < 0.1:
                inner, part = self.query(None, 0)
                part.name = f"v{self.aliases}"
                self.ctes.append(part)
                q, relation = self.query(None, depth - 1)
                self.ctes.remove(part)
                q = With([[part.name, inner]], q)
            if rng.random() < 0.15:
                self.limit(q)
            node = Derived(q, alias)
        else:
            relation = rng.choice(self.base[1:] if rng.random() < 0.85 else self.base)
            node = Leaf(relation.name, alias)
        columns = [(Expr("col", t, value=(alias, name)), x) for name, t, x in relation.columns]
        unique = None
        if relation.unique:
            unique = [e for e, _ in columns if e.value[1] in relation.unique]
        return node, Scope(columns, unique, outer)

    def first_rows(self, alias):
        """The first rows of each key: what streams know as Top-N."""
        rng = self.rng
        relation = rng.choice(self.base[1:])
        inner = self.alias()
        columns = [(Expr("col", t, value=(inner, name)), x) for name, t, x in relation.columns]
        scope = Scope(columns, [columns[0][0]], None)
        n = rng.choice([0, 1, 1, 2])
        keys = [e for e, _ in rng.sample(columns, min(n, len(columns))) if st.is_sortable(e.t)]
        orders = self.windows.orders(scope, rng.choice([0, 1])) + [(columns[0][0], (rng.random() < 0.4, None))]
        number = Expr("win", st.BIGINT, keys + [e for e, _ in orders], extra={
            "name": "row_number", "nargs": 0, "partition": len(keys), "order": [o for _, o in orders], "frame": None})
        q = Select()
        q.source = Leaf(relation.name, inner)
        shown = rng.sample(columns, min(len(columns), rng.randint(1, 4)))
        q.items = [number] + [e for e, _ in shown]
        outer_alias = self.alias()
        top = Select()
        top.source = Derived(q, outer_alias)
        out = [Expr("col", e.t, value=(outer_alias, f"c{i + 1}")) for i, e in enumerate(q.items)]
        top.where = Expr(rng.choice(["<=", "=", "<"]), st.BOOLEAN, [out[0], Expr("lit", st.BIGINT, value=rng.randint(1, 3))])
        top.items = out if rng.random() < 0.5 else out[1:]
        found = [(f"c{i + 1}", e.t, True) for i, e in enumerate(top.items)]
        return Derived(top, alias), Relation(None, found, None)

    def source(self, outer, depth):
        rng = self.rng
        node, scope = self.leaf(outer, depth)
        if not self.large and depth > 0 and rng.random() < 0.06:
            return self.lateral(node, scope, outer)
        for _ in range(rng.choice([0, 0, 1, 1, 2]) if depth > 0 else rng.choice([0, 0, 0, 1])):
            right, other = self.leaf(outer, depth - 1)
            node, scope = self.join(node, scope, right, other, outer)
            if isinstance(node, Join) and (node.using or node.kind == "COMMA"):  # its column has no qualifier, which another table's could make ambiguous
                break
        return node, scope

    def lateral(self, left, scope, outer):
        rng = self.rng
        alias = self.alias()
        within = Scope(scope.columns, scope.unique, outer)
        q, relation = self.query(within, 0)
        columns = [(Expr("col", t, value=(alias, name)), x) for name, t, x in relation.columns]
        kind = rng.choice(["LATERAL", "LEFT LATERAL"])
        return Join(kind, left, Derived(q, alias)), Scope(scope.columns + columns, None, outer)

    def join(self, left, a, right, b, outer):
        rng, ex = self.rng, self.exprs
        unique = a.unique + b.unique if a.unique and b.unique else None
        both = Scope(a.columns + b.columns, unique, outer)
        kind = rng.choice(["INNER", "INNER", "LEFT", "LEFT", "RIGHT", "FULL", "CROSS"])
        if self.large:
            ids = [[e for e, _ in side.columns if e.t == st.INT and e.value[1] in ("id", "k")] for side in (a, b)]
            if all(ids):
                on = Expr("=", st.BOOLEAN, [rng.choice(ids[0]), rng.choice(ids[1])])
                if rng.random() < 0.3:
                    on = Expr("and", st.BOOLEAN, [on, Expr("<", st.BOOLEAN, [rng.choice(ids[0]), rng.choice(ids[1])])])
                return Join("INNER" if kind == "CROSS" else kind, left, right, on=on), both
            return left, a
        if kind == "CROSS":
            return Join("COMMA" if not isinstance(left, Join) and rng.random() < 0.3 else kind, left, right), both
        shared = [n for n in ("k", "g") if sum(e.value[1] == n for e, _ in a.columns) == 1 and
                  sum(e.value[1] == n for e, _ in b.columns) == 1]
        if shared and rng.random() < 0.15:
            name = rng.choice(shared)
            t = next(e.t for e, _ in a.columns if e.value[1] == name)
            if all(e.value[0] for e, _ in a.columns if e.value[1] == name) and all(
                    x.t == t for x, _ in b.columns if x.value[1] == name):
                columns = [(Expr("col", t, value=("", name)), False)]
                columns += [c for c in both.columns if c[0].value[1] != name]
                return Join(kind, left, right, using=name), Scope(columns, unique, outer)
        conditions = []
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            x = rng.choice(a.columns)[0]
            if rng.random() < 0.6:  # columns that have values in common
                x = rng.choice([e for e, _ in a.columns if e.value[1] in ("id", "k", "g")] or [x])
            fits = [y for y, _ in b.columns if y.t == x.t and y.value[1] in ("id", "k", "g")]
            fits = fits if rng.random() < 0.6 else None
            fits = fits or [y for y, _ in b.columns if y.t == x.t and st.is_sortable(y.t)]
            fits = fits or [y for y, _ in b.columns if st.family(y.t) == st.family(x.t) and st.is_sortable(y.t)]
            if fits:
                conditions.append(Expr("=", st.BOOLEAN, [x, rng.choice(fits)]))
        if not conditions or rng.random() < 0.25:
            saved = both.subqueries
            both.subqueries = rng.random() < 0.2
            if kind != "FULL" or conditions and rng.random() < 0.5:
                conditions.append(ex.predicate(both, rng.choice([1, 1, 2])))
            both.subqueries = saved
        if not conditions:
            return Join("CROSS", left, right), both
        on = conditions[0]
        for c in conditions[1:]:
            on = Expr("and", st.BOOLEAN, [on, c])
        return Join(kind, left, right, on=on), both

    # --- GROUP BY -----------------------------------------------------------------------------------------------------

    def group(self, q, scope, outer):
        rng, ex = self.rng, self.exprs
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            found = [e for e, _ in scope.columns if st.is_sortable(e.t)]
            if rng.random() < 0.8 and found:
                key = rng.choice(found)
            else:
                saved, scope.subqueries = scope.subqueries, False
                key = ex.make(ex.any_type(), scope, 2)
                scope.subqueries = saved
                if key.op == "lit" or not self.uses_columns(key):
                    continue
            if all(key.value != k.value or key.op != "col" or k.op != "col" for k in q.keys):
                q.keys.append(key)
        if q.keys and rng.random() < 0.25:
            if rng.random() < 0.6 or len(q.keys) == 1:
                q.sets = rng.choice(["ROLLUP", "CUBE"])
            else:
                n = len(q.keys)
                q.sets = [sorted(rng.sample(range(n), rng.randint(0, n))) for _ in range(rng.choice([1, 2, 3]))]
                q.sets.append(list(range(n)))
        plain = [k for k in q.keys if k.op == "col"] if q.sets else q.keys
        columns = [(k, True) for k in plain]
        if q.sets:
            columns += [(Expr("grouping", st.BIGINT, [k]), False) for k in plain]
        return Scope(columns, None if q.sets or len(plain) < len(q.keys) else list(q.keys), outer, grouped=scope)

    def uses_columns(self, e):
        return e.op == "col" or any(self.uses_columns(a) for a in e.args)

    # --- subqueries ---------------------------------------------------------------------------------------------------

    def column(self, types, scope):
        self.budget -= 1
        return self.query(scope, self.rng.choice([0, 0, 1]), types)[0]

    def exists(self, scope):
        self.budget -= 1
        return self.select(scope, self.rng.choice([0, 0, 1]), [st.INT])[0]

    def scalar(self, t, scope):
        """At most one row: an aggregate without keys, or the first row of a total order."""
        rng, ex = self.rng, self.exprs
        self.budget -= 1
        q = Select()
        q.source, inner = self.source(scope, 0)
        if rng.random() < 0.8:
            q.where = ex.predicate(inner, rng.choice([1, 2]))
        if rng.random() < 0.6:
            self.correlate(q, inner, scope)
        kinds = ex.aggregate_kinds(t)
        if kinds and rng.random() < 0.75:
            grouped = Scope([], [], None, grouped=inner)
            e = ex.aggregate(t, grouped)
            q.items = [e]
            if rng.random() < 0.15:
                q.having = ex.predicate(grouped, 1)
            return q
        q.items = [ex.make(t, inner, 1)]
        if st.is_sortable(t):
            q.order = [(0, rng.random() < 0.5, None)]
        q.limit = 1
        return q
