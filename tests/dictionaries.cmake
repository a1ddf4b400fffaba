fmpnn_test(dictionaries)
