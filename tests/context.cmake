fmpnn_test(context)
