#include "graph/periodic.h"

/* First element of each period, and one beyond the last. */
static const unsigned char FIRST[] = {1, 3, 11, 19, 37, 55, 87, 119};

unsigned fmpnn_element_period(unsigned type)
{
    unsigned period = 0;
    while (type && period < sizeof FIRST && type >= FIRST[period])
        period++;
    return period < sizeof FIRST ? period : 0;
}

/* Counted from the left in groups 1 to 3, from the right in the others; the f-block is 3. */
unsigned fmpnn_element_group(unsigned type)
{
    unsigned period = fmpnn_element_period(type);
    if (!period)
        return 0;
    unsigned from_left = type - FIRST[period - 1] + 1, to_right = FIRST[period] - 1 - type;
    unsigned left = period == 1 ? 1 : period < 4 ? 2 : 3;
    if (from_left <= left)
        return from_left;
    if (period >= 6 && to_right >= 15)
        return 3;
    return 18 - to_right;
}
