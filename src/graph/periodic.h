/* Where an element stands in the periodic table: what a network knows of a context atom. */
#ifndef FMPNN_GRAPH_PERIODIC_H
#define FMPNN_GRAPH_PERIODIC_H

#include "base/base.h"

/* Group 1..18 (lanthanides and actinides count as 3) and period 1..7 of element 1..118; 0 and 0
 * of anything else. */
unsigned fmpnn_element_group(unsigned type);
unsigned fmpnn_element_period(unsigned type);

#endif
