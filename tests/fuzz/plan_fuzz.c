/* Fuzzes parser, binder and planner together: every statement of the input that parses is bound and planned over made-up tables, as
 * batch and as stream, and EXPLAIN is printed. Errors must have a message; trees must hold together (test_check_rel).
 *
 * The mutator works on words, not bytes, so that much of what it makes parses: it takes one statement of the input and replaces,
 * drops, doubles or inserts words, parts of the statement itself, and pieces of queries. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan_test_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

enum { MAX_STATEMENTS = 8, MAX_STATEMENT_BYTES = 4000 };

static struct test_world worlds[2]; /* batch, streaming */

static void open_worlds(void) {
    if (worlds[0].table_count) return;
    for (int streaming = 0; streaming < 2; streaming++) plan_world_open(&worlds[streaming], streaming);
}

static void check_failure(const struct error *err, const char *text, size_t len) {
    if (!err->message[0] || err->code == STATUS_OK || err->code == STATUS_INTERNAL) {
        fprintf(stderr, "%.*s\n%s\n", (int)len, text, err->message);
        abort();
    }
}

static void plan_statement(const char *text, size_t len, bool streaming) {
    struct test_world world = worlds[streaming];
    arena_init(&world.arena, NULL);
    world.out = (struct strbuf){0};
    world.env.query_arena = &world.arena;
    world.env.data = &world;
    char *sql = arena_strndup(&world.arena, text, len);
    struct plan_options options = plan_options_default();
    options.portable = options.portable_streaming = streaming;
    if (plan_sql(&world, sql, options, SECTION_LOGICAL | SECTION_OPTIMIZED | SECTION_PHYSICAL) != STATUS_OK)
        check_failure(&world.err, text, len);
    strbuf_free(&world.out);
    arena_destroy(&world.arena);
}

static void plan_merge_statement(const struct ast_statement *statement, const char *text, size_t len) {
    struct test_world world = worlds[0];
    struct bound_merge bound;
    struct plan *plan;
    arena_init(&world.arena, NULL);
    error_clear(&world.err);
    world.env.query_arena = &world.arena;
    world.env.data = &world;
    struct plan_options options = plan_options_default();
    options.find_connector = fake_find_connector;
    if (bind_merge(&world.env, AST_AS(statement->root, ast_merge), &bound, &world.err) != STATUS_OK ||
        plan_inserts(&world.arena, bound.changes, bound.change_count, &options, &plan, &world.err) != STATUS_OK)
        check_failure(&world.err, text, len);
    arena_destroy(&world.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    open_worlds();
    char *copy = malloc(size + 1);
    if (!copy) return 0;
    memcpy(copy, text, size);
    copy[size] = 0;
    size_t offset = 0;
    for (int i = 0; i < MAX_STATEMENTS || size > MAX_STATEMENT_BYTES; i++) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct ast_statement *statement = NULL;
        struct error err;
        enum status status = parse_script_next(copy, size, &offset, &arena, &statement, &err);
        if (status == STATUS_OK && statement) {
            enum ast_kind kind = statement->root->kind;
            const char *own = copy + statement->offset;
            size_t len = (size_t)statement->length;
            bool plannable = kind == AST_QUERY || kind == AST_INSERT || kind == AST_UPDATE || kind == AST_DELETE;
            if (plannable && len <= MAX_STATEMENT_BYTES && !statement->parameter_count)
                for (int streaming = 0; streaming < 2; streaming++) plan_statement(own, len, streaming);
            if (kind == AST_MERGE && len <= MAX_STATEMENT_BYTES) plan_merge_statement(statement, own, len);
        }
        arena_destroy(&arena);
        if (offset >= size || (status == STATUS_OK && !statement)) break;
    }
    free(copy);
    return 0;
}

/* ---- mutations ---- */

/* What a name or a number may be replaced by, and an operator; what may be inserted anywhere. */
static const char *const names[] = {"a",   "b",   "c",       "d",      "o",    "x",     "n",   "q",
                                    "id",  "ts",  "user_id", "amount", "page", "price", "age", "name",
                                    "sku", "qty", "auction", "t.a",    "x.a",  "i.b",   "u.e"};
static const char *const tables[] = {
    "t",
    "s",
    "s2",
    "users",
    "orders",
    "items",
    "clicks",
    "events",
    "bids",
    "q",
    "(SELECT a, b, c FROM t) AS x",
    "(SELECT b AS a, SUM(a) AS b FROM t GROUP BY b) AS x",
    "UNNEST(ARRAY[1, 2]) AS u (e)",
    "(VALUES (1, 2, 'x'), (3, 4, 'y')) AS x (a, b, c)",
    "TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' HOUR))",
    "t AS x CROSS JOIN UNNEST(ARRAY[a, b]) WITH ORDINALITY AS u (e, i)",
    "t AS x LEFT JOIN LATERAL (SELECT * FROM t AS i WHERE i.a > x.a ORDER BY b LIMIT 1) AS l ON TRUE",
    "(SELECT a, b FROM t) PIVOT (SUM(a) FOR b IN (1, 2 AS z))",
    "t UNPIVOT (v FOR n IN (a, b))",
    "t AS x ASOF JOIN items AS y ON x.a = y.o AND x.b >= y.qty",
    "t TABLESAMPLE SYSTEM (5)",
    "(SELECT a FROM t UNION ALL SELECT d FROM s2) AS x (a)"};
static const char *const values[] = {
    "NULL",
    "TRUE",
    "1",
    "0",
    "2.5",
    "'x'",
    "COUNT(*)",
    "SUM(a)",
    "MAX(b)",
    "LISTAGG(c)",
    "AVG(a) FILTER (WHERE b > 1)",
    "COUNT(DISTINCT a)",
    "ROW_NUMBER() OVER (PARTITION BY a ORDER BY b)",
    "SUM(a) OVER (ORDER BY b ROWS 1 PRECEDING)",
    "LAG(a) OVER (ORDER BY b)",
    "(SELECT MAX(a) FROM t)",
    "(SELECT b FROM t AS i WHERE i.a = x.a)",
    "(SELECT COUNT(*) FROM orders AS i WHERE i.o = a)",
    "(SELECT b FROM t AS i WHERE i.a < x.a ORDER BY c LIMIT 1)",
    "EXISTS (SELECT 1 FROM t AS i WHERE i.b > x.b LIMIT 1)",
    "a IN (SELECT b FROM t)",
    "a NOT IN (SELECT b FROM t AS i WHERE i.c = x.c)",
    "a > ALL (SELECT b FROM t)",
    "(a, b) IN (SELECT a, b FROM t)",
    "(SELECT SUM(e) FROM UNNEST(ARRAY[x.a, 2]) AS u (e))",
    "CASE WHEN a = 1 THEN b ELSE NULL END",
    "CAST(a AS STRING)",
    "COALESCE(a, 1)",
    "RAND()",
    "NOW()",
    "ARRAY(SELECT a FROM t ORDER BY b)",
    "a IS NULL",
    "a BETWEEN 1 AND b",
    "a::BIGINT",
    "ARRAY_AGG(a ORDER BY b DESC)",
    "(SELECT COUNT(*) FROM (SELECT a FROM t INTERSECT SELECT x.a) AS z)",
    "(SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM t AS i WHERE i.a <> x.a GROUP BY ROLLUP (b)) AS z)"};
static const char *const operators[] = {
    "=",         "<",     ">=",        "<>",    "+", "-", "/", "*", "DIV", "||", "AND", "OR", "IS NOT DISTINCT FROM",
    "UNION ALL", "UNION", "INTERSECT", "EXCEPT"};
static const char *const clauses[] = {
    "DISTINCT",
    "NOT",
    "WHERE a > 1",
    "GROUP BY a",
    "GROUP BY a, b",
    "GROUP BY ALL",
    "HAVING COUNT(*) > 1",
    "ORDER BY a",
    "LIMIT 1",
    "OFFSET 1",
    "LEFT JOIN items AS i ON i.o = a",
    "RIGHT JOIN t AS i ON i.a = x.a AND i.b IN (SELECT qty FROM items)",
    "FULL JOIN t AS i ON i.a = x.a AND EXISTS (SELECT 1 FROM items WHERE o = i.b AND qty = x.b)",
    "CROSS JOIN s2",
    "WHERE EXISTS (SELECT 1 FROM t AS i WHERE i.a = x.a)",
    "UNION ALL SELECT 1, 2",
    "UNION SELECT a FROM t",
    "QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) = 1",
    "GROUP BY GROUPING SETS ((a), (b), ())",
    "DISTINCT ON (a)",
    "ORDER BY b DESC LIMIT 2",
    "WITHIN GROUP (ORDER BY b)",
    "AS x",
    ", a",
    ", *",
    "AND a IN (SELECT b FROM t)"};
#define ANY_OF(list, state) (list)[next_random(state) % (sizeof(list) / sizeof *(list))]

struct word {
    const char *text;
    size_t len;
};

static uint32_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Words, numbers, strings and single characters. */
static int split_words(const char *text, size_t len, struct word *words, int max) {
    int count = 0;
    for (size_t i = 0; i < len && count < max;) {
        size_t from = i++;
        char c = text[from];
        if (is_letter(c) || is_digit(c)) {
            while (i < len && (is_letter(text[i]) || is_digit(text[i]))) i++;
        } else if (c == '\'' || c == '`') {
            while (i < len && text[i] != c) i++;
            if (i < len) i++;
        } else if (c == ' ' || c == '\n' || c == '\t') {
            continue;
        }
        words[count++] = (struct word){text + from, i - from};
    }
    return count;
}

/* Names are in small letters in what is fuzzed, keywords in capitals. */
static bool is_name(const struct word *word) { return word->text[0] >= 'a' && word->text[0] <= 'z'; }

static bool is_operator(const struct word *word) {
    static const char *const known[] = {"=", "<", ">", "+", "-", "/", "AND", "OR", "UNION", "EXCEPT", "INTERSECT"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == word->len && memcmp(known[i], word->text, word->len) == 0) return true;
    return false;
}

static bool replaceable(const struct word *word) {
    return is_name(word) || is_digit(word->text[0]) || word->text[0] == '\'' || is_operator(word);
}

static const char *instead_of(const struct word *words, int at, uint64_t *state) {
    if (is_operator(&words[at])) return ANY_OF(operators, state);
    const struct word *before = at ? &words[at - 1] : NULL;
    bool table = before &&
                 ((before->len == 4 && (memcmp(before->text, "FROM", 4) == 0 || memcmp(before->text, "JOIN", 4) == 0)));
    if (table) return ANY_OF(tables, state);
    return next_random(state) % 2 ? ANY_OF(names, state) : ANY_OF(values, state);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
    enum { MAX_WORDS = 600 };
    static char buffer[1 << 16];
    static struct word words[MAX_WORDS], changed[MAX_WORDS * 2 + 64];
    uint64_t state = seed + UINT64_C(0x9E3779B97F4A7C15);
    /* one statement */
    const char *text = (const char *)data;
    size_t starts[64], count = 0, from = 0;
    starts[count++] = 0;
    for (size_t i = 0; i < size && count < 64; i++)
        if (text[i] == ';' && i + 1 < size) starts[count++] = i + 1;
    size_t pick = next_random(&state) % count;
    from = starts[pick];
    size_t len = (pick + 1 < count ? starts[pick + 1] - 1 : size) - from;
    if (len > sizeof buffer / 4) len = sizeof buffer / 4;
    memcpy(buffer, text + from, len);
    int n = split_words(buffer, len, words, MAX_WORDS);
    for (int round = 1 + (int)(next_random(&state) % 3); round > 0; round--) {
        int at = n ? (int)(next_random(&state) % (uint32_t)n) : 0, m = 0;
        int span = 1 + (int)(next_random(&state) % 6), other = n ? (int)(next_random(&state) % (uint32_t)n) : 0;
        if (at + span > n) span = n - at;
        int length = other + span > n ? n - other : span;
        const char *piece = ANY_OF(clauses, &state);
        uint32_t action = next_random(&state) % 12;
        for (int i = 0; i < at; i++) changed[m++] = words[i];
        int rest = at;
        if (action == 0 || action > 5) { /* replace a word by one of its kind */
            while (at < n && !replaceable(&words[at])) {
                changed[m++] = words[at];
                at++;
            }
            if (at < n) piece = instead_of(words, at, &state);
            changed[m++] = (struct word){piece, strlen(piece)};
            rest = at + 1;
        } else if (action == 1) { /* insert a piece */
            changed[m++] = (struct word){piece, strlen(piece)};
        } else if (action == 2) { /* drop */
            rest = at + span;
        } else if (action == 3) { /* copy from elsewhere */
            for (int i = 0; i < length; i++) changed[m++] = words[other + i];
        } else if (action == 4) { /* put a part from elsewhere in place of this one */
            for (int i = 0; i < length; i++) changed[m++] = words[other + i];
            rest = at + span;
        } else { /* in parentheses, as a query of its own */
            static const char *const around[][2] = {{"SELECT * FROM (", ") AS x"},
                                                    {"SELECT a, (", ") FROM t AS x"},
                                                    {"SELECT a FROM t AS x WHERE a = (", ")"},
                                                    {"(", ") UNION ALL (SELECT 1)"}};
            const char *const *pair = around[next_random(&state) % 4];
            m = 0;
            changed[m++] = (struct word){pair[0], strlen(pair[0])};
            for (int i = 0; i < n; i++) changed[m++] = words[i];
            changed[m++] = (struct word){pair[1], strlen(pair[1])};
            rest = n;
        }
        for (int i = rest; i < n && m < MAX_WORDS; i++) changed[m++] = words[i];
        n = m < MAX_WORDS ? m : MAX_WORDS;
        memcpy(words, changed, (size_t)n * sizeof *words);
    }
    struct strbuf out = {0};
    for (int i = 0; i < n; i++) {
        bool tight = words[i].text[0] == '.' || (i && words[i - 1].text[0] == '.');
        bool pair = i && words[i - 1].len == 1 && words[i].len == 1 && strchr("<>|=!:", words[i - 1].text[0]) &&
                    strchr("<>|=:", words[i].text[0]);
        if (i && !tight && !pair) strbuf_putc(&out, ' ');
        strbuf_add(&out, words[i].text, words[i].len);
    }
    size_t out_size = out.len < max_size ? out.len : max_size;
    if (out_size) memcpy(data, out.data, out_size);
    strbuf_free(&out);
    return out_size;
}
