"""Every model on every measure, on the same held-out documents, prompts and pairs.

`results.json`:

    {"n": {"documents", "characters", "prompts", "samples", "pairs", "questions"},
     "reference": name of the model that the others are compared with, or null,
     "order": [model names as the recipe gives them],
     "temperature": of the sampled answers,
     "baselines": {"1-gram": interval, …, "5-gram": interval},                 bits per character
     "models": {name: {
        "bits_per_character": interval over documents,
        "fewshot": {task: FewShotResult},                                        see fewshot.py
        "instruction": {"overall", "familiar", "heldout": interval or null,      greedy pass rates, see instruction.py
                        "families": {family: {"familiar", "heldout": interval or null}},
                        "unstopped", "stop_rate", "mean_length"},
        "sampled": the same shape as "instruction", for answers at the temperature,
        "stop_rate", "mean_length": those of "instruction", once more at hand (length in characters),
        "preference": {"chosen_logprob", "rejected_logprob", "ordered", and against the reference
                       "chosen_change", "rejected_change", "reward_ordered"},    see preference.py
        "versus_instruct": Comparison of the sampled answers with the reference's, null for itself, see compare.py
     }}}

An interval is {"value", "low", "high", "n"}: 95 %, by bootstrap. Without `prompts` (or `pairs`) the keys that need them are
left out. `samples.jsonl` has a row for each prompt: {"prompt", "family", "wording", "reference", "check", "greedy":
{model: {"text", "stopped", "passed"}}, "sampled": {model: [the same, …]}}.

What a model said and scored is kept under `checkpoints/` as soon as it is measured; a killed run measures the other models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from hagane.artifact.files import read_json, write_json
from hagane.artifact.progress import note, progress
from hagane.artifact.rows import write_rows
from hagane.artifact.stage import Input, Inputs, Stage, StageConfig, group
from hagane.corpus.store import read_documents
from hagane.errors import UsageError
from hagane.evaluate import fewshot, instruction, preference
from hagane.evaluate.bits import choose_documents, model_bits
from hagane.evaluate.bootstrap import ratio_interval
from hagane.evaluate.compare import compare
from hagane.evaluate.instruction import Answer
from hagane.evaluate.logprobs import continuation_logprobs
from hagane.evaluate.ngram import count_ngrams
from hagane.evaluate.rows import Pair, Prompt, read_pairs, read_prompts
from hagane.model.hf import architecture, load_model, model_folder
from hagane.tokenizer.encode import Tokenizer
from hagane.train.precision import compute_dtype


class EvaluateConfig(StageConfig):
    """How much is measured. The defaults take about twenty seconds a model of 7 M parameters on two cores."""

    instruct: str = Field(
        "instruct", description="Name of the model that win rates and log-probabilities compare with."
    )
    characters: int = Field(100_000, ge=1, description="Held-out characters to score, in whole documents.")
    seq: int = Field(512, ge=2, description="Tokens of the windows that documents are scored in.")
    prompts_per_group: int = Field(16, ge=1, description="Held-out prompts of each family and wording.")
    samples: int = Field(1, ge=1, description="Sampled answers to each prompt.")
    temperature: float = Field(0.8, gt=0, description="Temperature of the sampled answers.")
    max_new_tokens: int = Field(64, ge=1, description="Longest answer, in tokens.")
    questions: int = Field(48, ge=1, description="Questions of each few-shot task.")
    pairs: int = Field(200, ge=1, description="Held-out preference pairs.")
    ngram_order: int = Field(5, ge=1, le=8, description="Longest n-gram of the counting baselines.")


@dataclass(frozen=True)
class Questions:
    """What every model is asked."""

    documents: Sequence[str]
    tasks: Sequence[fewshot.FewShotTask]
    prompts: Sequence[Prompt]
    pairs: Sequence[Pair]


def run(config: EvaluateConfig, inputs: Inputs, out: Path) -> None:
    """Measure every model; write `results.json` and `samples.jsonl`."""
    models = group(inputs, "models")
    _require_language_models(models)
    questions = _questions(config, inputs)
    kept = out / "checkpoints"
    kept.mkdir(exist_ok=True)
    with progress(len(models) + 1, "evaluate") as bar:
        baselines = _baselines(config, inputs["documents"], questions.documents)
        bar.update(1)
        raw = {}
        for done, (name, path) in enumerate(models.items(), 2):
            if not (kept / f"{name}.json").is_file():
                write_json(kept / f"{name}.json", _measure(config, path, questions))
            raw[name] = read_json(kept / f"{name}.json")
            bar.update(done, model=name)
    _write(config, out, questions, baselines, raw)


def _require_language_models(models: Mapping[str, Path]) -> None:
    """Refuse, before anything is measured, folders whose model has no language-modelling head."""
    for name, path in models.items():
        folder = model_folder(path)
        if architecture(folder).endswith("SequenceClassification"):
            raise UsageError(
                f"The model {name!r} is a classifier: it gives labels or rewards, no text that could be scored.",
                where=str(folder),
                fix="Leave it out of `models`; its own stage reports its accuracy in summary.json.",
            )


def _questions(config: EvaluateConfig, inputs: Inputs) -> Questions:
    heldout = list(read_documents(inputs["documents"], "heldout"))
    return Questions(
        choose_documents([document.text for document in heldout], config.characters, config.seed),
        fewshot.make_tasks([(document.source, document.text) for document in heldout], config.questions, config.seed),
        read_prompts(inputs["prompts"], config.prompts_per_group, config.seed) if "prompts" in inputs else [],
        read_pairs(inputs["pairs"], config.pairs, config.seed) if "pairs" in inputs else [],
    )


def _baselines(config: EvaluateConfig, documents: Path, heldout: Sequence[str]) -> dict[str, Any]:
    counts = count_ngrams([document.text for document in read_documents(documents, "train")], config.ngram_order)
    lengths = np.array([len(text) for text in heldout])
    return {
        f"{order}-gram": ratio_interval(bits, lengths, seed=config.seed)
        for order, bits in enumerate(counts.bits(heldout), 1)
    }


def _measure(config: EvaluateConfig, path: Path, questions: Questions) -> dict[str, Any]:
    """Everything that needs the weights of one model, as JSON."""
    model, tokenizer = load_model(path, compute_dtype()), Tokenizer.load(path)

    def score(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        contexts = tokenizer.encode_batch([context for context, _ in pairs])
        continuations = tokenizer.encode_batch([continuation for _, continuation in pairs])
        sequences = [([tokenizer.bos_id, *a], b) for a, b in zip(contexts, continuations, strict=True)]
        return continuation_logprobs(model, sequences)

    raw: dict[str, Any] = {
        "bits": model_bits(model, tokenizer, questions.documents, config.seq).tolist(),
        "fewshot": {task.name: fewshot.measure(task, score, config.seed) for task in questions.tasks},
    }
    if questions.prompts:
        longest = config.max_new_tokens
        greedy = instruction.answer(model, tokenizer, questions.prompts, max_new_tokens=longest)
        raw["greedy"] = [[asdict(one)] for one in greedy]
        drawn = [prompt for prompt in questions.prompts for _ in range(config.samples)]
        sampled = instruction.answer(
            model, tokenizer, drawn, max_new_tokens=longest, temperature=config.temperature, seed=config.seed
        )
        rows = range(0, len(sampled), config.samples)
        raw["sampled"] = [[asdict(one) for one in sampled[i : i + config.samples]] for i in rows]
    if questions.pairs:
        raw["pairs"] = preference.pair_logprobs(model, tokenizer, questions.pairs).tolist()
    return raw


def _write(
    config: EvaluateConfig, out: Path, questions: Questions, baselines: dict[str, Any], raw: dict[str, dict[str, Any]]
) -> None:
    reference = config.instruct if config.instruct in raw else None
    if reference is None:
        note(f"  no model is named {config.instruct!r} (key `instruct`): win rates are left out")
    answers: dict[str, dict[str, list[list[Answer]]]] = {
        name: {kind: _answers(figures[kind]) for kind in ("greedy", "sampled") if kind in figures}
        for name, figures in raw.items()
    }
    lengths = np.array([len(text) for text in questions.documents])
    models: dict[str, Any] = {}
    for name, figures in raw.items():
        row = models[name] = {
            "bits_per_character": ratio_interval(np.array(figures["bits"]), lengths, seed=config.seed),
            "fewshot": figures["fewshot"],
        }
        if questions.prompts:
            row["instruction"] = instruction.summarise(questions.prompts, answers[name]["greedy"], config.seed)
            row["sampled"] = instruction.summarise(questions.prompts, answers[name]["sampled"], config.seed)
            row["stop_rate"] = row["instruction"]["stop_rate"]
            row["mean_length"] = row["instruction"]["mean_length"]
        if questions.prompts and reference is not None:
            row["versus_instruct"] = (
                compare(_verdicts(answers[name]), _verdicts(answers[reference]), seed=config.seed)
                if name != reference
                else None
            )
        if questions.pairs:
            before = np.array(raw[reference]["pairs"]) if reference is not None else None
            row["preference"] = preference.summarise(np.array(figures["pairs"]), before, config.seed)
    results = {
        "n": {
            "documents": len(questions.documents),
            "characters": int(lengths.sum()),
            "prompts": len(questions.prompts),
            "samples": len(questions.prompts) * config.samples,
            "pairs": len(questions.pairs),
            "questions": config.questions,
        },
        "reference": reference,
        "order": list(raw),
        "temperature": config.temperature,
        "baselines": baselines,
        "models": models,
    }
    write_json(out / "results.json", results)
    _write_samples(out, questions.prompts, answers)
    for name, row in models.items():
        shown = f"  {name:<12} {row['bits_per_character']['value']:.3f} bits per character"
        if "instruction" in row:
            shown += f", passes {row['instruction']['overall']['value']:.3f}, sampled {row['sampled']['overall']['value']:.3f}"
        note(shown)


def _write_samples(out: Path, prompts: Sequence[Prompt], answers: dict[str, dict[str, list[list[Answer]]]]) -> None:
    def shown(one: Answer) -> dict[str, Any]:
        return {"text": one.text, "stopped": one.stopped, "passed": one.passed}

    rows = (
        {
            "prompt": prompt.text,
            "family": prompt.family,
            "wording": prompt.wording,
            "reference": prompt.reference,
            "check": prompt.check,
            "greedy": {name: shown(by_kind["greedy"][i][0]) for name, by_kind in answers.items()},
            "sampled": {name: [shown(one) for one in by_kind["sampled"][i]] for name, by_kind in answers.items()},
        }
        for i, prompt in enumerate(prompts)
    )
    write_rows(out / "samples.jsonl", rows)


def _answers(rows: Sequence[Sequence[Mapping[str, Any]]]) -> list[list[Answer]]:
    return [[Answer(**one) for one in row] for row in rows]


def _verdicts(answers: Mapping[str, list[list[Answer]]]) -> np.ndarray:
    return np.array([[one.passed for one in row] for row in answers["sampled"]])


STAGE = Stage(
    name="evaluate",
    title="評価: すべてのモデルを同じ問いで測る / every model on every measure",
    config=EvaluateConfig,
    inputs={
        "models": Input("model", "The models to measure, by name.", many=True),
        "documents": Input("documents", "Cleaned documents; the held-out ones are scored."),
        "prompts": Input("prompts", "An instruct artefact with prompts.jsonl.", required=False),
        "pairs": Input("pairs", "A pairs artefact; its held-out pairs are scored.", required=False),
    },
    run=run,
    produces="results",
)
