/* The order of joins. Neighbouring INNER joins, and the SEMI and ANTI joins among them, are one group; outer joins and everything
 * else are its borders.
 *
 * Where the number of rows of every input is known (batch, or plan_options.reorder_joins), the cheapest tree is looked for: over all
 * sets of inputs that equalities connect (dynamic programming; Selinger et al., SIGMOD 1979, with bushy trees), or, from
 * DP_INPUTS inputs on, by joining the pair with the smallest result first (GOO; Fegaras, DEXA 1998). A tree costs the rows of all
 * its joins, and what they build and probe. Equal columns are one class: a = b and b = c allow to join a with c first. A SEMI or
 * ANTI join is an input that leaves a share of the rows; it may come as soon as the columns of its condition are there.
 *
 * Otherwise, and in streaming, only cross products are avoided: inputs are taken in the order written, the next one is always the
 * first that an equality connects to those before. Inputs of one row (scalar subqueries) may come anywhere. */
#include <math.h>

#include "plan/plan_private.h"

enum {
    MAX_INPUTS = 64,
    DP_INPUTS = 12,    /* 3^12 pairs of sets */
    BUILD_WEIGHT = 2,  /* of a row that is put into a hash table, beside one that looks it up */
    REDUCES_FROM = 8,  /* times the left rows of a SEMI join */
    MAX_MULTI_KEYS = 8 /* classes that join the same two inputs, for their estimate */
};

typedef uint64_t input_set;

struct group_input {
    struct rel *rel;
    int first;              /* number of the input's first column among the group's */
    const struct rel *half; /* the SEMI or ANTI join whose right side this is; NULL: an input of INNER joins */
    int *left_columns;      /* half: the group's columns that the join's left side has */
    input_set needs;        /* half: inputs that its condition reads */
    double rows, share;     /* half: share of the left rows that stay */
};

struct conjunct {
    struct expr *expr; /* over the group's columns */
    input_set inputs;
    int class;    /* an equality of two columns of a class; -1: any other */
    bool implied; /* by others of its class */
    double share;
};

/* What the rows of two inputs together have to be multiplied by. */
struct correction {
    input_set inputs;
    double factor;
};

/* Columns that are all equal. */
struct column_class {
    int columns[MAX_INPUTS]; /* by input: the group's column, -1 none */
};

struct join_group {
    struct planner *p;
    bool full; /* by cost; else only cross products are avoided */
    int count, column_count, column_capacity;
    struct group_input inputs[MAX_INPUTS];
    int *column_input; /* by group column */
    const struct type **column_types;
    int conjunct_count, conjunct_capacity;
    struct conjunct *conjuncts;
    int class_count;
    struct column_class *classes;
    const struct column_estimate *columns;
    int correction_count;
    struct correction *corrections;
    bool cross;   /* some join has no equality */
    bool unknown; /* some input's rows are not known */
    input_set links[MAX_INPUTS];
};

/* A tree over inputs: leaves have no left. */
struct join_tree {
    input_set set;
    struct join_tree *left, *right;
};

static input_set bit(int i) { return (input_set)1 << i; }

/* ---- collecting ---- */

/* A join whose input has a hint stays where it was written. */
static bool is_ours(const struct rel *rel) {
    return rel->kind == REL_JOIN && rel->join.temporal == TEMPORAL_NONE && !rel->join.correlated &&
           !rel->inputs[0]->hint && !rel->inputs[1]->hint;
}
static bool is_inner(const struct rel *rel) { return is_ours(rel) && rel->join.type == JOIN_INNER; }
static bool is_half(const struct rel *rel) {
    return is_ours(rel) && (rel->join.type == JOIN_SEMI || rel->join.type == JOIN_ANTI);
}

static bool picks_columns(const struct rel *rel) {
    for (int i = 0; rel->kind == REL_PROJECT && i < rel->schema.column_count; i++)
        if (rel->project.exprs[i]->kind != EXPR_COLUMN) return false;
    return rel->kind == REL_PROJECT;
}

/* Does the node belong to the group that has begun above? */
static bool is_member(const struct rel *rel, bool full) {
    if (is_inner(rel)) return true;
    if (!full) return false;
    return is_half(rel) || (picks_columns(rel) && is_member(rel->inputs[0], full));
}

static int count_inputs(const struct rel *rel, bool full) {
    if (!is_member(rel, full)) return 1;
    if (rel->kind == REL_PROJECT) return count_inputs(rel->inputs[0], full);
    return count_inputs(rel->inputs[0], full) + (is_half(rel) ? 1 : count_inputs(rel->inputs[1], full));
}

static struct group_input *add_input(struct join_group *group, struct rel *rel) {
    struct group_input *input = &group->inputs[group->count++];
    *input = (struct group_input){.rel = rel, .first = group->column_count, .share = 1};
    if (group->full) {
        input->rows = plani_estimate(group->p, rel)->rows;
        group->unknown |= input->rows < 0;
    }
    return input;
}

static int *add_columns(struct join_group *group, const struct rel *rel) {
    struct arena *arena = group->p->arena;
    int count = rel->schema.column_count, *columns = ARENA_ARRAY(arena, int, count + 1);
    for (int i = 0; i < count; i++) {
        group->column_input[group->column_count] = group->count - 1;
        group->column_types[group->column_count] = rel->schema.types[i];
        columns[i] = group->column_count++;
    }
    return columns;
}

static int count_columns(const struct rel *rel, bool full) {
    if (!is_member(rel, full)) return rel->schema.column_count;
    int count = 0;
    for (int i = 0; i < rel->input_count; i++)
        count += i == 1 && is_half(rel) ? rel->inputs[1]->schema.column_count : count_columns(rel->inputs[i], full);
    return count;
}

static void add_conjunct(struct join_group *group, struct conjunct conjunct) {
    if (group->conjunct_count == group->conjunct_capacity) {
        int capacity = group->conjunct_capacity ? group->conjunct_capacity * 2 : 32;
        struct conjunct *conjuncts = ARENA_ARRAY(group->p->arena, struct conjunct, capacity);
        if (group->conjunct_count)
            memcpy(conjuncts, group->conjuncts, sizeof *conjuncts * (size_t)group->conjunct_count);
        group->conjuncts = conjuncts;
        group->conjunct_capacity = capacity;
    }
    group->conjuncts[group->conjunct_count++] = conjunct;
}

/* The inputs that an expression over the group's columns reads. */
static input_set inputs_of(const struct join_group *group, const struct expr *expr) {
    input_set inputs = expr->kind == EXPR_COLUMN ? bit(group->column_input[expr->column.index]) : 0;
    for (int i = 0; i < expr->arg_count; i++) inputs |= inputs_of(group, expr->args[i]);
    return inputs;
}

/* Appends the inputs below rel; returns the group's columns that are its columns. */
static int *collect(struct join_group *group, struct rel *rel) {
    struct planner *p = group->p;
    if (!is_member(rel, group->full)) {
        add_input(group, rel);
        return add_columns(group, rel);
    }
    int *columns = ARENA_ARRAY(p->arena, int, count_columns(rel, group->full) + 1);
    const int *left = collect(group, rel->inputs[0]);
    int left_count = rel->inputs[0]->schema.column_count;
    if (rel->kind == REL_PROJECT) {
        for (int i = 0; i < rel->schema.column_count; i++) columns[i] = left[rel->project.exprs[i]->column.index];
        return columns;
    }
    memcpy(columns, left, sizeof *columns * (size_t)left_count);
    if (is_half(rel)) {
        struct group_input *input = add_input(group, rel->inputs[1]);
        add_columns(group, rel->inputs[1]);
        input->half = rel;
        input->left_columns = columns;
        bool *used = ARENA_ARRAY(p->arena, bool, left_count + rel->inputs[1]->schema.column_count + 1);
        if (rel->join.condition)
            expr_columns(rel->join.condition, used, left_count + rel->inputs[1]->schema.column_count);
        for (int i = 0; i < left_count; i++)
            if (used[i]) input->needs |= bit(group->column_input[left[i]]);
        double before = plani_estimate(p, rel->inputs[0])->rows, after = plani_estimate(p, rel)->rows;
        input->share = before > 0 && after >= 0 ? fmin(1, after / before) : 1;
        return columns;
    }
    const int *right = collect(group, rel->inputs[1]);
    memcpy(columns + left_count, right, sizeof *columns * (size_t)rel->inputs[1]->schema.column_count);
    struct join_keys keys;
    plani_join_keys(p, rel, &keys);
    group->cross |= keys.count == 0 && !plani_at_most_one_row(rel->inputs[0]) && !plani_at_most_one_row(rel->inputs[1]);
    struct expr_list own = {0};
    plani_split_and(p, rel->join.condition, &own);
    for (int i = 0; i < own.count; i++) {
        struct expr *expr = expr_remap(p->arena, own.items[i], columns);
        add_conjunct(group, (struct conjunct){.expr = expr, .inputs = inputs_of(group, expr), .class = -1});
    }
    return columns;
}

/* ---- equal columns ---- */

static bool is_equality(const struct expr *expr) {
    return plani_is_call(expr, "=", 2) || plani_is_call(expr, "IS NOT DISTINCT FROM", 2);
}

static int class_of(const struct join_group *group, int column) {
    for (int c = 0; c < group->class_count; c++)
        if (group->classes[c].columns[group->column_input[column]] == column) return c;
    return -1;
}

static int new_class(struct join_group *group) {
    for (int i = 0; i < MAX_INPUTS; i++) group->classes[group->class_count].columns[i] = -1;
    return group->class_count++;
}

/* A class has at most one column of an input; an equality that would break this stays outside. */
static void classify(struct join_group *group, struct conjunct *conjunct) {
    const struct expr *a = conjunct->expr->args[0], *b = conjunct->expr->args[1];
    if (!plani_is_call(conjunct->expr, "=", 2) || a->kind != EXPR_COLUMN || b->kind != EXPR_COLUMN) return;
    if (!plani_same_key_type(a->type, b->type) || type_is_nested(a->type)) return;
    int x = a->column.index, y = b->column.index;
    if (group->column_input[x] == group->column_input[y]) return;
    int of_x = class_of(group, x), of_y = class_of(group, y);
    if (of_x < 0 && of_y < 0) of_x = of_y = new_class(group);
    int *into = group->classes[of_x >= 0 ? of_x : of_y].columns;
    if (of_x >= 0 && of_y >= 0 && of_x != of_y) {
        int *from = group->classes[of_y].columns;
        for (int i = 0; i < group->count; i++)
            if (into[i] >= 0 && from[i] >= 0) return;
        for (int i = 0; i < group->count; i++) {
            if (from[i] >= 0) into[i] = from[i];
            from[i] = -1;
        }
        for (int i = 0; i < group->conjunct_count; i++)
            if (group->conjuncts[i].class == of_y) group->conjuncts[i].class = of_x;
        of_y = of_x;
    } else {
        int at_x = group->column_input[x], at_y = group->column_input[y];
        if ((into[at_x] >= 0 && into[at_x] != x) || (into[at_y] >= 0 && into[at_y] != y)) return;
        into[at_x] = x;
        into[at_y] = y;
    }
    conjunct->class = of_x >= 0 ? of_x : of_y;
}

static struct expr *group_column(const struct join_group *group, int column) {
    return expr_column(group->p->arena, column, group->column_types[column]);
}

static enum status imply_equalities(struct join_group *group, struct error *err) {
    for (int c = 0; c < group->class_count; c++)
        for (int i = 0; i < group->count; i++)
            for (int k = i + 1; k < group->count; k++) {
                int x = group->classes[c].columns[i], y = group->classes[c].columns[k];
                if (x < 0 || y < 0) continue;
                input_set inputs = bit(i) | bit(k);
                bool is_there = false;
                for (int n = 0; n < group->conjunct_count && !is_there; n++)
                    is_there = group->conjuncts[n].class == c && group->conjuncts[n].inputs == inputs;
                if (is_there) continue;
                struct expr *equal;
                TRY(plani_call2(group->p, "=", group_column(group, x), group_column(group, y), &equal, err));
                add_conjunct(group, (struct conjunct){.expr = equal, .inputs = inputs, .class = c, .implied = true});
            }
    return STATUS_OK;
}

static void link_inputs(struct join_group *group) {
    for (int n = 0; n < group->conjunct_count; n++) {
        const struct conjunct *conjunct = &group->conjuncts[n];
        if (!is_equality(conjunct->expr)) continue;
        input_set a = inputs_of(group, conjunct->expr->args[0]), b = inputs_of(group, conjunct->expr->args[1]);
        if (!a || !b || (a & b)) continue;
        for (int i = 0; i < group->count; i++) {
            if (a >> i & 1) group->links[i] |= b;
            if (b >> i & 1) group->links[i] |= a;
        }
    }
    input_set all = group->count == MAX_INPUTS ? ~(input_set)0 : bit(group->count) - 1;
    for (int i = 0; i < group->count; i++) {
        bool anywhere = group->inputs[i].half ? !group->inputs[i].needs : plani_at_most_one_row(group->inputs[i].rel);
        if (group->inputs[i].half) group->links[i] |= group->inputs[i].needs;
        if (anywhere) group->links[i] |= all & ~bit(i);
        for (int k = 0; k < group->count; k++)
            if (group->links[i] >> k & 1) group->links[k] |= bit(i);
    }
}

static input_set linked(const struct join_group *group, input_set set) {
    input_set out = 0;
    for (int i = 0; i < group->count; i++)
        if (set >> i & 1) out |= group->links[i];
    return out;
}

static input_set component(const struct join_group *group, int input) {
    input_set set = bit(input), more;
    while ((more = linked(group, set) & ~set)) set |= more;
    return set;
}

/* Parts that nothing connects: any of their inputs may meet. */
static void link_components(struct join_group *group) {
    input_set parts[MAX_INPUTS];
    for (int i = 0; i < group->count; i++) parts[i] = component(group, i);
    for (int i = 0; i < group->count; i++)
        for (int k = 0; k < group->count; k++)
            if (!(parts[i] >> k & 1) && !group->inputs[i].half && !group->inputs[k].half) group->links[i] |= bit(k);
}

/* ---- rows of a set ---- */

static double distinct_of(const struct join_group *group, int column) { return group->columns[column].distinct; }

static double class_share(const struct join_group *group, int class, input_set set) {
    double fewest = INFINITY, product = 1, least_rows = INFINITY;
    int members = 0;
    for (int i = 0; i < group->count; i++)
        if (set >> i & 1 && group->classes[class].columns[i] >= 0) least_rows = fmin(least_rows, group->inputs[i].rows);
    for (int i = 0; i < group->count; i++) {
        if (!(set >> i & 1) || group->classes[class].columns[i] < 0) continue;
        double distinct = distinct_of(group, group->classes[class].columns[i]);
        distinct = fmax(1, distinct < 0 ? least_rows : distinct);
        fewest = fmin(fewest, distinct);
        product *= distinct;
        members++;
    }
    return members > 1 ? fewest / product : 1;
}

/* Several keys between the same two inputs: their shares together are more than the product (see plani_key_share). */
static double pair_correction(const struct join_group *group, int a, int b) {
    struct key_distincts keys[MAX_MULTI_KEYS];
    int count = 0;
    double product = 1;
    for (int c = 0; c < group->class_count && count < MAX_MULTI_KEYS; c++) {
        if (group->classes[c].columns[a] < 0 || group->classes[c].columns[b] < 0) continue;
        keys[count++] = (struct key_distincts){distinct_of(group, group->classes[c].columns[a]),
                                               distinct_of(group, group->classes[c].columns[b])};
        product *= plani_key_share(&keys[count - 1], 1, group->inputs[a].rows, group->inputs[b].rows);
    }
    if (count < 2) return 1;
    return plani_key_share(keys, count, group->inputs[a].rows, group->inputs[b].rows) / product;
}

static double rows_of(const struct join_group *group, input_set set) {
    double rows = 1;
    for (int i = 0; i < group->count; i++)
        if (set >> i & 1) rows *= group->inputs[i].half ? group->inputs[i].share : group->inputs[i].rows;
    for (int c = 0; c < group->class_count; c++) rows *= class_share(group, c, set);
    for (int n = 0; n < group->conjunct_count; n++)
        if (group->conjuncts[n].class < 0 && !(group->conjuncts[n].inputs & ~set)) rows *= group->conjuncts[n].share;
    for (int i = 0; i < group->correction_count; i++)
        if (!(group->corrections[i].inputs & ~set)) rows *= group->corrections[i].factor;
    return fmax(1, rows);
}

static void correct_pairs(struct join_group *group) {
    group->corrections = ARENA_ARRAY(group->p->arena, struct correction, group->count * (group->count - 1) / 2 + 1);
    for (int a = 0; a < group->count; a++)
        for (int b = a + 1; b < group->count; b++) {
            if (group->inputs[a].half || group->inputs[b].half) continue;
            double factor = pair_correction(group, a, b);
            if (factor != 1)
                group->corrections[group->correction_count++] = (struct correction){bit(a) | bit(b), factor};
        }
}

/* Shares of the conjuncts that are no equalities of a class, over all columns of the group. */
static void estimate_conjuncts(struct join_group *group) {
    struct arena *arena = group->p->arena;
    struct estimate all = {.rows = -1,
                           .column_count = group->column_count,
                           .columns = ARENA_ARRAY(arena, struct column_estimate, group->column_count + 1)};
    group->columns = all.columns;
    for (int i = 0; i < group->count; i++) {
        const struct estimate *own = plani_estimate(group->p, group->inputs[i].rel);
        memcpy(all.columns + group->inputs[i].first, own->columns, sizeof *all.columns * (size_t)own->column_count);
    }
    for (int n = 0; n < group->conjunct_count; n++)
        if (group->conjuncts[n].class < 0)
            group->conjuncts[n].share = plani_selectivity(group->p, group->conjuncts[n].expr, &all);
}

/* ---- trees ---- */

static struct join_tree *leaf_of(struct join_group *group, int input) {
    struct join_tree *tree = ARENA_NEW(group->p->arena, struct join_tree);
    tree->set = bit(input);
    return tree;
}

static struct join_tree *join_of(struct join_group *group, struct join_tree *left, struct join_tree *right) {
    struct join_tree *tree = ARENA_NEW(group->p->arena, struct join_tree);
    *tree = (struct join_tree){left->set | right->set, left, right};
    return tree;
}

static const struct group_input *half_in(const struct join_group *group, input_set set) {
    if (set & (set - 1)) return NULL;
    const struct group_input *input = &group->inputs[__builtin_ctzll(set)];
    return input->half ? input : NULL;
}

/* May the two sets be joined, the right one as the right side? */
static bool may_join(const struct join_group *group, input_set left, input_set right) {
    if (half_in(group, left)) return false;
    const struct group_input *half = half_in(group, right);
    return half ? !(half->needs & ~left) : (linked(group, left) & right) != 0;
}

static double join_cost(const struct join_group *group, double left, double right, double result, input_set right_set) {
    const struct group_input *half = half_in(group, right_set);
    if (half) { /* the right side may be read by the left one's keys: physical_reduce.c */
        bool reduced = left * REDUCES_FROM <= half->rows;
        return left + result + (reduced ? half->rows + BUILD_WEIGHT * left : BUILD_WEIGHT * half->rows);
    }
    return fmax(left, right) + BUILD_WEIGHT * fmin(left, right) + result;
}

struct dp_entry {
    double rows, cost; /* cost < 0: no tree */
    uint32_t left;     /* 0: a leaf */
};

static struct join_tree *tree_of(struct join_group *group, const struct dp_entry *entries, uint32_t set) {
    if (!entries[set].left) return leaf_of(group, __builtin_ctz(set));
    return join_of(group, tree_of(group, entries, entries[set].left),
                   tree_of(group, entries, set & ~entries[set].left));
}

static struct join_tree *best_tree(struct join_group *group) {
    uint32_t all = (uint32_t)(bit(group->count) - 1);
    struct dp_entry *entries = ARENA_ARRAY(group->p->arena, struct dp_entry, (size_t)all + 1);
    for (uint32_t set = 1; set <= all; set++) {
        struct dp_entry *entry = &entries[set];
        entry->cost = -1;
        if (!(set & (set - 1))) {
            const struct group_input *input = &group->inputs[__builtin_ctz(set)];
            *entry = (struct dp_entry){.rows = input->rows};
            continue;
        }
        entry->rows = rows_of(group, set);
        for (uint32_t part = (set - 1) & set; part; part = (part - 1) & set) {
            uint32_t left = part, right = set & ~part;
            /* The side with the first input is the left one, unless the right one is a SEMI's. */
            bool turned = !(left & -left & set & -set) && !half_in(group, right);
            if (turned || entries[left].cost < 0 || entries[right].cost < 0 || !may_join(group, left, right)) continue;
            double cost = entries[left].cost + entries[right].cost +
                          join_cost(group, entries[left].rows, entries[right].rows, entry->rows, right);
            if (entry->cost >= 0 && cost >= entry->cost) continue;
            entry->cost = cost;
            entry->left = left;
        }
    }
    return entries[all].cost < 0 ? NULL : tree_of(group, entries, all);
}

/* Greedy: the pair whose join has the fewest rows. */
static struct join_tree *greedy_tree(struct join_group *group) {
    struct join_tree *parts[MAX_INPUTS];
    int count = group->count;
    for (int i = 0; i < count; i++) parts[i] = leaf_of(group, i);
    while (count > 1) {
        int left = -1, right = -1;
        double least = INFINITY;
        for (int a = 0; a < count; a++)
            for (int b = 0; b < count; b++) {
                bool half = half_in(group, parts[b]->set) != NULL;
                if (a == b || (!half && a > b) || !may_join(group, parts[a]->set, parts[b]->set)) continue;
                double rows = rows_of(group, parts[a]->set | parts[b]->set);
                if (rows >= least) continue;
                least = rows;
                left = a;
                right = b;
            }
        if (left < 0) return NULL;
        parts[left] = join_of(group, parts[left], parts[right]);
        parts[right] = parts[--count];
    }
    return parts[0];
}

/* In the order written, but the next input is the first that is connected. NULL: as it is. */
static struct join_tree *connected_tree(struct join_group *group) {
    if (!group->cross) return NULL;
    struct join_tree *tree = leaf_of(group, 0);
    bool changed = false;
    for (int n = 1; n < group->count; n++) {
        int next = -1, first_left = -1;
        for (int i = 0; i < group->count && next < 0; i++) {
            if (tree->set >> i & 1) continue;
            if (first_left < 0) first_left = i;
            if (group->links[i] & tree->set) next = i;
        }
        if (next < 0) next = first_left;
        changed |= next != n;
        tree = join_of(group, tree, leaf_of(group, next));
    }
    return changed ? tree : NULL;
}

/* ---- from the tree to nodes ---- */

/* positions[c]: where the group's column c is in a subtree's rows. Only those of its own inputs are set. */
static struct rel *build(struct join_group *group, const struct join_tree *tree, const struct join_tree *root,
                         int *positions, const struct rel *original) {
    struct planner *p = group->p;
    struct expr_list conjuncts = {0};
    if (!tree->left) {
        struct group_input *input = &group->inputs[__builtin_ctzll(tree->set)];
        for (int i = 0; i < input->rel->schema.column_count; i++) positions[input->first + i] = i;
        for (int n = 0; n < group->conjunct_count; n++)
            if (group->conjuncts[n].inputs == tree->set)
                plani_add(p, &conjuncts, expr_remap(p->arena, group->conjuncts[n].expr, positions));
        return conjuncts.count ? rel_filter(p->arena, input->rel, plani_and(p, &conjuncts)) : input->rel;
    }
    struct rel *left = build(group, tree->left, root, positions, original);
    struct rel *right = build(group, tree->right, root, positions, original);
    for (int i = 0; i < group->count; i++)
        for (int c = 0; tree->right->set >> i & 1 && c < group->inputs[i].rel->schema.column_count; c++)
            positions[group->inputs[i].first + c] += left->schema.column_count;
    const struct group_input *half = half_in(group, tree->right->set);
    struct rel *join;
    if (half) {
        int left_count = half->half->inputs[0]->schema.column_count, right_count = half->rel->schema.column_count;
        int *map = ARENA_ARRAY(p->arena, int, left_count + right_count + 1);
        for (int i = 0; i < left_count; i++) map[i] = positions[half->left_columns[i]];
        for (int i = 0; i < right_count; i++) map[left_count + i] = left->schema.column_count + i;
        struct expr *condition = half->half->join.condition;
        if (condition) condition = expr_remap(p->arena, condition, map);
        join = rel_join(p->arena, left, right, half->half->join.type, condition);
        join->join.null_aware = half->half->join.null_aware;
        join->join.single_row = half->half->join.single_row;
        join->offset = half->half->offset;
        join->length = half->half->length;
    } else {
        bool *done = ARENA_ARRAY(p->arena, bool, group->class_count + 1);
        for (int n = 0; n < group->conjunct_count; n++) {
            const struct conjunct *conjunct = &group->conjuncts[n];
            bool here = !(conjunct->inputs & ~tree->set) && conjunct->inputs & tree->left->set &&
                        conjunct->inputs & tree->right->set;
            if (!conjunct->inputs) here = tree == root;
            /* Within each side the columns of a class are equal already: one equality is enough. */
            if (here && conjunct->class >= 0 && done[conjunct->class]) continue;
            if (here && conjunct->class >= 0) done[conjunct->class] = true;
            if (here) plani_add(p, &conjuncts, expr_remap(p->arena, conjunct->expr, positions));
        }
        join = rel_join(p->arena, left, right, JOIN_INNER, plani_and(p, &conjuncts));
        join->offset = original->offset;
        join->length = original->length;
    }
    return join;
}

static enum status order_group(struct planner *p, struct rel *rel, bool full, struct rel **out, bool *unknown,
                               struct error *err) {
    struct join_group *group = ARENA_NEW(p->arena, struct join_group);
    group->p = p;
    group->full = full;
    int columns = count_columns(rel, full);
    group->column_input = ARENA_ARRAY(p->arena, int, columns + 1);
    group->column_types = ARENA_ARRAY(p->arena, const struct type *, columns + 1);
    const int *output = collect(group, rel);
    *unknown = group->unknown;
    if (group->unknown || group->count < 3) return STATUS_OK;
    if (full) {
        group->classes = ARENA_ARRAY(p->arena, struct column_class, group->conjunct_count + 1);
        for (int i = 0; i < group->conjunct_count; i++) classify(group, &group->conjuncts[i]);
        TRY(imply_equalities(group, err));
    }
    link_inputs(group);
    struct join_tree *tree;
    if (full) {
        link_components(group);
        estimate_conjuncts(group);
        correct_pairs(group);
        tree = group->count <= DP_INPUTS ? best_tree(group) : greedy_tree(group);
    } else {
        tree = connected_tree(group);
    }
    if (!tree) return STATUS_OK;
    int *positions = ARENA_ARRAY(p->arena, int, group->column_count + 1);
    struct rel *joined = build(group, tree, tree, positions, rel);
    int *picked = ARENA_ARRAY(p->arena, int, rel->schema.column_count + 1);
    for (int i = 0; i < rel->schema.column_count; i++) picked[i] = positions[output[i]];
    *out = plani_restore(p, plani_pick(p, joined, picked, rel->schema.column_count), &rel->schema);
    return STATUS_OK;
}

/* The groups of INNER joins alone within a group whose figures are not known. */
static enum status avoid_cross(struct planner *p, struct rel *rel, bool inside, struct rel **out, struct error *err) {
    *out = rel;
    if (!is_member(rel, true)) return STATUS_OK;
    struct rel **inputs = NULL;
    for (int i = 0; i < rel->input_count && !(i == 1 && is_half(rel)); i++) {
        struct rel *input;
        TRY(avoid_cross(p, rel->inputs[i], is_inner(rel), &input, err));
        if (input == rel->inputs[i]) continue;
        if (!inputs) inputs = arena_memdup(p->arena, rel->inputs, sizeof *inputs * (size_t)rel->input_count);
        inputs[i] = input;
    }
    if (inputs) *out = rel = rel_with_inputs(p->arena, rel, inputs);
    bool unknown;
    if (inside || !is_inner(rel) || count_inputs(rel, false) > MAX_INPUTS) return STATUS_OK;
    return order_group(p, rel, false, out, &unknown, err);
}

/* Groups within groups first: what is below an outer join, an aggregate. */
static enum status reorder(struct planner *p, struct rel *rel, bool inside, struct rel **out, struct error *err) {
    bool full = !p->options->streaming || p->options->reorder_joins;
    bool member = is_member(rel, full);
    struct rel **inputs = NULL;
    for (int i = 0; i < rel->input_count; i++) {
        struct rel *input;
        TRY(reorder(p, rel->inputs[i], member && !(i == 1 && is_half(rel)), &input, err));
        if (input == rel->inputs[i]) continue;
        if (!inputs) inputs = arena_memdup(p->arena, rel->inputs, sizeof *inputs * (size_t)rel->input_count);
        inputs[i] = input;
    }
    if (inputs) rel = rel_with_inputs(p->arena, rel, inputs);
    *out = rel;
    if (!member || inside) return STATUS_OK;
    bool unknown = true;
    if (full && count_inputs(rel, true) <= MAX_INPUTS) TRY(order_group(p, rel, true, out, &unknown, err));
    return unknown ? avoid_cross(p, rel, false, out, err) : STATUS_OK;
}

enum status plani_rule_join_order(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    return reorder(p, rel, false, out, err);
}
