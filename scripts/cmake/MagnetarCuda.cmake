# Whether the CUDA kernels are built (MAGNETAR_HAVE_CUDA), and how.

set(MAGNETAR_CUDA AUTO CACHE STRING "Build the CUDA kernels: ON, OFF, or AUTO (where nvcc is found)")
set_property(CACHE MAGNETAR_CUDA PROPERTY STRINGS ON OFF AUTO)
# One virtual architecture: PTX, which the driver compiles for the device at hand. Releases name the real ones.
set(MAGNETAR_CUDA_ARCHITECTURES 80-virtual CACHE STRING "What the kernels are compiled for, as CMAKE_CUDA_ARCHITECTURES")
# The tests put an emulator in the place of the shared runtime.
set(MAGNETAR_CUDA_RUNTIME Shared CACHE STRING "The CUDA runtime that is linked to: Shared or Static")
set(MAGNETAR_CUDA_EMULATOR "$ENV{MAGNETAR_CUDA_EMULATOR}" CACHE PATH
  "Directory of an emulated CUDA runtime for the tests, where there is no GPU")

set(MAGNETAR_HAVE_CUDA FALSE)
if(MAGNETAR_CUDA STREQUAL "AUTO" AND (MAGNETAR_SANITIZE OR MAGNETAR_FUZZ))
  message(STATUS "CUDA kernels: left out of builds with sanitizers")
elseif(NOT MAGNETAR_CUDA STREQUAL "OFF")
  find_program(MAGNETAR_NVCC nvcc HINTS ENV CUDA_PATH ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(MAGNETAR_NVCC)
    set(MAGNETAR_HAVE_CUDA TRUE)
  elseif(MAGNETAR_CUDA STREQUAL "AUTO")
    message(STATUS "CUDA kernels: left out, as nvcc was not found")
  else()
    message(FATAL_ERROR "MAGNETAR_CUDA is ${MAGNETAR_CUDA}, but nvcc was not found; set MAGNETAR_NVCC to its path")
  endif()
endif()

if(MAGNETAR_HAVE_CUDA)
  set(CMAKE_CUDA_COMPILER "${MAGNETAR_NVCC}")
  set(CMAKE_CUDA_ARCHITECTURES "${MAGNETAR_CUDA_ARCHITECTURES}")
  set(CMAKE_CUDA_RUNTIME_LIBRARY "${MAGNETAR_CUDA_RUNTIME}")
  if(NOT CMAKE_CUDA_HOST_COMPILER)
    # nvcc takes g++ alone here, whatever compiles the rest.
    find_program(MAGNETAR_CUDA_HOST_COMPILER NAMES g++-12 g++ REQUIRED)
    set(CMAKE_CUDA_HOST_COMPILER "${MAGNETAR_CUDA_HOST_COMPILER}")
  endif()
  if(CCACHE)
    set(CMAKE_CUDA_COMPILER_LAUNCHER "${CCACHE}")
  endif()
  enable_language(CUDA)
  # CMake 3.25 does not know nvcc's flag for C++20.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  # For projects that want 3.25, CMake 3.25.1 marks a library as deprecated that CUDA 13 no longer has, and fails.
  set(minimum_version "${CMAKE_MINIMUM_REQUIRED_VERSION}")
  set(CMAKE_MINIMUM_REQUIRED_VERSION 3.24)
  find_package(CUDAToolkit REQUIRED)
  set(CMAKE_MINIMUM_REQUIRED_VERSION "${minimum_version}")
  message(STATUS "CUDA kernels: ${CUDAToolkit_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}")
endif()
