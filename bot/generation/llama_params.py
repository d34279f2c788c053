"""Our settings in llama.cpp's numbers. Child process only."""

import ctypes
from typing import Any

import llama_cpp

from bot.generation.sequence import WHOLE_CACHE_TYPES, ModelSpec

AUTO_FLASH, NO_FLASH, FLASH_ON = -1, 0, 1
CACHE_NUMBERS = {
    "f32": llama_cpp.GGML_TYPE_F32,
    "f16": llama_cpp.GGML_TYPE_F16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
}
SPLIT_MODES = {"none": 0, "layer": 1, "row": 2}


def model_params(spec: ModelSpec) -> Any:
    """How llama.cpp is to load the weights. What `tensor_split` points at lives as long as the structure."""
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = spec.gpu_layers
    params.split_mode = SPLIT_MODES[spec.split_mode]
    params.main_gpu = spec.main_gpu
    if spec.tensor_split:
        places = max(llama_cpp.llama_max_devices(), len(spec.tensor_split))
        params.tensor_split = (ctypes.c_float * places)(*spec.tensor_split)
    return params


def flash_type(spec: ModelSpec) -> int:
    """llama.cpp's number for the flash attention that is asked for."""
    if spec.flash_attention != "auto":
        return FLASH_ON if spec.flash_attention == "on" else NO_FLASH
    if spec.cache_type_v not in WHOLE_CACHE_TYPES:
        return FLASH_ON
    return AUTO_FLASH
