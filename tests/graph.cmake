fmpnn_test(graph)
