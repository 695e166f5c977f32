/* The first row per key in some order, over append-only input: the form that RANK takes for the deduplication pattern. */
#ifndef MILLRACE_OP_OP_FIRST_H
#define MILLRACE_OP_OP_FIRST_H

#include "op/operator.h"

/* RANK with rank 1 only, over append-only input. */
bool op_first_applies(const struct pnode *node);
enum status op_first_open(struct op *op, struct error *err);
enum status op_first_open_instance(struct op_instance *inst, struct error *err);
enum status op_first_push(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk, struct error *err);
enum status op_first_end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err);
void op_first_close_instance(struct op_instance *inst);

#endif
