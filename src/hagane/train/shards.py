"""Sharded tensors on disk: every process writes its own rows as safetensors, and any number of processes reads them again.

torch's distributed checkpoint with its safetensors writer and reader: shapes and offsets stand in the files' own headers. (Its
default format keeps them in a pickle, which would run code when it is opened.)
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from hagane.artifact import processes
from hagane.train.distributed import is_sharded


def write(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write this process's rows into `folder`; every process must call it. The first returns when all are on disk."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
    with processes.peers():
        save(dict(tensors), storage_writer=writer)


def read(folder: Path, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `write` wrote, each laid out as the parameter in `like` that it belongs to (`name` or `name:what`)."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata
    from torch.distributed.checkpoint.state_dict_loader import load

    reader = HuggingFaceStorageReader(str(folder))
    found = {
        key: _empty(like.get(_parameter(key)), entry.size, entry.properties.dtype)
        for key, entry in reader.read_metadata().state_dict_metadata.items()
        if isinstance(entry, TensorStorageMetadata)
    }
    with processes.peers(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")  # so it is, in a single process
        load(found, storage_reader=reader, no_dist=processes.count() == 1)
    return found


def laid_out(tensors: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole tensors, each cut as the parameter it belongs to."""
    found = dict(tensors)
    for key, tensor in tensors.items():
        parameter = like.get(_parameter(key))
        if parameter is not None and is_sharded(parameter) and tensor.shape == parameter.shape:
            from torch.distributed.tensor import distribute_tensor

            found[key] = distribute_tensor(tensor, parameter.device_mesh, parameter.placements)
    return found


def _parameter(key: str) -> str:
    return key.rsplit(":", 1)[0]


def _empty(parameter: Tensor | None, size: torch.Size, dtype: torch.dtype) -> Tensor:
    if parameter is not None and parameter.shape == size:
        return torch.empty_like(parameter, dtype=dtype)
    return torch.empty(size, dtype=dtype)
