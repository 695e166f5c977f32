/* Small cases over the real kernels with fixed data, whose instructions bench/callgrind/run.py counts. */
#ifndef MILLRACE_BENCH_CALLGRIND_CASES_H
#define MILLRACE_BENCH_CALLGRIND_CASES_H

#include "base/arena.h"
#include "column/test_data.h"

/* Fails the case: the figures of code that did not do its work mean nothing. */
void case_fail(const char *what, const struct error *err) __attribute__((noreturn));
#define CASE_TRY(call)                                                                                                 \
    do {                                                                                                               \
        struct error err_ = {0};                                                                                       \
        struct error *err = &err_;                                                                                     \
        if ((call) != STATUS_OK) case_fail(#call, err);                                                                \
    } while (0)

struct kernel_case {
    const char *name;
    void *(*prepare)(struct arena *arena);
    int64_t (*run)(void *data); /* counted; returns what it found */
    int64_t expected;           /* that number, known from how the data was made */
};

extern const struct kernel_case expression_cases[], row_cases[], operator_cases[],
    format_cases[]; /* until a NULL name */

/* The table that most cases read: `rows` rows from number `first` on. Row n has
 *     0 id BIGINT NOT NULL  n
 *     1 a BIGINT            n * 7919 % 10007, NULL where n % 10 is 3
 *     2 b BIGINT            n * 104729 % 10007, NULL where n % 16 is 5
 *     3 k INT               n * 31 % 1000
 *     4 s STRING            "customer 00042 of Utrecht" with n % 1000; "account 00042 of Delft" where n is odd
 *     5 t STRING            n % 100000 in digits
 *     6 d DECIMAL(15, 2)    (n * 37 % 100000) / 100
 *     7 e DECIMAL(15, 2)    (n * 53 % 100000) / 100
 *     8 x DOUBLE            n / 8 */
enum { COLUMN_ID, COLUMN_A, COLUMN_B, COLUMN_K, COLUMN_S, COLUMN_T, COLUMN_D, COLUMN_E, COLUMN_X, CASE_COLUMNS };
const struct schema *case_schema(struct arena *arena);
struct chunk *case_chunk(struct arena *arena, int first, int rows);

#endif
