fmpnn_test(selection)
