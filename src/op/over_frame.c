/* Frames of OVER windows (SQL:2016 part 2, 7.15): ROWS count rows, GROUPS groups of peers, RANGE compares the value of the ORDER BY
 * column. As offsets are constants, both ends move forward only, so a partition is passed once. EXCLUDE cuts the rows around the current
 * one out, which leaves two runs that move forward only as well. */
#include "op/over_frame.h"

#include <math.h>

#include "types/time.h"

static bool has_offset(enum frame_bound_kind kind) { return kind == BOUND_PRECEDING || kind == BOUND_FOLLOWING; }

/* ---- RANGE with offsets ---- */

static int128 power_of_ten(int exponent) {
    int128 power = 1;
    while (exponent-- > 0) power *= 10;
    return power;
}

#define INT128_LARGEST ((int128)(~(unsigned __int128)0 >> 1))

/* Beyond 128 bits every bound is as good as none. */
static int128 saturated_add(int128 a, int128 b) {
    int128 sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? INT128_LARGEST : -INT128_LARGEST;
}

static int128 saturated_mul(int128 a, int128 b) {
    int128 product;
    if (!__builtin_mul_overflow(a, b, &product)) return product;
    return (a > 0) == (b > 0) ? INT128_LARGEST : -INT128_LARGEST;
}

static int scale_of(const struct type *type) { return type->id == TYPE_DECIMAL ? type->scale : 0; }

/* The unit that order column and offset are compared in: decimals at the larger scale, dates and times in nanoseconds. */
static int128 in_common_unit(const struct value *value, int scale) {
    const struct type *type = value->type;
    if (type_is_exact(type)) {
        int128 unscaled = type->id == TYPE_DECIMAL ? value_decimal(value) : (int128)value->i64;
        return saturated_mul(unscaled, power_of_ten(scale - scale_of(type)));
    }
    if (type->id == TYPE_DATE) return (int128)value->i64 * 86400 * 1000000000;
    if (type_is_timestamp(type)) return (int128)value->i64 * (type_is_nanos(type) ? 1 : 1000);
    if (type_is_interval(type))
        return (int128)value->i64 * 1000000; /* milliseconds; months are added by the calendar */
    return value->i64;                       /* TIME: nanoseconds */
}

static double as_double(const struct value *value) {
    if (value->type->id == TYPE_FLOAT) return value->f32;
    if (value->type->id == TYPE_DOUBLE) return value->f64;
    return (double)in_common_unit(value, scale_of(value->type)) / (double)power_of_ten(scale_of(value->type));
}

static const struct value *offset_of(const struct window_spec *spec, bool is_start) {
    return is_start ? &spec->start_offset : &spec->end_offset;
}

static int common_scale(const struct over_window *window) {
    const struct window_spec *spec = window->spec;
    int scale = scale_of(window->layout->types[window->range_column]);
    for (int i = 0; i < 2; i++)
        if (has_offset(i ? spec->start : spec->end) && type_is_exact(offset_of(spec, i)->type) &&
            scale_of(offset_of(spec, i)->type) > scale)
            scale = scale_of(offset_of(spec, i)->type);
    return scale;
}

static struct range_key key_of(const struct over_window *window, size_t row) {
    struct value value = row_get(window->layout, window->rows[row], window->range_column, NULL);
    const struct sort_key *order = &window->spec->order[0];
    if (value.is_null) return (struct range_key){.nulls = order->nulls_last ? 1 : -1};
    struct range_key key = {0};
    if (type_is_approximate(value.type))
        key.approximate = as_double(&value);
    else
        key.exact = in_common_unit(&value, common_scale(window));
    if (order->descending) {
        key.exact = -key.exact;
        key.approximate = -key.approximate;
    }
    return key;
}

static int compare_keys(const struct range_key *a, const struct range_key *b, bool descending) {
    if (a->nulls != b->nulls) return a->nulls < b->nulls ? -1 : 1;
    if (a->exact != b->exact) return a->exact < b->exact ? -1 : 1;
    bool a_nan = isnan(a->approximate), b_nan = isnan(b->approximate); /* the largest value */
    if (a_nan || b_nan) return (a_nan - b_nan) * (descending ? -1 : 1);
    return (a->approximate > b->approximate) - (a->approximate < b->approximate);
}

/* The smallest (is_start) or largest value that belongs to the row's frame. */
static enum status bound_of(const struct over_window *window, size_t row, bool is_start, struct range_key *out,
                            struct error *err) {
    const struct window_spec *spec = window->spec;
    enum frame_bound_kind kind = is_start ? spec->start : spec->end;
    *out = key_of(window, row);
    if (out->nulls || !has_offset(kind)) return STATUS_OK;
    const struct value *offset = offset_of(spec, is_start);
    const struct type *type = window->layout->types[window->range_column];
    bool descending = spec->order[0].descending;
    int direction = kind == BOUND_FOLLOWING ? 1 : -1;
    if (type_is_approximate(type)) {
        out->approximate += direction * as_double(offset);
        return STATUS_OK;
    }
    if (offset->type->id != TYPE_INTERVAL_YEAR_MONTH) {
        out->exact = saturated_add(out->exact, direction * in_common_unit(offset, common_scale(window)));
        return STATUS_OK;
    }
    int128 nanos = descending ? -out->exact : out->exact;
    int128 whole = nanos / 1000;
    if (whole * 1000 > nanos) whole--;
    int64_t micros;
    if (!timestamp_add_months((int64_t)whole, offset->i64 * direction * (descending ? -1 : 1), &micros))
        return error_set(err, STATUS_OUT_OF_RANGE, "a bound of a RANGE frame is no timestamp any more");
    nanos = (int128)micros * 1000 + (nanos - whole * 1000);
    out->exact = descending ? -nanos : nanos;
    return STATUS_OK;
}

static enum status move_range(struct over_window *window, size_t row, struct error *err) {
    const struct window_spec *spec = window->spec;
    bool descending = spec->order[0].descending;
    if (spec->start != BOUND_UNBOUNDED_PRECEDING) {
        struct range_key bound;
        TRY(bound_of(window, row, true, &bound, err));
        for (; window->from < window->count; window->from++) {
            struct range_key key = key_of(window, window->from);
            if (compare_keys(&key, &bound, descending) >= 0) break;
        }
    }
    if (spec->end == BOUND_UNBOUNDED_FOLLOWING) {
        window->to = window->count;
        return STATUS_OK;
    }
    struct range_key bound;
    TRY(bound_of(window, row, false, &bound, err));
    for (; window->to < window->count; window->to++) {
        struct range_key key = key_of(window, window->to);
        if (compare_keys(&key, &bound, descending) > 0) break;
    }
    return STATUS_OK;
}

/* ---- ROWS, GROUPS, and RANGE up to peers ---- */

/* position + steps, within [0, end]; steps may be huge. */
static size_t moved(size_t position, int64_t steps, size_t end) {
    if (steps < 0) return (uint64_t) - (steps + 1) + 1 > position ? 0 : position - ((size_t) - (steps + 1) + 1);
    return (uint64_t)steps > end - position ? end : position + (size_t)steps;
}

/* The bound's position among `end` units, the current one being `position`; an end bound is the position behind it. */
static size_t bound_position(enum frame_bound_kind kind, const struct value *offset, size_t position, size_t end,
                             bool is_start) {
    switch (kind) {
    case BOUND_UNBOUNDED_PRECEDING: return 0;
    case BOUND_UNBOUNDED_FOLLOWING: return end;
    case BOUND_CURRENT_ROW: return is_start ? position : position + 1;
    case BOUND_PRECEDING:
        if (is_start) return moved(position, -offset->i64, end);
        return offset->i64 == 0 ? position + 1 : moved(position, -(offset->i64 - 1), end);
    case BOUND_FOLLOWING:
        if (is_start) return moved(position, offset->i64, end);
        return moved(position + 1, offset->i64, end);
    }
    return 0;
}

void over_window_start(struct over_window *window) { window->group = window->from = window->to = 0; }

enum status over_window_move(struct over_window *window, size_t row, struct error *err) {
    const struct window_spec *spec = window->spec;
    while (row >= window->groups[window->group + 1]) window->group++;
    if (spec->unit == FRAME_RANGE && (has_offset(spec->start) || has_offset(spec->end))) {
        TRY(move_range(window, row, err));
    } else if (spec->unit == FRAME_ROWS) {
        window->from = bound_position(spec->start, &spec->start_offset, row, window->count, true);
        window->to = bound_position(spec->end, &spec->end_offset, row, window->count, false);
    } else {
        window->from =
            window->groups[bound_position(spec->start, &spec->start_offset, window->group, window->group_count, true)];
        window->to =
            window->groups[bound_position(spec->end, &spec->end_offset, window->group, window->group_count, false)];
    }
    if (window->from > window->to) { /* an empty frame; both ends still move forward only */
        if (spec->unit == FRAME_RANGE && (has_offset(spec->start) || has_offset(spec->end)))
            window->to = window->from;
        else
            window->from = window->to;
    }
    return STATUS_OK;
}

/* ---- EXCLUDE ---- */

static size_t clamped(size_t position, const struct over_window *window) {
    if (position < window->from) return window->from;
    return position > window->to ? window->to : position;
}

struct over_frame over_window_frame(const struct over_window *window, size_t row) {
    struct row_range hole = {row, row + 1};
    switch (window->spec->exclude) {
    case EXCLUDE_NO_OTHERS:
        return (struct over_frame){.before = {window->from, window->to}, .after = {window->to, window->to}};
    case EXCLUDE_CURRENT_ROW: break;
    case EXCLUDE_GROUP:
    case EXCLUDE_TIES:
        hole = (struct row_range){window->groups[window->group], window->groups[window->group + 1]};
        break;
    }
    return (struct over_frame){.before = {window->from, clamped(hole.from, window)},
                               .after = {clamped(hole.to, window), window->to},
                               .own = window->spec->exclude == EXCLUDE_TIES && row >= window->from && row < window->to};
}

int over_frame_runs(const struct over_frame *frame, size_t row, struct row_range runs[3]) {
    int count = 0;
    if (frame->before.from < frame->before.to) runs[count++] = frame->before;
    if (frame->own) runs[count++] = (struct row_range){row, row + 1};
    if (frame->after.from < frame->after.to) runs[count++] = frame->after;
    return count;
}
