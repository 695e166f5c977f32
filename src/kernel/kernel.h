/* Typed loops over vectors: arithmetic, comparisons, three-valued logic, selections, moves.
 *
 * A loop computes `out` at the physical rows of `sel` (NULL: rows 0 … count-1; else count of them) from arguments that are
 * FLAT or CONST; out is FLAT with room for the rows and distinct from every argument. Data of NULL rows is computed
 * like any other (it is always initialised, and no loop here follows a pointer unless it says so); out->validity is the
 * caller's business, see each family. Nothing is allocated. Loops that can fail return the first physical row that fails
 * and is valid in out->validity, else -1; what they wrote is then undefined.
 *
 * One loop per type and operation, made by including binary_loop.h or unary_loop.h with the scalar operation; the right
 * one is picked once, when an expression is bound. */
#ifndef MILLRACE_KERNEL_KERNEL_H
#define MILLRACE_KERNEL_KERNEL_H

#include "column/vector.h"

typedef int (*kernel_binary)(const struct vector *a, const struct vector *b, struct vector *out, const sel_index *sel,
                             int count);
typedef int (*kernel_unary)(const struct vector *a, struct vector *out, const sel_index *sel, int count);

/* ---- arithmetic (arith.c): all three vectors of one type ---- */

enum arith_op { ARITH_ADD, ARITH_SUBTRACT, ARITH_MULTIPLY, ARITH_DIVIDE, ARITH_REMAINDER, ARITH_OP_COUNT };
enum arith_unary_op { ARITH_NEGATE, ARITH_ABS, ARITH_SIGN, ARITH_UNARY_OP_COUNT };

/* PHYS_I8 … PHYS_I64, PHYS_F32, PHYS_F64; NULL for others. Integers fail on overflow and on division by zero, division
 * truncates, the remainder has the dividend's sign. Floats follow IEEE 754 (fmod for the remainder) and never fail. */
kernel_binary kernel_arith(enum arith_op op, enum phys phys);
/* As above; for PHYS_I128 too, which does not fail (DECIMALs never reach the minimum). SIGN gives -1, 0, 1 in the type. */
kernel_unary kernel_arith_unary(enum arith_unary_op op, enum phys phys);

/* ---- DECIMAL arithmetic (decimal_loops.c) ---- */

struct decimal_operation {
    enum arith_op op;
    int a_precision, a_scale, b_precision, b_scale, precision, scale;
    /* filled by decimal_operation_init */
    int (*loop)(const struct decimal_operation *operation, const struct vector *a, const struct vector *b,
                struct vector *out, const sel_index *sel, int count);
    bool fallible;
    int64_t a_factor64, b_factor64;
    int128 a_factor, b_factor;
};
/* Chooses the loop: plain 64- or 128-bit integers where the result's precision cannot be exceeded, exact wide
 * arithmetic otherwise. Fails on overflow of the result's precision and on division by zero. */
void decimal_operation_init(struct decimal_operation *operation);

/* ---- comparisons (compare.c): arguments of one type, out is BOOLEAN bytes 0 and 1 ---- */

enum compare_op { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE, COMPARE_OP_COUNT };
/* PHYS_BOOL … PHYS_STR. Floats compare as in Java: NaN is unequal to all. Strings bytewise; their pointers are followed,
 * so NULL rows must not be among the rows. NULL for LIST, ROW and NULL. */
kernel_binary kernel_compare(enum compare_op op, enum phys phys);
/* The operation with its arguments swapped: LT for GT. */
enum compare_op compare_op_mirror(enum compare_op op);

/* ---- three-valued logic (logic.c) ----
 * A BOOLEAN value is its byte (0, 1) where valid. out may be a. Results' validity is out->validity, which points to
 * writable words (validity_words of the highest row) or is NULL when a and b have no NULLs; a CONST argument counts
 * as that value in every row. */
void kernel_and(const struct vector *a, const struct vector *b, struct vector *out, const sel_index *sel, int count);
void kernel_or(const struct vector *a, const struct vector *b, struct vector *out, const sel_index *sel, int count);
void kernel_not(const struct vector *a, struct vector *out, const sel_index *sel,
                int count); /* validity: the caller's */

/* ---- selections (select.c) ---- */

enum truth { TRUTH_TRUE, TRUTH_NOT_TRUE, TRUTH_NOT_FALSE, TRUTH_FALSE, TRUTH_NULL, TRUTH_NOT_NULL };
/* Writes the rows among sel whose BOOLEAN (any form but DICT) has the truth, ascending, to out; returns how many. out has
 * room for count rows and may be sel itself. TRUTH_NULL and TRUTH_NOT_NULL take a vector of any type. */
int kernel_select(const struct vector *vec, enum truth truth, const sel_index *sel, int count, sel_index *out);
/* TRUE rows to yes, others to no (may be sel itself); returns the count of yes. */
int kernel_split(const struct vector *vec, const sel_index *sel, int count, sel_index *yes, sel_index *no);
/* Rows whose bit is set in validity (not NULL). */
int kernel_select_valid(const uint64_t *validity, const sel_index *sel, int count, sel_index *out);

/* ---- moves (move.c) ---- */

/* Copies rows of src (FLAT or CONST, same physical type) to the same rows of dst, validity included. dst is flat with
 * room for `capacity` rows; its validity is made in arena when a NULL comes. Strings are borrowed. */
void kernel_move(struct vector *dst, const struct vector *src, const sel_index *sel, int count, struct arena *arena,
                 int capacity);

/* words = AND of both; either may be NULL (all valid), the result is NULL when both are. `out` has room for words. */
uint64_t *kernel_validity_and(const uint64_t *a, const uint64_t *b, uint64_t *out, int row_count);

#endif
