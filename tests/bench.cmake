# `fusempnn bench fusion`, and the message-pass cases of the golden checker.
if(NOT EXISTS ${CMAKE_SOURCE_DIR}/bench/CMakeLists.txt)
    return()
endif()
add_executable(check_json ${CMAKE_CURRENT_SOURCE_DIR}/bench/check_json.c)
target_compile_definitions(check_json PRIVATE
    SCHEMA="${CMAKE_SOURCE_DIR}/bench/kernel_fusion_benchmark.schema.json")
target_compile_options(check_json PRIVATE -Wall -Wextra -Wpedantic -Wshadow)
target_link_libraries(check_json PRIVATE PkgConfig::JANSSON m)
add_test(NAME bench_fusion COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/bench/fusion.sh
    $<TARGET_FILE:fusempnn> $<TARGET_FILE:check_json>)
add_test(NAME bench_peers COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/bench/peers.sh
    $<TARGET_FILE:fusempnn> $<TARGET_FILE:check_json>)
add_test(NAME bench_golden COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/bench/golden.sh
    $<TARGET_FILE:fusempnn> $<TARGET_FILE:golden_check>)
set_tests_properties(bench_fusion bench_peers bench_golden PROPERTIES
    SKIP_RETURN_CODE 77 ENVIRONMENT "FMPNN_SHARED=${FMPNN_SHARED}")
