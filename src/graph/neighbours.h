/* Who is near whom: the rows of a graph filled from its coordinates and mask. */
#ifndef FMPNN_NEIGHBOURS_H
#define FMPNN_NEIGHBOURS_H

#include "graph/graph.h"

/* Fill `neighbour` and `distance`, as fmpnn_graph_create() says. FMPNN_ENOMEM. */
fmpnn_status fmpnn_neighbours_find(fmpnn_graph *graph, fmpnn_error *err);

#endif
