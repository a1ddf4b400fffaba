/* SIGINT and SIGTERM become a question that work asks between batches. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* From here on the first such signal sets a flag; a second one ends the program at once. */
void interrupt_install(void);
bool interrupt_caught(void);

#endif
