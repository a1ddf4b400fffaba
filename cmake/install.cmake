# What `cmake --install` puts where, and what lets others find it.
include(CMakePackageConfigHelpers)
set(FMPNN_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/fusempnn)

if(TARGET fusempnn) # the program
    set_target_properties(fusempnn PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
    install(TARGETS fusempnn RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(TARGETS fusempnn_shared EXPORT fusempnn DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS fusempnn_static EXPORT fusempnn_static DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/fusempnn.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# find_package(fusempnn): the shared library alone needs nothing else; the component "static"
# looks for what the static one leaves to be linked.
install(EXPORT fusempnn NAMESPACE fusempnn:: DESTINATION ${FMPNN_PACKAGE_DIR}
        FILE fusempnn-shared.cmake)
install(EXPORT fusempnn_static NAMESPACE fusempnn:: DESTINATION ${FMPNN_PACKAGE_DIR}
        FILE fusempnn-static.cmake)
configure_package_config_file(cmake/fusempnnConfig.cmake.in
    ${CMAKE_CURRENT_BINARY_DIR}/generated/fusempnnConfig.cmake
    INSTALL_DESTINATION ${FMPNN_PACKAGE_DIR})
write_basic_package_version_file(
    ${CMAKE_CURRENT_BINARY_DIR}/generated/fusempnnConfigVersion.cmake
    COMPATIBILITY SameMinorVersion) # before 1.0 a minor version may change the interface
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/generated/fusempnnConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/generated/fusempnnConfigVersion.cmake
    DESTINATION ${FMPNN_PACKAGE_DIR})

file(RELATIVE_PATH FMPNN_PC_PREFIX
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH FMPNN_PC_INCLUDE
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
string(JOIN " " FMPNN_PC_PRIVATE_LIBS ${CMAKE_THREAD_LIBS_INIT} -lm -lstdc++)
configure_file(cmake/fusempnn.pc.in ${CMAKE_CURRENT_BINARY_DIR}/generated/fusempnn.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/generated/fusempnn.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
