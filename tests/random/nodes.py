"""Trees of queries. The generator makes them, printer.py writes them in both dialects, shrink.py makes them smaller."""


class Expr:
    """op: 'col' (value: alias and name), 'lit', 'agg', 'win', 'exists', 'in', 'quantified', 'scalar', or a name of
    functions.py. Everything below that is an expression is in args, so that all trees are walked alike."""

    def __init__(self, op, t, args=(), value=None, query=None, extra=None):
        self.op, self.t, self.args = op, t, list(args)
        self.value, self.query, self.extra = value, query, extra or {}


class Leaf:
    """A table, or the name of a WITH query."""

    def __init__(self, name, alias):
        self.name, self.alias = name, alias


class Derived:
    def __init__(self, query, alias):
        self.query, self.alias = query, alias


class Values:
    def __init__(self, rows, alias):
        self.rows, self.alias = rows, alias  # rows: lists of literals


class Join:
    """kind: INNER, LEFT, RIGHT, FULL, CROSS, COMMA, or LATERAL and LEFT LATERAL, whose right side is Derived; using: name of a column instead of the condition."""

    def __init__(self, kind, left, right, on=None, using=None):
        self.kind, self.left, self.right, self.on, self.using = kind, left, right, on, using


class Select:
    def __init__(self):
        self.distinct = False
        self.items = []  # expressions, called c1, c2, …
        self.source = None
        self.where = None
        self.keys = []
        self.sets = None  # None, 'ROLLUP', 'CUBE', or a list of lists of indexes into keys
        self.having = None
        self.qualify = None
        self.order = None  # None, or (index of item, descending, nulls first) of every item
        self.limit = None
        self.offset = None


class SetOp:
    def __init__(self, op, left, right):
        self.op, self.left, self.right = op, left, right
        self.order = self.limit = self.offset = None

    @property
    def items(self):
        return self.left.items


class With:
    def __init__(self, ctes, body):
        self.ctes, self.body = ctes, body  # ctes: [name, query]

    @property
    def items(self):
        return self.body.items
