/* Widths, safe text, numbers and the progress line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "op/operator.h"
#include "shell/output.h"
#include "shell/progress.h"
#include "shell/text.h"

extern const struct CMUnitTest text_tests[];
extern const size_t text_tests_count;

static int width(const char *text) { return text_width(text, strlen(text)); }

static void widths(void **state) {
    (void)state;
    assert_int_equal(width(""), 0);
    assert_int_equal(width("plain"), 5);
    assert_int_equal(width("h\xC3\xA9"), 2);
    assert_int_equal(width("日本語"), 6);
    assert_int_equal(width("ｱ"), 1);         /* half width */
    assert_int_equal(width("e\xCC\x81"), 1); /* combining */
    assert_int_equal(width("a\xCC\x81\xCC\xA7z"), 2);
    assert_int_equal(width("👍"), 2);
    assert_int_equal(width("👍🏽"), 2);                 /* modified */
    assert_int_equal(width("👩‍👩‍👧"), 2);       /* joined */
    assert_int_equal(width("🇫🇷🇩🇪"), 4);                     /* flags */
    assert_int_equal(width("\xE2\x98\x80\xEF\xB8\x8F"), 2); /* sun as emoji */
    assert_int_equal(width("\xFF\xFE"), 2);
    assert_int_equal(width("नमस्ते") > 0, 1);
}

static void fitting(void **state) {
    (void)state;
    int taken;
    assert_int_equal(text_fit("abcdef", 6, 4, &taken), 4);
    assert_int_equal(taken, 4);
    assert_int_equal(text_fit("日本", 6, 3, &taken), 3); /* a wide character does not fit into half of itself */
    assert_int_equal(taken, 2);
    assert_int_equal(text_fit("e\xCC\x81x", 4, 1, &taken), 3); /* what combines stays */
    assert_int_equal(taken, 1);
    assert_int_equal(text_fit("abc", 3, 0, &taken), 0);
    assert_int_equal(text_fit("", 0, 10, &taken), 0);
}

static void safe_text(void **state) {
    (void)state;
    static const char input[] = "a\x1B[2J\x07\x7F\tb\r\n\xC2\x9B c\xFF\xC3\xA9\0z";
    struct strbuf out = {0};
    text_put_safe(&out, input, sizeof input - 1, false);
    assert_string_equal(out.data, "a\\x1B[2J\\x07\\x7F\\tb\\r\\n\\x9B c\xEF\xBF\xBD\xC3\xA9\\x00z");
    strbuf_clear(&out);
    text_put_safe(&out, "one\ntwo", 7, true);
    assert_string_equal(out.data, "one\ntwo");
    strbuf_free(&out);
}

static void counts_and_durations(void **state) {
    (void)state;
    static const struct {
        int64_t count;
        const char *text;
    } counts[] = {{0, "0"},       {999, "999"},           {1000, "1,000"},    {-1000, "-1,000"},
                  {-999, "-999"}, {1234567, "1,234,567"}, {100000, "100,000"}};
    struct strbuf out = {0};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        strbuf_clear(&out);
        text_put_count(&out, counts[i].count);
        assert_string_equal(out.data, counts[i].text);
    }
    static const struct {
        int64_t ms;
        const char *text;
    } spans[] = {{0, "0 ms"},       {999, "999 ms"},        {1234, "1.23 s"},
                 {12345, "12.3 s"}, {200000, "3 min 20 s"}, {7320000, "2 h 2 min"}};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        strbuf_clear(&out);
        text_put_duration(&out, spans[i].ms * 1000000);
        assert_string_equal(out.data, spans[i].text);
    }
    strbuf_free(&out);
}

static void progress_lines(void **state) {
    (void)state;
    struct figures figures = {.rows_in = 1000000,
                              .rows_out = 1,
                              .steps = 13,
                              .checkpoints = 2,
                              .watermark_micros = INT64_C(1772352000000000),
                              .elapsed_ns = INT64_C(4000000000)};
    struct strbuf out = {0};
    progress_print(&out, &figures, progress_rate(&figures), ", ");
    assert_string_equal(out.data, "1,000,000 rows in, 1 out, 250,000 rows/s, watermark 2026-03-01 08:00:00, 13 steps, "
                                  "2 checkpoints");
    strbuf_clear(&out);
    figures = (struct figures){
        .rows_in = 1, .steps = 1, .watermark_micros = WATERMARK_NONE, .skipped_records = 3, .late_rows = 4};
    progress_print(&out, &figures, progress_rate(&figures), "  ");
    assert_string_equal(out.data, "1 row in  0 out  0 rows/s  1 step  3 skipped  4 late");
    strbuf_clear(&out);
    figures.watermark_micros = WATERMARK_MAX;
    progress_print(&out, &figures, 5, " ");
    assert_string_equal(out.data, "1 row in 0 out 5 rows/s watermark end 1 step 3 skipped 4 late");
    /* load: half of the bytes in four seconds, so as long again */
    strbuf_clear(&out);
    figures = (struct figures){.rows_in = 2000,
                               .source_done = 10000000,
                               .source_total = 20000000,
                               .source_in_bytes = true,
                               .bad_records = 2,
                               .refused_rows = 1,
                               .elapsed_ns = INT64_C(4000000000)};
    progress_print_transfer(&out, &figures, false, 500, "  ");
    assert_string_equal(out.data, "2,000 rows  500 rows/s  2.5 MB/s  50%  4.00 s left  3 bad");
    /* half of what has been read waits to be written */
    strbuf_clear(&out);
    figures.rows_queued = 1800;
    figures.rows_out = 900;
    progress_print_transfer(&out, &figures, true, 500, "  ");
    assert_string_equal(out.data, "900 rows  500 rows/s  1.2 MB/s  25%  12.0 s left  3 bad");
    /* ranges of a table; standard input, whose end nobody knows */
    strbuf_clear(&out);
    figures = (struct figures){.rows_in = 1, .source_done = 1, .source_total = 4, .elapsed_ns = INT64_C(1000000000)};
    progress_print_transfer(&out, &figures, false, 1, ", ");
    assert_string_equal(out.data, "1 row, 1 rows/s, 25%, 3.00 s left");
    strbuf_clear(&out);
    figures.source_total = 0;
    progress_print_transfer(&out, &figures, false, 1, ", ");
    assert_string_equal(out.data, "1 row, 1 rows/s");
    strbuf_free(&out);
}

static void locales(void **state) {
    (void)state;
    setenv("LC_ALL", "", 1);
    setenv("LC_CTYPE", "", 1);
    setenv("LANG", "en_US.UTF-8", 1);
    assert_true(terminal_is_utf8());
    setenv("LC_CTYPE", "C", 1);
    assert_false(terminal_is_utf8());
    setenv("LC_ALL", "de_DE.utf8@euro", 1);
    assert_true(terminal_is_utf8());
    setenv("LC_ALL", "de_DE.ISO-8859-15", 1);
    assert_false(terminal_is_utf8());
}

const struct CMUnitTest text_tests[] = {
    cmocka_unit_test(widths),         cmocka_unit_test(fitting),
    cmocka_unit_test(safe_text),      cmocka_unit_test(counts_and_durations),
    cmocka_unit_test(progress_lines), cmocka_unit_test(locales),
};
const size_t text_tests_count = sizeof text_tests / sizeof *text_tests;
