"""LoRA: nothing at first, the same merged and unmerged, and one folder for `peft` and for us."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from torch._dynamo.testing import CompileCounter
from transformers import AutoModelForCausalLM

from hagane.errors import ArtifactError, DataError, UsageError
from hagane.model.decoder import Decoder
from hagane.model.hf import load_model, save_model
from hagane.model.lora import LoRAConfig, adapt, adapters, merge
from hagane.model.peft_folder import load_adapter, save_adapter
from hagane.train import compile as compiling
from hagane.train.optimizers import Optimizer, roles_of

Tiny = Callable[..., Decoder]
SOME = LoRAConfig(rank=3, alpha=7.5, targets=("q_proj", "v_proj", "up_proj", "down_proj"))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def logits(model: Decoder, tokens: torch.Tensor) -> torch.Tensor:
    return F.linear(model(tokens), model.head_weight)


def moved(model: Decoder, config: LoRAConfig) -> Decoder:
    """`model` with adapters that do something."""
    adapt(model, config, seeded())
    with torch.no_grad():
        for _, _, adapter in adapters(model):
            adapter.b.copy_(torch.randn(adapter.b.shape, generator=seeded()) * 0.3)
    return model


@pytest.mark.parametrize("config", [SOME, LoRAConfig()])
@torch.no_grad()
def test_it_starts_as_the_model_and_merges_into_it(tiny: Tiny, tokens: torch.Tensor, config: LoRAConfig) -> None:
    model = tiny()
    before = logits(model, tokens)
    adapt(model, config, seeded())
    assert torch.equal(logits(model, tokens), before)
    for _, _, adapter in adapters(model):
        adapter.b.copy_(torch.randn(adapter.b.shape, generator=seeded()) * 0.3)
    unmerged = logits(model, tokens)
    assert (unmerged - before).abs().max() > 0.1
    assert (logits(model.inference_copy(), tokens) - unmerged).abs().max() < 1e-4
    merge(model)
    print(f"merged against unmerged: {(logits(model, tokens) - unmerged).abs().max():.1e}")
    assert (logits(model, tokens) - unmerged).abs().max() < 1e-5 * unmerged.abs().max()
    assert not list(adapters(model))
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert model.state_dict().keys() == tiny().state_dict().keys()


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_training_moves_the_adapters_and_nothing_else(tiny: Tiny, tokens: torch.Tensor, optimizer: str) -> None:
    model = tiny()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    adapt(model, SOME, seeded())
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained
    assert all(name.endswith((".adapter.a", ".adapter.b")) for name in trained)
    roles = roles_of(model)
    assert roles["blocks.0.attention.qkv.adapter.a"].splits == (3, 3)
    assert roles["blocks.0.attention.qkv.adapter.b"].splits == (64, 32)
    steps = Optimizer(model, optimizer, betas=(0.9, 0.95), weight_decay=0.1)  # type: ignore[arg-type]
    losses = []
    for _ in range(6):
        loss = F.cross_entropy(logits(model, tokens)[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        steps.step(0.02, 0.02)
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.1
    after = model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(adapter.b.abs().max() > 0 for _, _, adapter in adapters(model))


@torch.no_grad()
def test_peft_opens_ours(tiny: Tiny, tokens: torch.Tensor, tmp_path: Path) -> None:
    save_model(tiny(), tmp_path / "base")
    model = moved(load_model(tmp_path / "base"), SOME)
    save_adapter(model, SOME, tmp_path / "adapter")
    names = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert names["base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"].shape == (3, 32)
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tmp_path / "base"), tmp_path / "adapter")
    assert (theirs(tokens).logits - logits(model, tokens)).abs().max() < 1e-4
    assert (theirs(tokens).logits - logits(load_model(tmp_path / "base"), tokens)).abs().max() > 0.1


@torch.no_grad()
def test_ours_opens_what_peft_wrote(tiny: Tiny, tokens: torch.Tensor, tmp_path: Path) -> None:
    save_model(tiny(), tmp_path / "base")
    torch.manual_seed(6)
    config = LoraConfig(
        r=4, lora_alpha=6, target_modules=["k_proj", "v_proj", "o_proj", "gate_proj"], init_lora_weights=False
    )
    theirs = get_peft_model(AutoModelForCausalLM.from_pretrained(tmp_path / "base"), config).eval()
    theirs.save_pretrained(tmp_path / "adapter")
    model = load_model(tmp_path / "base")
    load_adapter(model, tmp_path / "adapter")
    assert (theirs(tokens).logits - logits(model, tokens)).abs().max() < 1e-4

    with pytest.raises(ArtifactError, match=r"lora_A.* is \[4, 32\], not \[4, 16\]|no place|not"):
        load_adapter(tiny(hidden_size=16), tmp_path / "adapter")
    with pytest.raises(ArtifactError, match="no place for"):
        load_adapter(tiny(num_layers=1), tmp_path / "adapter")
    path = tmp_path / "adapter" / "adapter_config.json"
    good = json.loads(path.read_text())
    for change, words in (({"use_dora": True}, "use_dora"), ({"target_modules": ".*"}, "named matrices")):
        path.write_text(json.dumps(good | change))
        with pytest.raises(DataError, match=words):
            load_adapter(tiny(), tmp_path / "adapter")
    with pytest.raises(DataError, match="no adapter here"):
        load_adapter(tiny(), tmp_path)
    with pytest.raises(UsageError, match="'w_proj'"):
        adapt(tiny(), LoRAConfig(targets=("q_proj", "w_proj")), seeded())


def test_the_blocks_share_their_graphs(tiny: Tiny, tokens: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two for any number of blocks: the first one reads a frozen embedding, so its input needs no gradient."""
    counter = CompileCounter()
    monkeypatch.setattr(
        compiling, "_compiled", lambda function: torch.compile(function, backend=counter, dynamic=False)
    )
    model = moved(tiny(num_layers=5), SOME)
    eager = model(tokens)
    with compiling.compiling(model):
        compiled = model(tokens)
        compiled.sum().backward()
    assert (compiled - eager).abs().max() < 1e-4
    assert counter.frame_count == 2
