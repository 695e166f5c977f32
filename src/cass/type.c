#include "cass/type.h"

#include <assert.h>
#include <stdlib.h>

enum { MAX_TYPE_TEXT = 64 << 10 };

/* Names in CQL and in Java. */
static const struct scalar {
    struct cass_type type;
    const char *name, *class;
} scalars[] = {
    {{.id = CASS_ASCII}, "ascii", "AsciiType"},
    {{.id = CASS_BIGINT}, "bigint", "LongType"},
    {{.id = CASS_BLOB}, "blob", "BytesType"},
    {{.id = CASS_BOOLEAN}, "boolean", "BooleanType"},
    {{.id = CASS_COUNTER}, "counter", "CounterColumnType"},
    {{.id = CASS_DECIMAL}, "decimal", "DecimalType"},
    {{.id = CASS_DOUBLE}, "double", "DoubleType"},
    {{.id = CASS_FLOAT}, "float", "FloatType"},
    {{.id = CASS_INT}, "int", "Int32Type"},
    {{.id = CASS_TIMESTAMP}, "timestamp", "TimestampType"},
    {{.id = CASS_UUID}, "uuid", "UUIDType"},
    {{.id = CASS_TEXT}, "text", "UTF8Type"},
    {{.id = CASS_VARINT}, "varint", "IntegerType"},
    {{.id = CASS_TIMEUUID}, "timeuuid", "TimeUUIDType"},
    {{.id = CASS_INET}, "inet", "InetAddressType"},
    {{.id = CASS_DATE}, "date", "SimpleDateType"},
    {{.id = CASS_TIME}, "time", "TimeType"},
    {{.id = CASS_SMALLINT}, "smallint", "ShortType"},
    {{.id = CASS_TINYINT}, "tinyint", "ByteType"},
    {{.id = CASS_DURATION}, "duration", "DurationType"},
    {{.id = CASS_TEXT}, "varchar", "UTF8Type"},
    {{.id = CASS_TIMESTAMP}, "timestamp", "DateType"},
};
enum { SCALAR_COUNT = sizeof scalars / sizeof *scalars };

const struct cass_type *cass_type_scalar(enum cass_type_id id) {
    for (int i = 0; i < SCALAR_COUNT; i++)
        if (scalars[i].type.id == id) return &scalars[i].type;
    return NULL;
}

const struct cass_type *cass_type_make(struct arena *arena, enum cass_type_id id, int32_t dimension,
                                       int32_t child_count, const struct cass_type *const *children) {
    struct cass_type *type = ARENA_NEW(arena, struct cass_type);
    *type =
        (struct cass_type){.id = id, .dimension = dimension, .child_count = child_count, .frozen = id == CASS_TUPLE};
    type->children = arena_memdup(arena, children, sizeof *children * (size_t)child_count);
    return type;
}

static const struct cass_type *make_custom(struct arena *arena, struct str class) {
    struct cass_type *type = ARENA_NEW(arena, struct cass_type);
    type->id = CASS_CUSTOM;
    type->name = arena_strndup(arena, class.data, class.len);
    return type;
}

const struct cass_type *cass_type_freeze(struct arena *arena, const struct cass_type *type) {
    struct cass_type *copy = arena_memdup(arena, type, sizeof *type);
    copy->frozen = true;
    return copy;
}

/* ---- Texts ---- */

struct text {
    const char *pos, *end;
    struct arena *arena;
    cass_udt_finder *find;
    void *data;
    int depth;
};

static void skip_blanks(struct text *t) {
    while (t->pos < t->end && (*t->pos == ' ' || *t->pos == '\t')) t->pos++;
}

static bool accept_char(struct text *t, char c) {
    skip_blanks(t);
    if (t->pos >= t->end || *t->pos != c) return false;
    t->pos++;
    return true;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static struct str take_word(struct text *t) {
    skip_blanks(t);
    const char *start = t->pos;
    while (t->pos < t->end && is_word(*t->pos)) t->pos++;
    return (struct str){start, (size_t)(t->pos - start)};
}

static bool take_dimension(struct text *t, int32_t *out) {
    struct str word = take_word(t);
    int64_t n = 0;
    if (word.len == 0 || word.len > 9) return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] < '0' || word.data[i] > '9') return false;
        n = n * 10 + (word.data[i] - '0');
    }
    *out = (int32_t)n;
    return n > 0;
}

/* Between delimiters that are doubled inside: "My ""type""", 'class'. The delimiter was taken. */
static bool take_quoted(struct text *t, char quote, struct str *out) {
    struct strbuf buf = {0};
    for (; t->pos < t->end; t->pos++) {
        if (*t->pos == quote) {
            if (t->pos + 1 < t->end && t->pos[1] == quote)
                t->pos++;
            else
                break;
        }
        strbuf_putc(&buf, *t->pos);
    }
    bool closed = t->pos < t->end;
    if (closed) t->pos++;
    *out = (struct str){arena_strndup(t->arena, buf.data ? buf.data : "", buf.len), buf.len};
    strbuf_free(&buf);
    return closed;
}

/* Lists of children are gathered here before their number is known. */
struct type_list {
    const struct cass_type **items;
    int count, capacity;
};

static bool parse_cql(struct text *t, const struct cass_type **out);

static bool parse_parameters(struct text *t, struct type_list *list, int32_t *dimension) {
    do {
        if (dimension && list->count == 1) {
            if (!take_dimension(t, dimension)) return false;
            break;
        }
        const struct cass_type *child;
        if (list->count >= CASS_MAX_FIELDS || !parse_cql(t, &child)) return false;
        ARRAY_RESERVE(list->items, list->capacity, list->count + 1);
        list->items[list->count++] = child;
    } while (accept_char(t, ','));
    return accept_char(t, '>');
}

static bool parse_generic(struct text *t, struct str name, const struct cass_type **out) {
    static const struct {
        const char *name;
        enum cass_type_id id;
        int count; /* 0: any */
    } generics[] = {{"list", CASS_LIST, 1},   {"set", CASS_SET, 1},       {"map", CASS_MAP, 2},
                    {"tuple", CASS_TUPLE, 0}, {"vector", CASS_VECTOR, 1}, {"frozen", CASS_CUSTOM, 1}};
    for (size_t i = 0; i < sizeof generics / sizeof *generics; i++) {
        if (!str_equal_nocase(name, str_from(generics[i].name))) continue;
        struct type_list list = {0};
        int32_t dimension = 0;
        bool vector = generics[i].id == CASS_VECTOR;
        bool good = parse_parameters(t, &list, vector ? &dimension : NULL) &&
                    (generics[i].count == 0 || generics[i].count == list.count) && (!vector || dimension > 0);
        if (good) {
            if (generics[i].id == CASS_CUSTOM)
                *out = cass_type_freeze(t->arena, list.items[0]);
            else
                *out = cass_type_make(t->arena, generics[i].id, dimension, list.count, list.items);
        }
        free(list.items);
        return good;
    }
    return false;
}

static const struct cass_type *find_udt(struct text *t, struct str name) {
    const struct cass_type *type = t->find ? t->find(t->data, name) : NULL;
    return type ? type : make_custom(t->arena, name);
}

static bool parse_cql_inner(struct text *t, const struct cass_type **out) {
    struct str name;
    if (accept_char(t, '\'')) {
        if (!take_quoted(t, '\'', &name)) return false;
        *out = cass_type_from_class(t->arena, name);
        return true;
    }
    if (accept_char(t, '"')) {
        if (!take_quoted(t, '"', &name)) return false;
        *out = find_udt(t, name);
        return true;
    }
    name = take_word(t);
    if (name.len == 0) return false;
    if (accept_char(t, '<')) return parse_generic(t, name, out);
    for (int i = 0; i < SCALAR_COUNT; i++)
        if (str_equal_nocase(name, str_from(scalars[i].name))) {
            *out = &scalars[i].type;
            return true;
        }
    *out = find_udt(t, name);
    return true;
}

static bool parse_cql(struct text *t, const struct cass_type **out) {
    if (++t->depth > TYPE_MAX_NESTING) return false;
    bool good = parse_cql_inner(t, out);
    t->depth--;
    return good;
}

enum status cass_type_parse(struct arena *arena, struct str text, cass_udt_finder *find, void *data,
                            const struct cass_type **out, struct error *err) {
    struct text t = {.pos = text.data, .end = text.data + text.len, .arena = arena, .find = find, .data = data};
    const struct cass_type *type;
    bool good = text.len <= MAX_TYPE_TEXT && parse_cql(&t, &type);
    skip_blanks(&t);
    if (!good || t.pos != t.end)
        return error_set(err, STATUS_BAD_DATA, "'%.*s' is no CQL type", (int)(text.len < 100 ? text.len : 100),
                         text.data);
    *out = type;
    return STATUS_OK;
}

/* ---- Java classes ---- */

static bool parse_class(struct text *t, const struct cass_type **out);

static bool unhex_text(struct arena *arena, struct str hex, const char **out) {
    if (hex.len % 2) return false;
    char *text = arena_alloc_aligned(arena, hex.len / 2 + 1, 1);
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.data[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return false;
        text[i / 2] = (char)(i % 2 ? text[i / 2] | digit : digit << 4);
    }
    text[hex.len / 2] = 0;
    *out = text;
    return true;
}

/* UserType(keyspace,hex of the name,hex of a field:type,…) behind the bracket. */
static bool parse_user_class(struct text *t, const struct cass_type **out) {
    struct type_list list = {0};
    const char **names = NULL;
    int name_capacity = 0;
    struct cass_type type = {.id = CASS_UDT};
    struct str keyspace = take_word(t);
    type.keyspace = arena_strndup(t->arena, keyspace.data, keyspace.len);
    bool good = accept_char(t, ',') && unhex_text(t->arena, take_word(t), &type.name);
    while (good && accept_char(t, ',')) {
        const char *field;
        const struct cass_type *child;
        good = list.count < CASS_MAX_FIELDS && unhex_text(t->arena, take_word(t), &field) && accept_char(t, ':') &&
               parse_class(t, &child);
        if (!good) break;
        ARRAY_RESERVE(list.items, list.capacity, list.count + 1);
        ARRAY_RESERVE(names, name_capacity, list.count + 1);
        names[list.count] = field;
        list.items[list.count++] = child;
    }
    good = good && list.count > 0 && accept_char(t, ')');
    if (good) {
        type.child_count = list.count;
        type.children = arena_memdup(t->arena, list.items, sizeof *list.items * (size_t)list.count);
        type.names = arena_memdup(t->arena, names, sizeof *names * (size_t)list.count);
        *out = arena_memdup(t->arena, &type, sizeof type);
    }
    free(list.items);
    free(names);
    return good;
}

/* A class that is not known here, with its parameters as they are: "CompositeType(a,b)" from `start` on. */
static bool skip_parameters(struct text *t, const char *start, const struct cass_type **out) {
    for (int open = 1; open; t->pos++) {
        if (t->pos >= t->end) return false;
        open += *t->pos == '(' ? 1 : *t->pos == ')' ? -1 : 0;
    }
    *out = make_custom(t->arena, (struct str){start, (size_t)(t->pos - start)});
    return true;
}

/* Behind the bracket. `start` is where the class's name begins. */
static bool parse_class_parameters(struct text *t, const char *start, struct str name, const struct cass_type **out) {
    static const struct {
        const char *name;
        enum cass_type_id id;
        int count;
    } generics[] = {{"ListType", CASS_LIST, 1},      {"SetType", CASS_SET, 1},       {"MapType", CASS_MAP, 2},
                    {"TupleType", CASS_TUPLE, 0},    {"VectorType", CASS_VECTOR, 1}, {"FrozenType", CASS_CUSTOM, 1},
                    {"ReversedType", CASS_CUSTOM, 1}};
    if (str_equal(name, str_from("UserType"))) return parse_user_class(t, out);
    for (size_t i = 0; i < sizeof generics / sizeof *generics; i++) {
        if (!str_equal(name, str_from(generics[i].name))) continue;
        struct type_list list = {0};
        int32_t dimension = 0;
        bool vector = generics[i].id == CASS_VECTOR, good = true;
        do {
            if (vector && list.count == 1) {
                good = take_dimension(t, &dimension);
                break;
            }
            const struct cass_type *child;
            good = list.count < CASS_MAX_FIELDS && parse_class(t, &child);
            if (!good) break;
            ARRAY_RESERVE(list.items, list.capacity, list.count + 1);
            list.items[list.count++] = child;
        } while (accept_char(t, ','));
        good = good && accept_char(t, ')') && (generics[i].count == 0 || generics[i].count == list.count) &&
               (!vector || dimension > 0);
        if (good && generics[i].id != CASS_CUSTOM)
            *out = cass_type_make(t->arena, generics[i].id, dimension, list.count, list.items);
        else if (good)
            *out = name.data[0] == 'F' ? cass_type_freeze(t->arena, list.items[0]) : list.items[0];
        free(list.items);
        return good;
    }
    return skip_parameters(t, start, out);
}

static bool parse_class(struct text *t, const struct cass_type **out) {
    if (t->depth >= TYPE_MAX_NESTING) return false;
    static const char package[] = "org.apache.cassandra.db.marshal.";
    struct str name = take_word(t);
    const struct str full = name;
    if (name.len == 0) return false;
    if (name.len > sizeof package - 1 && memcmp(name.data, package, sizeof package - 1) == 0) {
        name.data += sizeof package - 1;
        name.len -= sizeof package - 1;
    }
    if (accept_char(t, '(')) {
        t->depth++;
        bool good = parse_class_parameters(t, full.data, name, out);
        t->depth--;
        return good;
    }
    for (int i = 0; i < SCALAR_COUNT; i++)
        if (str_equal(name, str_from(scalars[i].class))) {
            *out = &scalars[i].type;
            return true;
        }
    *out = make_custom(t->arena, full);
    return true;
}

const struct cass_type *cass_type_from_class(struct arena *arena, struct str text) {
    struct text t = {.pos = text.data, .end = text.data + text.len, .arena = arena};
    const struct cass_type *type;
    if (text.len <= MAX_TYPE_TEXT && parse_class(&t, &type) && (skip_blanks(&t), t.pos == t.end)) return type;
    return make_custom(arena, text);
}

/* ---- Printing ---- */

void cass_put_name(struct strbuf *buf, const char *name) {
    strbuf_putc(buf, '"');
    for (; *name; name++) {
        if (*name == '"') strbuf_putc(buf, '"');
        strbuf_putc(buf, *name);
    }
    strbuf_putc(buf, '"');
}

void cass_put_text(struct strbuf *buf, struct str text) {
    strbuf_putc(buf, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\'') strbuf_putc(buf, '\'');
        strbuf_putc(buf, text.data[i]);
    }
    strbuf_putc(buf, '\'');
}

static void print_parameters(struct strbuf *buf, const char *name, const struct cass_type *type) {
    strbuf_puts(buf, name);
    strbuf_putc(buf, '<');
    for (int i = 0; i < type->child_count; i++) {
        if (i) strbuf_puts(buf, ", ");
        cass_type_print(buf, type->children[i]);
    }
    if (type->id == CASS_VECTOR) strbuf_printf(buf, ", %d", type->dimension);
    strbuf_putc(buf, '>');
}

void cass_type_print(struct strbuf *buf, const struct cass_type *type) {
    bool frozen = type->frozen && type->id != CASS_TUPLE && type->id != CASS_VECTOR && type->child_count > 0;
    if (frozen) strbuf_puts(buf, "frozen<");
    switch (type->id) {
    case CASS_LIST: print_parameters(buf, "list", type); break;
    case CASS_SET: print_parameters(buf, "set", type); break;
    case CASS_MAP: print_parameters(buf, "map", type); break;
    case CASS_VECTOR: print_parameters(buf, "vector", type); break;
    case CASS_TUPLE: /* always frozen, but only a bare one may go without the word in old versions */
        strbuf_puts(buf, "frozen<");
        print_parameters(buf, "tuple", type);
        strbuf_putc(buf, '>');
        break;
    case CASS_UDT: cass_put_name(buf, type->name); break;
    case CASS_CUSTOM: cass_put_text(buf, str_from(type->name)); break;
    default:
        for (int i = 0; i < SCALAR_COUNT; i++)
            if (scalars[i].type.id == type->id) {
                strbuf_puts(buf, scalars[i].name);
                break;
            }
    }
    if (frozen) strbuf_putc(buf, '>');
}

const char *cass_type_text(struct arena *arena, const struct cass_type *type) {
    struct strbuf buf = {0};
    cass_type_print(&buf, type);
    const char *text = arena_strndup(arena, buf.data, buf.len);
    strbuf_free(&buf);
    return text;
}

bool cass_type_equal(const struct cass_type *a, const struct cass_type *b) {
    if (a->id != b->id || a->dimension != b->dimension || a->child_count != b->child_count) return false;
    if (a->id == CASS_CUSTOM && strcmp(a->name, b->name) != 0) return false;
    for (int i = 0; i < a->child_count; i++)
        if (!cass_type_equal(a->children[i], b->children[i])) return false;
    return true;
}

bool cass_type_is_multicell(const struct cass_type *type) {
    bool may_be = type->id == CASS_LIST || type->id == CASS_SET || type->id == CASS_MAP || type->id == CASS_UDT;
    return may_be && !type->frozen;
}

/* What AbstractType.valueLengthIfFixed says: tinyint, smallint, date, time and inet are not among them. */
size_t cass_type_fixed_size(const struct cass_type *type) {
    switch (type->id) {
    case CASS_BOOLEAN: return 1;
    case CASS_FLOAT:
    case CASS_INT: return 4;
    case CASS_BIGINT:
    case CASS_DOUBLE:
    case CASS_TIMESTAMP: return 8;
    case CASS_UUID:
    case CASS_TIMEUUID: return 16;
    case CASS_VECTOR: {
        size_t size = cass_type_fixed_size(type->children[0]);
        return size * (size_t)type->dimension <= INT32_MAX ? size * (size_t)type->dimension : 0;
    }
    default: return 0;
    }
}

/* ---- To SQL and back ---- */

const struct type *cass_type_to_sql(struct arena *arena, const struct cass_type *type, bool nullable) {
    static const enum type_id plain[] = {
        [CASS_ASCII] = TYPE_VARCHAR,    [CASS_BIGINT] = TYPE_BIGINT,     [CASS_BLOB] = TYPE_VARBINARY,
        [CASS_BOOLEAN] = TYPE_BOOLEAN,  [CASS_COUNTER] = TYPE_BIGINT,    [CASS_DOUBLE] = TYPE_DOUBLE,
        [CASS_FLOAT] = TYPE_FLOAT,      [CASS_INT] = TYPE_INT,           [CASS_UUID] = TYPE_VARCHAR,
        [CASS_TEXT] = TYPE_VARCHAR,     [CASS_TIMEUUID] = TYPE_VARCHAR,  [CASS_INET] = TYPE_VARCHAR,
        [CASS_DATE] = TYPE_DATE,        [CASS_SMALLINT] = TYPE_SMALLINT, [CASS_TINYINT] = TYPE_TINYINT,
        [CASS_DURATION] = TYPE_VARCHAR, [CASS_CUSTOM] = TYPE_VARBINARY,
    };
    switch (type->id) {
    case CASS_DECIMAL: return type_decimal(arena, CASS_DECIMAL_PRECISION, CASS_DECIMAL_SCALE, nullable);
    case CASS_VARINT: return type_decimal(arena, TYPE_MAX_PRECISION, 0, nullable);
    case CASS_TIMESTAMP: return type_time(arena, TYPE_TIMESTAMP_LTZ, 3, nullable);
    case CASS_TIME: return type_time(arena, TYPE_TIME, 9, nullable);
    case CASS_LIST:
    case CASS_SET:
    case CASS_VECTOR: return type_array(arena, cass_type_to_sql(arena, type->children[0], true), nullable);
    case CASS_MAP:
        return type_map(arena, cass_type_to_sql(arena, type->children[0], true),
                        cass_type_to_sql(arena, type->children[1], true), nullable);
    case CASS_TUPLE:
    case CASS_UDT: {
        const struct type **types = ARENA_ARRAY(arena, const struct type *, type->child_count);
        const char **names = ARENA_ARRAY(arena, const char *, type->child_count);
        for (int i = 0; i < type->child_count; i++) {
            types[i] = cass_type_to_sql(arena, type->children[i], true);
            names[i] = type->names ? type->names[i] : arena_printf(arena, "f%d", i);
        }
        return type_row(arena, type->child_count, names, types, nullable);
    }
    default: return type_with_nullable(arena, type_of(plain[type->id]), nullable);
    }
}

enum status cass_type_from_sql(struct arena *arena, const struct type *type, const struct cass_type **out,
                               struct error *err) {
    static const uint8_t plain[TYPE_ID_COUNT] = {
        [TYPE_BOOLEAN] = CASS_BOOLEAN, [TYPE_TINYINT] = CASS_TINYINT,     [TYPE_SMALLINT] = CASS_SMALLINT,
        [TYPE_INT] = CASS_INT,         [TYPE_BIGINT] = CASS_BIGINT,       [TYPE_FLOAT] = CASS_FLOAT,
        [TYPE_DOUBLE] = CASS_DOUBLE,   [TYPE_CHAR] = CASS_TEXT,           [TYPE_VARCHAR] = CASS_TEXT,
        [TYPE_BINARY] = CASS_BLOB,     [TYPE_VARBINARY] = CASS_BLOB,      [TYPE_DATE] = CASS_DATE,
        [TYPE_TIME] = CASS_TIME,       [TYPE_TIMESTAMP] = CASS_TIMESTAMP, [TYPE_TIMESTAMP_LTZ] = CASS_TIMESTAMP,
        [TYPE_DECIMAL] = CASS_DECIMAL,
    };
    const struct cass_type *children[2];
    switch (type->id) {
    case TYPE_ARRAY:
        TRY(cass_type_from_sql(arena, type->children[0], &children[0], err));
        *out = cass_type_freeze(arena, cass_type_make(arena, CASS_LIST, 0, 1, children));
        return STATUS_OK;
    case TYPE_MAP:
        TRY(cass_type_from_sql(arena, type->children[0], &children[0], err));
        TRY(cass_type_from_sql(arena, type->children[1], &children[1], err));
        *out = cass_type_freeze(arena, cass_type_make(arena, CASS_MAP, 0, 2, children));
        return STATUS_OK;
    case TYPE_ROW: {
        const struct cass_type **fields = ARENA_ARRAY(arena, const struct cass_type *, type->child_count);
        for (int i = 0; i < type->child_count; i++) TRY(cass_type_from_sql(arena, type->children[i], &fields[i], err));
        *out = cass_type_make(arena, CASS_TUPLE, 0, type->child_count, fields);
        return STATUS_OK;
    }
    default:
        if (!plain[type->id]) {
            struct strbuf buf = {0};
            type_print(&buf, type);
            enum status status = error_set(err, STATUS_NOT_SUPPORTED, "Cassandra has no type for %s", buf.data);
            strbuf_free(&buf);
            return status;
        }
        bool integer = type->id == TYPE_DECIMAL && type->precision == TYPE_MAX_PRECISION && type->scale == 0;
        *out = cass_type_scalar(integer ? CASS_VARINT : (enum cass_type_id)plain[type->id]);
        return STATUS_OK;
    }
}
