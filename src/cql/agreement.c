/* After a change of the schema: until all hosts that can be asked report the same version of it, requests may meet one that does not know
 * the table yet. So the request that changed it ends only then, or after CQL_AGREEMENT_MAX_MS. */
#include <stdlib.h>

#include "cass/bytes.h"
#include "cql/cql_private.h"

static const char version_query[] = "SELECT schema_version FROM system.local WHERE key = 'local'";

struct cqli_agreement {
    struct cql_cluster *cluster;
    struct cqli_agreement *next;
    struct cql_request *request;
    struct cql_response *response; /* NULL: the request has ended, only answers are waited for */
    int64_t deadline_ms, ask_at_ms;
    int asked, pending;
    bool differ, any;
    uint8_t version[16];
};

static void unlink_agreement(struct cqli_agreement *agreement) {
    struct cqli_agreement **at = &agreement->cluster->agreements;
    while (*at != agreement) at = &(*at)->next;
    *at = agreement->next;
}

static void end_request(struct cqli_agreement *agreement) {
    struct cql_response *response = agreement->response;
    agreement->response = NULL;
    if (response) cqli_request_finish(agreement->request, response, NULL);
}

static void take_version(struct cqli_agreement *agreement, const struct cql_response *response) {
    struct arena arena;
    struct cql_rows rows;
    uint32_t offsets[2];
    arena_init(&arena, NULL);
    if (cql_read_rows(response, &arena, &rows, NULL) == STATUS_OK && rows.row_count == 1 &&
        cql_index_rows(&rows, 1, offsets, NULL) == STATUS_OK) {
        struct cass_reader r = cass_reader_over(rows.cells, rows.size_bytes);
        struct str version = cass_read_bytes(&r);
        if (version.len == sizeof agreement->version) {
            if (agreement->any && memcmp(agreement->version, version.data, version.len) != 0) agreement->differ = true;
            memcpy(agreement->version, version.data, version.len);
            agreement->any = true;
        }
    }
    arena_destroy(&arena);
}

static void on_version(struct cql_request *query, struct cql_response *response, const struct error *err) {
    struct cqli_agreement *agreement = query->data;
    struct cql_cluster *cluster = agreement->cluster;
    if (!err) take_version(agreement, response); /* a host that fails is not up */
    cql_response_free(response);
    free(query);
    if (--agreement->pending) return;
    int64_t now = cqli_now_ms(cluster);
    if (agreement->differ && agreement->response && now >= agreement->deadline_ms && cluster->options.warned)
        cluster->options.warned(cluster->options.data, cluster->hosts[0]->address,
                                str_from("the nodes do not agree on the schema; statements may fail for a while"));
    if (agreement->response && agreement->differ && now < agreement->deadline_ms && !cluster->closing) {
        agreement->ask_at_ms = now + CQL_AGREEMENT_INTERVAL_MS;
        cqli_keep_ticking(cluster);
        return;
    }
    unlink_agreement(agreement);
    end_request(agreement);
    free(agreement);
}

static void ask(struct cqli_agreement *agreement) {
    struct cql_cluster *cluster = agreement->cluster;
    agreement->ask_at_ms = 0;
    agreement->differ = agreement->any = false;
    agreement->pending = 1; /* until all are sent */
    for (int i = 0; i < cluster->host_count; i++) {
        struct cqli_connection *c = cluster->hosts[i]->retired ? NULL : cqli_host_connection(cluster->hosts[i]);
        if (!c) continue;
        struct cql_request *query = xcalloc(1, sizeof *query);
        cqli_own_query_init(query, cluster, version_query);
        query->done = on_version;
        query->data = agreement;
        agreement->pending++;
        cqli_connection_send(c, query);
    }
    /* As on_version does it: sending to connections that work ends nothing at once. */
    agreement->pending--;
}

bool cqli_agreement_begin(struct cql_cluster *cluster, struct cql_request *request, struct cql_response *response) {
    int ready = 0;
    for (int i = 0; i < cluster->host_count; i++)
        ready += !cluster->hosts[i]->retired && cqli_host_connection(cluster->hosts[i]) != NULL;
    if (ready < 2 || cluster->closing) return false;
    struct cqli_agreement *agreement = xcalloc(1, sizeof *agreement);
    agreement->cluster = cluster;
    agreement->request = request;
    agreement->response = response;
    agreement->deadline_ms = cqli_now_ms(cluster) + CQL_AGREEMENT_MAX_MS;
    agreement->next = cluster->agreements;
    cluster->agreements = agreement;
    ask(agreement);
    return true;
}

void cqli_agreements_tick(struct cql_cluster *cluster, int64_t now, bool *busy) {
    for (struct cqli_agreement *agreement = cluster->agreements, *next; agreement; agreement = next) {
        next = agreement->next;
        *busy = true;
        if (agreement->pending || now < agreement->ask_at_ms) continue;
        ask(agreement);
        if (agreement->pending) continue;
        unlink_agreement(agreement); /* nobody is there to be asked */
        end_request(agreement);
        free(agreement);
    }
}

/* What is asked for has been answered by the connections' end. */
void cqli_agreements_end(struct cql_cluster *cluster) {
    while (cluster->agreements) {
        struct cqli_agreement *agreement = cluster->agreements;
        cluster->agreements = agreement->next;
        end_request(agreement);
        free(agreement);
    }
}
