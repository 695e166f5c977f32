/* The tests of scan.h again, on its portable half. */
#define MILLRACE_SCAN_PORTABLE 1
#define scan_tests scan_portable_tests
#define scan_tests_count scan_portable_tests_count
#include "format/scan_test.c" /* NOLINT: the same tests, compiled differently */
