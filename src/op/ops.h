/* The operator classes, for the list in ops.c. */
#ifndef MILLRACE_OP_OPS_H
#define MILLRACE_OP_OPS_H

#include "op/operator.h"

extern const struct op_class op_calc_class;
extern const struct op_class op_watermark_class;
extern const struct op_class op_union_class;
extern const struct op_class op_limit_class;
extern const struct op_class op_unnest_class;
extern const struct op_class op_window_assign_class;
extern const struct op_class op_local_aggregate_class;
extern const struct op_class op_aggregate_class;
extern const struct op_class op_window_aggregate_class;
extern const struct op_class op_stream_join_class;
extern const struct op_class op_hash_join_class;
extern const struct op_class op_sort_class;
extern const struct op_class op_over_class;
extern const struct op_class op_rank_class;
extern const struct op_class op_top_n_class;

#endif
