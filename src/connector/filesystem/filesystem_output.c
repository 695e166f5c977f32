/* Bytes into a file, compressed as the sink's options say. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "connector/filesystem/filesystem_private.h"

enum { OUTPUT_BYTES = 128 << 10 };

struct filesystem_output {
    int fd;
    enum filesystem_codec codec;
    z_stream gzip;
    ZSTD_CStream *zstd;
    uint8_t *buffer; /* compressed, not yet written */
};

const char *filesystem_codec_suffix(enum filesystem_codec codec) {
    return codec == CODEC_GZIP ? ".gz" : codec == CODEC_ZSTD ? ".zst" : "";
}

struct filesystem_output *filesystem_output_open(int fd, enum filesystem_codec codec) {
    struct filesystem_output *output = xcalloc(1, sizeof *output);
    output->fd = fd;
    output->codec = codec;
    if (codec != CODEC_NONE) output->buffer = xmalloc(OUTPUT_BYTES);
    /* 16: a gzip header; 15: its largest window; 8: the usual memory */
    if (codec == CODEC_GZIP &&
        deflateInit2(&output->gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    if (codec == CODEC_ZSTD && !(output->zstd = ZSTD_createCStream())) abort();
    return output;
}

void filesystem_output_close(struct filesystem_output *output) {
    if (!output) return;
    if (output->codec == CODEC_GZIP) deflateEnd(&output->gzip);
    ZSTD_freeCStream(output->zstd);
    free(output->buffer);
    free(output);
}

/* false: errno says why. */
static bool write_all(struct filesystem_output *output, const void *bytes, size_t len, int64_t *written) {
    for (size_t done = 0; done < len;) {
        ssize_t n = write(output->fd, (const char *)bytes + done, len - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        done += (size_t)n;
    }
    *written += (int64_t)len;
    return true;
}

static bool deflate_all(struct filesystem_output *output, const char *bytes, size_t len, bool end, int64_t *written) {
    z_stream *z = &output->gzip;
    int result;
    z->next_in = (Bytef *)bytes;
    z->avail_in = (uInt)len;
    do {
        z->next_out = output->buffer;
        z->avail_out = OUTPUT_BYTES;
        result = deflate(z, end ? Z_FINISH : Z_NO_FLUSH);
        if (!write_all(output, output->buffer, OUTPUT_BYTES - z->avail_out, written)) return false;
    } while (z->avail_in || (end ? result != Z_STREAM_END : z->avail_out == 0));
    return true;
}

static bool zstd_all(struct filesystem_output *output, const char *bytes, size_t len, bool end, int64_t *written) {
    ZSTD_inBuffer input = {bytes, len, 0};
    size_t rest;
    do {
        ZSTD_outBuffer out = {output->buffer, OUTPUT_BYTES, 0};
        rest = ZSTD_compressStream2(output->zstd, &out, &input, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(rest)) abort(); /* out of memory */
        if (!write_all(output, output->buffer, out.pos, written)) return false;
    } while (input.pos < input.size || (end && rest));
    return true;
}

bool filesystem_output_write(struct filesystem_output *output, const char *bytes, size_t len, bool end,
                             int64_t *written) {
    if (output->codec == CODEC_GZIP) return deflate_all(output, bytes, len, end, written);
    if (output->codec == CODEC_ZSTD) return zstd_all(output, bytes, len, end, written);
    return write_all(output, bytes, len, written);
}
