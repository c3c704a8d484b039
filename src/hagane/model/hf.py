"""A model folder is a Hugging Face folder: what is written here opens in `transformers` with equal logits.

Files are written plainly; the artefact around the folder makes them appear at once. Weights are safetensors, the rest is
JSON: nothing that is loaded can run code.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from hagane.errors import ArtifactError, DataError
from hagane.model.classifier import SequenceClassifier
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf_config import from_hf, to_hf
from hagane.model.hf_weights import join, layout, split
from hagane.model.memory import require_weights
from hagane.model.vocabulary import expect_vocabulary, tokenizer_size

TOKENIZER_FILES = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
END_OF_TURN = "<|end|>"
"""Piece that ends an answer in the chat format; in `generation_config.json` it stops other programs as well."""
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")


def model_folder(path: Path) -> Path:
    """The Hugging Face folder of a model artefact, or `path` itself if it is one. Raises DataError if there is none."""
    for folder in (path / "model", path):
        if (folder / "config.json").is_file():
            return folder
    if path.is_file():
        _refuse_pickles([path])
    raise DataError(
        "There is no model here." if path.exists() else "This folder does not exist.",
        where=str(path),
        fix="Give a model artefact (it holds model/config.json) or a Hugging Face folder.",
    )


def architecture(folder: Path) -> str:
    """What a Hugging Face folder says it holds, as `Qwen3ForCausalLM`. Raises DataError where it does not say."""
    path = folder / "config.json"
    named = _read_json(path).get("architectures")
    if not isinstance(named, list) or not named or not isinstance(named[0], str):
        raise DataError(
            f"`architectures` should list what kind of model this is, as Qwen3ForCausalLM; it is {named!r}.",
            where=str(path),
            fix="Restore the file.",
        )
    return named[0]


def save_model(
    model: Decoder, folder: Path, tokenizer: Path | None = None, *, stop_ids: Sequence[int] | None = None
) -> None:
    """Write a `ForCausalLM` folder: config.json, generation_config.json, model.safetensors, and the tokenizer's files.

    tokenizer: a folder (or artefact) whose tokenizer files are copied. stop_ids: what ends a generated text; by default
    the end of a turn, where the tokenizer has one, and the end of a document.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "config.json", to_hf(model.config, "ForCausalLM"))
    _write_tensors(folder, _hf_tensors(model))
    if tokenizer is not None:
        _copy_tokenizer(tokenizer, folder)
    if stop_ids is None:
        ends = (_end_of_turn(folder), model.config.eos_id, *model.config.other_eos_ids)
        stop_ids = list(dict.fromkeys(i for i in ends if i is not None))
    generation = {
        "bos_token_id": model.config.bos_id,
        "eos_token_id": list(stop_ids),
        "pad_token_id": model.config.pad_id,
    }
    _write_json(
        folder / "generation_config.json", {key: value for key, value in generation.items() if value not in (None, [])}
    )


def save_classifier(model: SequenceClassifier, folder: Path, tokenizer: Path | None = None) -> None:
    """Write a `ForSequenceClassification` folder with the names of the labels; `tokenizer` as in `save_model`."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = {str(i): label for i, label in enumerate(model.labels)}
    # A classifier has no language head, so there is none to be tied or not.
    config = to_hf(model.decoder.config.model_copy(update={"tie_embeddings": True}), "ForSequenceClassification")
    config |= {"id2label": labels, "label2id": {label: int(i) for i, label in labels.items()}}
    _write_json(folder / "config.json", config)
    tensors = _hf_tensors(model.decoder)
    tensors.pop(f"{layout(model.decoder.config).head}.weight", None)
    _write_tensors(folder, tensors | {"score.weight": model.score.detach().cpu().contiguous()})
    if tokenizer is not None:
        _copy_tokenizer(tokenizer, folder)


def load_model(path: Path, compute_dtype: torch.dtype = torch.float32) -> Decoder:
    """The language model of an artefact or a Hugging Face folder, float32 weights.

    Raises DataError where there is none or it is of a kind that cannot be opened, ArtifactError where files are broken,
    UsageError where its weights do not fit into memory.
    """
    folder = model_folder(path)
    _expect_head("ForCausalLM", folder)
    config = _config(_read_json(folder / "config.json"), folder)
    return _decoder(config, folder, _read_tensors(folder), compute_dtype)


def load_classifier(path: Path, compute_dtype: torch.dtype = torch.float32) -> SequenceClassifier:
    """The classifier or reward model of an artefact or a Hugging Face folder; errors as in `load_model`."""
    folder = model_folder(path)
    _expect_head("ForSequenceClassification", folder)
    raw = _read_json(folder / "config.json") | {"tie_word_embeddings": True}
    config = _config(raw, folder)
    tensors = _read_tensors(folder)
    score = tensors.pop("score.weight", None)
    decoder = _decoder(config, folder, tensors, compute_dtype)
    if score is None or score.shape[1:] != (config.hidden_size,):
        raise ArtifactError(
            "The weights lack a score.weight that fits.", where=str(folder), fix="Train the classifier again."
        )
    labels = raw.get("id2label") or {}
    named = [labels.get(str(i), f"LABEL_{i}") for i in range(len(score))]
    model = SequenceClassifier(decoder, len(score), named)
    model.score.data.copy_(score)
    return model


def _config(raw: dict[str, Any], folder: Path) -> DecoderConfig:
    """The config of a folder whose weights fit into memory; asked before they are read."""
    config = from_hf(raw, folder / "config.json")
    require_weights(config, str(folder))
    return config


def _decoder(config: DecoderConfig, folder: Path, tensors: dict[str, Tensor], compute_dtype: torch.dtype) -> Decoder:
    ids = tokenizer_size(folder)
    if ids is not None:
        expect_vocabulary(config, ids, folder)
    with torch.device("meta"):
        decoder = Decoder(config, compute_dtype)
    decoder.load_state_dict(join(decoder, tensors, folder), assign=True)
    return decoder


def _hf_tensors(model: Decoder) -> dict[str, Tensor]:
    roles = model.roles()
    tensors: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        tensors |= split(name, parameter.detach().float().cpu(), roles[name].splits, model.config)
    return tensors


def _expect_head(head: str, folder: Path) -> None:
    found = architecture(folder)
    if not found.endswith(head):
        raise DataError(
            f"This is a {found}; a {head.removeprefix('For')} model is needed.",
            where=str(folder / "config.json"),
            fix="Give the artefact of a stage that makes one.",
        )


def _copy_tokenizer(source: Path, folder: Path) -> None:
    source = source / "model" if (source / "model").is_dir() else source
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _end_of_turn(folder: Path) -> int | None:
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    added = _read_json(path).get("added_tokens", [])
    return next((token["id"] for token in added if token["content"] == END_OF_TURN), None)


def _write_tensors(folder: Path, tensors: dict[str, Tensor]) -> None:
    # transformers refuses files without this note on who wrote the layout.
    save_file(dict(sorted(tensors.items())), folder / "model.safetensors", metadata={"format": "pt"})


def _weight_files(folder: Path) -> list[Path]:
    """`model.safetensors`, or the shards that the index names."""
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = _read_json(index).get("weight_map")
        if not isinstance(shards, dict) or not shards:
            raise ArtifactError("This index names no shards.", where=str(index), fix="Restore the file.")
        files = [folder / name for name in sorted({str(name) for name in shards.values()})]
        for file in files:
            if not file.is_file():
                raise ArtifactError(
                    "A shard that the index names is not there.", where=str(file), fix="Restore the whole folder."
                )
        return files
    _refuse_pickles(folder.iterdir())
    raise DataError(
        "The model folder has a config but no weights.",
        where=str(folder),
        fix="Give a folder with model.safetensors.",
    )


def _refuse_pickles(files: Iterable[Path]) -> None:
    for file in sorted(files):
        if any(file.match(pattern) for pattern in _PICKLES):
            raise DataError(
                "This pickle checkpoint is not opened, because loading one can run code that somebody put into it.",
                where=str(file),
                fix="Ask for safetensors; or, if you trust the source, convert it in transformers with `save_pretrained`.",
            )


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    """All weights, of one file or of several shards."""
    tensors: dict[str, Tensor] = {}
    for file in _weight_files(folder):
        file.open("rb").close()  # safetensors would say of a file it may not read that it is not there
        try:
            tensors |= load_file(file)
        except SafetensorError as error:
            raise ArtifactError(
                f"The weights cannot be read: {error}",
                where=str(file),
                fix="Restore the file or train the model again.",
            ) from error
    return tensors


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"This is not JSON: {error}", where=str(path), fix="Restore the file.") from error
    if not isinstance(value, dict):
        raise DataError("This JSON is not an object.", where=str(path), fix="Restore the file.")
    return value
