/* The verbs. Each is one function: argv after the verb's name in, exit code out. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "options.h"

int cli_design(const verb *v, int argc, char **argv);
int cli_score(const verb *v, int argc, char **argv);
int cli_probs(const verb *v, int argc, char **argv);
int cli_verify(const verb *v, int argc, char **argv);
int cli_scan(const verb *v, int argc, char **argv);
int cli_pack(const verb *v, int argc, char **argv);
int cli_inspect(const verb *v, int argc, char **argv);
int cli_doctor(const verb *v, int argc, char **argv);
/* argv[0] is the benchmark. */
int cli_bench(const verb *v, int argc, char **argv);

/* Drop-in fronts (front_*.c). */
int cli_protein_mpnn_run(const verb *v, int argc, char **argv);
int cli_ligandmpnn_run(const verb *v, int argc, char **argv);
int cli_ligandmpnn_score(const verb *v, int argc, char **argv);
bool cli_is_helper(const char *name);
int cli_helper(const char *name, int argc, char **argv);

/* argv[0] is "weights" (weights.c). */
int cli_weights(int argc, char **argv);

#endif
