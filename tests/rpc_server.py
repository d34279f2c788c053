"""llama.cpp's RPC server with this machine's processor as its device: `python tests/rpc_server.py PORT`.

It is the function behind llama.cpp's program of that name, which llama-cpp-python does not build. Exit code 3: this
build knows no RPC.
"""

import ctypes
import sys

import llama_cpp
from llama_cpp.llama_cpp import _lib as libggml  # as in bot.generation.devices

NO_RPC = 3
CPU = 0


def main(port: str) -> int:
    """Serves until it is killed."""
    llama_cpp.llama_backend_init()
    libggml.ggml_backend_reg_by_name.restype = ctypes.c_void_p
    libggml.ggml_backend_reg_get_proc_address.restype = ctypes.c_void_p
    libggml.ggml_backend_reg_get_proc_address.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    libggml.ggml_backend_dev_by_type.restype = ctypes.c_void_p
    registry = libggml.ggml_backend_reg_by_name(b"RPC")
    if not registry:
        return NO_RPC
    address = libggml.ggml_backend_reg_get_proc_address(registry, b"ggml_backend_rpc_start_server")
    serve = ctypes.CFUNCTYPE(
        None,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_void_p),
    )(address)
    devices = (ctypes.c_void_p * 1)(libggml.ggml_backend_dev_by_type(CPU))
    serve(f"127.0.0.1:{port}".encode(), None, 1, 1, devices)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
