/* Batch has no watermarks: WATERMARK nodes go, so that filters reach the scan. */
#include "plan/plan_private.h"

enum status plani_rule_watermark(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    struct rel **inputs = NULL;
    for (int i = 0; i < rel->input_count; i++) {
        struct rel *input;
        TRY(plani_rule_watermark(p, rel->inputs[i], &input, err));
        if (input == rel->inputs[i]) continue;
        if (!inputs) inputs = arena_memdup(p->arena, rel->inputs, sizeof *inputs * (size_t)rel->input_count);
        inputs[i] = input;
    }
    if (rel->kind == REL_WATERMARK && !p->options->streaming)
        *out = inputs ? inputs[0] : rel->inputs[0];
    else
        *out = inputs ? rel_with_inputs(p->arena, rel, inputs) : rel;
    return STATUS_OK;
}
