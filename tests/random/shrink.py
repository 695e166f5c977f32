"""Makes a failing query and its rows smaller: tries every simplification of the tree, keeps one that still fails in the
same way, and begins again."""
import copy
import time

import schema
import sqltypes as st
from nodes import Derived, Expr, Join, Leaf, Select, SetOp, With


def slots(node, path=()):
    """(path, node) of everything below; a path is a list of (attribute, index or None)."""
    yield path, node
    if isinstance(node, Expr):
        for i, a in enumerate(node.args):
            yield from slots(a, path + (("args", i),))
        if node.query is not None:
            yield from slots(node.query, path + (("query", None),))
    elif isinstance(node, Select):
        for name in ("items", "keys"):
            for i, a in enumerate(getattr(node, name)):
                yield from slots(a, path + ((name, i),))
        for name in ("source", "where", "having", "qualify"):
            if getattr(node, name) is not None:
                yield from slots(getattr(node, name), path + ((name, None),))
    elif isinstance(node, SetOp):
        yield from slots(node.left, path + (("left", None),))
        yield from slots(node.right, path + (("right", None),))
    elif isinstance(node, With):
        yield from slots(node.body, path + (("body", None),))
        for i, (_, q) in enumerate(node.ctes):
            yield from slots(q, path + (("ctes", i),))
    elif isinstance(node, Join):
        yield from slots(node.left, path + (("left", None),))
        yield from slots(node.right, path + (("right", None),))
        if node.on is not None:
            yield from slots(node.on, path + (("on", None),))
    elif isinstance(node, Derived):
        yield from slots(node.query, path + (("query", None),))


def replaced(root, path, new):
    """A copy of the tree with another node at the path. Only the nodes on the path are copied."""
    if not path:
        return new
    (name, index), rest = path[0], path[1:]
    out = copy.copy(root)
    if index is None:
        setattr(out, name, replaced(getattr(root, name), rest, new))
    else:
        items = list(getattr(root, name))
        if name == "ctes":
            items[index] = [items[index][0], replaced(items[index][1], rest, new)]
        else:
            items[index] = replaced(items[index], rest, new)
        setattr(out, name, items)
    return out


def changed(node, **values):
    out = copy.copy(node)
    for name, value in values.items():
        setattr(out, name, value)
    return out


def simpler(node):
    """Nodes that may stand in this node's place."""
    if isinstance(node, Expr):
        if node.op in ("lit", "interval"):
            return
        for a in node.args:
            if a.t == node.t:
                yield a
        for a in node.args:
            for b in a.args:
                if b.t == node.t:
                    yield b
        if node.op not in ("col", "interval", "grouping") and node.t is not None:
            yield Expr("lit", node.t, value=True if node.t == st.BOOLEAN else None)
            if node.t == st.BOOLEAN:
                yield Expr("lit", node.t, value=False)
        if node.op in ("agg", "win") and node.extra.get("distinct"):
            yield changed(node, extra={**node.extra, "distinct": False})
        if node.op == "agg" and node.extra.get("filter"):
            yield changed(node, args=node.args[:-1], extra={**node.extra, "filter": False})
        if node.op == "in_list" and len(node.args) > 2:
            for i in range(1, len(node.args)):
                yield changed(node, args=node.args[:i] + node.args[i + 1:])
        if node.op == "win":
            x, n = node.extra, node.extra["nargs"]  # the order stays: it must decide
            if x["partition"]:
                yield changed(node, args=node.args[:n] + node.args[n + x["partition"]:], extra={**x, "partition": 0})
            if x.get("frame"):
                yield changed(node, extra={**x, "frame": None})
    elif isinstance(node, Select):
        for name in ("where", "having", "qualify", "sets", "limit", "offset"):
            if getattr(node, name) is not None:
                yield changed(node, **{name: None})
        if node.order is not None and node.limit is None:
            yield changed(node, order=None)
        if node.distinct:
            yield changed(node, distinct=False)
        for i in range(len(node.items)):
            if len(node.items) > 1 and not node.order:
                yield changed(node, items=node.items[:i] + node.items[i + 1:])
        for i in range(len(node.keys)):
            yield changed(node, keys=node.keys[:i] + node.keys[i + 1:], sets=None)
    elif isinstance(node, (SetOp, Join)):
        yield node.left
        yield node.right
        if isinstance(node, Join) and node.kind not in ("INNER", "CROSS", "COMMA", "LATERAL", "LEFT LATERAL"):
            yield changed(node, kind="INNER")
        if isinstance(node, SetOp) and node.limit is not None:
            yield changed(node, limit=None, order=None, offset=None)
    elif isinstance(node, With):
        yield node.body
        for i in range(len(node.ctes)):
            yield changed(node, ctes=node.ctes[:i] + node.ctes[i + 1:])
    elif isinstance(node, Derived) and isinstance(node.query, Select) and isinstance(node.query.source, Leaf):
        yield Leaf(node.query.source.name, node.alias)


def size(node):
    return sum(1 for _ in slots(node))


SECONDS = 90  # for one failure


def shrink(query, tables, fails, rounds=60):
    """fails(tables, queries) says for each query whether it still fails; returns (query, tables)."""
    end, ask = time.monotonic() + SECONDS, fails
    fails = lambda t, queries: ask(t, queries) if time.monotonic() < end else [False] * len(queries)
    tables = fewer_rows(query, tables, fails)
    for _ in range(rounds):
        candidates = []
        for path, node in slots(query):
            for new in simpler(node):
                candidates.append(replaced(query, path, new))
        candidates.sort(key=size)
        found = None
        for start in range(0, len(candidates), 60):
            part = candidates[start:start + 60]
            found = next((q for q, bad in zip(part, fails(tables, part)) if bad), None)
            if found is not None:
                break
        if found is None:
            break
        query = found
    return query, fewer_columns(query, fewer_rows(query, tables, fails), fails)


def fewer_rows(query, tables, fails):
    tables = list(tables)
    for i, table in enumerate(tables):
        if table.storage and fails(tables[:i] + [schema.Table(table.name, table.columns, table.rows)] + tables[i + 1:], [query])[0]:
            table = tables[i] = schema.Table(table.name, table.columns, table.rows)
        step = max(1, len(table.rows))
        while step >= 1 and tables[i].rows:
            at = 0
            while at < len(tables[i].rows):
                rows = tables[i].rows
                trial = tables[:i] + [table.with_rows(rows[:at] + rows[at + step:])] + tables[i + 1:]
                if fails(trial, [query])[0]:
                    tables = trial
                else:
                    at += step
            step //= 2
    return tables


def fewer_columns(query, tables, fails):
    """Tables and columns that the query does not need."""
    for i in reversed(range(len(tables))):
        if fails(tables[:i] + tables[i + 1:], [query])[0]:
            tables = tables[:i] + tables[i + 1:]
    for i, table in enumerate(tables):
        for c in list(table.columns):
            t = tables[i]
            if len(t.columns) == 1:
                break
            at = [x.name for x in t.columns].index(c.name)
            less = t.without_column(at)
            if less is not None and fails(tables[:i] + [less] + tables[i + 1:], [query])[0]:
                tables = tables[:i] + [less] + tables[i + 1:]
    return tables
