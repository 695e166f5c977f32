/* Numbers as text. */
#ifndef MILLRACE_TYPES_NUMBER_H
#define MILLRACE_TYPES_NUMBER_H

#include "types/type.h"

enum { NUMBER_MAX_TEXT = 40 };

/* Decimal digits with optional sign and surrounding blanks; false on bad text or when outside [min, max]. */
bool number_parse_int(struct str text, int64_t min, int64_t max, int64_t *out);
/* As Java's Double.parseDouble: correctly rounded; NaN, Infinity, exponents. */
bool number_parse_double(struct str text, double *out);
bool number_parse_float(struct str text, float *out); /* rounded once, as Float.parseFloat */
/* Shortest text that reads back equal, in Java's form: "1.0", "0.1", "1.0E10", "NaN", "Infinity". Return the length. */
int number_format_double(double d, char out[NUMBER_MAX_TEXT]);
int number_format_float(float f, char out[NUMBER_MAX_TEXT]);
int number_format_int(int64_t i, char out[NUMBER_MAX_TEXT]);

#endif
