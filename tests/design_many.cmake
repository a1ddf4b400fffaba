fmpnn_test(design_many)
