/* A checkpoint directory out of another one: execution.state-recovery.path. The manifest is copied last, so a copy that did not come to
 * its end is begun anew. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/file_util.h"
#include "job/job_private.h"

enum { COPY_BYTES = 1 << 20 };

static enum status copy_file(const char *from, const char *to, struct error *err) {
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    enum status status = STATUS_OK;
    if (in < 0) status = error_set(err, STATUS_IO_ERROR, "cannot open %s: %s", from, strerror(errno));
    if (in >= 0 && out < 0) status = error_set(err, STATUS_IO_ERROR, "cannot create %s: %s", to, strerror(errno));
    char *buffer = xmalloc(COPY_BYTES);
    while (status == STATUS_OK) {
        ssize_t got = read(in, buffer, COPY_BYTES);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = error_set(err, STATUS_IO_ERROR, "cannot read %s: %s", from, strerror(errno));
        if (got <= 0) break;
        status = file_write(out, to, buffer, (size_t)got, err);
    }
    if (status == STATUS_OK) status = file_sync(out, to, err);
    free(buffer);
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    return status;
}

static bool has_file(const char *dir, const char *name) {
    struct strbuf path = {0};
    strbuf_printf(&path, "%s/%s", dir, name);
    bool exists = access(path.data, F_OK) == 0;
    strbuf_free(&path);
    return exists;
}

static enum status copy_named(const char *from, const char *to, const char *name, struct error *err) {
    struct strbuf source = {0}, target = {0};
    strbuf_printf(&source, "%s/%s", from, name);
    strbuf_printf(&target, "%s/%s", to, name);
    enum status status = copy_file(source.data, target.data, err);
    strbuf_free(&source);
    strbuf_free(&target);
    return status;
}

static bool belongs_to_job(const char *name) {
    return strcmp(name, "JOB") == 0 || strcmp(name, "steps.log") == 0 || strcmp(name, "answers.log") == 0 ||
           strncmp(name, "state-", 6) == 0;
}

static enum status copy_all(const char *from, const char *to, struct error *err) {
    DIR *list = opendir(from);
    if (!list) return error_set(err, STATUS_IO_ERROR, "cannot read %s: %s", from, strerror(errno));
    enum status status = STATUS_OK;
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(list));)
        if (belongs_to_job(entry->d_name)) status = copy_named(from, to, entry->d_name, err);
    closedir(list);
    TRY(status);
    struct strbuf source = {0}, target = {0}, manifest = {0};
    strbuf_printf(&source, "%s/MANIFEST", from);
    strbuf_printf(&target, "%s/MANIFEST", to);
    bool exists;
    status = file_read_all(source.data, &manifest, &exists, err);
    if (status == STATUS_OK) status = file_replace(to, target.data, manifest.data, manifest.len, err);
    strbuf_free(&source);
    strbuf_free(&target);
    strbuf_free(&manifest);
    return status;
}

enum status checkpoint_dir_copy(const char *from, const char *to, struct error *err) {
    if (strncmp(from, "file://", 7) == 0) from += 7;
    if (has_file(to, "MANIFEST")) return STATUS_OK; /* the job has begun already */
    if (!has_file(from, "MANIFEST"))
        return error_set(err, STATUS_INVALID_OPTION, "there is no checkpoint in %s ('execution.state-recovery.path')",
                         from);
    if (mkdir(to, 0755) != 0 && errno != EEXIST)
        return error_set(err, STATUS_IO_ERROR, "cannot make the checkpoint directory %s: %s", to, strerror(errno));
    struct checkpoint_dir *locked; /* no job writes there meanwhile */
    TRY(checkpoint_dir_open(from, &locked, err));
    enum status status = copy_all(from, to, err);
    checkpoint_dir_close(locked);
    return status;
}
