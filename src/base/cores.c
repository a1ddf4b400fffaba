/* How many cores the process may use: its affinity mask, cut by the cgroup's CPU quota. */
#define _GNU_SOURCE
#include "base/base.h"

#include <unistd.h>

#ifdef __linux__
#include <sched.h>

/* "QUOTA PERIOD" in microseconds, or "max PERIOD"; 0: no limit known. */
static int cgroup_limit(void)
{
    long long quota = 0, period = 0;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (!file)
        return 0;
    int fields = fscanf(file, "%lld %lld", &quota, &period);
    fclose(file);
    if (fields != 2 || quota <= 0 || period <= 0)
        return 0;
    return (int)((quota + period - 1) / period);
}

int fmpnn_cores_usable(void)
{
    cpu_set_t set;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (!sched_getaffinity(0, sizeof set, &set))
        cores = CPU_COUNT(&set);
    int limit = cgroup_limit();
    if (limit && limit < cores)
        cores = limit;
    return cores < 1 ? 1 : (int)cores;
}
#else
int fmpnn_cores_usable(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : (int)cores;
}
#endif
