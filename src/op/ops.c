/* The visible list of operators. */
#include "op/ops.h"

static const struct op_class *const classes[] = {
    &op_calc_class,          &op_watermark_class,
    &op_union_class,         &op_limit_class,
    &op_window_assign_class, &op_local_aggregate_class,
    &op_aggregate_class,     &op_window_aggregate_class,
    &op_stream_join_class,   &op_hash_join_class,
    &op_sort_class,          &op_rank_class,
    &op_top_n_class,         &op_over_class,
    &op_unnest_class,
};

const struct op_class *op_class_find(enum pnode_kind kind) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i]->kind == kind) return classes[i];
    return NULL;
}
