/* Rows of cells: tab-separated for programs, padded columns on a terminal. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

typedef struct table {
    size_t columns, cells, capacity;
    char **cell; /* [cells], row by row; the first row is the header */
} table;

/* `titles`: words separated by blanks. */
void table_init(table *t, const char *titles);
/* Add the next cell. */
void table_add(table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(const table *t, bool padded, FILE *out);
void table_clear(table *t);

#endif
