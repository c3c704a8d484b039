"""The files of a small run, in the shapes the stages write. Numbers are made up, so that a test can look for them."""

from __future__ import annotations

import math
from typing import Any

from report_results import FAMILIES, PROMPTS, interval, results, samples

CONFIGS: dict[str, dict[str, Any]] = {
    "pretrain": {
        "train": {"steps": 40, "lr": 3e-3, "schedule": "wsd", "warmup": 0.05, "optimizer": "muon"},
    },
    "finetune": {"train": {"steps": 20, "lr": 3e-4, "schedule": "linear", "warmup": 0.1, "optimizer": "adamw"}},
    "instruct": {"train": {"steps": 30, "lr": 2e-3, "schedule": "wsd", "warmup": 0.05, "optimizer": "muon"}},
    "reward": {"lr": 1e-4, "warmup": 0.1},
    "dpo": {"beta": 0.1, "likelihood": 1.0, "lr": 6e-5, "warmup": 0.1},
    "dpo_plain": {"beta": 0.1, "likelihood": 0.0, "lr": 6e-5, "warmup": 0.1},
    "ppo": {"rollout": 128, "check_weight": 2.0, "lr": 3e-5, "warmup": 0.1},
}


def training(steps: int, peak: float, first: float, last: float) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for step in range(steps):
        share = step / max(1, steps - 1)
        rows.append(
            {
                "step": step,
                "lr": peak * min(1.0, (step + 1) / 3, 1.3 * (1.03 - share)),
                "loss": last + (first - last) * math.exp(-4 * share),
                "grad_norm": 1.5 - share,
                "tokens_per_second": 4000.0,
            }
        )
    return rows


def evaluations(steps: int, count: int, **ends: tuple[float, float]) -> list[dict[str, Any]]:
    """Rows of evaluations, each figure going straight from its first value to its last."""
    return [
        {"step": round(steps * i / (count - 1))}
        | {f"eval_{key}": a + (b - a) * i / (count - 1) for key, (a, b) in ends.items()}
        for i in range(count)
    ]


def removed(action: str, characters: int, documents: int, text: str, kept: str = "") -> dict[str, Any]:
    example = {
        "doc": "manpages-ja/usr/share/ls.1.gz",
        "source": "manpages-ja",
        "line": 3,
        "value": 0.0375,
        "kept": kept,
        "detail": "3-DiscardAds",
    }
    return {
        "action": action,
        "threshold": 0.08,
        "decisions": documents + 5,
        "documents": documents,
        "characters": characters,
        "examples": [example | {"text": text}],
        "least": 0,
        "most": 1,
        "histogram": [0, 3, 90] + [7] * 37,
        "near": [{"doc": "a", "value": 0.081, "distance": 0.001, "removed": False, "text": "基準のすぐ上の行"}],
    }


def cleaned() -> dict[str, Any]:
    return {
        "documents": {"read": 7473, "kept": 4160},
        "characters": {"raw": 120_880_827, "text": 21_445_380, "kept": 6_115_846},
        "splits": {
            "train": {"documents": 4046, "characters": 5_974_434},
            "heldout": {"documents": 114, "characters": 141_412},
        },
        "sources": {
            "manpages-ja": {
                "documents_read": 2561,
                "documents_kept": 1130,
                "quarantined": 3,
                "characters_raw": 22_187_418,
                "characters_text": 3_761_827,
                "characters_kept": 701_595,
                "characters_removed": {"menu_line": 15_631},
            }
        },
        "rules": {
            "menu_line": removed("remove_span", 903_248, 3023, "前へ 次へ 上へ 目次 索引"),
            "boilerplate": removed("remove_span", 3_567_632, 4253, "ナビゲーション" + "、メニュー" * 60),
            "near_duplicate": removed(
                "remove_document", 73_816, 65, "同じ説明の文書です。", "manpages-ja/man1/dir.1.gz"
            ),
            "a_new_rule": removed("remove_span", 50_000, 7, "<nav>広告</nav>"),
        },
        "order": ["boilerplate", "menu_line", "near_duplicate", "a_new_rule"],
        "quarantined": {"link": 1333},
    }


def dpo_files(chosen: float, rejected: float, stopped: bool) -> dict[str, Any]:
    ends = {"chosen_change": (0.0, chosen), "rejected_change": (0.0, rejected), "accuracy": (0.5, 0.75)}
    rows = evaluations(24, 7, **ends)
    after = {"step": 24, "chosen_change": chosen, "rejected_change": rejected, "accuracy": 0.75}
    return {
        "metrics.jsonl": training(24, 6e-5, 2.1, 1.8) + rows,
        "summary.json": {
            "pairs": 590,
            "heldout_pairs": 66,
            "steps": 24,
            "planned_steps": 72,
            "epochs": 1.0,
            "stopped_early": stopped,
            "seconds": 14.0,
            "before": {},
            "after": after,
            "evaluations": [],
        },
    }


def files(dpo_difference: float = 0.096) -> dict[str, dict[str, Any]]:
    """File name → content, by step."""
    return {
        "clean": {"summary.json": cleaned()},
        "tokenizer": {
            "summary.json": {
                "vocab_size": 8192,
                "sampled_lines": 60_000,
                "sampled_characters": 2_400_000,
                "heldout": {
                    "documents": 100,
                    "characters": 200_000,
                    "tokens": 80_000,
                    "characters_per_token": 2.47,
                    "byte_share": 0.0123,
                },
                "samples": [{"text": "ページの色", "pieces": ["ページ", "の", "色"]}],
            }
        },
        "pretrain": {
            "metrics.jsonl": training(40, 3e-3, 9.0, 4.1) + evaluations(40, 5, bits_per_character=(12.9, 2.71)),
            "summary.json": {
                "parameters": 6_823_424,
                "num_layers": 6,
                "hidden_size": 256,
                "continued": False,
                "compute_dtype": "bfloat16",
                "steps": 40,
                "corpus_documents": 7_213,
                "corpus_tokens": 5_012_345,
                "tokens_seen": 3_276_800,
                "epochs": 0.65,
                "seconds": 412.3,
                "tokens_per_second": 7_950.0,
                "heldout_documents": 100,
                "heldout_characters": 200_000,
                "bits_per_character_before": 12.93,
                "bits_per_character": 2.713,
            },
        },
        "finetune": {
            "metrics.jsonl": training(20, 3e-4, 1.6, 0.5) + evaluations(20, 5, accuracy=(0.2, 0.784), loss=(1.6, 0.6)),
            "scratch-metrics.jsonl": training(20, 1e-3, 1.6, 0.9) + evaluations(20, 5, accuracy=(0.2, 0.671)),
            "summary.json": {
                "task": "source",
                "labels": ["lilypond", "manpages", "scilab"],
                "train_passages": 300,
                "heldout_passages": 240,
                "left_out": {},
                "chance": 1 / 3,
                "steps": 20,
                "confusion": [[70, 5, 5], [10, 60, 10], [4, 16, 60]],
                "tuned": {"accuracy": interval(0.784, 0.05), "loss": 0.6, "lr": 3e-4, "curve": []},
                "scratch": {"accuracy": interval(0.671, 0.05), "loss": 0.9, "lr": 1e-3, "curve": []},
                "difference": interval(0.113, 0.06),
                "examples": [
                    {
                        "text": "この関数は失敗する。",
                        "label": "manpages",
                        "tuned": "manpages",
                        "scratch": "scilab",
                    }
                ],
                "general_knowledge": {
                    "bits_per_character_before": 2.71,
                    "bits_per_character_after": 3.18,
                    "characters": 40_000,
                },
            },
        },
        "instruct": {
            "metrics.jsonl": training(30, 2e-3, 3.0, 0.7) + evaluations(30, 3, heldout_loss=(3.0, 0.8)),
            "summary.json": {
                "examples": 12_345,
                "families": {"training": dict.fromkeys(FAMILIES, 1500), "absent": []},
                "dropped_too_long": {},
                "shown": {"copy": [{"prompt": PROMPTS["copy"], "response": "ページの色を変えます。"}]},
                "steps": 30,
                "seconds": 100.0,
                "tokens": 1_000_000,
                "evaluations": [],
            },
        },
        "pairs": {
            "pairs.jsonl": [
                {
                    "prompt": PROMPTS[family],
                    "chosen": "この圧縮は有効です。",
                    "rejected": "圧縮の圧縮の圧縮の",
                    "chosen_stopped": True,
                    "rejected_stopped": family != "use_word",
                    "family": family,
                    "split": "train",
                    "check": {},
                }
                for family in FAMILIES
            ],
            "summary.json": {
                "pairs": 656,
                "train_pairs": 590,
                "heldout_pairs": 66,
                "prompts": 1400,
                "samples": 5600,
                "pass_rate": 0.52,
                "stop_rate": 0.92,
                "all_pass": 602,
                "all_fail": 294,
                "mixed": 504,
                "chosen_chars": 10.5,
                "rejected_chars": 11.7,
                "longer_chosen": 0.41,
                "families": {},
            },
        },
        "reward": {
            "metrics.jsonl": training(20, 1e-4, 0.7, 0.5) + evaluations(20, 4, accuracy=(0.5, 0.803)),
            "summary.json": {
                "pairs": 590,
                "heldout_pairs": 66,
                "accuracy": 0.803,
                "length_accuracy": 0.591,
                "prefers_longer": 0.0,
                "calibration": {"error": 0.06, "bins": []},
                "separation": 0.81,
            },
        },
        "dpo": dpo_files(0.4, -0.71, stopped=False),
        "dpo_plain": dpo_files(-16.9, -25.9, stopped=False),
        "ppo": {
            "metrics.jsonl": [
                row
                | {"reward": 0.02 * i, "kl": 0.001 * i, "pass_rate": 0.38 + 0.002 * i, "answer_chars": 12.0 - 0.1 * i}
                for i, row in enumerate(training(40, 3e-5, 0.1, 0.05))
            ],
            "summary.json": {
                "prompts": 3000,
                "iterations": 10,
                "updates": 40,
                "first_rollout": {
                    "reward": 0.0,
                    "pass_rate": 0.38,
                    "stop_rate": 0.9,
                    "kl": 0.0,
                    "answer_chars": 12.0,
                },
                "last_rollout": {
                    "reward": 0.78,
                    "pass_rate": 0.46,
                    "stop_rate": 0.97,
                    "kl": 0.039,
                    "answer_chars": 8.1,
                },
                "before": {},
                "after": {},
            },
        },
        "evaluate": {"results.json": results(dpo_difference), "samples.jsonl": samples()},
        "export": {
            "summary.json": {
                "file": "model.gguf",
                "bytes": 14_200_000,
                "dtype": "f16",
                "parameters": 6_823_424,
                "check": {"prompts": [], "llama_cpp": {"equal": 5, "of": 5}},
            }
        },
    }
