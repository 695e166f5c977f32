/* millrace help TOPIC. Everything is printed from the tables that the program itself works with, so it cannot be out of date. */
#include "shell/help.h"

#include "connector/cassandra/cassandra.h"
#include "connector/connector.h"
#include "connector/store/store_connector.h"
#include "format/format.h"
#include "function/registry.h"
#include "shell/command_line.h"

enum { MAX_TOPICS = 64, NAME_WIDTH = 38 };

static const struct {
    const char *name;
    enum option_type type;
    const char *default_value, *choices, *doc;
} settings[] = {
#define X(key, type, default_value, choices, doc) {key, type, default_value, choices, doc},
#include "session/settings.def"
#undef X
};

static void put_name(struct strbuf *out, const char *name) {
    size_t start = out->len;
    strbuf_printf(out, "  %s", name);
    do strbuf_putc(out, ' ');
    while (out->len < start + NAME_WIDTH);
}

static void put_option(struct strbuf *out, const char *name, enum option_type type, const char *default_value,
                       const char *choices, bool required, bool prefix, const char *doc) {
    static const char *const types[] = {
        [OPTION_STRING] = "text",   [OPTION_BOOL] = "true or false", [OPTION_INT] = "whole number",
        [OPTION_DOUBLE] = "number", [OPTION_DURATION] = "duration",  [OPTION_SIZE] = "size",
        [OPTION_ENUM] = "one of"};
    struct strbuf shown = {0};
    strbuf_printf(&shown, "%s%s", name, prefix ? "*" : "");
    put_name(out, shown.data);
    strbuf_free(&shown);
    strbuf_puts(out, doc);
    if (choices) {
        strbuf_puts(out, " [");
        for (const char *p = choices; *p; p++) *p == '|' ? strbuf_puts(out, ", ") : strbuf_putc(out, *p);
        strbuf_putc(out, ']');
    } else if (type != OPTION_STRING) {
        strbuf_printf(out, " [%s]", types[type]);
    }
    if (required)
        strbuf_puts(out, "; required");
    else if (default_value && *default_value)
        strbuf_printf(out, "; default %s", default_value);
    strbuf_putc(out, '\n');
}

static void put_options(struct strbuf *out, const struct option_def *options) {
    for (int i = 0; options && options[i].name; i++)
        put_option(out, options[i].name, options[i].type, options[i].default_value, options[i].choices,
                   options[i].required, options[i].prefix, options[i].doc);
}

static void put_connector(struct strbuf *out, const struct connector *connector) {
    strbuf_printf(out, "'connector' = '%s': %s\n", connector->name, connector->doc);
    strbuf_printf(out, "can be %s%s%s%s%s\n\n", connector->source ? "read" : "",
                  connector->source && connector->sink ? (connector->lookup ? ", " : " and ") : "",
                  connector->sink ? "written" : "", connector->lookup ? " and looked up by key" : "",
                  connector->has_format ? "; takes a 'format'" : "");
    put_options(out, connector->options);
    const struct connector_metadata *metadata = connector->metadata;
    if (metadata && metadata->key) strbuf_puts(out, "\nMetadata columns (name TYPE METADATA FROM 'key'):\n");
    for (; metadata && metadata->key; metadata++) {
        put_name(out, metadata->key);
        strbuf_puts(out, type_id_name(metadata->type));
        if (metadata->precision) strbuf_printf(out, "(%d)", metadata->precision);
        if (metadata->access == METADATA_READ) strbuf_puts(out, " VIRTUAL");
        if (metadata->access == METADATA_WRITE) strbuf_puts(out, "; written, never read");
        strbuf_putc(out, '\n');
    }
}

static void put_catalog(struct strbuf *out, const char *name, const struct catalog_class *class) {
    strbuf_printf(out, "\nCREATE CATALOG ... WITH ('type' = '%s', ...):\n", name);
    put_options(out, class->options);
}

static void put_settings(struct strbuf *out) {
    strbuf_puts(out, "SET 'key' = 'value', or -D key=value on the command line:\n\n");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        put_option(out, settings[i].name, settings[i].type, settings[i].default_value, settings[i].choices, false,
                   false, settings[i].doc);
}

static void put_connectors(struct strbuf *out) {
    strbuf_puts(out, "CREATE TABLE ... WITH ('connector' = ...); millrace help NAME lists the options of one:\n\n");
    const struct connector *connector;
    for (int i = 0; (connector = connector_at(i)); i++) {
        put_name(out, connector->name);
        strbuf_printf(out, "%s\n", connector->doc);
    }
}

static void put_formats(struct strbuf *out) {
    strbuf_puts(out, "CREATE TABLE ... WITH ('format' = ...); millrace help NAME lists the options of one:\n\n");
    const struct format *format;
    for (int i = 0; (format = format_at(i)); i++) {
        put_name(out, format->name);
        strbuf_printf(out, "%s\n", format->doc);
    }
}

static void put_format(struct strbuf *out, const struct format *format) {
    strbuf_printf(out, "'format' = '%s': %s; its options begin with '%s.'\n\n", format->name, format->doc,
                  format->name);
    put_options(out, format->options);
}

static void put_functions(struct strbuf *out) {
    for (int i = 0; i < function_count(); i++) {
        const struct function_info *info = function_at(i);
        char first = info->name[0];
        if (!((first >= 'A' && first <= 'Z') || first == '_')) continue; /* operators, and what only the engine uses */
        put_name(out, info->signature);
        strbuf_printf(out, "%s\n", info->doc);
    }
}

static enum status no_topic(const char *topic, struct error *err) {
    static const char *const fixed[] = {"sql",      "run",        "load",    "unload",   "count",
                                        "settings", "connectors", "formats", "functions"};
    const char *names[MAX_TOPICS];
    int count = 0;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) names[count++] = fixed[i];
    for (int i = 0; connector_at(i) && count < MAX_TOPICS; i++) names[count++] = connector_at(i)->name;
    for (int i = 0; format_at(i) && count < MAX_TOPICS; i++) names[count++] = format_at(i)->name;
    const char *near = str_nearest(topic, names, count);
    error_set(err, STATUS_USAGE, "there is no help about '%s'", topic);
    if (near)
        error_hint(err, "did you mean '%s'?", near);
    else
        error_hint(err, "there is help about sql, run, load, unload, count, settings, connectors, formats, functions, "
                        "and each connector and format");
    return STATUS_USAGE;
}

enum status help_topic(struct strbuf *out, const char *topic, struct error *err) {
    const struct connector *connector = topic ? connector_find(topic) : NULL;
    const struct format *format = topic ? format_find(topic) : NULL;
    if (!topic || command_line_has_help(topic)) {
        command_line_help(out, topic);
    } else if (strcmp(topic, "settings") == 0) {
        put_settings(out);
    } else if (strcmp(topic, "connectors") == 0) {
        put_connectors(out);
    } else if (strcmp(topic, "formats") == 0) {
        put_formats(out);
    } else if (strcmp(topic, "functions") == 0) {
        put_functions(out);
    } else if (connector) {
        put_connector(out, connector);
        if (strcmp(topic, "cassandra") == 0) put_catalog(out, topic, &cassandra_catalog_class);
        if (strcmp(topic, "store") == 0) put_catalog(out, topic, &store_catalog_class);
    } else if (format) {
        put_format(out, format);
    } else {
        return no_topic(topic, err);
    }
    return STATUS_OK;
}
