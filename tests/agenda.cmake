fmpnn_test(agenda)
