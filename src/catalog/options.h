/* Option tables: name, type, default, doc, required. One table validates a WITH clause, prints the reference page and
 * feeds tab completion. Used by connectors, formats, catalogs and the session's SET keys. */
#ifndef MILLRACE_CATALOG_OPTIONS_H
#define MILLRACE_CATALOG_OPTIONS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum option_type {
    OPTION_STRING,
    OPTION_BOOL,
    OPTION_INT, /* int64 within [min, max] */
    OPTION_DOUBLE,
    OPTION_DURATION, /* "10 s", "500ms", "1 min", "2h", "1d"; a bare number is ms. Kept in ms */
    OPTION_SIZE,     /* "64 mb", "1g"; a bare number is bytes */
    OPTION_ENUM,     /* one of `choices`, "a|b|c", any case */
};

struct option_def {
    const char *name;
    enum option_type type;
    const char *default_value; /* as text; NULL = no default */
    const char *choices;       /* OPTION_ENUM */
    int64_t min, max;          /* OPTION_INT, DURATION, SIZE; both 0 = any; max below min = no upper limit */
    bool required;
    bool prefix; /* name ends in '.' or '#': any key that begins with it ("fields.", "properties.") */
    bool secret; /* never printed */
    const char *doc;
};
#define OPTION_END                                                                                                     \
    { 0 }

/* Keys and values as written. */
struct option_list {
    int count;
    const char **keys, **values;
    int32_t *offsets; /* of each value in the script, -1 when unknown; NULL allowed */
};
const char *option_find(const struct option_list *options, const char *key); /* NULL when absent */
void option_add(struct option_list *options, struct arena *arena, const char *key, const char *value, int32_t offset);

/* Checks every key against the tables (NULL-terminated array of tables, each ended by OPTION_END) and every value against
 * its type; says which option is wrong, the nearest right name, and which required one is missing. `owner` is for the
 * message: "connector 'kafka'". */
enum status options_check(const struct option_list *options, const struct option_def *const *tables, const char *owner,
                          struct error *err);

/* Typed reads; the value or the table's default. The list must have passed options_check with this table. */
const char *option_string(const struct option_list *options, const struct option_def *table, const char *key);
bool option_bool(const struct option_list *options, const struct option_def *table, const char *key);
int64_t option_int(const struct option_list *options, const struct option_def *table,
                   const char *key); /* and ms, bytes */
double option_double(const struct option_list *options, const struct option_def *table, const char *key);
bool option_given(const struct option_list *options, const char *key);

enum status option_parse_bool(struct str text, bool *out);
enum status option_parse_duration(struct str text, int64_t *ms);
enum status option_parse_size(struct str text, int64_t *size_bytes);

#endif
