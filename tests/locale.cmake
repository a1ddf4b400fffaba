fmpnn_test(locale)
