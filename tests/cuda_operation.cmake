fmpnn_test(cuda_operation)
if(TARGET fusempnn_cuda)
    set_property(TEST cuda_operation APPEND PROPERTY
        ENVIRONMENT "FMPNN_CUDA_LIBRARY=$<TARGET_FILE:fusempnn_cuda>")
endif()
# What a device's numbers have no part in, over a runtime without one.
if(TARGET fusempnn_cuda_stub)
    foreach(test test_failures test_no_memory test_questions_once test_rows_once
            test_wave_once)
        add_test(NAME cuda_stub_${test} COMMAND test_cuda_operation ${test})
        set_tests_properties(cuda_stub_${test} PROPERTIES
            ENVIRONMENT "FMPNN_CUDA_LIBRARY=$<TARGET_FILE:fusempnn_cuda_stub>")
    endforeach()
endif()
