# fmpnn_version() and fmpnn_commit(): the version is the project's; the commit is looked up at
# every build, so that a binary never names the revision of an earlier one.
set(FMPNN_COMMIT_HEADER ${CMAKE_CURRENT_BINARY_DIR}/generated/fmpnn_commit.h)
add_custom_target(fusempnn_commit
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_CURRENT_SOURCE_DIR}
            -DHEADER=${FMPNN_COMMIT_HEADER} -P ${CMAKE_CURRENT_LIST_DIR}/commit.cmake
    BYPRODUCTS ${FMPNN_COMMIT_HEADER}
    COMMENT "Looking up the source revision"
    VERBATIM)
target_sources(fusempnn_objects PRIVATE src/base/version.c)
set_source_files_properties(src/base/version.c PROPERTIES
    COMPILE_DEFINITIONS FMPNN_VERSION="${PROJECT_VERSION}"
    INCLUDE_DIRECTORIES ${CMAKE_CURRENT_BINARY_DIR}/generated
    OBJECT_DEPENDS ${FMPNN_COMMIT_HEADER})
add_dependencies(fusempnn_objects fusempnn_commit)
