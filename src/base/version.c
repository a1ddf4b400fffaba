/* Which library this is. FMPNN_VERSION and FMPNN_COMMIT come from cmake/version.cmake. */
#include "base/base.h"
#include "fmpnn_commit.h"

const char *fmpnn_version(void)
{
    return FMPNN_VERSION;
}

const char *fmpnn_commit(void)
{
    return FMPNN_COMMIT;
}
