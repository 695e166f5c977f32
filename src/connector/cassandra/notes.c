/* What Cassandra tells beside its answers, on standard error: warnings as they come, each distinct one once; traces when the
 * statement that they are of gives its handle back.
 *
 * Tables: system_traces.sessions has a row per traced request, complete when its duration is there, a moment after the
 * answer; system_traces.events what each server did for it. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "cass/bytes.h"
#include "connector/cassandra/cassandra_private.h"

enum {
    TRACE_WAIT_MS = 3000, /* for all traces together to become complete */
    TRACE_POLL_MS = 20,
};

struct cassandra_notes {
    pthread_mutex_t lock;
    char *warnings[CASSANDRA_MAX_WARNINGS];
    int warning_count;
    bool warnings_cut;
    uint8_t traces[CASSANDRA_MAX_TRACES][16];
    int trace_count;
    int64_t traces_left_out;
};

struct cassandra_notes *cassandra_notes_create(void) {
    struct cassandra_notes *notes = xcalloc(1, sizeof *notes);
    pthread_mutex_init(&notes->lock, NULL);
    return notes;
}

void cassandra_notes_free(struct cassandra_notes *notes) {
    if (!notes) return;
    for (int i = 0; i < notes->warning_count; i++) free(notes->warnings[i]);
    pthread_mutex_destroy(&notes->lock);
    free(notes);
}

/* Text from outside: no control characters for the terminal. */
static void put_plain(struct strbuf *buf, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        strbuf_putc(buf, c < ' ' || c == 127 ? ' ' : (char)c);
    }
}

/* ---- Warnings ---- */

/* True: it is new and to be shown. The lock is held. */
static bool note_warning(struct cassandra_notes *notes, struct str text) {
    for (int i = 0; i < notes->warning_count; i++)
        if (str_equal(str_from(notes->warnings[i]), text)) return false;
    if (notes->warning_count == CASSANDRA_MAX_WARNINGS) {
        bool first = !notes->warnings_cut;
        notes->warnings_cut = true;
        return first;
    }
    notes->warnings[notes->warning_count++] = xstrndup(text.data, text.len);
    return true;
}

void cassandra_notes_warned(void *data, const char *server, struct str text) {
    struct cassandra_notes *notes = data;
    pthread_mutex_lock(&notes->lock);
    bool show = note_warning(notes, text), cut = notes->warnings_cut;
    pthread_mutex_unlock(&notes->lock);
    if (!show) return;
    struct strbuf line = {0};
    strbuf_printf(&line, "warning: Cassandra, %s: ", server);
    if (cut)
        strbuf_printf(&line, "more than %d different warnings; further ones are not shown", CASSANDRA_MAX_WARNINGS);
    else
        put_plain(&line, text);
    strbuf_putc(&line, '\n');
    fputs(line.data, stderr);
    strbuf_free(&line);
}

/* ---- Traces ---- */

void cassandra_notes_traced(void *data, const uint8_t session_id[16]) {
    struct cassandra_notes *notes = data;
    pthread_mutex_lock(&notes->lock);
    if (notes->trace_count < CASSANDRA_MAX_TRACES)
        memcpy(notes->traces[notes->trace_count++], session_id, 16);
    else
        notes->traces_left_out++;
    pthread_mutex_unlock(&notes->lock);
}

static void format_uuid(const uint8_t id[16], char out[37]) {
    char *p = out;
    for (int i = 0; i < 16; i++) p += sprintf(p, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
}

/* The value of a key of a map<text, text>. */
static struct str map_value(struct str map, const char *key) {
    struct cass_reader r = cass_reader_over(map.data, map.len);
    for (int n = cass_read_i32(&r); n > 0 && !r.failed; n--) {
        struct str name = cass_read_bytes(&r), value = cass_read_bytes(&r);
        if (str_equal(name, str_from(key))) return value;
    }
    return (struct str){"", 0};
}

/* Reads the session until it is complete or the time is up. False: the server has none. */
static bool put_session(struct cassandra_handle *handle, const char *id, int64_t deadline_ns, struct strbuf *out) {
    struct strbuf text = {0};
    strbuf_printf(&text, "SELECT duration, request, parameters FROM system_traces.sessions WHERE session_id = %s", id);
    struct cassandra_result session;
    bool found = false;
    for (;;) {
        if (cassandra_query(handle, text.data, "system_traces.sessions", &session, NULL) != STATUS_OK) break;
        bool complete = session.rows.row_count && cassandra_cell(&session, 0, 0).len == 4;
        if (complete || clock_monotonic_ns() >= deadline_ns) {
            found = session.rows.row_count > 0;
            break;
        }
        cassandra_result_free(&session);
        nanosleep(&(struct timespec){.tv_nsec = TRACE_POLL_MS * 1000000}, NULL);
    }
    strbuf_free(&text);
    if (!found) return false;
    strbuf_printf(out, "trace %s: ", id);
    put_plain(out, cassandra_cell(&session, 0, 1));
    struct str query = map_value(cassandra_cell(&session, 0, 2), "query");
    if (query.len) strbuf_puts(out, ": ");
    put_plain(out, query);
    if (cassandra_cell(&session, 0, 0).len == 4)
        strbuf_printf(out, ": %d µs\n", cassandra_cell_int(&session, 0, 0));
    else
        strbuf_puts(out, ": not complete yet\n");
    cassandra_result_free(&session);
    return true;
}

static void put_events(struct cassandra_handle *handle, const char *id, struct strbuf *out) {
    struct strbuf text = {0};
    strbuf_printf(
        &text, "SELECT source_elapsed, source, activity, thread FROM system_traces.events WHERE session_id = %s", id);
    struct cassandra_result events;
    enum status status = cassandra_query(handle, text.data, "system_traces.events", &events, NULL);
    strbuf_free(&text);
    if (status != STATUS_OK) return;
    for (int row = 0; row < events.rows.row_count; row++) {
        struct str source = cassandra_cell(&events, row, 1);
        char address[INET6_ADDRSTRLEN] = "?";
        if (source.len == 4 || source.len == 16)
            inet_ntop(source.len == 4 ? AF_INET : AF_INET6, source.data, address, sizeof address);
        strbuf_printf(out, "%10d µs  %s  ", cassandra_cell_int(&events, row, 0), address);
        put_plain(out, cassandra_cell(&events, row, 2));
        strbuf_puts(out, " [");
        put_plain(out, cassandra_cell(&events, row, 3));
        strbuf_puts(out, "]\n");
    }
    cassandra_result_free(&events);
}

void cassandra_notes_print(struct cassandra_notes *notes, struct cassandra_handle *handle) {
    uint8_t ids[CASSANDRA_MAX_TRACES][16];
    pthread_mutex_lock(&notes->lock);
    int count = notes->trace_count;
    int64_t left_out = notes->traces_left_out;
    memcpy(ids, notes->traces, sizeof ids);
    notes->trace_count = 0;
    notes->traces_left_out = 0;
    pthread_mutex_unlock(&notes->lock);
    if (!count) return;
    int64_t deadline_ns = clock_monotonic_ns() + TRACE_WAIT_MS * INT64_C(1000000);
    struct strbuf out = {0};
    for (int i = 0; i < count; i++) {
        char id[37];
        format_uuid(ids[i], id);
        if (put_session(handle, id, deadline_ns, &out))
            put_events(handle, id, &out);
        else
            strbuf_printf(&out,
                          "trace %s: cannot be read; later: SELECT * FROM system_traces.events WHERE session_id = "
                          "%s in cqlsh\n",
                          id, id);
    }
    if (left_out)
        strbuf_printf(&out, "trace: %lld more requests were traced, see system_traces.sessions\n", (long long)left_out);
    fputs(out.data, stderr);
    strbuf_free(&out);
}
