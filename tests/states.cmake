fmpnn_test(states)
