"""A model from elsewhere is taught in its own chat format, and its folder says where an answer ends."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers
from tokenizers.trainers import BpeTrainer

from hagane.artifact.files import read_json, write_json
from hagane.corpus.document import Document
from hagane.corpus.store import write_documents
from hagane.generate.decode import generate
from hagane.instruct.stage import STAGE, InstructConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import load_model, save_model
from hagane.tokenizer.encode import Tokenizer
from hagane.train.loop import TrainConfig

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_the_stage_speaks_the_format_of_the_model(
    documents: tuple[list[Document], list[Document]], model: Decoder, tmp_path: Path
) -> None:
    base, out = tmp_path / "base", tmp_path / "out"
    out.mkdir()
    for split, some in zip(("train", "heldout"), documents, strict=True):
        write_documents(tmp_path / "documents", split, some)
    made = Backend(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=1500, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator((document.text for document in documents[0]), trainer)
    save_model(model, base, stop_ids=[0])
    made.save(str(base / "tokenizer.json"))
    write_json(base / "tokenizer_config.json", {"eos_token": special[0], "chat_template": CHATML})

    config = InstructConfig(
        rows=4,
        seq=256,
        max_tokens=200,
        word_count=2,
        practice_prompts=20,
        heldout_prompts=2,
        train=TrainConfig(steps=2, lr=1e-2, embedding_lr=1e-2, compile=False),
    )
    STAGE.run(config, {"from": base, "documents": tmp_path / "documents"}, out)
    losses = [row["heldout_loss"] for row in read_json(out / "summary.json")["evaluations"]]
    assert losses[-1] < losses[0]
    assert read_json(out / "model" / "generation_config.json")["eos_token_id"] == [2, 0]
    tokenizer = Tokenizer.load(out)
    prompt = tokenizer.chat_prompt("設定は？")
    assert (prompt[0], tokenizer.stop_ids) == (1, (2, 0))
    assert tokenizer.chat_example("設定は？", "はい")[1] == [*tokenizer.encode("はい"), 2]
    assert generate(load_model(out), [prompt], max_new_tokens=3, stop_ids=tokenizer.stop_ids)
