"""The import stage: a GGUF file to the Hugging Face folder that every other stage takes as `from`.

Nothing in the file is run: tensors and metadata are data, and the chat template is only ever rendered in a sandbox. The
folder holds float32 weights, so it is several times the size of a quantized file.
"""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file

from hagane.artifact.files import write_json
from hagane.artifact.progress import note
from hagane.artifact.stage import Input, Inputs, Stage, StageConfig
from hagane.export.importing.vocabulary import write_tokenizer
from hagane.export.importing.weights import open_gguf, read_config, read_tensors
from hagane.model.hf import load_model
from hagane.model.hf_config import to_hf
from hagane.tokenizer.encode import Tokenizer


class Config(StageConfig):
    """Nothing to set: the file tells everything."""


def run(config: Config, inputs: Inputs, out: Path) -> None:
    """Write model/ and summary.json."""
    path, folder = inputs["gguf"], out / "model"
    reader, fields = open_gguf(path)
    shape = read_config(reader, fields, path)
    folder.mkdir(exist_ok=True)
    write_tokenizer(fields, folder, path)
    write_json(folder / "config.json", to_hf(shape, "ForCausalLM"))
    tensors = read_tensors(reader, shape, path)
    save_file(dict(sorted(tensors.items())), folder / "model.safetensors", metadata={"format": "pt"})
    del tensors
    load_model(folder)  # names and shapes are those of the config, or this says what is not
    stops = Tokenizer.load(folder).stop_ids
    write_json(folder / "generation_config.json", {"eos_token_id": list(stops)})
    name = str(fields.get("general.name", path.stem))
    write_json(
        out / "summary.json", {"name": name, "parameters": shape.parameters_count, "tensors": len(reader.tensors)}
    )
    note(f"  {name}: {shape.parameters_count / 1e6:.1f} M parameters, as float32")


STAGE = Stage(
    name="import",
    title="取り込み: GGUF ファイルを Hugging Face のフォルダーに / Import: a GGUF file to a Hugging Face folder",
    config=Config,
    inputs={"gguf": Input("gguf", "The GGUF file.")},
    run=run,
    produces="model",
)
