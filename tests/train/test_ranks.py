"""One process = two: replicated and sharded, killed and resumed, with a control that shows the comparison can fail."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from ranks import CONFIG, run_case, run_processes
from safetensors.torch import load_file
from torch import Tensor

from hagane.artifact.metrics import read_metrics
from hagane.errors import UsageError
from hagane.train.distributed import deal
from hagane.train.loop import TrainConfig
from hagane.train.state import milestone

KINDS = {"DDP": {"shard": False}, "FSDP2": {"shard": True}}
OPTIMIZERS = ("adamw", "muon")
AVERAGE = {"optimizer": "adamw", "average": 0.8}
BACK = {"optimizer": "adamw", "on_spike": "roll_back"}


def settings(optimizer: str) -> TrainConfig:
    return CONFIG.model_copy(update={"optimizer": optimizer})


@pytest.fixture(scope="module", autouse=True)
def float32() -> Iterator[None]:
    """In every process: in bfloat16 Muon's iterations turn another order of summation into 1e-4."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAGANE_DTYPE", "float32")
        yield


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what two processes left: NAME/RANK/weights.safetensors."""
    folder = tmp_path_factory.mktemp("two")
    cases: list[dict[str, object]] = []
    for kind, how in KINDS.items():
        for optimizer in OPTIMIZERS:
            whole = {"settings": {**how, "optimizer": optimizer, "keep_every": 4}}
            cases += [{"name": f"{kind}-{optimizer}-{parts}", "parts": parts, **whole} for parts in (2, 4)]
        muon = {"parts": 2, "settings": {**how, "optimizer": "muon"}}
        cases += [{"name": f"{kind}-cut", "die_at": 5, **muon}, {"name": f"{kind}-cut", **muon}]
        adamw = {"parts": 2, "settings": {**how, "optimizer": "adamw"}}
        cases += [{"name": f"{kind}-left", "die_at": 5, **adamw}]
        cases += [{"name": f"{kind}-branch", "branch": (f"{kind}-muon-2", 4), **muon}]
        back = {"parts": 2, "settings": {**how, **BACK}, "bad": 4}
        cases += [{"name": f"{kind}-back-0", **back, "bad": 1}]
        average = {"parts": 2, "settings": {**how, **AVERAGE}}
        cases += [{"name": f"{kind}-average", **average}]
        cases += [{"name": f"{kind}-average-cut", "die_at": 5, **average}, {"name": f"{kind}-average-cut", **average}]
        cases += [{"name": f"{kind}-back", **back}]
        cases += [{"name": f"{kind}-back-cut", "die_at": 6, **back}, {"name": f"{kind}-back-cut", **back}]
    cases += [{"name": "unreduced", "parts": 2, "settings": {"optimizer": "adamw"}, "unreduced": True}]
    run_processes(folder, cases)
    return folder


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], tuple[dict[str, Tensor], Path]]:
    """(optimizer, micro-batches) → weights of one process, and its folder."""
    folder, found = tmp_path_factory.mktemp("one"), {}
    for optimizer in OPTIMIZERS:
        for parts in (1, 2, 4):
            out = folder / f"{optimizer}-{parts}"
            found[optimizer, parts] = (run_case(out, parts, settings(optimizer)).state_dict(), out)
    return found


def difference(weights: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Largest of any tensor, relative to its largest number."""
    return max(float((other[name] - tensor).abs().max() / tensor.abs().max()) for name, tensor in weights.items())


def loss_difference(out: Path, other: Path) -> float:
    first, second = ([r["loss"] for r in read_metrics(p / "metrics.jsonl") if "loss" in r] for p in (out, other))
    assert len(first) == len(second) == CONFIG.steps
    return max(abs(a - b) / a for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", list(KINDS))
def test_two_processes_equal_one(one, two: Path, kind: str, optimizer: str) -> None:  # type: ignore[no-untyped-def]
    (weights, out), other = one[optimizer, 2], two / f"{kind}-{optimizer}-2"
    found = [load_file(other / rank / "weights.safetensors") for rank in "01"]
    figures = difference(weights, found[0]), loss_difference(out, other / "0")
    print(
        f"1 process vs 2 ({kind}, {optimizer}): largest difference of weights {figures[0]:.1e}, losses {figures[1]:.1e}"
    )
    assert max(figures) <= 1e-6
    assert all(torch.equal(found[0][name], found[1][name]) for name in weights), "the two processes differ"


@pytest.mark.parametrize("kind", list(KINDS))
def test_four_micro_batches_on_two_processes(one, two: Path, kind: str) -> None:  # type: ignore[no-untyped-def]
    """Sums come in another order."""
    for optimizer in OPTIMIZERS:
        (weights, out), other = one[optimizer, 4], two / f"{kind}-{optimizer}-4" / "0"
        figures = difference(weights, load_file(other / "weights.safetensors")), loss_difference(out, other)
        print(
            f"1 process vs 2 ({kind}, {optimizer}, 4 micro-batches): weights {figures[0]:.1e}, losses {figures[1]:.1e}"
        )
        assert max(figures) <= 1e-6


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulation_changes_nothing(one, parts: int) -> None:  # type: ignore[no-untyped-def]
    for optimizer in OPTIMIZERS:
        (weights, out), (cut, cut_out) = one[optimizer, 1], one[optimizer, parts]
        figures = difference(weights, cut), loss_difference(out, cut_out)
        print(f"1 micro-batch vs {parts} ({optimizer}): weights {figures[0]:.1e}, losses {figures[1]:.1e}")
        assert max(figures) <= 1e-6


def test_the_comparison_can_fail(one, two: Path) -> None:  # type: ignore[no-untyped-def]
    """Negative control: processes that keep their gradients to themselves."""
    weights, out = one["adamw", 2]
    other = two / "unreduced" / "0"
    assert difference(weights, load_file(other / "weights.safetensors")) > 1e-3
    assert loss_difference(out, other) > 1e-4


@pytest.mark.parametrize("kind", list(KINDS))
def test_killed_equals_unkilled(two: Path, kind: str) -> None:
    for rank in "01":
        whole = two / f"{kind}-muon-2" / rank / "weights.safetensors"
        assert (two / f"{kind}-cut" / rank / "weights.safetensors").read_bytes() == whole.read_bytes()
    steps = [row["step"] for row in read_metrics(two / f"{kind}-cut" / "1" / "metrics.jsonl") if "loss" in row]
    assert steps == list(range(CONFIG.steps)), "the second process lost the rows before the kill"


@pytest.mark.parametrize("kind", list(KINDS))
def test_two_processes_roll_back_as_one(two: Path, kind: str, tmp_path: Path) -> None:
    """Back from step 4 to the checkpoint of step 3; killed one update later, and not."""
    config = CONFIG.model_copy(update=BACK)
    alone = run_case(tmp_path / "one", 2, config, bad=4).state_dict()
    found = [two / f"{kind}-back{cut}" / rank for cut in ("", "-cut") for rank in "01"]
    assert len({(out / "weights.safetensors").read_bytes() for out in found}) == 1
    assert difference(alone, load_file(found[0] / "weights.safetensors")) <= 1e-6
    for out in found:
        assert [row["step"] for row in read_metrics(out / "metrics.jsonl") if "rolled_back_from" in row] == [3]
    # Negative control: the data that was passed over matters.
    assert difference(alone, run_case(tmp_path / "other", 2, config).state_dict()) > 1e-3


@pytest.mark.parametrize("kind", list(KINDS))
def test_two_processes_roll_back_to_the_start(two: Path, kind: str, tmp_path: Path) -> None:
    """Where AdamW has no state yet."""
    alone = run_case(tmp_path, 2, CONFIG.model_copy(update=BACK), bad=1).state_dict()
    for rank in "01":
        assert difference(alone, load_file(two / f"{kind}-back-0" / rank / "weights.safetensors")) <= 1e-6


@pytest.mark.parametrize("kind", list(KINDS))
def test_two_processes_average_as_one(one, two: Path, kind: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    alone = run_case(tmp_path, 2, CONFIG.model_copy(update=AVERAGE)).state_dict()
    found = [two / f"{kind}-average{cut}" / rank / "weights.safetensors" for cut in ("", "-cut") for rank in "01"]
    assert len({path.read_bytes() for path in found}) == 1
    assert difference(alone, load_file(found[0])) <= 1e-6
    assert difference(alone, one["adamw", 2][0]) > 1e-3, "negative control: the last weights are others"


@pytest.mark.parametrize("kind", list(KINDS))
def test_branches_off_a_milestone_of_two_processes(one, two: Path, kind: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    whole = two / f"{kind}-muon-2" / "0"
    for rank in "01":
        branch = two / f"{kind}-branch" / rank / "weights.safetensors"
        assert branch.read_bytes() == (whole / "weights.safetensors").read_bytes()
    start = milestone(whole, 4)
    assert (start / "optimizer").is_dir() == (kind == "FSDP2")
    alone = run_case(tmp_path, 2, settings("muon"), branch=start).state_dict()
    assert difference(one["muon", 2][0], alone) <= 1e-6
    assert min(row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")) == 4, "it is a branch"


@pytest.mark.parametrize("kind", list(KINDS))
def test_one_process_goes_on_where_two_were_killed(one, two: Path, kind: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shutil.copytree(two / f"{kind}-left" / "0", tmp_path, dirs_exist_ok=True)
    checkpoint = tmp_path / "checkpoints" / "step-00000003"
    assert (checkpoint / "model").is_dir() == (kind == "FSDP2")
    resumed = run_case(tmp_path, 2, settings("adamw").model_copy(update=KINDS[kind])).state_dict()
    assert difference(one["adamw", 2][0], resumed) <= 1e-6
    assert min(row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")) == 0


def test_a_flipped_bit_in_any_file_is_noticed(two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = two / "FSDP2-left" / "0" / "checkpoints"
    names = [path.relative_to(left) for path in sorted(left.rglob("*.safetensors"))]
    assert len(names) == 4, "two processes, model and optimizer"
    for name in names:
        folder = tmp_path / "-".join(name.parts)
        shutil.copytree(left, folder / "checkpoints")
        content = bytearray((folder / "checkpoints" / name).read_bytes())
        content[len(content) * 3 // 4] ^= 4
        (folder / "checkpoints" / name).write_bytes(content)
        run_case(folder, 2, settings("adamw"))
        assert "step-00000003 is not valid" in capsys.readouterr().err


def test_each_process_takes_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """That every document is read once an epoch, dealt like this, is tested in tests/pretrain/test_shapes.py."""
    monkeypatch.setenv("WORLD_SIZE", "3")
    batches = [{"number": torch.tensor(number)} for number in range(6)]
    taken = []
    for rank in range(3):
        monkeypatch.setenv("RANK", str(rank))
        taken.append([int(batch["number"]) for batch in deal(batches)])
    assert taken == [[0, 3], [1, 4], [2, 5]]


def test_micro_batches_that_cannot_be_dealt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="cannot be dealt") as caught:
        deal([{}, {}, {}])
    assert "micro_batches" in caught.value.fix
