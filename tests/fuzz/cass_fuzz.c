/* Values of any CQL type from a server: a text of the type, a 0 byte, a byte that chooses the SQL type, then cells ([bytes] of the
 * protocol: i32 length and bytes). What decodes must encode again, to bytes that decode to the same values. */
#include <stdlib.h>

#include "cass/bytes.h"
#include "cass/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_ROWS = 64, MAX_TYPE_TEXT = 400 };

/* Every name is a type of (a int, b frozen<list<text>>, c tuple<duration, decimal>). */
static const struct cass_type *find_udt(void *data, struct str name) {
    struct arena *arena = data;
    static const char *const names[] = {"a", "b", "c"}, *const texts[] = {"int", "frozen<list<text>>",
                                                                          "tuple<duration, decimal>"};
    const struct cass_type **fields = ARENA_ARRAY(arena, const struct cass_type *, 3);
    for (int i = 0; i < 3; i++)
        if (cass_type_parse(arena, str_from(texts[i]), NULL, NULL, &fields[i], NULL) != STATUS_OK) abort();
    struct cass_type *type = ARENA_NEW(arena, struct cass_type);
    *type = (struct cass_type){.id = CASS_UDT, .child_count = 3, .children = fields, .names = names};
    type->name = arena_strndup(arena, name.data, name.len);
    return type;
}

/* The usual SQL type, or another one that may be declared. */
static const struct type *choose_type(struct arena *arena, const struct cass_type *cass, uint8_t choice) {
    static const char *const names[] = {"months", "days", "nanos"};
    switch (cass->id) {
    case CASS_VARINT:
        if (choice % 3 == 1) return type_of(TYPE_BIGINT);
        if (choice % 3 == 2) return type_of(TYPE_VARCHAR);
        break;
    case CASS_DECIMAL:
        if (choice % 3 == 1) return type_decimal(arena, 1 + choice % 38, choice % (1 + choice % 38), true);
        if (choice % 3 == 2) return type_of(TYPE_VARCHAR);
        break;
    case CASS_DURATION: {
        const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_INT), type_of(TYPE_BIGINT)};
        if (choice % 2) return type_row(arena, 3, names, types, true);
        break;
    }
    case CASS_TIMESTAMP: return type_time(arena, choice % 2 ? TYPE_TIMESTAMP : TYPE_TIMESTAMP_LTZ, choice % 10, true);
    case CASS_TIME: return type_time(arena, TYPE_TIME, choice % 10, true);
    default: break;
    }
    return cass_type_to_sql(arena, cass, true);
}

struct cells {
    int count;
    struct cass_cell list[MAX_ROWS];
    uint8_t *page;
};

static void take_cells(const uint8_t *data, size_t size, struct cells *cells) {
    cells->page = calloc(1, size + CASS_CELL_PADDING);
    if (size) memcpy(cells->page, data, size);
    struct cass_reader r = cass_reader_over(cells->page, size);
    while (cass_left(&r) >= 4 && cells->count < MAX_ROWS) {
        struct str cell = cass_read_bytes(&r);
        if (r.failed) break;
        cells->list[cells->count++] = (struct cass_cell){
            cell.data ? (uint32_t)((const uint8_t *)cell.data - cells->page) : 0, cell.data ? (int32_t)cell.len : -1};
    }
}

static bool decode(const struct cass_codec *codec, const struct cells *cells, struct arena *arena, struct vector *vec) {
    struct error err;
    vector_init(vec, arena, codec->type, cells->count + 1);
    return cass_decode(codec, cells->page, cells->list, cells->count, vec, arena, cells->count + 1, 0, &err) ==
           STATUS_OK;
}

static void there_and_back(const struct cass_codec *codec, const struct vector *vec, int count, struct arena *arena) {
    struct strbuf out = {0}, again = {0}, text = {0};
    struct error err;
    struct vector second;
    for (int row = 0; row < count; row++) {
        struct value value = vector_get(vec, row, arena);
        strbuf_clear(&text);
        value_print_sql(&text, &value);
        strbuf_clear(&out);
        if (cass_encode(codec, vec, row, &out, &err) != STATUS_OK) continue; /* a NULL in a list, say */
        struct cells cells = {0};
        take_cells((const uint8_t *)out.data, out.len, &cells);
        if (cells.count != 1 || !decode(codec, &cells, arena, &second)) abort();
        struct value back = vector_get(&second, 0, arena);
        if (value_compare(&value, &back) != 0) abort();
        strbuf_clear(&again);
        if (cass_encode(codec, &second, 0, &again, &err) != STATUS_OK) abort();
        if (!str_equal(strbuf_str(&out), strbuf_str(&again))) abort();
        strbuf_clear(&again);
        cass_encode_match(codec, vec, row, &again);
        free(cells.page);
    }
    strbuf_free(&out);
    strbuf_free(&again);
    strbuf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size && size <= 1 << 16 ? memchr(data, 0, size) : NULL;
    if (!end || end - data > MAX_TYPE_TEXT || end + 2 > data + size) return 0;
    struct arena arena;
    struct error err;
    const struct cass_type *cass;
    struct cass_codec codec;
    struct vector vec;
    struct cells cells = {0};
    arena_init(&arena, NULL);
    if (cass_type_parse(&arena, (struct str){(const char *)data, (size_t)(end - data)}, find_udt, &arena, &cass,
                        &err) == STATUS_OK &&
        cass_codec_init(&codec, &arena, cass, choose_type(&arena, cass, end[1]), "c", &err) == STATUS_OK) {
        take_cells(end + 2, size - (size_t)(end + 2 - data), &cells);
        if (decode(&codec, &cells, &arena, &vec)) there_and_back(&codec, &vec, cells.count, &arena);
    }
    free(cells.page);
    arena_destroy(&arena);
    return 0;
}
