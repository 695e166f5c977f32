/* The frame of an OVER window, row by row. See over_frame.c. */
#ifndef MILLRACE_OP_OVER_FRAME_H
#define MILLRACE_OP_OVER_FRAME_H

#include "plan/physical.h"
#include "column/row.h"

/* A value of the single ORDER BY column of a RANGE frame with offsets, made so that it grows from the first row to the last. */
struct range_key {
    int nulls; /* -1: a NULL before all values, 1: behind them, 0: a value */
    int128 exact;
    double approximate;
};

/* The rows of one partition, in order, and the frame that moves over them. Both ends only ever move forward. */
struct over_window {
    const struct row_layout *layout;
    const struct window_spec *spec;
    int range_column; /* of the layout, for RANGE with offsets */
    const uint8_t **rows;
    size_t count;
    size_t *groups; /* where each group of peers starts; [group_count] = count */
    size_t group_count;
    /* of the current row */
    size_t group;
    size_t from, to; /* the frame: rows [from, to); empty when equal */
};

struct row_range {
    size_t from, to; /* rows [from, to); empty when equal */
};

/* The rows of a frame that EXCLUDE leaves: two runs, whose ends only ever move forward either, and between them with EXCLUDE TIES the
 * row itself. Without EXCLUDE all are in the first run. */
struct over_frame {
    struct row_range before, after;
    bool own; /* the row itself is one of them */
};

/* groups and rows are set. */
void over_window_start(struct over_window *window);
/* Moves to row `row`, which follows the one before. STATUS_OUT_OF_RANGE when a bound lies beyond what times can say. */
enum status over_window_move(struct over_window *window, size_t row, struct error *err);
/* The frame of row `row`, to which the window has moved. */
struct over_frame over_window_frame(const struct over_window *window, size_t row);
/* Its non-empty runs in the order of the rows; returns how many. */
int over_frame_runs(const struct over_frame *frame, size_t row, struct row_range runs[3]);

#endif
