/* CSV (RFC 4180), with the options of Flink's csv format.
 *
 * Records end with LF or CR LF outside of quotes; a last record without one counts. A quote opens only at the start of a
 * field, and is doubled inside; elsewhere it is an ordinary character. A byte order mark is skipped. A blank line is no
 * record unless the table has a single field.
 *
 * NULL and empty fields. `csv.null-literal` gives NULL (where the field is not quoted). Without it Flink has no NULL at
 * all and fails on an empty number; here an empty field that is no string is NULL, and an empty string field is '' as in
 * Flink; with 'csv.null-literal' = '' or 'csv.empty-string-as-null' = 'true' it is NULL when it is not quoted. The writer
 * writes NULL as the null literal or an empty field, and quotes the empty string.
 *
 * Scanning goes by blocks of 64 bytes as bit masks: the parity of the quotes gives what is inside. It is right as long
 * as every opening quote stands at the start of a field, which is checked on the masks; what does not pass goes through a
 * byte-wise automaton, which is the definition.
 *
 *     FIELD_START  blanks, if they are trimmed → FIELD_START; quote → QUOTED; else as UNQUOTED
 *     UNQUOTED     delimiter → FIELD_START; LF → end of the record
 *     QUOTED       quote → AFTER_QUOTE; all else stays
 *     AFTER_QUOTE  quote → QUOTED (it was doubled); delimiter → FIELD_START; LF → end; else → UNQUOTED (malformed)
 * and, but for AFTER_QUOTE, the escape character takes the byte behind it along. */
#include <assert.h>

#include "format/format_private.h"
#include "format/scan.h"
#include "format/text.h"
#include "types/decimal.h"

static const struct option_def csv_options[] = {
    {.name = "csv.field-delimiter",
     .type = OPTION_STRING,
     .default_value = ",",
     .doc = "the character between fields; \\t is a tab"},
    {.name = "csv.quote-character",
     .type = OPTION_STRING,
     .default_value = "\"",
     .doc = "the character around fields that contain delimiters, quotes or line ends"},
    {.name = "csv.disable-quote-character",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "no field is quoted; then 'csv.quote-character' may not be given"},
    {.name = "csv.escape-character",
     .type = OPTION_STRING,
     .doc = "takes the meaning from the character behind it (none by default); \\n, \\r, \\t and \\0 stand for control "
            "characters"},
    {.name = "csv.null-literal", .type = OPTION_STRING, .doc = "an unquoted field with exactly this text is NULL"},
    {.name = "csv.empty-string-as-null",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "an empty unquoted string field is NULL (empty fields of other types always are)"},
    {.name = "csv.trim-spaces",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "removes blanks around fields (numbers and times never mind them)"},
    {.name = "csv.allow-comments",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "lines that begin with # are no records"},
    {.name = "csv.header",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "the first line of every file holds names: skipped when reading, written when writing; not for messages"},
    {.name = "csv.ignore-first-line",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "the first line of every file is skipped when reading; unlike csv.header it changes nothing when writing"},
    {.name = "csv.ignore-trailing-unmappable",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "more fields than the table has columns are no error when reading: those at the end are left out"},
    {.name = "csv.allow-trailing-comma",
     .type = OPTION_BOOL,
     .default_value = "true",
     .doc = "a delimiter may stand behind a record's last field when reading"},
    {.name = "csv.fail-on-missing-columns",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "changes nothing: a record with fewer fields than the table has columns is always malformed"},
    {.name = "csv.write-bigdecimal-in-scientific-notation",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "writes DECIMALs without zeros at the end and with an exponent where Java does: 100000 as 1E+5"},
    {.name = "csv.array-element-delimiter",
     .type = OPTION_STRING,
     .default_value = ";",
     .doc = "the text between the elements of an ARRAY and the fields of a ROW"},
    {.name = "csv.ignore-parse-errors",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "a value that cannot be read is NULL (in a NOT NULL column its record is skipped), and a record with "
            "another number of fields or "
            "broken quotes is skipped and counted, instead of failing the query"},
    {.name = "csv.nested-encoding",
     .type = OPTION_ENUM,
     .choices = "delimited|json",
     .default_value = "delimited",
     .doc = "how ARRAY, MAP and ROW stand in a field. delimited: scalars between csv.array-element-delimiter; json: as "
            "JSON, "
            "any type"},
    FORMAT_BYTES_OPTION("csv"),
    OPTION_END,
};

/* ---- Options ---- */

struct csv_config {
    char delimiter;
    bool has_quote, has_escape, has_null_literal;
    char quote, escape;
    bool trim, comments, header, skip_first, ignore_errors, empty_as_null, json;
    bool ignore_trailing, trailing_delimiter, scientific;
    enum bytes_encoding bytes;
    struct str null_literal, element_delimiter; /* on the heap */
};

/* One ASCII character, perhaps written \t, \n, \\ or \u0001. */
static enum status read_character(const struct option_list *options, const char *key, bool *given, char *out,
                                  struct error *err) {
    const char *text = option_string(options, csv_options, key);
    *given = text != NULL;
    if (!text) return STATUS_OK;
    unsigned c = 0x80;
    if (text[0] && !text[1]) {
        c = (unsigned char)text[0];
    } else if (text[0] == '\\' && text[1] && !text[2]) {
        c = text[1] == 't' ? '\t' : text[1] == 'n' ? '\n' : text[1] == 'r' ? '\r' : (unsigned char)text[1];
    } else if (text[0] == '\\' && text[1] == 'u' && strlen(text) == 6 &&
               strspn(text + 2, "0123456789abcdefABCDEF") == 4) {
        c = 0;
        for (int i = 2; i < 6; i++)
            c = c * 16 + (unsigned)(text[i] <= '9' ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10);
    }
    if (c >= 0x80 || c == '\n' || c == '\r') {
        error_set(err, STATUS_INVALID_OPTION, "option '%s' cannot be '%s'", key, text);
        error_hint(err, "it is a single ASCII character and no line end");
        return STATUS_INVALID_OPTION;
    }
    *out = (char)c;
    return STATUS_OK;
}

static enum status read_config(const struct option_list *options, bool messages, struct csv_config *out,
                               struct error *err) {
    struct csv_config config = {0};
    bool given;
    TRY(read_character(options, "csv.field-delimiter", &given, &config.delimiter, err));
    TRY(read_character(options, "csv.quote-character", &config.has_quote, &config.quote, err));
    TRY(read_character(options, "csv.escape-character", &config.has_escape, &config.escape, err));
    if (option_bool(options, csv_options, "csv.disable-quote-character")) {
        if (option_given(options, "csv.quote-character"))
            return error_set(err, STATUS_INVALID_OPTION,
                             "options 'csv.quote-character' and 'csv.disable-quote-character' exclude each other");
        config.has_quote = false;
    }
    if ((config.has_quote && config.quote == config.delimiter) ||
        (config.has_escape &&
         (config.escape == config.delimiter || (config.has_quote && config.escape == config.quote))))
        return error_set(err, STATUS_INVALID_OPTION,
                         "options 'csv.field-delimiter', 'csv.quote-character' and 'csv.escape-character' must differ");
    config.trim = option_bool(options, csv_options, "csv.trim-spaces");
    config.comments = option_bool(options, csv_options, "csv.allow-comments");
    config.header = option_bool(options, csv_options, "csv.header");
    config.skip_first = config.header || option_bool(options, csv_options, "csv.ignore-first-line");
    config.ignore_errors = option_bool(options, csv_options, "csv.ignore-parse-errors");
    config.ignore_trailing = option_bool(options, csv_options, "csv.ignore-trailing-unmappable");
    config.trailing_delimiter = option_bool(options, csv_options, "csv.allow-trailing-comma");
    config.scientific = option_bool(options, csv_options, "csv.write-bigdecimal-in-scientific-notation");
    config.empty_as_null = option_bool(options, csv_options, "csv.empty-string-as-null");
    config.json = str_compare_nocase(option_string(options, csv_options, "csv.nested-encoding"), "json") == 0;
    if (str_compare_nocase(option_string(options, csv_options, "csv.bytes-encoding"), "hex") == 0)
        config.bytes = BYTES_HEX;
    if (config.skip_first && messages)
        return error_set(err, STATUS_INVALID_OPTION, "option '%s' is for files: messages have no header line",
                         config.header ? "csv.header" : "csv.ignore-first-line");
    const char *null_literal = option_string(options, csv_options, "csv.null-literal");
    const char *delimiter = option_string(options, csv_options, "csv.array-element-delimiter");
    if (!*delimiter)
        return error_set(err, STATUS_INVALID_OPTION, "option 'csv.array-element-delimiter' cannot be empty");
    config.has_null_literal = null_literal != NULL;
    config.null_literal = str_from(null_literal ? xstrdup(null_literal) : NULL);
    config.element_delimiter = str_from(xstrdup(delimiter));
    *out = config;
    return STATUS_OK;
}

static void free_config(struct csv_config *config) {
    free((char *)config->null_literal.data);
    free((char *)config->element_delimiter.data);
}

static bool is_scalar(const struct type *type) { return type->id != TYPE_NULL && type->id < TYPE_ARRAY; }

static enum status csv_check(const struct format_schema *schema, const struct option_list *options, struct error *err) {
    struct csv_config config;
    TRY(read_config(options, schema->messages, &config, err));
    free_config(&config);
    for (int i = 0; i < schema->field_count; i++) {
        const struct type *type = schema->types[i];
        bool ok = is_scalar(type) || (config.json && type_is_nested(type)) ||
                  (type->id == TYPE_ARRAY && is_scalar(type->children[0]));
        if (type->id == TYPE_ROW && !config.json) {
            ok = true;
            for (int j = 0; j < type->child_count; j++) ok = ok && is_scalar(type->children[j]);
        }
        if (ok) continue;
        error_set(err, STATUS_NOT_SUPPORTED, "format 'csv' cannot carry column '%s' of type %s", schema->names[i],
                  type_id_name(type->id));
        error_hint(err,
                   "it has scalars, and ARRAY and ROW of scalars; with 'csv.nested-encoding' = 'json' all of them");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

/* ---- Reader ---- */

struct csv_reader {
    struct format_reader base;
    struct csv_config config;
    int field_count;
    const char *const *names;
    const struct type *const *types;
    int projected_count;
    int *projected;
    bool automaton_only;        /* an option that the masks do not know */
    bool has_text;              /* a projected field is a string */
    struct json_codec **codecs; /* by projected field: of nested values that are JSON; else NULL */
};

static void free_codecs(struct json_codec **codecs, int count) {
    for (int i = 0; codecs && i < count; i++) json_codec_destroy(codecs[i]);
    free(codecs);
}

/* Codecs of the fields positions[0 … count) (NULL: all) that are nested. */
static enum status make_codecs(const struct format_schema *schema, const struct csv_config *config,
                               const int *positions, int count, struct json_codec ***out, struct error *err) {
    struct json_codec **codecs = xcalloc((size_t)count + 1, sizeof(*codecs));
    enum status status = STATUS_OK;
    for (int i = 0; i < count && config->json && status == STATUS_OK; i++) {
        int field = positions ? positions[i] : i;
        if (type_is_nested(schema->types[field]))
            status = json_codec_create(schema->names[field], schema->types[field], config->bytes, &codecs[i], err);
    }
    if (status == STATUS_OK)
        *out = codecs;
    else
        free_codecs(codecs, count);
    return status;
}

static enum status csv_reader_open(const struct format_schema *schema, const int *projected, int projected_count,
                                   const struct option_list *options, struct format_reader **out, struct error *err) {
    TRY(csv_check(schema, options, err));
    struct csv_reader *reader = xcalloc(1, sizeof *reader);
    enum status status = read_config(options, schema->messages, &reader->config, err);
    if (status == STATUS_OK)
        status = make_codecs(schema, &reader->config, projected, projected_count, &reader->codecs, err);
    if (status != STATUS_OK) {
        free_config(&reader->config);
        free(reader);
        return status;
    }
    reader->base.format = &csv_format;
    reader->field_count = schema->field_count;
    reader->names = schema->names;
    reader->types = schema->types;
    reader->projected_count = projected_count;
    reader->projected = xmalloc(sizeof(int) * (size_t)(projected_count + 1));
    if (projected_count) memcpy(reader->projected, projected, sizeof(int) * (size_t)projected_count);
    reader->projected[projected_count] = INT32_MAX; /* no field has it: ends the search */
    reader->automaton_only = reader->config.trim || reader->config.has_escape;
    for (int i = 0; i < projected_count; i++)
        reader->has_text = reader->has_text || type_phys(schema->types[projected[i]]) == PHYS_STR ||
                           type_is_nested(schema->types[projected[i]]);
    *out = &reader->base;
    return STATUS_OK;
}

static void csv_reader_close(struct format_reader *base) {
    struct csv_reader *reader = (struct csv_reader *)base;
    free_config(&reader->config);
    free_codecs(reader->codecs, reader->projected_count);
    free(reader->projected);
    free(reader);
}

/* ---- Framing ---- */

enum csv_state { FIELD_START, UNQUOTED, QUOTED, AFTER_QUOTE };

static inline enum csv_state next_state(const struct csv_config *config, enum csv_state state, char c) {
    switch (state) {
    case FIELD_START:
        if (config->has_quote && c == config->quote) return QUOTED;
        if (config->trim && (c == ' ' || c == '\t')) return FIELD_START;
        return c == config->delimiter ? FIELD_START : UNQUOTED;
    case UNQUOTED: return c == config->delimiter ? FIELD_START : UNQUOTED;
    case QUOTED: return c == config->quote ? AFTER_QUOTE : QUOTED;
    case AFTER_QUOTE: break;
    }
    return c == config->quote ? QUOTED : c == config->delimiter ? FIELD_START : UNQUOTED;
}

struct framing {
    const struct csv_reader *reader;
    const char *data;
    size_t record; /* start of the record under way */
    bool skip_header;
    struct format_frame *frame;
};

/* The record under way ends before `end`; the next one starts at `next`. */
static inline void end_record(struct framing *framing, size_t end, size_t next) {
    size_t start = framing->record;
    framing->record = next;
    if (end > start && framing->data[end - 1] == '\r') end--;
    if (end == start && framing->reader->field_count > 1) return;
    if (framing->skip_header) {
        framing->skip_header = false;
        return;
    }
    format_frame_add(framing->frame, start, end - start);
}

/* Bytes [from, to) by the automaton. A comment's line is skipped whole; *escaped: the next byte has no meaning. */
static enum csv_state frame_bytes(struct framing *framing, size_t from, size_t to, enum csv_state state, bool *escaped,
                                  bool *comment) {
    const struct csv_config *config = &framing->reader->config;
    for (size_t i = from; i < to; i++) {
        char c = framing->data[i];
        if (*comment) {
            if (c != '\n') continue;
            *comment = false;
            framing->record = i + 1;
            state = FIELD_START;
        } else if (*escaped) {
            *escaped = false;
        } else if (c == '\n' && state != QUOTED) {
            end_record(framing, i, i + 1);
            state = FIELD_START;
        } else if (config->comments && c == '#' && i == framing->record) {
            *comment = true;
        } else if (config->has_escape && c == config->escape && state != AFTER_QUOTE) {
            *escaped = true;
            if (state == FIELD_START) state = UNQUOTED;
        } else {
            state = next_state(config, state, c);
        }
    }
    return state;
}

static void csv_frame(const struct format_reader *base, const char *data, size_t size, bool at_start, bool at_end,
                      struct format_frame *frame) {
    const struct csv_reader *reader = (const struct csv_reader *)base;
    const struct csv_config *config = &reader->config;
    struct framing framing = {.reader = reader, .data = data, .frame = frame};
    size_t bom = at_start ? format_skip_bom(data, size) : 0;
    framing.record = bom;
    framing.skip_header = at_start && config->skip_first;
    enum csv_state state = FIELD_START;
    bool escaped = false, comment = false;
    size_t i = bom;
    if (!reader->automaton_only && !config->comments)
        for (; i + 64 <= size; i += 64) {
            uint64_t lines = scan_match(data + i, '\n');
            uint64_t quotes = config->has_quote ? scan_match(data + i, config->quote) : 0;
            if (__builtin_expect((quotes != 0) | (state == QUOTED), 0)) {
                uint64_t delimiters = scan_match(data + i, config->delimiter);
                uint64_t inside = scan_parity(quotes) ^ (state == QUOTED ? ~UINT64_C(0) : 0);
                uint64_t outside = ~inside;
                /* Bytes behind which a quote opens. One that follows a closing quote was doubled. */
                uint64_t before = ((delimiters | lines) & outside) | (quotes & outside);
                uint64_t may_open = before << 1 | (state == FIELD_START || state == AFTER_QUOTE);
                if (quotes & inside & ~may_open) {
                    state = frame_bytes(&framing, i, i + 64, state, &escaped, &comment);
                    continue;
                }
                lines &= outside;
                uint64_t last = UINT64_C(1) << 63;
                state = inside & last                 ? QUOTED
                        : quotes & last               ? AFTER_QUOTE
                        : (delimiters | lines) & last ? FIELD_START
                                                      : UNQUOTED;
            } else {
                char c = data[i + 63];
                state = c == '\n' || c == config->delimiter ? FIELD_START : UNQUOTED;
            }
            while (lines) {
                size_t at = i + (size_t)__builtin_ctzll(lines);
                lines &= lines - 1;
                end_record(&framing, at, at + 1);
            }
        }
    frame_bytes(&framing, i, size, state, &escaped, &comment);
    if (at_end && comment) framing.record = size;
    if (at_end && framing.record < size) end_record(&framing, size, size);
    /* What only the start of a file has must be seen again when no record came behind it. */
    bool nothing = framing.record == bom || framing.skip_header;
    frame->consumed_bytes = nothing && !at_end ? 0 : framing.record;
    frame->line_count = format_count_lines(data, frame->consumed_bytes);
}

/* ---- Fields ---- */

enum { FIELD_QUOTED = 1, FIELD_NULL = 2 };

struct csv_field {
    const char *ptr;
    uint32_t len, flags;
};

enum csv_fault {
    FAULT_NONE,
    FAULT_FEW_FIELDS,
    FAULT_MANY_FIELDS,
    FAULT_UNCLOSED_QUOTE,
    FAULT_BEHIND_QUOTE,
    FAULT_VALUE
};

/* A quoted field's content with doubled quotes and escapes undone, padded. */
static struct csv_field unescape(const struct csv_config *config, const char *p, uint32_t len, uint32_t flags,
                                 struct arena *arena) {
    char *out = arena_alloc(arena, (size_t)len + FORMAT_PADDING_BYTES);
    uint32_t n = 0;
    for (uint32_t i = 0; i < len; i++) {
        char c = p[i];
        if (config->has_escape && c == config->escape && i + 1 < len) {
            c = p[++i];
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c == '0' ? 0 : c;
        } else if ((flags & FIELD_QUOTED) && c == config->quote) {
            i++; /* the second one of a pair */
        }
        out[n++] = c;
    }
    memset(out + n, 0, FORMAT_PADDING_BYTES);
    return (struct csv_field){out, n, flags};
}

/* The fields of a record by the automaton. fields[slot * VECTOR_CAPACITY] for each projected field; field_count may be NULL. */
static enum csv_fault split_bytes(const struct csv_reader *reader, const char *p, uint32_t len,
                                  struct csv_field *fields, int *field_count, struct arena *arena) {
    const struct csv_config *config = &reader->config;
    const int *projected = reader->projected;
    uint32_t at = 0;
    int field = 0, slot = 0;
    bool is_empty; /* the last field */
    for (;; field++) {
        bool has_escapes = false, quoted = false;
        uint32_t start = at, end;
        if (config->trim)
            while (at < len && (p[at] == ' ' || p[at] == '\t')) at++;
        if (config->has_quote && at < len && p[at] == config->quote) {
            quoted = true;
            start = ++at;
            for (;; at++) {
                if (at >= len) return FAULT_UNCLOSED_QUOTE;
                if (config->has_escape && p[at] == config->escape) {
                    has_escapes = true;
                    at++;
                } else if (p[at] == config->quote) {
                    if (at + 1 >= len || p[at + 1] != config->quote) break;
                    has_escapes = true;
                    at++;
                }
            }
            end = at++;
            if (config->trim)
                while (at < len && (p[at] == ' ' || p[at] == '\t')) at++;
            if (at < len && p[at] != config->delimiter) return FAULT_BEHIND_QUOTE;
        } else {
            for (at = start; at < len && p[at] != config->delimiter; at++)
                if (config->has_escape && p[at] == config->escape) {
                    has_escapes = true;
                    at++;
                }
            if (at > len) at = len;
            end = at;
            if (config->trim) {
                while (start < end && (p[start] == ' ' || p[start] == '\t')) start++;
                while (start < end && (p[end - 1] == ' ' || p[end - 1] == '\t')) end--;
            }
        }
        if (field == projected[slot]) {
            uint32_t flags = quoted ? FIELD_QUOTED : 0;
            fields[(size_t)slot * VECTOR_CAPACITY] = has_escapes
                                                         ? unescape(config, p + start, end - start, flags, arena)
                                                         : (struct csv_field){p + start, end - start, flags};
            slot++;
        }
        is_empty = !quoted && start == end;
        if (at >= len) break;
        at++;
    }
    field++;
    if (field_count) *field_count = field;
    if (field > reader->field_count && config->ignore_trailing) return FAULT_NONE;
    if (field == reader->field_count + 1 && config->trailing_delimiter && is_empty) return FAULT_NONE;
    return field < reader->field_count   ? FAULT_FEW_FIELDS
           : field > reader->field_count ? FAULT_MANY_FIELDS
                                         : FAULT_NONE;
}

/* A projected field p[start, end) found by the masks. false: only the automaton can tell. */
static inline bool put_field(const struct csv_config *config, const char *p, uint32_t start, uint32_t end,
                             struct csv_field *field, struct arena *arena) {
    if (config->has_quote && end > start && p[start] == config->quote) {
        if (end - start < 2 || p[end - 1] != config->quote) return false;
        start++;
        end--;
        *field = memchr(p + start, config->quote, end - start)
                     ? unescape(config, p + start, end - start, FIELD_QUOTED, arena)
                     : (struct csv_field){p + start, end - start, FIELD_QUOTED};
        return true;
    }
    *field = (struct csv_field){p + start, end - start, 0};
    return true;
}

static inline enum csv_fault split_record(const struct csv_reader *reader, const char *p, uint32_t len,
                                          struct csv_field *fields, struct arena *arena) {
    const struct csv_config *config = &reader->config;
    if (reader->automaton_only) return split_bytes(reader, p, len, fields, NULL, arena);
    const int *projected = reader->projected;
    const char delimiter = config->delimiter;
    uint64_t carry = 0, may_open = 1;
    uint32_t start = 0;
    int field = 0, slot = 0;
    for (uint32_t at = 0; at < len; at += 64) {
        uint64_t delimiters = scan_match(p + at, delimiter);
        uint64_t quotes = config->has_quote ? scan_match(p + at, config->quote) : 0;
        if (len - at < 64) {
            uint64_t mask = (UINT64_C(1) << (len - at)) - 1;
            delimiters &= mask;
            quotes &= mask;
        }
        if (quotes | carry) {
            uint64_t inside = scan_parity(quotes) ^ carry;
            uint64_t before = (delimiters | quotes) & ~inside;
            if (quotes & inside & ~(before << 1 | may_open)) return split_bytes(reader, p, len, fields, NULL, arena);
            may_open = before >> 63;
            delimiters &= ~inside;
            carry = inside >> 63 ? ~UINT64_C(0) : 0;
        } else {
            may_open = delimiters >> 63;
        }
        while (delimiters) {
            if (projected[slot] == INT32_MAX) { /* the others are only counted */
                field += __builtin_popcountll(delimiters);
                break;
            }
            uint32_t end = at + (uint32_t)__builtin_ctzll(delimiters);
            delimiters &= delimiters - 1;
            if (field == projected[slot]) {
                if (!put_field(config, p, start, end, &fields[(size_t)slot * VECTOR_CAPACITY], arena))
                    return split_bytes(reader, p, len, fields, NULL, arena);
                slot++;
            }
            field++;
            start = end + 1;
        }
    }
    if (carry) return split_bytes(reader, p, len, fields, NULL, arena);
    if (field == projected[slot] && !put_field(config, p, start, len, &fields[(size_t)slot * VECTOR_CAPACITY], arena))
        return split_bytes(reader, p, len, fields, NULL, arena);
    field++;
    if (__builtin_expect(field == reader->field_count, 1)) return FAULT_NONE;
    return split_bytes(reader, p, len, fields, NULL, arena);
}

/* ---- Values ---- */

struct decoding {
    const struct csv_reader *reader;
    struct arena *arena;
    bool lenient;                 /* values that cannot be read are NULL */
    uint64_t bad[VALIDITY_WORDS]; /* rows that a value could not be read for */
};

static inline void mark_bad(struct decoding *decoding, int row) {
    decoding->bad[row >> 6] |= UINT64_C(1) << (row & 63);
}

static bool is_null_field(const struct csv_config *config, const struct type *type, const struct csv_field *field) {
    if (field->flags & FIELD_NULL) return true;
    if (field->len == 0 && !(type_is_char(type))) return true;
    return field->len == 0 && config->empty_as_null && !(field->flags & FIELD_QUOTED);
}

static bool only_blanks(const struct csv_field *field) {
    for (uint32_t i = 0; i < field->len; i++)
        if (field->ptr[i] != ' ' && field->ptr[i] != '\t') return false;
    return true;
}

/* Finds the next element of a nested value; false behind the last. */
static bool next_element(const struct csv_config *config, const char **p, const char *end, struct str *out) {
    if (!*p) return false;
    struct str delimiter = config->element_delimiter;
    const char *at = memmem(*p, (size_t)(end - *p), delimiter.data, delimiter.len);
    *out = (struct str){*p, (size_t)((at ? at : end) - *p)};
    *p = at ? at + delimiter.len : NULL;
    return true;
}

static bool read_element(struct decoding *decoding, struct vector *vec, int capacity, int row, struct str text) {
    if (text.len == 0 && !type_is_char(vec->type)) {
        if (!vec->type->nullable) return false;
        format_set_null(vec, decoding->arena, capacity, row);
        return true;
    }
    if (type_is_char(vec->type) && !utf8_valid(text.data, text.len)) return false;
    if (vec->validity) validity_set_valid(vec->validity, row);
    return text_read_encoded(vec, row, text.data, (uint32_t)text.len, decoding->reader->config.bytes, decoding->arena);
}

/* csv.ignore-parse-errors: what cannot be read is NULL, as far as its type allows. */
static bool null_instead(struct decoding *decoding, struct vector *vec, int capacity, int row) {
    if (!decoding->lenient || !vec->type->nullable) return false;
    format_set_null(vec, decoding->arena, capacity, row);
    return true;
}

static bool read_nested(struct decoding *decoding, struct vector *vec, int slot, int capacity, int row,
                        const struct csv_field *field) {
    const struct csv_config *config = &decoding->reader->config;
    if (config->json)
        return utf8_valid(field->ptr, field->len) &&
               json_codec_read(decoding->reader->codecs[slot], vec, capacity, row, (struct str){field->ptr, field->len},
                               decoding->arena);
    const char *p = field->ptr, *end = p + field->len;
    struct str text;
    if (vec->phys == PHYS_ROW) {
        int i = 0;
        for (; i < vec->type->child_count && next_element(config, &p, end, &text); i++)
            if (!read_element(decoding, &vec->children[i], capacity, row, text) &&
                !null_instead(decoding, &vec->children[i], capacity, row))
                return false;
        return i == vec->type->child_count && !p;
    }
    uint32_t offset = vec->child_rows;
    while (next_element(config, &p, end, &text)) {
        vector_reserve_children(vec, decoding->arena, vec->child_rows + 1);
        if (!read_element(decoding, &vec->children[0], (int)vec->child_capacity, (int)vec->child_rows, text) &&
            !null_instead(decoding, &vec->children[0], (int)vec->child_capacity, (int)vec->child_rows))
            return false;
        vec->child_rows++;
    }
    ((struct list_entry *)vec->data)[row] = (struct list_entry){offset, vec->child_rows - offset};
    return true;
}

/* One value with all the rules; the definition. */
static bool read_value(struct decoding *decoding, struct vector *vec, int slot, int row,
                       const struct csv_field *field) {
    const struct type *type = vec->type;
    if (is_null_field(&decoding->reader->config, type, field)) {
        if (!type->nullable) return false;
        format_set_null(vec, decoding->arena, VECTOR_CAPACITY, row);
        return true;
    }
    if (vec->validity) validity_set_valid(vec->validity, row);
    if (type_is_nested(type)) return read_nested(decoding, vec, slot, VECTOR_CAPACITY, row, field);
    if (type_is_char(type) && !utf8_valid(field->ptr, field->len)) return false;
    if (text_read_encoded(vec, row, field->ptr, field->len, decoding->reader->config.bytes, decoding->arena))
        return true;
    if (vec->phys == PHYS_STR || !only_blanks(field) || !type->nullable) return false;
    format_set_null(vec, decoding->arena, VECTOR_CAPACITY, row); /* blanks are as good as nothing */
    return true;
}

/* The columns of a batch. Each loop has a fast path without a call and leaves the rest to read_value. */
#define CONVERT(T, CONDITION, VALUE)                                                                                   \
    for (int row = 0; row < count; row++) {                                                                            \
        struct csv_field field = fields[row];                                                                          \
        if (__builtin_expect(CONDITION, 1))                                                                            \
            ((T *)vec->data)[row] = (T)(VALUE);                                                                        \
        else if (!read_value(decoding, vec, slot, row, &field))                                                        \
            mark_bad(decoding, row);                                                                                   \
        else                                                                                                           \
            continue;                                                                                                  \
        if (__builtin_expect(vec->validity != NULL, 0)) validity_set_valid(vec->validity, row);                        \
    }

/* strview_make of padded text, without calls. */
static inline void put_view(struct strview *out, const char *p, uint32_t len) {
    uint64_t low, high, words[2];
    memcpy(&low, p, 8);
    if (len > STRVIEW_INLINE) {
        words[0] = len | low << 32;
        words[1] = (uint64_t)(uintptr_t)p;
    } else {
        uint32_t tail;
        memcpy(&tail, p + 8, 4);
        high = len > 8 ? tail & (UINT64_C(0xFFFFFFFF) >> (96 - 8 * len)) : 0;
        if (len < 8) low &= (UINT64_C(1) << (8 * len)) - 1;
        words[0] = len | low << 32;
        words[1] = low >> 32 | high << 32;
    }
    memcpy(out, words, sizeof words);
}

static void convert_text(struct decoding *decoding, struct vector *vec, int slot, const struct csv_field *fields,
                         int count, bool valid) {
    const struct csv_config *config = &decoding->reader->config;
    bool plain = valid && !config->empty_as_null && !config->has_null_literal;
    struct strview *views = vec->data;
    for (int row = 0; row < count; row++) {
        if (plain || (valid && fields[row].len && !(fields[row].flags & FIELD_NULL))) {
            put_view(&views[row], fields[row].ptr, fields[row].len);
            if (vec->validity) validity_set_valid(vec->validity, row);
        } else if (!read_value(decoding, vec, slot, row, &fields[row])) {
            mark_bad(decoding, row);
        }
    }
}

static void convert_column(struct decoding *decoding, struct vector *vec, int slot, struct csv_field *fields, int count,
                           bool valid_utf8) {
    const struct csv_config *config = &decoding->reader->config;
    if (config->has_null_literal)
        for (int row = 0; row < count; row++) {
            struct csv_field *field = &fields[row];
            if (!(field->flags & FIELD_QUOTED) && str_equal((struct str){field->ptr, field->len}, config->null_literal))
                *field = (struct csv_field){"", 0, FIELD_NULL};
        }
    int64_t i;
    double d;
    struct day_cache day = {0};
    const int precision = vec->type->precision;
    switch (vec->type->id) {
    case TYPE_CHAR:
    case TYPE_VARCHAR: convert_text(decoding, vec, slot, fields, count, valid_utf8); break;
    case TYPE_INT:
        CONVERT(int32_t, field.len - 1 < 18 && read_i64(field.ptr, field.len, &i) && i == (int32_t)i, i)
        break;
    case TYPE_BIGINT: CONVERT(int64_t, field.len - 1 < 18 && read_i64(field.ptr, field.len, &i), i) break;
    case TYPE_DOUBLE: CONVERT(double, field.len - 1 < 18 && read_f64(field.ptr, field.len, &d), d) break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        if (!type_is_nanos(vec->type)) {
            CONVERT(int64_t, read_timestamp_micros(field.ptr, field.len, precision, &day, &i), i)
            break;
        }
        __attribute__((fallthrough));
    default:
        for (int row = 0; row < count; row++)
            if (!read_value(decoding, vec, slot, row, &fields[row])) mark_bad(decoding, row);
    }
}

static enum status describe_fault(struct decoding *decoding, const struct format_batch *batch, int record,
                                  enum csv_fault fault, const struct csv_field *fields, struct error *err) {
    const struct csv_reader *reader = decoding->reader;
    struct format_record span = batch->records[record];
    switch (fault) {
    case FAULT_FEW_FIELDS:
    case FAULT_MANY_FIELDS: {
        size_t slots = (size_t)reader->projected_count + 1;
        struct csv_field *scratch = arena_alloc(decoding->arena, sizeof *scratch * VECTOR_CAPACITY * slots);
        int count = 0;
        split_bytes(reader, batch->data + span.start, span.len, scratch, &count, decoding->arena);
        error_set(err, STATUS_BAD_DATA, "%d field%s where the table has %d columns: %s", count, count == 1 ? "" : "s",
                  reader->field_count, text_show(decoding->arena, batch->data + span.start, span.len));
        if (count == 1) error_hint(err, "is 'csv.field-delimiter' right?");
        return STATUS_BAD_DATA;
    }
    case FAULT_UNCLOSED_QUOTE:
        return error_set(err, STATUS_BAD_DATA, "a quote is never closed: %s",
                         text_show(decoding->arena, batch->data + span.start, span.len));
    case FAULT_BEHIND_QUOTE:
        return error_set(err, STATUS_BAD_DATA, "there is text between a closing quote and the next delimiter: %s",
                         text_show(decoding->arena, batch->data + span.start, span.len));
    case FAULT_NONE:
    case FAULT_VALUE: break;
    }
    for (int slot = 0; slot < reader->projected_count; slot++) {
        const struct csv_field *field = &fields[(size_t)slot * VECTOR_CAPACITY];
        const struct type *type = reader->types[reader->projected[slot]];
        const char *name = reader->names[reader->projected[slot]];
        struct vector vec;
        vector_init(&vec, decoding->arena, type, VECTOR_CAPACITY);
        if (read_value(decoding, &vec, slot, 0, field)) continue;
        if (is_null_field(&reader->config, type, field))
            return error_set(err, STATUS_BAD_DATA, "field '%s' is NULL, but its column is NOT NULL", name);
        if (type_is_char(type) && !utf8_valid(field->ptr, field->len))
            return error_set(err, STATUS_BAD_DATA, "field '%s': %s is not UTF-8", name,
                             text_show(decoding->arena, field->ptr, field->len));
        error_set(err, STATUS_BAD_DATA, "field '%s': cannot read %s as %s", name,
                  text_show(decoding->arena, field->ptr, field->len),
                  type_to_string(decoding->arena, type_with_nullable(decoding->arena, type, true)));
        if (str_equal_nocase(str_from(name), (struct str){field->ptr, field->len}))
            error_hint(err, "a line of names in front is left out with 'csv.header' = 'true'");
        return STATUS_BAD_DATA;
    }
    return error_set(err, STATUS_INTERNAL, "a malformed record turned out right");
}

static enum status csv_decode(const struct format_reader *base, struct format_batch *batch, struct error *err) {
    const struct csv_reader *reader = (const struct csv_reader *)base;
    struct decoding decoding = {.reader = reader, .arena = batch->arena};
    decoding.lenient = reader->config.ignore_errors && !batch->malformed;
    int count = batch->count < VECTOR_CAPACITY ? batch->count : VECTOR_CAPACITY;
    const struct format_record *records = batch->records + batch->first;
    /* slots × rows, one slot at least so that a count has somewhere to point */
    int slots = reader->projected_count ? reader->projected_count : 1;
    struct csv_field *fields = arena_alloc(batch->arena, sizeof *fields * VECTOR_CAPACITY * (size_t)slots);
    uint8_t faults[VECTOR_CAPACITY];
    int fault_count = 0;
    for (int row = 0; row < count; row++) {
        faults[row] = (uint8_t)split_record(reader, batch->data + records[row].start, records[row].len, fields + row,
                                            batch->arena);
        fault_count += faults[row] != FAULT_NONE;
    }
    bool valid = true;
    if (reader->has_text && count) {
        size_t from = records[0].start, to = (size_t)records[count - 1].start + records[count - 1].len;
        valid = utf8_valid(batch->data + from, to - from);
    }
    if (fault_count == 0) {
        for (int slot = 0; slot < reader->projected_count; slot++)
            convert_column(&decoding, batch->columns[slot], slot, fields + (size_t)slot * VECTOR_CAPACITY, count,
                           valid);
        uint64_t any = 0;
        for (int i = 0; i < VALIDITY_WORDS; i++) any |= decoding.bad[i];
        if (__builtin_expect(!any, 1)) {
            if (batch->row_records)
                for (int row = 0; row < count; row++) batch->row_records[row] = batch->first + row;
            batch->consumed = batch->row_count = count;
            batch->skipped = 0;
            return STATUS_OK;
        }
    }
    /* Something is wrong: record by record. */
    int rows = 0, reported = 0;
    for (int slot = 0; slot < reader->projected_count; slot++) {
        batch->columns[slot]->validity = NULL;
        batch->columns[slot]->child_rows = 0;
    }
    for (int row = 0; row < count; row++) {
        bool good = faults[row] == FAULT_NONE;
        for (int slot = 0; good && slot < reader->projected_count; slot++) {
            struct csv_field *field = &fields[(size_t)slot * VECTOR_CAPACITY + (size_t)row];
            if (reader->config.has_null_literal && !(field->flags & FIELD_QUOTED) &&
                str_equal((struct str){field->ptr, field->len}, reader->config.null_literal))
                *field = (struct csv_field){"", 0, FIELD_NULL};
            good = read_value(&decoding, batch->columns[slot], slot, rows, field) ||
                   null_instead(&decoding, batch->columns[slot], VECTOR_CAPACITY, rows);
        }
        if (good) {
            if (batch->row_records) batch->row_records[rows] = batch->first + row;
            rows++;
        } else if (batch->malformed) {
            struct error why;
            (void)describe_fault(&decoding, batch, batch->first + row, faults[row], fields + row, &why);
            TRY(batch->malformed(batch, batch->first + row, &why, err));
            reported++;
        } else if (!reader->config.ignore_errors) {
            batch->error_record = batch->first + row;
            return describe_fault(&decoding, batch, batch->first + row, faults[row], fields + row, err);
        }
    }
    batch->consumed = count;
    batch->row_count = rows;
    batch->skipped = count - rows - reported;
    return STATUS_OK;
}

/* ---- Names ---- */

/* The end of the first record that is no comment and not blank, by the automaton; *start is moved there. */
static size_t header_end(const struct csv_config *config, const char *data, size_t size, size_t *start) {
    enum csv_state state = FIELD_START;
    for (size_t i = *start; i < size; i++) {
        bool at_start = i == *start;
        if (at_start && config->comments && data[i] == '#') {
            const char *feed = memchr(data + i, '\n', size - i);
            if (!feed) return *start = size;
            i = (size_t)(feed - data);
            *start = i + 1;
        } else if (data[i] == '\n' && state != QUOTED) {
            size_t end = i > *start && data[i - 1] == '\r' ? i - 1 : i;
            if (end > *start) return end;
            *start = i + 1;
            state = FIELD_START;
        } else if (config->has_escape && data[i] == config->escape && state != AFTER_QUOTE) {
            i++;
            state = state == FIELD_START ? UNQUOTED : state;
        } else {
            state = next_state(config, state, data[i]);
        }
    }
    return size;
}

/* The fields of the record p[0, len): each has the field's text without quotes, blanks around names do not count. */
static enum status split_names(const struct csv_config *config, const char *p, size_t len, struct arena *arena,
                               const char **names, int *count, struct error *err) {
    size_t from = 0;
    enum csv_state state = FIELD_START;
    for (size_t i = 0; i <= len; i++) {
        bool is_escape = i < len && config->has_escape && p[i] == config->escape && state != AFTER_QUOTE;
        if (i < len && (is_escape || p[i] != config->delimiter || state == QUOTED)) {
            state = is_escape ? (state == FIELD_START ? UNQUOTED : state) : next_state(config, state, p[i]);
            i += is_escape;
            continue;
        }
        size_t start = from, end = i < len ? i : len;
        while (start < end && (p[start] == ' ' || p[start] == '\t')) start++;
        while (start < end && (p[end - 1] == ' ' || p[end - 1] == '\t')) end--;
        bool quoted = config->has_quote && end - start >= 2 && p[start] == config->quote && p[end - 1] == config->quote;
        if (quoted) start++, end--;
        if (*count == FORMAT_MAX_FIELDS)
            return error_set(err, STATUS_LIMIT_EXCEEDED, "the header line has more than %d fields", FORMAT_MAX_FIELDS);
        struct csv_field field = unescape(config, p + start, (uint32_t)(end - start), quoted ? FIELD_QUOTED : 0, arena);
        if (!utf8_valid(field.ptr, field.len) || memchr(field.ptr, 0, field.len))
            return error_set(err, STATUS_BAD_DATA, "the header line is no text: %s",
                             text_show(arena, p, len < FORMAT_MAX_SHOWN_BYTES ? len : FORMAT_MAX_SHOWN_BYTES));
        names[(*count)++] = arena_strndup(arena, field.ptr, field.len);
        from = i + 1;
        state = FIELD_START;
    }
    return STATUS_OK;
}

static enum status csv_field_names(const struct option_list *options, const char *data, size_t size, bool at_end,
                                   struct arena *arena, const char ***names, int *count, struct error *err) {
    struct csv_config config;
    TRY(read_config(options, false, &config, err));
    *names = ARENA_ARRAY(arena, const char *, FORMAT_MAX_FIELDS + 1);
    *count = 0;
    size_t start = format_skip_bom(data, size), end = header_end(&config, data, size, &start);
    enum status status = STATUS_OK;
    if (end == size && !at_end)
        status = error_set(err, STATUS_BAD_DATA, "the header line is longer than %zu bytes", size);
    else if (config.header && start < end)
        status = split_names(&config, data + start, end - start, arena, *names, count, err);
    free_config(&config);
    return status;
}

/* ---- Writer ---- */

struct csv_writer {
    struct format_writer base;
    struct csv_config config;
    int field_count;
    const char *const *names;
    const struct type *const *types;
    int *columns;
    bool special[256];          /* bytes that make a field be quoted */
    struct json_codec **codecs; /* by field, as the reader's */
};

static enum status csv_writer_open(const struct format_schema *schema, const int *columns,
                                   const struct option_list *options, struct format_writer **out, struct error *err) {
    TRY(csv_check(schema, options, err));
    struct csv_writer *writer = xcalloc(1, sizeof *writer);
    enum status status = read_config(options, schema->messages, &writer->config, err);
    if (status == STATUS_OK)
        status = make_codecs(schema, &writer->config, NULL, schema->field_count, &writer->codecs, err);
    if (status != STATUS_OK) {
        free_config(&writer->config);
        free(writer);
        return status;
    }
    writer->base.format = &csv_format;
    writer->field_count = schema->field_count;
    writer->names = schema->names;
    writer->types = schema->types;
    writer->columns = xmalloc(sizeof(int) * (size_t)(schema->field_count + 1));
    memcpy(writer->columns, columns, sizeof(int) * (size_t)schema->field_count);
    const struct csv_config *config = &writer->config;
    writer->special[(unsigned char)config->delimiter] = true;
    writer->special['\n'] = writer->special['\r'] = true;
    if (config->has_quote) writer->special[(unsigned char)config->quote] = true;
    if (config->has_escape) writer->special[(unsigned char)config->escape] = true;
    *out = &writer->base;
    return STATUS_OK;
}

static void csv_writer_close(struct format_writer *base) {
    struct csv_writer *writer = (struct csv_writer *)base;
    free_config(&writer->config);
    free_codecs(writer->codecs, writer->field_count);
    free(writer->columns);
    free(writer);
}

/* Quotes or escapes out[start …] where the reader would take it for something else. */
static enum status protect(const struct csv_writer *writer, struct strbuf *out, size_t start, const char *name,
                           bool is_text, bool is_first, struct error *err) {
    const struct csv_config *config = &writer->config;
    const char *text = out->data + start;
    size_t len = out->len - start;
    bool special = false;
    for (size_t i = 0; i < len && !special; i++) special = writer->special[(unsigned char)text[i]];
    bool is_literal = config->has_null_literal && str_equal((struct str){text, len}, config->null_literal);
    /* what the first bytes of a line, or of a file, would be taken for */
    bool is_comment = is_first && len && ((config->comments && text[0] == '#') || format_skip_bom(text, len));
    bool is_blank = config->trim && len && (strchr(" \t", text[0]) || strchr(" \t", text[len - 1]));
    bool is_empty = is_text && len == 0;
    if (!special && !is_literal && !is_comment && !is_blank && !is_empty) return STATUS_OK;
    if (!config->has_quote) {
        if (is_empty) return STATUS_OK;
        if (is_literal || is_blank || !config->has_escape) {
            error_set(err, STATUS_BAD_DATA, "field '%s' needs quotes, which 'csv.disable-quote-character' forbids",
                      name);
            if (!is_literal && !is_blank) error_hint(err, "a 'csv.escape-character' does without quotes");
            return STATUS_BAD_DATA;
        }
    }
    struct strbuf copy = {0};
    strbuf_add(&copy, text, len);
    out->len = start;
    if (config->has_quote) strbuf_putc(out, config->quote);
    for (size_t i = 0; i < copy.len; i++) {
        char c = copy.data[i];
        bool bare = !config->has_quote && (writer->special[(unsigned char)c] || (is_comment && i == 0));
        if (config->has_escape && (c == config->escape || bare)) {
            strbuf_putc(out, config->escape);
            if (c == '\n') c = 'n';
            if (c == '\r') c = 'r';
        } else if (config->has_quote && c == config->quote) {
            strbuf_putc(out, c);
        }
        strbuf_putc(out, c);
    }
    if (config->has_quote) strbuf_putc(out, config->quote);
    strbuf_free(&copy);
    return STATUS_OK;
}

static void csv_header(const struct format_writer *base, struct strbuf *out) {
    const struct csv_writer *writer = (const struct csv_writer *)base;
    if (!writer->config.header) return;
    for (int i = 0; i < writer->field_count; i++) {
        if (i) strbuf_putc(out, writer->config.delimiter);
        size_t start = out->len;
        strbuf_puts(out, writer->names[i]);
        (void)protect(writer, out, start, writer->names[i], true, i == 0, NULL); /* at worst an odd name */
    }
    strbuf_putc(out, '\n');
}

/* The decimal number in out[start …] as Java's BigDecimal.stripTrailingZeros().toString() has it: with an exponent when it is a
 * multiple of ten, or when its first digit stands behind the sixth place after the point. */
static void make_scientific(struct strbuf *out, size_t start) {
    char digits[DECIMAL_MAX_TEXT];
    int count = 0, scale = 0;
    bool behind_point = false, negative = out->data[start] == '-';
    for (size_t i = start + negative; i < out->len; i++) {
        char c = out->data[i];
        behind_point = behind_point || c == '.';
        if (c == '.' || (c == '0' && count == 0 && !behind_point)) continue;
        scale += behind_point;
        if (c != '0' || count) digits[count++] = c;
    }
    for (; count && digits[count - 1] == '0'; count--) scale--;
    int exponent = count - 1 - scale; /* of the first digit */
    out->len = start;
    if (!count) {
        strbuf_putc(out, '0');
        return;
    }
    if (negative) strbuf_putc(out, '-');
    if (scale < 0 || exponent < -6) {
        strbuf_putc(out, digits[0]);
        if (count > 1) strbuf_putc(out, '.');
        strbuf_add(out, digits + 1, (size_t)count - 1);
        strbuf_printf(out, "E%+d", exponent);
        return;
    }
    if (exponent < 0) strbuf_puts(out, "0.");
    for (int i = exponent + 1; i < 0; i++) strbuf_putc(out, '0');
    for (int i = 0; i < count; i++) {
        if (i && i == count - scale) strbuf_putc(out, '.');
        strbuf_putc(out, digits[i]);
    }
}

static void write_scalar(struct strbuf *out, const struct csv_config *config, const struct vector *vec, int row) {
    size_t start = out->len;
    text_write_encoded(out, vec, row, TEXT_SQL, config->bytes);
    if (config->scientific && vec->type->id == TYPE_DECIMAL) make_scientific(out, start);
}

static void write_elements(struct strbuf *out, const struct csv_config *config, const struct vector *vec, int row) {
    uint32_t from = (uint32_t)row, count = 1;
    bool is_list = vec->phys == PHYS_LIST;
    if (is_list) {
        struct list_entry entry = ((const struct list_entry *)vec->data)[row];
        from = entry.offset;
        count = entry.length;
    }
    uint32_t total = is_list ? count : (uint32_t)vec->type->child_count;
    for (uint32_t i = 0; i < total; i++) {
        if (i) strbuf_add(out, config->element_delimiter.data, config->element_delimiter.len);
        const struct vector *child = &vec->children[is_list ? 0 : i];
        int child_row = (int)(is_list ? from + i : from);
        if (!vector_is_null(child, child_row)) write_scalar(out, config, child, child_row);
    }
}

static enum status csv_encode(struct format_writer *base, const struct chunk *chunk, int row, struct strbuf *out,
                              struct error *err) {
    struct csv_writer *writer = (struct csv_writer *)base;
    const struct csv_config *config = &writer->config;
    size_t record = out->len;
    for (int i = 0; i < writer->field_count; i++) {
        if (i) strbuf_putc(out, config->delimiter);
        const struct vector *vec = writer->columns[i] < 0 ? NULL : &chunk->columns[writer->columns[i]];
        if (!vec || vector_is_null(vec, row)) {
            strbuf_add(out, config->null_literal.data, config->null_literal.len);
            continue;
        }
        size_t start = out->len;
        enum status status = STATUS_OK;
        if (writer->codecs[i])
            status = json_codec_write(writer->codecs[i], vec, row, out, err);
        else if (type_is_nested(vec->type))
            write_elements(out, config, vec, row);
        else
            write_scalar(out, config, vec, row);
        bool is_text = type_is_char(vec->type) || type_is_nested(vec->type);
        if (status == STATUS_OK) status = protect(writer, out, start, writer->names[i], is_text, i == 0, err);
        if (status != STATUS_OK) {
            out->len = record;
            return status;
        }
    }
    return STATUS_OK;
}

const struct format csv_format = {
    .name = "csv",
    .doc = "comma-separated values (RFC 4180)",
    .options = csv_options,
    .check = csv_check,
    .reader_open = csv_reader_open,
    .frame = csv_frame,
    .decode = csv_decode,
    .reader_close = csv_reader_close,
    .field_names = csv_field_names,
    .writer_open = csv_writer_open,
    .header = csv_header,
    .encode = csv_encode,
    .writer_close = csv_writer_close,
};
