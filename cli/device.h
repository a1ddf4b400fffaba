/* The context of a command: opened at once, or, if it is a device's and there are many inputs,
 * while these are read. */
#ifndef CLI_DEVICE_H
#define CLI_DEVICE_H

#include "batch.h"

/* Tell the driver, unless the user did, what it should know before a `device` is opened. */
void device_environment(const char *device);

/* Open b->ctx, or begin to. -1, or the exit code after one line was printed. */
int device_begin(batch *b);
/* Wait until b->ctx is there. The same. */
int device_await(batch *b);
/* The command ends before it. */
void device_forget(batch *b);

/* Threads that the command may use; known before. */
int device_threads(const batch *b);

#endif
