/* The letters of the models, in the order of their codes. Dauparas et al. 2022. */
#include "base/base.h"

const char *fmpnn_alphabet(void)
{
    return "ACDEFGHIKLMNPQRSTVWYX";
}
