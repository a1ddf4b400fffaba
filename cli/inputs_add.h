/* Between inputs.c and jobs.c only. Functions that return int: -1, or the exit code after one
 * line was printed. */
#ifndef CLI_INPUTS_ADD_H
#define CLI_INPUTS_ADD_H

#include "inputs.h"

/* Append what `path` stands for: a file, a folder's files, or stdin. */
int inputs_add_path(inputs *in, const verb *v, const char *path, const options *o);
/* Free `block` together with the inputs. */
void inputs_own(inputs *in, void *block);
bool input_name_is_clean(const char *name);
/* Append the rows of a jobs table; `text` is cut up in place and must live on. */
int jobs_add(inputs *in, const verb *v, const char *path, char *text, const options *o);

#endif
