fmpnn_test(cuda_decode)
if(TARGET fusempnn_cuda)
    set_property(TEST cuda_decode APPEND PROPERTY
        ENVIRONMENT "FMPNN_CUDA_LIBRARY=$<TARGET_FILE:fusempnn_cuda>")
endif()
