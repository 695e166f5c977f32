/* The LOOKUP hint of a SELECT: settings for one of its lookup joins, which become options of the table there.
 *
 *     LOOKUP('table' = 'u', 'retry-predicate' = 'lookup_miss', 'retry-strategy' = 'fixed_delay',
 *            'fixed-delay' = '10 s', 'max-attempts' = '3')
 *
 * Keys and values are Flink's. 'async', 'output-mode', 'timeout' and 'shuffle' have nothing to say here: many keys are always
 * asked for at once, rows keep their order, and requests have a timeout of their own. */
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

static bool is_lookup(struct binder *b, const struct ast_hint *hint) {
    return strcmp(upper_name(b, hint->name->text), "LOOKUP") == 0;
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

enum status lookup_hints_begin(struct binder *b, const struct ast_list *hints, struct lookup_hints *own,
                               struct error *err) {
    *own = (struct lookup_hints){.hints = hints, .used = ARENA_ARRAY(b->arena, bool, hints->count + 1)};
    for (int i = 0; i < hints->count; i++) {
        const struct ast_hint *hint = AST_AT(*hints, i, ast_hint);
        if (is_lookup(b, hint)) TRY(check_hint(b, hint, err));
    }
    own->outer = b->lookup_hints;
    b->lookup_hints = own;
    return STATUS_OK;
}

enum status lookup_hints_end(struct binder *b, struct lookup_hints *own, struct error *err) {
    b->lookup_hints = own->outer;
    for (int i = 0; i < own->hints->count; i++) {
        const struct ast_hint *hint = AST_AT(*own->hints, i, ast_hint);
        if (!is_lookup(b, hint) || own->used[i]) continue;
        enum status status = bind_error(b, err, STATUS_INVALID_OPTION, &hint->node,
                                        "the LOOKUP hint's table is looked up by no join of this query");
        error_hint(err, "'table' is the name or alias of a table with FOR SYSTEM_TIME AS OF a processing time");
        return status;
    }
    return STATUS_OK;
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
    struct lookup_hints *own = b->lookup_hints;
    if (!own) return table_hints;
    struct ast_list *list = arena_memdup(b->arena, table_hints, sizeof *table_hints);
    list->items = ARENA_ARRAY(b->arena, struct ast_node *, table_hints->count + own->hints->count + 1);
    if (table_hints->count) memcpy(list->items, table_hints->items, sizeof *list->items * (size_t)table_hints->count);
    for (int i = 0; i < own->hints->count; i++) {
        const struct ast_hint *hint = AST_AT(*own->hints, i, ast_hint);
        if (!is_lookup(b, hint) || !names_table(hint, name, alias)) continue;
        own->used[i] = true;
        list->items[list->count++] = as_option_hint(b, hint);
    }
    return list;
}
