fmpnn_test(rules)
