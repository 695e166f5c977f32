/* Hints of a SELECT that speak about tables of its FROM, by name or alias:
 *
 *     STATE_TTL('o' = '1 d', 'c' = '0')                  streaming: how long what a join or GROUP BY keeps of their rows lives
 *     BROADCAST(c), SHUFFLE_HASH(c)                      batch: the join builds c
 *     SHUFFLE_MERGE(c), NEST_LOOP(c)                     accepted
 *     LOOKUP('table' = 'u', 'retry-predicate' = 'lookup_miss', 'retry-strategy' = 'fixed_delay',
 *            'fixed-delay' = '10 s', 'max-attempts' = '3')
 *
 * STATE_TTL and the batch hints mark the rows (rel->hint); LOOKUP becomes options of the table there. Keys and values are Flink's.
 * LOOKUP's 'async', 'output-mode', 'timeout' and 'shuffle' have nothing to say here: many keys are always asked for at once, rows
 * keep their order, and requests have a timeout of their own. */
#include "bind/bind_private.h"

static const struct option_def lookup_hint_options[] = {
    {.name = "table", .type = OPTION_STRING, .required = true, .doc = "the table's name or alias"},
    {.name = "async", .type = OPTION_BOOL, .doc = "accepted"},
    {.name = "output-mode", .type = OPTION_ENUM, .choices = "ordered|allow_unordered", .doc = "accepted"},
    {.name = "capacity", .type = OPTION_INT, .min = 1, .max = 32768, .doc = "keys that are asked for at the same time"},
    {.name = "timeout", .type = OPTION_DURATION, .min = 1, .max = INT64_C(315360000000), .doc = "accepted"},
    {.name = "shuffle", .type = OPTION_BOOL, .doc = "accepted"},
    {.name = "retry-predicate",
     .type = OPTION_ENUM,
     .choices = "lookup_miss",
     .doc = "ask again when a key has no rows"},
    {.name = "retry-strategy", .type = OPTION_ENUM, .choices = "fixed_delay", .doc = "after the same time each time"},
    {.name = "fixed-delay", .type = OPTION_DURATION, .min = 1, .max = 3600000, .doc = "that time"},
    {.name = "max-attempts", .type = OPTION_INT, .min = 1, .max = 1000, .doc = "how often it is asked again at most"},
    OPTION_END,
};

enum hint_kind { HINT_OTHER, HINT_LOOKUP, HINT_STATE_TTL, HINT_BUILD, HINT_NO_EFFECT };

static enum hint_kind hint_kind(struct binder *b, const struct ast_hint *hint) {
    static const struct {
        const char *name;
        enum hint_kind kind;
    } kinds[] = {
        {"LOOKUP", HINT_LOOKUP},      {"STATE_TTL", HINT_STATE_TTL},     {"BROADCAST", HINT_BUILD},
        {"SHUFFLE_HASH", HINT_BUILD}, {"SHUFFLE_MERGE", HINT_NO_EFFECT}, {"NEST_LOOP", HINT_NO_EFFECT},
    };
    const char *name = upper_name(b, hint->name->text);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0) return kinds[i].kind;
    return HINT_OTHER;
}

static bool is_lookup(struct binder *b, const struct ast_hint *hint) { return hint_kind(b, hint) == HINT_LOOKUP; }

/* The table that an argument names: the key of STATE_TTL, a name, or text. */
static struct str table_of(const struct ast_node *arg) {
    if (arg->kind == AST_OPTION) return AST_AS(arg, ast_option)->key;
    if (arg->kind == AST_LITERAL) return AST_AS(arg, ast_literal)->text;
    const struct ast_name *name = AST_AS(arg, ast_name);
    return str_from(name->parts[name->count - 1].text);
}

static enum status check_tables(struct binder *b, const struct ast_hint *hint, struct error *err) {
    const char *name = upper_name(b, hint->name->text);
    bool is_ttl = hint_kind(b, hint) == HINT_STATE_TTL;
    if (!hint->args.count) {
        return bind_error(b, err, STATUS_INVALID_OPTION, &hint->node, "the %s hint names no table", name);
    }
    for (int i = 0; i < hint->args.count; i++) {
        const struct ast_node *arg = hint->args.items[i];
        if ((arg->kind == AST_OPTION) != is_ttl) {
            return bind_error(b, err, STATUS_INVALID_OPTION, arg,
                              is_ttl ? "the %s hint takes 'table' = 'time' pairs" : "the %s hint takes names of tables",
                              name);
        }
        int64_t ttl_ms;
        if (!is_ttl || option_parse_duration(AST_AS(arg, ast_option)->value, &ttl_ms) == STATUS_OK) continue;
        const struct ast_option *option = AST_AS(arg, ast_option);
        enum status status = bind_error(b, err, STATUS_INVALID_OPTION, arg, "'%.*s' is no time for the %s hint",
                                        (int)option->value.len, option->value.data, name);
        error_hint(err, "it is a time such as 500 ms, 10 s, 5 min, 2 h or 1 d; 0: for ever");
        return status;
    }
    return STATUS_OK;
}

static enum status check_hint(struct binder *b, const struct ast_hint *hint, struct error *err) {
    struct option_list options = {0};
    for (int i = 0; i < hint->args.count; i++) {
        if (hint->args.items[i]->kind != AST_OPTION)
            return bind_error(b, err, STATUS_INVALID_OPTION, hint->args.items[i],
                              "the LOOKUP hint takes 'key' = 'value' pairs");
        const struct ast_option *option = AST_AT(hint->args, i, ast_option);
        option_add(&options, b->arena, arena_strndup(b->arena, option->key.data, option->key.len),
                   arena_strndup(b->arena, option->value.data, option->value.len), option->value_offset);
    }
    const struct option_def *tables[] = {lookup_hint_options, NULL};
    enum status status = options_check(&options, tables, "the LOOKUP hint", err);
    static const char *const retry[] = {"retry-predicate", "retry-strategy", "fixed-delay", "max-attempts"};
    int given = 0;
    for (int i = 0; i < 4; i++) given += option_given(&options, retry[i]);
    if (status == STATUS_OK && given % 4) {
        status = error_set(err, STATUS_INVALID_OPTION, "the LOOKUP hint has a part of the retry options only");
        error_hint(err, "'retry-predicate', 'retry-strategy', 'fixed-delay' and 'max-attempts' go together");
    }
    if (status != STATUS_OK && err && err->offset < 0) {
        err->offset = place_offset(b, &hint->node);
        err->length = place_length(b, &hint->node);
    }
    return status;
}

enum status select_hints_begin(struct binder *b, const struct ast_list *hints, struct select_hints *own,
                               struct error *err) {
    *own = (struct select_hints){.hints = hints, .used = ARENA_ARRAY(b->arena, bool *, hints->count + 1)};
    for (int i = 0; i < hints->count; i++) {
        const struct ast_hint *hint = AST_AT(*hints, i, ast_hint);
        own->used[i] = ARENA_ARRAY(b->arena, bool, hint->args.count + 1);
        enum hint_kind kind = hint_kind(b, hint);
        if (kind == HINT_LOOKUP)
            TRY(check_hint(b, hint, err));
        else if (kind != HINT_OTHER)
            TRY(check_tables(b, hint, err));
    }
    own->outer = b->select_hints;
    b->select_hints = own;
    return STATUS_OK;
}

enum status select_hints_end(struct binder *b, struct select_hints *own, struct error *err) {
    b->select_hints = own->outer;
    for (int i = 0; i < own->hints->count; i++) {
        const struct ast_hint *hint = AST_AT(*own->hints, i, ast_hint);
        enum hint_kind kind = hint_kind(b, hint);
        if (kind == HINT_LOOKUP && !own->used[i][0]) {
            enum status status = bind_error(b, err, STATUS_INVALID_OPTION, &hint->node,
                                            "the LOOKUP hint's table is looked up by no join of this query");
            error_hint(err, "'table' is the name or alias of a table with FOR SYSTEM_TIME AS OF a processing time");
            return status;
        }
        for (int k = 0; k < hint->args.count && kind != HINT_OTHER && kind != HINT_LOOKUP; k++) {
            if (own->used[i][k]) continue;
            struct str table = table_of(hint->args.items[k]);
            enum status status = bind_error(b, err, STATUS_INVALID_OPTION, hint->args.items[k],
                                            "the %s hint's '%.*s' is no table of this query's FROM",
                                            upper_name(b, hint->name->text), (int)table.len, table.data);
            error_hint(err, "hints name tables, views or aliases of the SELECT that they stand in");
            return status;
        }
    }
    return STATUS_OK;
}

static void add_to_mark(struct binder *b, struct table_hint *mark, const struct ast_hint *hint,
                        const struct ast_node *arg) {
    enum hint_kind kind = hint_kind(b, hint);
    if (kind == HINT_STATE_TTL && b->env->streaming) {
        option_parse_duration(AST_AS(arg, ast_option)->value, &mark->ttl_ms); /* checked by select_hints_begin */
        mark->has_ttl = true;
    }
    if (kind == HINT_BUILD && !b->env->streaming) mark->build = upper_name(b, hint->name->text);
}

void select_hints_mark(struct binder *b, struct rel *rel, const char *name, const char *alias) {
    struct select_hints *own = b->select_hints;
    struct table_hint mark = {0};
    for (int i = 0; own && i < own->hints->count; i++) {
        const struct ast_hint *hint = AST_AT(*own->hints, i, ast_hint);
        enum hint_kind kind = hint_kind(b, hint);
        for (int k = 0; k < hint->args.count && kind != HINT_OTHER && kind != HINT_LOOKUP; k++) {
            struct str table = table_of(hint->args.items[k]);
            if (!(name && str_equal(table, str_from(name))) && !(alias && str_equal(table, str_from(alias)))) continue;
            own->used[i][k] = true;
            add_to_mark(b, &mark, hint, hint->args.items[k]);
        }
    }
    /* What a query in FROM says about its own tables ends here. */
    const struct table_hint *kept = mark.has_ttl || mark.build ? arena_memdup(b->arena, &mark, sizeof mark) : NULL;
    for (;; rel = rel->inputs[0]) {
        rel->hint = kept;
        if (rel->kind != REL_PROJECT && rel->kind != REL_FILTER && rel->kind != REL_WATERMARK) return;
    }
}

/* The table's option for a key of the hint, NULL when there is none. */
static const char *option_of(struct str key) {
    if (str_equal(key, str_from("async"))) return "lookup.async";
    if (str_equal(key, str_from("capacity"))) return "lookup.max-in-flight";
    if (str_equal(key, str_from("fixed-delay"))) return "lookup.miss-retry.delay";
    if (str_equal(key, str_from("max-attempts"))) return "lookup.miss-retry.attempts";
    return NULL;
}

static bool names_table(const struct ast_hint *hint, const char *name, const char *alias) {
    for (int i = 0; i < hint->args.count; i++) {
        const struct ast_option *option = AST_AT(hint->args, i, ast_option);
        if (!str_equal(option->key, str_from("table"))) continue;
        return str_equal(option->value, str_from(name)) || (alias && str_equal(option->value, str_from(alias)));
    }
    return false;
}

static struct ast_node *as_option_hint(struct binder *b, const struct ast_hint *hint) {
    struct ast_hint *copy = arena_memdup(b->arena, hint, sizeof *hint);
    struct ast_ident *name = arena_memdup(b->arena, hint->name, sizeof *hint->name);
    name->text = "OPTIONS";
    copy->name = name;
    copy->args.items = ARENA_ARRAY(b->arena, struct ast_node *, hint->args.count + 1);
    copy->args.count = 0;
    for (int i = 0; i < hint->args.count; i++) {
        const struct ast_option *option = AST_AT(hint->args, i, ast_option);
        const char *key = option_of(option->key);
        if (!key) continue;
        struct ast_option *renamed = arena_memdup(b->arena, option, sizeof *option);
        renamed->key = str_from(key);
        copy->args.items[copy->args.count++] = &renamed->node;
    }
    return &copy->node;
}

const struct ast_list *lookup_hints_of(struct binder *b, const struct ast_list *table_hints, const char *name,
                                       const char *alias) {
    struct select_hints *own = b->select_hints;
    if (!own) return table_hints;
    struct ast_list *list = arena_memdup(b->arena, table_hints, sizeof *table_hints);
    list->items = ARENA_ARRAY(b->arena, struct ast_node *, table_hints->count + own->hints->count + 1);
    if (table_hints->count) memcpy(list->items, table_hints->items, sizeof *list->items * (size_t)table_hints->count);
    for (int i = 0; i < own->hints->count; i++) {
        const struct ast_hint *hint = AST_AT(*own->hints, i, ast_hint);
        if (!is_lookup(b, hint) || !names_table(hint, name, alias)) continue;
        own->used[i][0] = true;
        list->items[list->count++] = as_option_hint(b, hint);
    }
    return list;
}
