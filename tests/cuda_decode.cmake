fmpnn_test(cuda_decode)
if(TARGET fusempnn_cuda)
    set_property(TEST cuda_decode APPEND PROPERTY
        ENVIRONMENT "FMPNN_CUDA_LIBRARY=$<TARGET_FILE:fusempnn_cuda>")
endif()
# What a device's numbers have no part in, over a runtime without one.
if(TARGET fusempnn_cuda_stub)
    add_test(NAME cuda_stub_many COMMAND test_cuda_decode test_many)
    set_tests_properties(cuda_stub_many PROPERTIES
        ENVIRONMENT "FMPNN_CUDA_LIBRARY=$<TARGET_FILE:fusempnn_cuda_stub>")
endif()
