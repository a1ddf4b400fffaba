/* --state FILE=WEIGHT: other structures of the protein that is designed. */
#ifndef CLI_STATES_H
#define CLI_STATES_H

#include "inputs.h"

/* The states of one input, while its job is made. */
typedef struct states {
    fmpnn_structure *st[MAX_REPEATED];
    fmpnn_state list[MAX_REPEATED];
    size_t count;
} states;

/* Cut "FILE=WEIGHT" (without "=WEIGHT": 1) in two; *path is malloc'd. False with one line in
 * `message`. */
bool state_split(const char *text, char **path, double *weight, char message[512]);

/* Read what `in` is designed with, into `settings`; a state that is the input's own file says
 * its weight. states_clear() afterwards, also after a failure. Any thread. */
fmpnn_status states_read(states *s, const input *in, const fmpnn_model_info *info,
                         fmpnn_settings *settings, fmpnn_error *err);
void states_clear(states *s);

#endif
