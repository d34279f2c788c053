"""The devices that this build of llama.cpp can compute on. Runs in the child process only.

llama-cpp-python passes none of this on; the functions are those of ggml's C interface, as in its ggml-backend.h.
"""

import ctypes
import socket
from collections.abc import Iterator

# A name in libllama's handle is looked up as libllama itself does. Opened by its own path, ggml could be there twice: a
# wheel holds copies of it under several names, and each would have a list of devices of its own.
from llama_cpp.llama_cpp import _lib as libggml

GPU_TYPES = (1, 2)  # GGML_BACKEND_DEVICE_TYPE_GPU, _IGPU; a served device counts as the first
REACH_SECONDS = 5.0

libggml.ggml_backend_dev_count.restype = ctypes.c_size_t
libggml.ggml_backend_dev_get.restype = ctypes.c_void_p
libggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
libggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
libggml.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
libggml.ggml_backend_reg_by_name.restype = ctypes.c_void_p
libggml.ggml_backend_reg_by_name.argtypes = [ctypes.c_char_p]
libggml.ggml_backend_reg_get_proc_address.restype = ctypes.c_void_p
libggml.ggml_backend_reg_get_proc_address.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
libggml.ggml_backend_register.argtypes = [ctypes.c_void_p]


def has_gpu() -> bool:
    """Whether there is a device to put layers on: a GPU that the build knows, or one that is served elsewhere.

    llama.cpp's own `llama_supports_gpu_offload` also says so of a build that could use served ones and has none.
    """
    return any(libggml.ggml_backend_dev_type(device) in GPU_TYPES for device in _devices())


def free_bytes() -> int | None:
    """Memory that these devices have left, together; None where they do not say."""
    left = 0
    for device in _devices():
        if libggml.ggml_backend_dev_type(device) in GPU_TYPES:
            free, total = ctypes.c_size_t(), ctypes.c_size_t()
            libggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
            left += free.value
    return left or None


def add_served(endpoints: str) -> None:
    """Makes devices known that llama.cpp's RPC server offers; `endpoints` is host:port, several with commas.

    Errors: ValueError, with a sentence.
    """
    for endpoint in filter(None, (one.strip() for one in endpoints.split(","))):
        registry = libggml.ggml_backend_reg_by_name(b"RPC")
        if not registry:
            raise ValueError(
                "This build of llama.cpp knows no served devices: CMAKE_ARGS=-DGGML_RPC=on make setup, or unset "
                "THREADLORE_MODEL__RPC."
            )
        _reach(endpoint)
        address = libggml.ggml_backend_reg_get_proc_address(registry, b"ggml_backend_rpc_add_server")
        add = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)(address)
        served = add(endpoint.encode())
        if not served:
            raise ValueError(f"The RPC server at {endpoint} offers no device.")
        libggml.ggml_backend_register(served)


def _reach(endpoint: str) -> None:
    """llama.cpp would abort the process where nobody listens."""
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), REACH_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ValueError(
            f"No RPC server answers at {endpoint}: start llama.cpp's rpc-server there, or unset THREADLORE_MODEL__RPC."
        ) from error


def _devices() -> Iterator[int | None]:
    return (libggml.ggml_backend_dev_get(place) for place in range(libggml.ggml_backend_dev_count()))
