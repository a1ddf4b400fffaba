#include "table.h"
#include "report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void add_text(table *t, const char *text)
{
    if (t->cells == t->capacity)
        t->cell =
            checked_grow(t->cell, t->capacity = 2 * t->capacity + 64, sizeof *t->cell);
    char *copy = checked_copy(text);
    for (char *at = copy; *at; at++) {
        if ((unsigned char)*at < ' ') /* a cell is a cell whatever a file's names hold */
            *at = ' ';
    }
    t->cell[t->cells++] = copy;
}

void table_init(table *t, const char *titles)
{
    memset(t, 0, sizeof *t);
    while (*titles) {
        char title[64];
        size_t n = strcspn(titles, " ");
        snprintf(title, sizeof title, "%.*s", (int)n, titles);
        add_text(t, title);
        titles += n + (titles[n] == ' ');
    }
    t->columns = t->cells;
}

void table_add(table *t, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_text(t, text);
}

void table_print(const table *t, bool padded, FILE *out)
{
    size_t *width = checked_alloc(t->columns, sizeof *width);
    for (size_t i = 0; i < t->cells; i++) {
        size_t n = strlen(t->cell[i]);
        if (n > width[i % t->columns])
            width[i % t->columns] = n;
    }
    for (size_t i = 0; i < t->cells; i++) {
        bool last = (i + 1) % t->columns == 0;
        if (padded)
            fprintf(out, "%-*s%s", last ? 0 : (int)width[i % t->columns], t->cell[i],
                    last ? "\n" : "  ");
        else
            fprintf(out, "%s%c", t->cell[i], last ? '\n' : '\t');
    }
    free(width);
}

void table_clear(table *t)
{
    for (size_t i = 0; i < t->cells; i++)
        free(t->cell[i]);
    free(t->cell);
    memset(t, 0, sizeof *t);
}
