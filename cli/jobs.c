/* @jobs.tsv: a header naming the columns `structure`, optionally `name`, and long options; a
 * cell replaces the command line's value for that structure, an empty cell leaves it. */
#include "inputs_add.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 64 };

typedef struct jobs_table {
    const verb *v;
    const char *path;
    const options *base;
    size_t columns, structure, name;    /* name: == columns if there is none */
    const option_row *row[MAX_COLUMNS]; /* NULL for structure and name */
    const char *title[MAX_COLUMNS];
    size_t line; /* of the file, from 1 */
} jobs_table;

static int complain(const jobs_table *t, const char *column, const char *message)
{
    report_error("%s: %s:%zu: column '%s': %s", t->v->name, t->path, t->line, column,
                 message);
    return EXIT_USAGE;
}

/* Cut off the next line; NULL at the end. */
static char *take_line(char **rest)
{
    char *line = *rest;
    if (!line || !*line)
        return NULL;
    *rest = strchr(line, '\n');
    if (*rest)
        *(*rest)++ = 0;
    size_t n = strlen(line);
    if (n > 0 && line[n - 1] == '\r')
        line[n - 1] = 0;
    return line;
}

/* Cut a line at its tabs; more than `limit` cells are counted, not kept. */
static size_t split(char *line, char **cell, size_t limit)
{
    size_t count = 0;
    for (char *at = line; at; count++) {
        char *tab = strchr(at, '\t');
        if (tab)
            *tab++ = 0;
        at += strspn(at, " ");
        for (size_t n = strlen(at); n > 0 && at[n - 1] == ' ';)
            at[--n] = 0;
        if (count < limit)
            cell[count] = at;
        at = tab;
    }
    return count;
}

static int read_column(jobs_table *t, size_t c)
{
    const char *title = t->title[c];
    for (size_t i = 0; i < c; i++) {
        if (!strcmp(t->title[i], title))
            return complain(t, title, "is there twice");
    }
    if (!strcmp(title, "structure")) {
        t->structure = c;
        return -1;
    }
    if (!strcmp(title, "name")) {
        t->name = c;
        return -1;
    }
    t->row[c] = option_find(t->v, title);
    if (t->row[c] && option_is_per_structure(t->row[c]))
        return -1;
    if (t->row[c])
        return complain(t, title,
                        "cannot differ between structures; give it on the command line");
    const char *near = option_nearest(t->v, title);
    char message[128];
    snprintf(message, sizeof message,
             near ? "is no option of this verb; did you mean '%s'?"
                  : "is no option of this verb%s",
             near ? near : "");
    return complain(t, title, message);
}

static int read_header(jobs_table *t, char *line)
{
    char *cell[MAX_COLUMNS];
    t->columns = line ? split(line, cell, MAX_COLUMNS) : 0;
    t->structure = t->name = t->columns;
    if (t->columns > MAX_COLUMNS)
        return complain(t, cell[0], "more than 64 columns");
    for (size_t c = 0; c < t->columns; c++) {
        t->title[c] = cell[c];
        int code = read_column(t, c);
        if (code >= 0)
            return code;
    }
    if (t->structure == t->columns)
        return complain(t, "structure", "is missing from the header");
    return -1;
}

static int read_row(jobs_table *t, inputs *in, char *line)
{
    char *cell[MAX_COLUMNS], message[512];
    size_t cells = split(line, cell, MAX_COLUMNS);
    if (cells > t->columns)
        return complain(t, t->title[t->columns - 1],
                        "more cells follow than the header names");
    for (size_t c = cells; c < t->columns; c++)
        cell[c] = ""; /* editors strip trailing tabs */
    const char *path = cell[t->structure];
    if (!*path)
        return complain(t, "structure", "is empty");

    options *o = checked_alloc(1, sizeof *o);
    inputs_own(in, o);
    *o = *t->base;
    for (size_t c = 0; c < t->columns; c++) {
        if (!t->row[c] || !*cell[c])
            continue;
        option_reset(t->row[c], o);
        if (!option_set(t->row[c], cell[c], o, message))
            return complain(t, t->title[c], message);
    }
    size_t before = in->count;
    int code = inputs_add_path(in, t->v, path, o);
    if (code >= 0 || t->name == t->columns || !*cell[t->name])
        return code;
    if (in->count != before + 1)
        return complain(t, "name", "a folder of several structures cannot have one name");
    if (!input_name_is_clean(cell[t->name])) {
        char why[128];
        snprintf(why, sizeof why,
                 "may hold 1 to %d letters, digits, '.', '_' and '-' only, and starts with a "
                 "letter, digit or '_'",
                 FMPNN_RECORD_NAME_MAX);
        return complain(t, "name", why);
    }
    free(in->item[before].name);
    in->item[before].name = checked_copy(cell[t->name]);
    return -1;
}

int jobs_add(inputs *in, const verb *v, const char *path, char *text, const options *o)
{
    jobs_table table = {.v = v, .path = path, .base = o, .line = 1};
    char *rest = text;
    int code = read_header(&table, take_line(&rest));
    for (char *line; code < 0 && (line = take_line(&rest));) {
        table.line++;
        if (*line && *line != '#')
            code = read_row(&table, in, line);
    }
    return code;
}
