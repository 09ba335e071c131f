# One CMake target per layer, and includes that only reach the layers a target links to.
#
#   magnetar_layer(<path> [HOT] SOURCES <file>... [DEPENDS <layer path>...] [LIBRARIES <target>...])
#
# makes the static library `magnetar_<path with _ for />`, alias `magnetar::<the same>`, of the folder that calls it.
# Headers are included by their path from the repository root, as "engine/algebra/field.h". Such a
# path resolves through a directory of the build tree that holds a link to this one layer and nothing
# else, so including a header of a layer that is not among DEPENDS does not compile.
#
# HOT: arithmetic, which fuzzers do not look into, as counting its branches makes tests many times slower.

function(magnetar_layer path)
  cmake_parse_arguments(PARSE_ARGV 1 arg "HOT" "" "SOURCES;DEPENDS;LIBRARIES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "magnetar_layer(${path}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  string(REPLACE "/" "_" name "${path}")
  set(target "magnetar_${name}")
  add_library(${target} STATIC ${arg_SOURCES})
  add_library("magnetar::${name}" ALIAS ${target})
  if(MAGNETAR_FUZZ AND NOT arg_HOT)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()

  set(view "${CMAKE_BINARY_DIR}/layers/${name}")
  cmake_path(GET path PARENT_PATH parent)
  file(MAKE_DIRECTORY "${view}/${parent}")
  file(CREATE_LINK "${CMAKE_SOURCE_DIR}/${path}" "${view}/${path}" SYMBOLIC)
  target_include_directories(${target} PUBLIC "${view}")

  foreach(layer IN LISTS arg_DEPENDS)
    string(REPLACE "/" "_" layer_name "${layer}")
    if(NOT TARGET "magnetar::${layer_name}")
      message(FATAL_ERROR "magnetar_layer(${path}): ${layer} is not a layer before it")
    endif()
    target_link_libraries(${target} PUBLIC "magnetar::${layer_name}")
  endforeach()
  target_link_libraries(${target} PUBLIC ${arg_LIBRARIES})
endfunction()
