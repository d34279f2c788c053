"""The language models: llama.cpp in a child process, or a server that speaks the OpenAI protocol."""
