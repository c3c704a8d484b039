"""Our Muon equals torch's, matrix by matrix, on fused and transposed ones; state survives a round trip."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import CONFIG, run, weights
from torch import Tensor, nn

from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.train.optimizers import Muon, Optimizer, roles_of

SHAPES = {"fused": (96, 48), "tall": (80, 48), "wide": (48, 80)}
SPLITS = {"fused": (48, 24, 24), "tall": (80,), "wide": (48,)}


def gradient(name: str, step: int) -> Tensor:
    draw = torch.Generator().manual_seed(100 * step + len(name))
    return torch.randn(SHAPES[name], generator=draw)


def start(name: str) -> Tensor:
    return torch.randn(SHAPES[name], generator=torch.Generator().manual_seed(len(name)))


def ours(splits: dict[str, tuple[int, ...]], dtype: torch.dtype = torch.bfloat16) -> dict[str, Tensor]:
    parameters = {name: nn.Parameter(start(name)) for name in SHAPES}
    muon = Muon(parameters, splits, dtype)
    for step in range(3):
        for name, parameter in parameters.items():
            parameter.grad = gradient(name, step)
        muon.step(lr=0.02, weight_decay=0.1)
    return {name: parameter.detach() for name, parameter in parameters.items()}


def torchs() -> dict[str, Tensor]:
    parts = {name: [nn.Parameter(p.clone()) for p in start(name).split(SPLITS[name])] for name in SHAPES}
    flat = [p for some in parts.values() for p in some]
    muon = torch.optim.Muon(flat, lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    for step in range(3):
        for name, some in parts.items():
            for p, g in zip(some, gradient(name, step).split(SPLITS[name]), strict=True):
                p.grad = g.clone()
        muon.step()
    return {name: torch.cat([p.detach() for p in some]) for name, some in parts.items()}


def moved(after: dict[str, Tensor], name: str) -> Tensor:
    return after[name] - start(name)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", list(SHAPES))
def test_equals_torch_on_separate_matrices(name: str, dtype: torch.dtype) -> None:
    """Which iterates in bfloat16."""
    expected, found = moved(torchs(), name), moved(ours(SPLITS, dtype), name)
    assert float((found - expected).norm() / expected.norm()) < 0.01


def test_the_comparison_can_fail() -> None:
    """Negative control: queries, keys and values taken for one matrix must be noticed."""
    expected, found = moved(torchs(), "fused"), moved(ours(SPLITS | {"fused": (96,)}), "fused")
    assert float((found - expected).norm() / expected.norm()) > 0.1


def decoder() -> Decoder:
    model = Decoder(
        DecoderConfig(
            vocab_size=40,
            hidden_size=16,
            intermediate_size=24,
            num_layers=2,
            num_heads=2,
            num_kv_heads=1,
            head_dim=8,
            tie_embeddings=False,
        )
    )
    model.init_weights(torch.Generator().manual_seed(0))
    return model


class Wrapper(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.decoder = decoder()
        self.score = nn.Linear(16, 3, bias=False)


def step(model: nn.Module, optimizer: Optimizer, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=draw)
    optimizer.step(lr=0.01, embedding_lr=0.02)


def test_matrices_inside_a_wrapper_are_found() -> None:
    roles = roles_of(Wrapper())
    assert roles["decoder.blocks.0.attention.qkv.weight"].splits == (16, 8, 8)
    assert "score.weight" not in roles


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_state_round_trip(name: str) -> None:
    def fresh() -> tuple[Wrapper, Optimizer]:
        model = Wrapper()
        model.score.weight.data.fill_(0.5)
        return model, Optimizer(model, name, betas=(0.9, 0.95), weight_decay=0.1)  # type: ignore[arg-type]

    model, optimizer = fresh()
    for seed in range(3):
        step(model, optimizer, seed)
    twin, other = fresh()
    twin.load_state_dict(model.state_dict())
    other.load({key: tensor.clone() for key, tensor in optimizer.state().items()})
    for seed in range(3, 5):
        step(model, optimizer, seed)
        step(twin, other, seed)
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, twin.state_dict()[key])


@pytest.mark.parametrize("name", ["muon", "adamw"])
@pytest.mark.parametrize("of_embeddings", [0.0, 0.3])
def test_weight_decay_goes_by_role(name: str, of_embeddings: float) -> None:
    """By hand: without a gradient a weight is multiplied by 1 − rate · decay, and nothing else happens to it."""
    model = Wrapper()
    for parameter in model.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    optimizer = Optimizer(model, name, betas=(0.9, 0.95), weight_decay=0.5, embedding_weight_decay=of_embeddings)  # type: ignore[arg-type]
    optimizer.step(lr=0.1, embedding_lr=0.2)
    left = {"matrix": 1 - 0.1 * 0.5, "embedding": 1 - 0.2 * of_embeddings, "head": 1 - 0.2 * of_embeddings}
    roles, seen = roles_of(model), set()
    for key, parameter in model.named_parameters():
        kind = roles[key].kind if key in roles else "none"
        seen.add(kind)
        torch.testing.assert_close(parameter.detach(), torch.full_like(parameter, left.get(kind, 1.0)))
    assert seen == {"matrix", "embedding", "head", "vector", "none"}


def test_decay_of_embeddings_comes_from_the_recipe(tmp_path: Path) -> None:
    some = CONFIG.model_copy(update={"embedding_weight_decay": 0.1})
    assert weights(run(tmp_path / "none")[0]) != weights(run(tmp_path / "some", config=some)[0])
