/* Any bytes as the file of sequences that path_to_fasta names: records of known letters, or a
 * message with line and column. */
#define _GNU_SOURCE
#include "compat/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int file = memfd_create("sequences", 0);
    char path[64];
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    fmpnn_error err = {0};
    fmpnn_original_options options = {.path_to_fasta = path, .score_only = 1};
    fmpnn_original run = {.options = &options, .err = &err};
    if (fmpnn_original_read_fasta(&run))
        demand(!strncmp(err.message, path, strlen(path)) &&
               err.message[strlen(path)] == ':');
    for (size_t n = 0; n < run.fastas; n++) {
        for (size_t i = 0; i < run.fasta[n].length; i++)
            demand(run.fasta[n].letters[i] < FMPNN_LETTERS);
        fmpnn_release(run.fasta[n].letters);
    }
    fmpnn_release(run.fasta);
    close(file);
    return 0;
}
