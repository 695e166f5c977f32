#include "function/json_simdjson.h"

#include <simdjson.h>

#include <new>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
int number_format_double(double d, char out[]); /* types/number.h, which is C only */
}

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

struct json_parser {
    simdjson::dom::parser dom;
    std::vector<element> found, next;
};

namespace {

enum { NUMBER_TEXT = 64 };

/* simdjson refuses documents with integers beyond 64 bits. In a copy of such a document they become strings that begin
 * with this mark, and are written without quotes and mark again. */
const std::string_view big_mark("\x01 big \x01", 7);

bool is_big(std::string_view text) {
    return text.size() > big_mark.size() && text.compare(0, big_mark.size(), big_mark) == 0;
}

json_kind kind_of(element value) {
    switch (value.type()) {
    case element_type::ARRAY: return JSON_ARRAY;
    case element_type::OBJECT: return JSON_OBJECT;
    case element_type::STRING: return is_big(value.get_string().value_unsafe()) ? JSON_NUMBER : JSON_STRING;
    case element_type::BOOL: return JSON_BOOLEAN;
    case element_type::NULL_VALUE: return JSON_NULL;
    default: return JSON_NUMBER;
    }
}

void put(const json_sink *sink, std::string_view text) { sink->put(sink->data, text.data(), text.size()); }

void put_string(const json_sink *sink, std::string_view text) {
    put(sink, "\"");
    size_t from = 0;
    for (size_t i = 0; i < text.size(); i++) {
        unsigned char c = (unsigned char)text[i];
        char escaped[8];
        int len;
        switch (c) {
        case '"': len = snprintf(escaped, sizeof escaped, "\\\""); break;
        case '\\': len = snprintf(escaped, sizeof escaped, "\\\\"); break;
        case '\b': len = snprintf(escaped, sizeof escaped, "\\b"); break;
        case '\f': len = snprintf(escaped, sizeof escaped, "\\f"); break;
        case '\n': len = snprintf(escaped, sizeof escaped, "\\n"); break;
        case '\r': len = snprintf(escaped, sizeof escaped, "\\r"); break;
        case '\t': len = snprintf(escaped, sizeof escaped, "\\t"); break;
        default:
            if (c >= 0x20) continue;
            len = snprintf(escaped, sizeof escaped, "\\u%04X", c);
        }
        put(sink, text.substr(from, i - from));
        put(sink, std::string_view(escaped, (size_t)len));
        from = i + 1;
    }
    put(sink, text.substr(from));
    put(sink, "\"");
}

void put_number(const json_sink *sink, element value) {
    char text[NUMBER_TEXT];
    int len;
    switch (value.type()) {
    case element_type::INT64:
        len = snprintf(text, sizeof text, "%lld", (long long)value.get_int64().value_unsafe());
        break;
    case element_type::UINT64:
        len = snprintf(text, sizeof text, "%llu", (unsigned long long)value.get_uint64().value_unsafe());
        break;
    default: len = number_format_double(value.get_double().value_unsafe(), text);
    }
    put(sink, std::string_view(text, (size_t)len));
}

/* As deep as the document, which the parser limits. */
void put_json(const json_sink *sink, element value) {
    switch (value.type()) {
    case element_type::ARRAY: {
        bool first = true;
        put(sink, "[");
        for (element item : array(value.get_array().value_unsafe())) {
            if (!first) put(sink, ",");
            first = false;
            put_json(sink, item);
        }
        put(sink, "]");
        break;
    }
    case element_type::OBJECT: {
        bool first = true;
        put(sink, "{");
        for (auto field : object(value.get_object().value_unsafe())) {
            if (!first) put(sink, ",");
            first = false;
            put_string(sink, field.key);
            put(sink, ":");
            put_json(sink, field.value);
        }
        put(sink, "}");
        break;
    }
    case element_type::STRING: {
        std::string_view text = value.get_string().value_unsafe();
        if (is_big(text))
            put(sink, text.substr(big_mark.size()));
        else
            put_string(sink, text);
        break;
    }
    case element_type::BOOL: put(sink, value.get_bool().value_unsafe() ? "true" : "false"); break;
    case element_type::NULL_VALUE: put(sink, "null"); break;
    default: put_number(sink, value);
    }
}

std::string mark_big_integers(std::string_view text) {
    std::string copy;
    bool in_string = false;
    for (size_t i = 0; i < text.size();) {
        char c = text[i];
        if (in_string) {
            copy += c;
            if (c == '\\' && i + 1 < text.size()) copy += text[++i];
            if (c == '"') in_string = false;
            i++;
            continue;
        }
        if (c == '-' || (c >= '0' && c <= '9')) {
            size_t end = i + 1;
            while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || strchr("+-.eE", text[end]))) end++;
            std::string_view number = text.substr(i, end - i);
            bool integer = number.find_first_of(".eE") == std::string_view::npos;
            size_t sign = c == '-', digits = number.size() - sign;
            bool valid =
                digits > 0 && number.find_first_of("+-", sign) == std::string_view::npos && number[sign] != '0';
            if (integer && valid && digits >= 19) {
                copy += "\"\\u0001 big \\u0001";
                copy += number;
                copy += '"';
            } else {
                copy += number;
            }
            i = end;
            continue;
        }
        in_string = c == '"';
        copy += c;
        i++;
    }
    return copy;
}

bool parse(json_parser *parser, const char *text, size_t len, element *root) {
    simdjson::error_code error = parser->dom.parse(text, len).get(*root);
    if (error == simdjson::NUMBER_ERROR || error == simdjson::NUMBER_OUT_OF_RANGE)
        error = parser->dom.parse(mark_big_integers(std::string_view(text, len))).get(*root);
    return error == simdjson::SUCCESS;
}

/* The member with the key; the last one when it stands there twice. */
bool member(object fields, std::string_view key, element *out) {
    bool found = false;
    for (auto field : fields) {
        if (field.key != key) continue;
        *out = field.value;
        found = true;
    }
    return found;
}

/* false: a strict path does not fit. */
bool step_into(element value, const json_step *step, bool strict, std::vector<element> *out) {
    switch (step->kind) {
    case JSON_STEP_KEY: {
        element found;
        if (value.type() != element_type::OBJECT ||
            !member(value.get_object().value_unsafe(), std::string_view(step->key, step->key_len), &found))
            return !strict;
        out->push_back(found);
        return true;
    }
    case JSON_STEP_INDEX: {
        if (value.type() != element_type::ARRAY) return !strict;
        array items = value.get_array().value_unsafe();
        int64_t size = 0, index = step->index;
        for (element item : items) {
            (void)item;
            size++;
        }
        if (index < 0) index += size;
        if (index < 0 || index >= size) return !strict;
        for (element item : items)
            if (index-- == 0) {
                out->push_back(item);
                break;
            }
        return true;
    }
    case JSON_STEP_ALL:
        if (value.type() == element_type::ARRAY) {
            for (element item : array(value.get_array().value_unsafe())) out->push_back(item);
        } else if (value.type() == element_type::OBJECT) {
            for (auto field : object(value.get_object().value_unsafe())) out->push_back(field.value);
        } else {
            return !strict;
        }
        return true;
    }
    return false;
}

} // namespace

extern "C" struct json_parser *json_parser_create(void) try {
    struct json_parser *parser = new (std::nothrow) json_parser;
    if (!parser) abort();
    return parser;
} catch (...) { /* only for want of memory */
    abort();
}

extern "C" void json_parser_free(struct json_parser *parser) { delete parser; }

extern "C" enum json_result json_document_kind(struct json_parser *parser, const char *text, size_t len,
                                               enum json_kind *kind) try {
    element root;
    if (!parse(parser, text, len, &root)) return JSON_ERROR;
    *kind = kind_of(root);
    return JSON_FOUND;
} catch (...) { /* only for want of memory */
    abort();
}

extern "C" enum json_result json_select(struct json_parser *parser, const char *text, size_t len,
                                        const struct json_path *path, enum json_kind *kind, int64_t *count,
                                        const struct json_sink *scalar, const struct json_sink *json) try {
    element root;
    if (!parse(parser, text, len, &root)) return JSON_ERROR;
    parser->found.clear();
    parser->found.push_back(root);
    for (int i = 0; i < path->step_count; i++) {
        parser->next.clear();
        for (element value : parser->found)
            if (!step_into(value, &path->steps[i], path->strict, &parser->next)) return JSON_ERROR;
        std::swap(parser->found, parser->next);
    }
    *count = (int64_t)parser->found.size();
    if (parser->found.empty()) return JSON_EMPTY;
    *kind = kind_of(parser->found[0]);
    if (scalar && *count == 1) {
        element value = parser->found[0];
        if (*kind == JSON_STRING)
            put(scalar, value.get_string().value_unsafe());
        else if (*kind == JSON_NUMBER || *kind == JSON_BOOLEAN)
            put_json(scalar, value);
    }
    if (json) {
        bool first = true;
        for (element value : parser->found) {
            if (!first) put(json, ",");
            first = false;
            put_json(json, value);
        }
    }
    return JSON_FOUND;
} catch (...) { /* only for want of memory */
    abort();
}

extern "C" void json_put_string(const struct json_sink *sink, const char *text, size_t len) try {
    put_string(sink, std::string_view(text, len));
} catch (...) { /* only for want of memory */
    abort();
}
