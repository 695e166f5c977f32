/* A fake Cassandra: enough of the native protocol for the client and the connector, and faults that a real server will not
 * produce on request. One thread per connection, plain blocking sockets, on a free port of 127.0.0.1.
 *
 * Several of them make a cluster: each is told its tokens and its peers, which it shows in system.local and system.peers_v2. What they
 * store is not shared: the tests count who was asked what.
 *
 * It has one table, ks.t (a int PRIMARY KEY, b text), whose row i is (i, "row i"); every SELECT gives its rows in pages (or their
 * number), every write succeeds and is counted, anything may be prepared. */
#ifndef MILLRACE_TESTS_WIRE_FAKE_CQL_H
#define MILLRACE_TESTS_WIRE_FAKE_CQL_H

#include <stdbool.h>
#include <stdint.h>

enum fake_fault {
    FAKE_NONE,
    /* Of a connection */
    FAKE_CLOSE_ON_ACCEPT,
    FAKE_SILENT,       /* accepts, reads, never says anything */
    FAKE_NOT_CQL,      /* answers like a web server */
    FAKE_REFUSE_LOGIN, /* whatever the password */
    FAKE_NO_HEARTBEAT, /* OPTIONS are answered once per connection */
    FAKE_NOT_NOW,      /* answers STARTUP with OVERLOADED, as one does that is stopping */
    FAKE_CHALLENGE,    /* asks for more, and again, whatever the password */
    /* Of the answer to a QUERY, EXECUTE or BATCH of the user's */
    FAKE_ERROR, /* with error_code */
    FAKE_NO_ANSWER,
    FAKE_LATE,           /* the answer comes late_ms later, others in the meantime */
    FAKE_CLOSE_MID_PAGE, /* half the answer, then the connection ends */
    FAKE_CORRUPT,        /* one bit of the payload (version 5: its checksum then does not fit) */
    FAKE_CORRUPT_HEADER, /* version 5: of the segment's header */
    FAKE_WRONG_STREAM,
    FAKE_WRONG_OPCODE,
    FAKE_HUGE,       /* a header that announces 4 GB */
    FAKE_MALFORMED,  /* a RESULT whose cells do not fit its lengths */
    FAKE_UNPREPARED, /* "I do not know this statement" */
};

struct fake_options {
    int version; /* the highest it knows; 0: 5 */
    bool login;  /* wants user "u", password "p" */
    bool beta;   /* knows its highest version as a beta only */
    bool no_lz4;
    const char *warning;    /* comes with every answer to a user's statement */
    bool dribble;           /* sends byte by byte */
    const char *datacenter; /* "dc1" */
    int rows, page_rows;    /* 0: 10 rows, 3 a page; page_rows -1: as many as are asked for */
    int max_page_rows;      /* a page of more is answered with error_code; 0: any is good */
    bool tokens;            /* rows have tokens, evenly over the ring: token ranges give their own rows only */
    int crowd;          /* with tokens: all rows lie within so small a part of the ring (1/crowd), at its start; 0: 1 */
    int max_range_rows; /* with tokens: a range that has more is answered with error_code; 0: any is good */
    bool indexed;       /* the table has an index on b (and SELECT gives all rows just the same) */
    bool clustered;     /* b is a clustering column */
    bool no_counts;     /* COUNT(*) is answered with error_code */
    enum fake_fault fault;
    int fault_count; /* so many times, then all is well; 0: always */
    int fault_skip;  /* after so many good answers */
    int32_t error_code;
    bool data_present;   /* what READ_TIMEOUT and READ_FAILURE say */
    uint16_t reasons[2]; /* version 5: why so many replicas (reason_count) failed, of READ_FAILURE and WRITE_FAILURE */
    int reason_count;
    const char *
        bad_text; /* a write of a row with this text, alone or in a batch, is answered with error_code; NULL: any is good */
    int late_ms;
    bool other_columns; /* preparing the second time gives other columns */
    /* As a node of a cluster */
    int address;            /* the last byte of 127.0.0.x; 0: 1 */
    const char *tokens_own; /* "-100, 100"; NULL: it has none */
    const char *rack;       /* "rack1" */
    int replication_factor; /* of ks, with SimpleStrategy; 0: 1 */
    bool old_peers;         /* as before 4.0: system.peers, without ports */
};

/* What the system tables say of another node. */
struct fake_peer {
    int port;                      /* which also is its host_id */
    int address;                   /* 127.0.0.x; 0: 1 */
    const char *tokens;            /* NULL: it is still joining */
    const char *datacenter, *rack; /* NULL: as of the fake itself */
};
enum { FAKE_MAX_PEERS = 8 };

struct fake_cql;
struct fake_cql *fake_cql_start(const struct fake_options *options, int port /* 0: any */);
/* Ends all connections and waits for the threads. */
void fake_cql_stop(struct fake_cql *fake);
int fake_cql_port(const struct fake_cql *fake);
/* From now on. Texts are not copied. */
void fake_cql_set_peers(struct fake_cql *fake, const struct fake_peer *peers, int count);
void fake_cql_set_schema(struct fake_cql *fake, int version);
void fake_cql_set_fault(
    struct fake_cql *fake,
    enum fake_fault fault); /* another one of answers, always; its options are those from the start */
void fake_cql_pause(struct fake_cql *fake, bool paused); /* reads and answers nothing meanwhile */
void fake_cql_break(struct fake_cql *fake);              /* ends all connections; new ones are taken */
/* Tells those who registered: "STATUS_CHANGE", "UP", and the node's place. */
void fake_cql_event(struct fake_cql *fake, const char *kind, const char *change, const struct fake_peer *peer);
void fake_cql_keyspace_event(struct fake_cql *fake, const char *keyspace);
/* Counters, so far. */
int fake_cql_requests(struct fake_cql *fake);    /* of the user's, batches counted once */
int fake_cql_foreign(struct fake_cql *fake);     /* of a token range or key that belongs to another node */
int fake_cql_registered(struct fake_cql *fake);  /* connections that want events */
int fake_cql_peers_read(struct fake_cql *fake);  /* how often system.peers was asked for */
int fake_cql_schema_read(struct fake_cql *fake); /* how often the schema's version was asked for */
int fake_cql_connections(struct fake_cql *fake);
int fake_cql_ranges(struct fake_cql *fake);   /* token ranges that a SELECT began with */
int fake_cql_open(struct fake_cql *fake);     /* connections that have not ended */
int fake_cql_refusals(struct fake_cql *fake); /* SELECTs that were too much */
int fake_cql_writes(struct fake_cql *fake);   /* statements, batched ones counted singly */
int fake_cql_prepares(struct fake_cql *fake);
int fake_cql_most_late(struct fake_cql *fake);     /* FAKE_LATE: answers that waited at the same time */
int fake_cql_heartbeats(struct fake_cql *fake);    /* OPTIONS behind the first of a connection */
int fake_cql_traced(struct fake_cql *fake);        /* requests that wanted a trace */
int64_t fake_cql_timestamp(struct fake_cql *fake); /* of the last write, INT64_MIN when it had none */

#endif
