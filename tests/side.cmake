fmpnn_test(side)
