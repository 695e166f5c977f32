/* Runs a fuzzer's function over the files of a corpus folder (arguments: folders or files), in name order. */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (!file || fstat(fileno(file), &st) != 0) {
        perror(path);
        return 1;
    }
    /* exactly as large as the input, so that a sanitizer sees a read beyond its end */
    uint8_t *data = malloc(st.st_size ? (size_t)st.st_size : 1);
    size_t size = data ? fread(data, 1, (size_t)st.st_size, file) : 0;
    fclose(file);
    if (!data || size != (size_t)st.st_size) {
        fprintf(stderr, "%s: cannot read\n", path);
        free(data);
        return 1;
    }
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

int main(int argc, char **argv) {
    int failed = 0, count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) != 0) {
            perror(argv[i]);
            return 1;
        }
        if (!S_ISDIR(st.st_mode)) {
            failed |= replay(argv[i]);
            count++;
            continue;
        }
        struct dirent **entries;
        int n = scandir(argv[i], &entries, NULL, alphasort);
        for (int j = 0; j < n; j++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entries[j]->d_name);
            if (entries[j]->d_name[0] != '.') {
                failed |= replay(path);
                count++;
            }
            free(entries[j]);
        }
        if (n >= 0) free(entries);
    }
    printf("%d inputs\n", count);
    return failed || count == 0;
}
