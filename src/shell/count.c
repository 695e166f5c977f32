/* millrace count. */
#include <stdio.h>
#include <unistd.h>

#include "shell/text.h"
#include "shell/transfer.h"

static enum status count(struct transfer *transfer, struct error *err) {
    const struct transfer_args *args = transfer->args;
    const struct table *table;
    if (args->operand_count != 1) {
        error_set(err, STATUS_USAGE, "millrace count wants one table");
        error_hint(err, "as in: millrace count shop.users --host 10.0.0.5");
        return STATUS_USAGE;
    }
    TRY(transfer_table(transfer, args->operands[0], &table, err));
    TRY(transfer_set(transfer, "execution.runtime-mode", "batch", err));
    struct strbuf sql = {0};
    strbuf_puts(&sql, "SELECT COUNT(*) FROM ");
    transfer_put_table(&sql, table);
    if (args->at_server || args->consistency) {
        strbuf_puts(&sql, " /*+ OPTIONS('scan.count-at-server' = ");
        strbuf_puts(&sql, args->at_server ? "'true'" : "'false'");
        if (args->consistency) transfer_put_option(&sql, "consistency", args->consistency);
        strbuf_puts(&sql, ") */");
    }
    if (args->where) strbuf_printf(&sql, " WHERE %s", args->where);
    enum status status = transfer_sql(transfer, sql.data, err);
    strbuf_free(&sql);
    return status;
}

void transfer_count(struct transfer *transfer) {
    struct error err;
    if (count(transfer, &err) != STATUS_OK) {
        runner_error(transfer->runner, &err, NULL, 0, NULL);
        return;
    }
    struct strbuf text = {0};
    if (transfer->runner->terminal) {
        text_put_count(&text, transfer->count);
        strbuf_puts(&text, transfer->count == 1 ? " row" : " rows");
        transfer_put_speed(&text, transfer, transfer->count);
    } else {
        strbuf_printf(&text, "%lld", (long long)transfer->count);
    }
    if (printf("%s\n", text.data) < 0 || fflush(stdout) != 0) transfer->runner->exit_status = 1;
    strbuf_free(&text);
}
