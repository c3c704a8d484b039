"""Ask llama.cpp itself what a GGUF file says, in a child process: a crash in foreign code must not take the run with it.

Needs the package `xllamacpp` (llama.cpp as a wheel); it is an extra, and `available` says whether it is there. The cache is
float32 and flash attention off, so that greedy answers can be compared with those of another program.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hagane.errors import ArtifactError

TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Answer:
    """What llama.cpp wrote after one prompt."""

    text: str
    prompt_tokens: int
    stopped: bool


def available() -> bool:
    """Whether `xllamacpp` is installed."""
    return importlib.util.find_spec("xllamacpp") is not None


def answers(path: Path, requests: Sequence[str | Sequence[Mapping[str, str]]], max_new_tokens: int) -> list[Answer]:
    """Greedy continuations of texts (BOS is put in front) or of conversations (through the stored chat template).

    Raises ArtifactError if llama.cpp cannot open the file or fails on a request.
    """
    task = json.dumps({"path": str(path), "requests": requests, "max_new_tokens": max_new_tokens})
    try:
        child = subprocess.run(
            [sys.executable, "-m", "hagane.export.llama_cpp"],
            input=task,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
        return [Answer(**answer) for answer in json.loads(child.stdout.splitlines()[-1])]
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise ArtifactError(
            "llama.cpp could not answer from the file",
            where=str(path),
            fix=f"its last words: {str(said)[-400:].strip()}",
        ) from error


def _serve(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = task["path"]
    params.n_ctx = 1024
    params.n_parallel = 1
    params.warmup = False
    params.verbosity = 0
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)
    made = []
    for request in task["requests"]:
        # A cached prefix would be computed in batches of another shape: other rounding, another text at a near tie.
        options = {"temperature": 0.0, "top_k": 1, "max_tokens": task["max_new_tokens"], "cache_prompt": False}
        if isinstance(request, str):
            answer = server.handle_completions({"prompt": request, **options})
        else:
            answer = server.handle_chat_completions({"messages": request, **options})
        answer = answer if isinstance(answer, dict) else json.loads(answer)
        choice = answer["choices"][0]
        text = choice["text"] if isinstance(request, str) else choice["message"]["content"]
        made.append(
            {
                "text": text,
                "prompt_tokens": answer["usage"]["prompt_tokens"],
                "stopped": choice["finish_reason"] == "stop",
            }
        )
    return made


if __name__ == "__main__":
    print(json.dumps(_serve(json.load(sys.stdin))))
