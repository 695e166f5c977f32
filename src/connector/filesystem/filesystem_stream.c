/* The bytes of a file, decompressed by its extension: .gz (RFC 1952, several members too) and .zst (RFC 8878). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "connector/filesystem/filesystem_private.h"

enum { INPUT_BYTES = 256 << 10 };

struct filesystem_stream {
    char *path;
    int fd;
    enum filesystem_codec codec;
    int64_t file_bytes; /* read of the file */
    bool at_file_end;
    bool within; /* a compressed member or frame, which must not end here */
    z_stream gzip;
    ZSTD_DStream *zstd;
    ZSTD_inBuffer input; /* read from the file, not yet decompressed */
    uint8_t *buffer;
};

static bool ends_with(const char *path, const char *end) {
    size_t len = strlen(path), end_len = strlen(end);
    return len > end_len && str_compare_nocase(path + len - end_len, end) == 0;
}

static enum filesystem_codec codec_of(const char *path) {
    if (ends_with(path, ".gz") || ends_with(path, ".gzip")) return CODEC_GZIP;
    return ends_with(path, ".zst") || ends_with(path, ".zstd") ? CODEC_ZSTD : CODEC_NONE;
}

bool filesystem_is_compressed(const char *path) { return codec_of(path) != CODEC_NONE; }

void filesystem_stream_close(struct filesystem_stream *stream) {
    if (!stream) return;
    if (stream->codec == CODEC_GZIP) inflateEnd(&stream->gzip);
    if (stream->zstd) ZSTD_freeDStream(stream->zstd);
    if (stream->fd >= 0) close(stream->fd);
    free(stream->buffer);
    free(stream->path);
    free(stream);
}

static enum status read_file(struct filesystem_stream *stream, void *to, size_t len, size_t *got, struct error *err) {
    for (;;) {
        ssize_t n = read(stream->fd, to, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return filesystem_io_error(stream->path, "read", err);
        *got = (size_t)n;
        stream->file_bytes += n;
        return STATUS_OK;
    }
}

static enum status damaged(const struct filesystem_stream *stream, const char *why, struct error *err) {
    return error_set(err, STATUS_BAD_DATA, "file '%s': the %s data is damaged: %s", stream->path,
                     stream->codec == CODEC_GZIP ? "gzip" : "zstd", why);
}

static enum status inflate_some(struct filesystem_stream *stream, uint8_t *to, size_t len, size_t *got,
                                struct error *err) {
    z_stream *z = &stream->gzip;
    z->next_in = (Bytef *)stream->input.src + stream->input.pos;
    z->avail_in = (uInt)(stream->input.size - stream->input.pos);
    z->next_out = to;
    z->avail_out = (uInt)len;
    if (!stream->within && z->avail_in) { /* one more member */
        inflateReset(z);
        stream->within = true;
    }
    int result = inflate(z, Z_NO_FLUSH);
    stream->input.pos = stream->input.size - z->avail_in;
    *got = len - z->avail_out;
    if (result == Z_STREAM_END) {
        stream->within = false;
        return STATUS_OK;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) return damaged(stream, z->msg ? z->msg : "no reason given", err);
    return STATUS_OK;
}

static enum status unzstd_some(struct filesystem_stream *stream, uint8_t *to, size_t len, size_t *got,
                               struct error *err) {
    ZSTD_outBuffer output = {to, len, 0};
    size_t before = stream->input.pos;
    size_t result = ZSTD_decompressStream(stream->zstd, &output, &stream->input);
    if (ZSTD_isError(result)) return damaged(stream, ZSTD_getErrorName(result), err);
    /* behind a frame, with nothing left, it asks for the next one's header: that begins nothing */
    if (output.pos || stream->input.pos != before) stream->within = result != 0;
    *got = output.pos;
    return STATUS_OK;
}

enum status filesystem_stream_read(struct filesystem_stream *stream, void *to, size_t len, size_t *got,
                                   struct error *err) {
    enum { MOST = 1 << 30 };
    size_t done = 0;
    while (done < len) {
        size_t n = 0, want = len - done < MOST ? len - done : MOST;
        uint8_t *at = (uint8_t *)to + done;
        if (stream->codec == CODEC_NONE) {
            TRY(read_file(stream, at, want, &n, err));
            if (n == 0) break;
            done += n;
            continue;
        }
        if (stream->input.pos == stream->input.size && !stream->at_file_end) {
            size_t filled = 0;
            TRY(read_file(stream, stream->buffer, INPUT_BYTES, &filled, err));
            stream->input = (ZSTD_inBuffer){stream->buffer, filled, 0};
            stream->at_file_end = filled == 0;
        }
        size_t before = stream->input.pos;
        if (stream->codec == CODEC_GZIP)
            TRY(inflate_some(stream, at, want, &n, err));
        else
            TRY(unzstd_some(stream, at, want, &n, err));
        done += n;
        if (n == 0 && stream->input.pos == before && stream->at_file_end) {
            if (stream->within) return damaged(stream, "it ends too early", err);
            break;
        }
    }
    *got = done;
    return STATUS_OK;
}

static enum status skip(struct filesystem_stream *stream, uint64_t position, struct error *err) {
    if (stream->codec == CODEC_NONE) {
        off_t size = lseek(stream->fd, 0, SEEK_END);
        if (size < 0) return filesystem_io_error(stream->path, "read", err);
        if (position > (uint64_t)size)
            return error_set(err, STATUS_BAD_DATA,
                             "file '%s' is shorter (%lld bytes) than what was read of it before (%llu)", stream->path,
                             (long long)size, (unsigned long long)position);
        if (lseek(stream->fd, (off_t)position, SEEK_SET) < 0) return filesystem_io_error(stream->path, "read", err);
        stream->file_bytes = (int64_t)position;
        return STATUS_OK;
    }
    uint8_t *scratch = xmalloc(INPUT_BYTES);
    enum status status = STATUS_OK;
    for (uint64_t left = position; left && status == STATUS_OK;) {
        size_t got = 0;
        status = filesystem_stream_read(stream, scratch, left < INPUT_BYTES ? (size_t)left : INPUT_BYTES, &got, err);
        left -= got;
        if (status == STATUS_OK && got == 0)
            status = error_set(err, STATUS_BAD_DATA,
                               "file '%s' is shorter (%llu bytes) than what was read of it before (%llu)", stream->path,
                               (unsigned long long)(position - left), (unsigned long long)position);
    }
    free(scratch);
    return status;
}

enum status filesystem_stream_open(const char *path, uint64_t position, struct filesystem_stream **out,
                                   struct error *err) {
    int fd = filesystem_is_standard(path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return filesystem_io_error(path, "open", err);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    struct filesystem_stream *stream = xcalloc(1, sizeof *stream);
    stream->path = xstrdup(path);
    stream->fd = fd;
    stream->codec = codec_of(path);
    if (stream->codec != CODEC_NONE) stream->buffer = xmalloc(INPUT_BYTES);
    /* 16: a gzip header; 15: its largest window */
    if (stream->codec == CODEC_GZIP && inflateInit2(&stream->gzip, 16 + 15) != Z_OK) abort();
    if (stream->codec == CODEC_ZSTD && !(stream->zstd = ZSTD_createDStream())) abort();
    enum status status = position ? skip(stream, position, err) : STATUS_OK;
    if (status != STATUS_OK) {
        filesystem_stream_close(stream);
        return status;
    }
    *out = stream;
    return STATUS_OK;
}

int64_t filesystem_stream_file_bytes(const struct filesystem_stream *stream) {
    return stream->file_bytes - (int64_t)(stream->input.size - stream->input.pos);
}
