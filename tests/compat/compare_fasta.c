/* Records of seqs/NAME.fa. The letters of a record are those of the first residues in model
 * order, so that letter k, separators left out, is residue k of the draws. */
#include "compare.h"

#include <math.h>
#include <string.h>

#define BOUNDARY 1e-3    /* a draw this close may fall either way */
#define SCORE_LIMIT 2e-4 /* four decimals of values that differ by rounding */

/* The lines of a file, NUL-terminated, in place. */
static char *next_line(char **at)
{
    char *line = *at, *end = line + strcspn(line, "\n");
    if (!*line)
        return NULL;
    *at = *end ? end + 1 : end;
    *end = '\0';
    return line;
}

/* Length of the field at `text`: up to ", " outside brackets. */
static size_t field_size(const char *text)
{
    size_t n = 0;
    for (bool inside = false; text[n]; n++) {
        inside = text[n] == '[' || (inside && text[n] != ']');
        if (!inside && text[n] == ',' && text[n + 1] == ' ')
            break;
    }
    return n;
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

/* One field: scores within rounding, the commit not at all, the rest exactly. */
static bool same_field(const char *a, size_t n, const char *b, size_t m, bool scores)
{
    static const char *const number[] = {"score=", "global_score=", "seq_recovery="};
    for (size_t k = 0; k < 3; k++)
        if (begins(a, number[k]) && begins(b, number[k])) {
            double x, y;
            char text[2][64];
            snprintf(text[0], 64, "%.*s", (int)n, a);
            snprintf(text[1], 64, "%.*s", (int)m, b);
            const char *at = strchr(text[0], '=') + 1, *own = strchr(text[1], '=') + 1;
            if (!scores || !strcmp(at, own))
                return true;
            return strlen(at) == strlen(own) && fmpnn_parse_double(at, &x) &&
                   fmpnn_parse_double(own, &y) && fabs(x - y) <= SCORE_LIMIT;
        }
    if (begins(a, "git_hash=") && begins(b, "git_hash="))
        return true;
    return n == m && !strncmp(a, b, n);
}

static void compare_header(comparison *c, const char *file, const char *a, const char *b,
                           bool scores)
{
    while (*a || *b) {
        size_t n = field_size(a), m = field_size(b);
        c->values++;
        if (!same_field(a, n, b, m, scores)) {
            differ(c, file, "header field '%.*s', expected '%.*s'", (int)m, b, (int)n, a);
            return;
        }
        a += n + (a[n] ? 2 : 0);
        b += m + (b[m] ? 2 : 0);
    }
}

/* Letters of a record as residues: separators removed, in place. */
static size_t strip(char *text)
{
    size_t n = 0;
    for (const char *c = text; *c; c++)
        if (*c != '/')
            text[n++] = *c;
    text[n] = '\0';
    return n;
}

/* Was the first letter that differs, in the order of decoding, a draw that might have fallen as
 * expected? */
static bool may_have_flipped(const char *file, const char *draws, size_t sample,
                             const char *a, const char *b, comparison *c)
{
    fmpnn_npy order = {0}, race = {0};
    fmpnn_error err;
    bool good = false;
    size_t length = strlen(a);
    if (fmpnn_npz_read(draws, "order", &order, &err) ||
        fmpnn_npz_read(draws, "race", &race, &err) || order.rank != 2 || race.rank != 3 ||
        sample >= order.shape[0] || length > order.shape[1]) {
        differ(c, file, "the draws in %s do not fit", draws);
        goto done;
    }
    size_t L = order.shape[1], t = 0, at = 0;
    for (; t < L; t++) {
        at = (size_t)order.data[sample * L + t];
        if (at < length && a[at] != b[at])
            break;
    }
    const char *letter = t < L ? strchr(fmpnn_alphabet(), a[at]) : NULL;
    if (!letter) {
        differ(c, file, "sample %zu: no difference found", sample + 1);
        goto done;
    }
    double quotient =
        race.data[(sample * L + at) * 21 + (size_t)(letter - fmpnn_alphabet())];
    good = quotient >= 1 - BOUNDARY;
    printf("%s %s: sample %zu, step %zu, residue %zu: %c for %c, p/q is %.6f of the "
           "winner's\n",
           good ? "flip" : "DIFF", file, sample + 1, t + 1, at + 1, b[at], a[at], quotient);
done:
    fmpnn_npy_clear(&race);
    fmpnn_npy_clear(&order);
    return good;
}

static void compare_records(comparison *c, const char *file, char *a, char *b,
                            const char *draws, flips *f)
{
    for (size_t record = 0;; record++) {
        char *header[2] = {next_line(&a), next_line(&b)};
        char *letters[2] = {next_line(&a), next_line(&b)};
        if (!header[0] && !header[1])
            return;
        if (!header[0] || !header[1] || !letters[0] || !letters[1]) {
            differ(c, file, "another number of records");
            return;
        }
        bool same = !strcmp(letters[0], letters[1]), flipped = false;
        if (!same) {
            bool fits = strip(letters[0]) == strip(letters[1]);
            flipped = fits && record && draws && record <= FLIPS &&
                      may_have_flipped(file, draws, record - 1, letters[0], letters[1], c);
            if (!flipped)
                differ(c, file, "record %zu: another sequence", record + 1);
        }
        if (flipped) {
            f->flipped[record - 1] = true;
            f->count++;
            c->flipped++;
        }
        compare_header(c, file, header[0], header[1], same);
    }
}

void compare_fasta(comparison *c, const char *expected, const char *actual,
                   const char *draws, flips *f)
{
    unsigned char *bytes[2] = {NULL, NULL};
    size_t size;
    fmpnn_error err;
    if (fmpnn_file_read(expected, 1 << 30, &bytes[0], &size, &err) ||
        fmpnn_file_read(actual, 1 << 30, &bytes[1], &size, &err))
        differ(c, actual, "%s", err.message);
    else
        compare_records(c, actual, (char *)bytes[0], (char *)bytes[1], draws, f);
    fmpnn_release(bytes[0]);
    fmpnn_release(bytes[1]);
}
