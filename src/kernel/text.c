#include "kernel/text.h"

#include <string.h>

static inline bool is_continuation(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

bool text_is_ascii(struct str text) {
    uint64_t any = 0;
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, 8);
        any |= word;
    }
    for (; i < text.len; i++) any |= (uint64_t)(unsigned char)text.data[i];
    return (any & UINT64_C(0x8080808080808080)) == 0;
}

int64_t text_length(struct str text) {
    int64_t count = 0;
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, 8);
        /* A continuation byte has its top bit set and the next one clear. */
        uint64_t continuation = (word >> 7) & ~(word >> 6) & UINT64_C(0x0101010101010101);
        count += 8 - __builtin_popcountll(continuation);
    }
    for (; i < text.len; i++) count += !is_continuation(text.data[i]);
    return count;
}

size_t text_offset(struct str text, int64_t index) {
    size_t i = 0;
    if (index <= 0) return 0;
    while (i + 8 <= text.len) {
        uint64_t word;
        memcpy(&word, text.data + i, 8);
        uint64_t continuation = (word >> 7) & ~(word >> 6) & UINT64_C(0x0101010101010101);
        int starts = 8 - __builtin_popcountll(continuation);
        if (starts > index) break;
        index -= starts;
        i += 8;
    }
    /* `index` starts are still to be passed; bytes of the last counted one may follow. */
    for (; i < text.len; i++) {
        if (is_continuation(text.data[i])) continue;
        if (index == 0) return i;
        index--;
    }
    return text.len;
}

size_t text_char_bytes(struct str text, size_t at) {
    size_t end = at + 1;
    while (end < text.len && end - at < 4 && is_continuation(text.data[end])) end++;
    return end - at;
}

uint32_t text_char(struct str text, size_t at, size_t *bytes) {
    size_t n = text_char_bytes(text, at);
    const unsigned char *p = (const unsigned char *)text.data + at;
    *bytes = n;
    if (p[0] < 0x80) {
        *bytes = 1;
        return p[0];
    }
    uint32_t c = 0;
    if (n == 2 && p[0] >= 0xC2 && p[0] <= 0xDF)
        c = (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3Fu);
    else if (n == 3 && (p[0] & 0xF0) == 0xE0)
        c = (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3Fu);
    else if (n == 4 && p[0] >= 0xF0 && p[0] <= 0xF4)
        c = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 |
            (p[3] & 0x3Fu);
    bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10FFFF || surrogate || c == 0) return 0xFFFD;
    return c;
}

int text_put_char(uint32_t c, char out[4]) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

size_t text_find(struct str text, struct str needle, size_t from) {
    if (from > text.len || needle.len > text.len - from) return SIZE_MAX;
    if (needle.len == 0) return from;
    const char *hit = memmem(text.data + from, text.len - from, needle.data, needle.len);
    return hit ? (size_t)(hit - text.data) : SIZE_MAX;
}

/* ---- LIKE ---- */

enum status like_compile(struct arena *arena, struct str pattern, struct str escape, struct like_pattern *out,
                         struct error *err) {
    if (escape.len > 0 && text_char_bytes(escape, 0) != escape.len)
        return error_set(err, STATUS_INVALID_ARGUMENT, "the ESCAPE of LIKE must be a single character, not '%.*s'",
                         (int)(escape.len > 40 ? 40 : escape.len), escape.data);
    int capacity = 1; /* one segment before each % and one behind the last */
    for (size_t i = 0; i < pattern.len; i++) capacity += pattern.data[i] == '%';
    struct like_pattern like = {.segments = ARENA_ARRAY(arena, struct like_segment, capacity)};
    char *bytes = arena_alloc(arena, pattern.len + 1);
    uint8_t *single = arena_zalloc(arena, pattern.len + 1);
    size_t used = 0, start = 0, i = 0;
    bool has_single = false, any_single = false, percent = false;
    for (bool end = false; !end;) {
        end = i == pattern.len;
        bool escaped = !end && escape.len > 0 && pattern.len - i >= escape.len &&
                       memcmp(pattern.data + i, escape.data, escape.len) == 0;
        if (end || (!escaped && pattern.data[i] == '%')) {
            if (used > start) {
                struct str literal = {bytes + start, used - start};
                like.segments[like.segment_count++] =
                    (struct like_segment){literal, has_single ? single + start : NULL, text_length(literal)};
            }
            if (end) break;
            if (used == 0) like.open_start = true;
            percent = like.open_end = true;
            start = used;
            has_single = false;
            i++;
            continue;
        }
        like.open_end = false;
        size_t n = 1;
        if (escaped) {
            i += escape.len;
            bool again = pattern.len - i >= escape.len && memcmp(pattern.data + i, escape.data, escape.len) == 0;
            if (i == pattern.len || (!again && pattern.data[i] != '%' && pattern.data[i] != '_'))
                return error_set(err, STATUS_INVALID_ARGUMENT,
                                 "the escape character in the LIKE pattern '%.*s' must stand before %%, _ or itself",
                                 (int)(pattern.len > 100 ? 100 : pattern.len), pattern.data);
            if (again) n = escape.len;
        } else if (pattern.data[i] == '_') {
            single[used] = 1;
            has_single = any_single = true;
        }
        memcpy(bytes + used, pattern.data + i, n);
        used += n;
        i += n;
    }
    like.literal = like.segment_count ? like.segments[0].literal : (struct str){bytes, 0};
    if (any_single || like.segment_count > 1)
        like.kind = LIKE_GENERAL;
    else if (like.segment_count == 0)
        like.kind = percent ? LIKE_ANY : LIKE_EXACT;
    else if (like.open_start)
        like.kind = like.open_end ? LIKE_CONTAINS : LIKE_SUFFIX;
    else
        like.kind = like.open_end ? LIKE_PREFIX : LIKE_EXACT;
    *out = like;
    return STATUS_OK;
}

/* Does the segment match at byte `at`? Gives the byte behind the match. */
static bool segment_matches(const struct like_segment *segment, struct str text, size_t at, size_t *end) {
    if (!segment->single) {
        if (segment->literal.len > text.len - at ||
            memcmp(text.data + at, segment->literal.data, segment->literal.len) != 0)
            return false;
        *end = at + segment->literal.len;
        return true;
    }
    for (size_t i = 0; i < segment->literal.len; i++) {
        if (at >= text.len) return false;
        if (segment->single[i])
            at += text_char_bytes(text, at);
        else if (text.data[at++] != segment->literal.data[i])
            return false;
    }
    *end = at;
    return true;
}

/* The leftmost match at or behind `from`. */
static bool segment_find(const struct like_segment *segment, struct str text, size_t from, size_t *end) {
    if (!segment->single) {
        size_t hit = text_find(text, segment->literal, from);
        if (hit == SIZE_MAX) return false;
        *end = hit + segment->literal.len;
        return true;
    }
    for (size_t at = from; at < text.len; at += text_char_bytes(text, at))
        if (segment_matches(segment, text, at, end)) return true;
    return false;
}

/* The last segment, when nothing may follow it: it covers its number of characters at the text's end. */
static bool segment_ends(const struct like_segment *segment, struct str text, size_t from) {
    size_t at, end;
    if (!segment->single) {
        if (segment->literal.len > text.len - from) return false;
        at = text.len - segment->literal.len;
    } else {
        at = text.len;
        for (int64_t i = 0; i < segment->char_count; i++) {
            if (at <= from) return false;
            do at--;
            while (at > from && is_continuation(text.data[at]));
        }
    }
    return segment_matches(segment, text, at, &end) && end == text.len;
}

/* Segments between two % may match anywhere, so taking each one as early as possible leaves most to those behind it. */
static bool match_general(const struct like_pattern *pattern, struct str text) {
    size_t at = 0;
    int first = 0, last = pattern->segment_count;
    if (!pattern->open_start) {
        if (!segment_matches(&pattern->segments[0], text, 0, &at)) return false;
        if (++first == last) return pattern->open_end || at == text.len;
    }
    if (!pattern->open_end) last--;
    for (int i = first; i < last; i++)
        if (!segment_find(&pattern->segments[i], text, at, &at)) return false;
    return pattern->open_end || segment_ends(&pattern->segments[last], text, at);
}

bool like_match(const struct like_pattern *pattern, struct str text) {
    struct str literal = pattern->literal;
    switch (pattern->kind) {
    case LIKE_EXACT: return str_equal(text, literal);
    case LIKE_PREFIX: return text.len >= literal.len && memcmp(text.data, literal.data, literal.len) == 0;
    case LIKE_SUFFIX:
        return text.len >= literal.len && memcmp(text.data + text.len - literal.len, literal.data, literal.len) == 0;
    case LIKE_CONTAINS: return text_find(text, literal, 0) != SIZE_MAX;
    case LIKE_ANY: return true;
    case LIKE_GENERAL: return match_general(pattern, text);
    }
    return false;
}
