fmpnn_test(packing)
