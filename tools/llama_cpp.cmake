# Read by CMake right after llama-cpp-python's own `project(llama_cpp)`, by way of
#   CMAKE_ARGS=-DCMAKE_PROJECT_llama_cpp_INCLUDE=<this file>   (tools/setup.sh does that)
#
# llama-cpp-python is compiled from source, which is most of the set-up time. On two cores this file brings it from eight
# minutes to three and a half, by leaving out what Threadlore never loads:
#   * llama.cpp's `common` library: the helpers of its own command-line tools. We use the C interface alone.
#   * mtmd (LLAVA): images and sound. Questions and messages are text.
# and by compiling what is left with fewer repetitions:
#   * `llama` has a source file per model architecture, each reading the same headers; a unity build reads them once for
#     every dozen files. Twelve keeps a compiler process below one gigabyte.
# The numerical library (ggml) is compiled as ever, so the speed of the result is the same.
# One thing is added: the client of devices that llama.cpp's RPC server offers (THREADLORE_MODEL__RPC), a single file.
set(GGML_RPC ON)
set(LLAMA_BUILD_COMMON OFF)
set(LLAVA_BUILD OFF)
# The target does not exist yet when this file is read; DEFER runs the call at the end of the top-level directory.
cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR}
  CALL set_target_properties llama PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
